package model

import (
	"errors"
	"io/fs"
	"math"
	"slices"
	"strings"
	"testing"

	"scored/pipeline"
	"scored/pipeline/feature"
	"scored/pipeline/forest"
	"scored/pipeline/forest/foresttest"
)

// explainable returns the batch of a testdata bundle's rows with some of them that are scored.
func explainable(t *testing.T, b *Bundle, name string) (*pipeline.Batch, map[int]pipeline.Score) {
	t.Helper()
	batch, _ := secondOpinion(t, b, name)
	scorer, err := b.Bind(batch.Columns)
	if err != nil {
		t.Fatal(err)
	}
	scores, _ := scorer.Score(batch, func(pipeline.Score) bool { return true }, nil, nil)
	if len(scores) == 0 {
		t.Fatalf("%s: no row is scored", name)
	}
	rows := make(map[int]pipeline.Score)
	for _, score := range scores[:min(10, len(scores))] {
		rows[slices.Index(batch.Keys, score.Key)] = score
	}
	return batch, rows
}

func TestExplainIsWhatTheScorerSays(t *testing.T) {
	for _, name := range cases(t) {
		b := load(t, name)
		batch, rows := explainable(t, b, name)
		for _, turn := range []int{0, 1} { // columns in another order
			turned := rotated(batch, turn)
			for row, want := range rows {
				e, err := b.Explain(turned, row)
				if err != nil {
					t.Fatalf("%s, row %d: %v", name, row, err)
				}
				if e.Score != want {
					t.Fatalf("%s, row %d: got %+v, want %+v", name, row, e.Score, want)
				}
				if len(e.Columns) != len(b.Manifest().Contract) || e.Columns[0].Name != b.Manifest().Contract[0].Name {
					t.Fatalf("%s: got the columns %+v", name, e.Columns)
				}
				checkSums(t, e)
			}
		}
	}
}

func checkSums(t *testing.T, e *Explanation) {
	t.Helper()
	path, shap := e.Bias, e.ShapBias
	for _, column := range e.Columns {
		path += column.Path
		shap += column.Shap
	}
	if !(math.Abs(path-e.Forest) <= 1e-12) || !(math.Abs(shap-e.Forest) <= 1e-12) || !(math.Abs(e.ShapBias-e.Bias) <= 1e-12) {
		t.Fatalf("bias %v and %v, path %v, SHAP %v, forest %v", e.Bias, e.ShapBias, path, shap, e.Forest)
	}
}

// The features of a block belong to its column: the manifest's blocks say which those are.
func TestExplainSumsFeaturesByColumn(t *testing.T) {
	for _, name := range []string{"one_hot", "imputers"} {
		b := load(t, name)
		data, err := fs.ReadFile(bundleFS(name), goldenName)
		if err != nil {
			t.Fatal(err)
		}
		batch, want := rows(t, b, data)
		e, err := b.Explain(batch, slices.IndexFunc(want, func(p float64) bool { return !math.IsNaN(p) }))
		if err != nil {
			t.Fatal(err)
		}
		m := b.Members()[0]
		x, _ := b.GoldenFeatures(0) // the first row's come first
		path, shap := make([]float64, m.Plan.Width()), make([]float64, m.Plan.Width())
		m.Forest.Contribute(x, 1, path)
		if _, err := m.Forest.Shap(x, shap); err != nil {
			t.Fatal(err)
		}
		feature := 0
		for _, block := range b.Manifest().Members[0].Transform {
			width := 1
			if n := len(block.Steps); n > 0 && block.Steps[n-1].Width != nil {
				width = *block.Steps[n-1].Width
			}
			column := &e.Columns[slices.IndexFunc(e.Columns, func(c ExplainedColumn) bool { return c.Name == block.Column })]
			for range width {
				column.Path -= path[feature]
				column.Shap -= shap[feature]
				feature++
			}
		}
		for _, column := range e.Columns {
			if math.Abs(column.Path) > 1e-15 || math.Abs(column.Shap) > 1e-15 {
				t.Errorf("%s: column %s has contributions that are not its features': %+v", name, column.Name, column)
			}
		}
	}
}

// calibrated returns the bundle with these calibrations of its one forest.
func calibrated(b *Bundle, calibrations ...*Calibration) *Bundle {
	changed := *b
	changed.members = nil
	for _, c := range calibrations {
		m := b.members[0]
		m.Calibration = c
		changed.members = append(changed.members, m)
	}
	return &changed
}

func sigmoid(a, b float64, complement bool) *Calibration {
	return &Calibration{Method: "sigmoid", A: &a, B: &b, Complement: complement}
}

func TestExplainIsBeforeCalibrationAndInItsDirection(t *testing.T) {
	b := load(t, "imputers")
	batch, rows := explainable(t, b, "imputers")
	for row := range rows {
		plain, err := b.Explain(batch, row)
		if err != nil {
			t.Fatal(err)
		}
		if plain.Forest != plain.Probability {
			t.Fatalf("row %d: forest %v, probability %v", row, plain.Forest, plain.Probability)
		}
		p := plain.Forest
		for _, tt := range []struct {
			name                 string
			calibrations         []*Calibration
			forest, contribution float64 // the latter in those of the plain bundle
		}{
			{"rising", []*Calibration{sigmoid(-3, 1, false)}, p, 1},
			{"complement", []*Calibration{sigmoid(-3, 1, true)}, 1 - p, -1},
			{"falling", []*Calibration{sigmoid(3, 1, false)}, 1 - p, -1},
			{"two that cancel", []*Calibration{sigmoid(-3, 1, false), sigmoid(-3, 1, true)}, 0.5, 0},
			{"three", []*Calibration{nil, sigmoid(-3, 1, false), nil}, p, 1},
		} {
			e, err := calibrated(b, tt.calibrations...).Explain(batch, row)
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			checkSums(t, e)
			if math.Abs(e.Forest-tt.forest) > 1e-12 {
				t.Fatalf("%s, row %d: forest %v, want %v", tt.name, row, e.Forest, tt.forest)
			}
			for i, column := range e.Columns {
				path, shap := tt.contribution*plain.Columns[i].Path, tt.contribution*plain.Columns[i].Shap
				if math.Abs(column.Path-path) > 1e-12 || math.Abs(column.Shap-shap) > 1e-12 {
					t.Fatalf("%s, row %d: column %+v, want path %v and SHAP %v", tt.name, row, column, path, shap)
				}
			}
		}
	}
}

func TestExplainTellsRawValues(t *testing.T) {
	b := load(t, "one_hot") // age, region, channel, fuel
	batch, rows := explainable(t, b, "one_hot")
	var err error
	if b.phrases, err = newPhrases(b.manifest.Contract, Reasons{Banned: []string{"region"}}); err != nil {
		t.Fatal(err)
	}
	for row := range rows {
		age, region := &batch.Columns[0], &batch.Columns[1]
		age.Numbers[row] = math.NaN()
		region.Codes[row] = int32(len(region.Dict))
		region.Dict = append(region.Dict, "a\x1bb")
		e, err := b.Explain(batch, row)
		if err != nil {
			t.Fatal(err)
		}
		if c := e.Columns[0]; c.Name != "age" || c.Value != "" || !c.Missing || c.Banned {
			t.Errorf("got %+v of a missing age", c)
		}
		if c := e.Columns[1]; c.Name != "region" || c.Value != "a b" || c.Missing || !c.Banned {
			t.Errorf("got %+v of a region", c)
		}
		age.Numbers[row], region.Codes[row] = 0.30000000000000004, pipeline.NoText
		if e, err = b.Explain(batch, row); err != nil {
			t.Fatal(err)
		}
		if e.Columns[0].Value != "0.30000000000000004" || e.Columns[1].Value != "" || !e.Columns[1].Missing {
			t.Errorf("got %+v of an age with all digits and a missing region", e.Columns)
		}
	}
}

func TestExplainRefuses(t *testing.T) {
	b := load(t, "one_hot")
	batch, rows := explainable(t, b, "one_hot")
	for row := range rows {
		batch.Columns[2].Codes[row] = pipeline.NoText
		wantExplainError(t, b, batch, row, `the row is rejected: column "channel": missing`)
		_, err := b.Explain(batch, row)
		rejected, ok := errors.AsType[*RejectedError](err)
		if !ok || rejected.Key != batch.Keys[row] || !strings.HasPrefix(rejected.Reason, `column "channel": missing`) {
			t.Errorf("row %d: got the error %#v", row, err)
		}
	}
	wantExplainError(t, b, batch, batch.Rows(), "rows")
	wantExplainError(t, b, batch, -1, "explain row -1")
	_, err := b.Explain(&pipeline.Batch{Keys: batch.Keys, Columns: batch.Columns[1:]}, 0)
	wantRefusal(t, err, `column "age" (number) is missing`)
}

func wantExplainError(t *testing.T, b *Bundle, batch *pipeline.Batch, row int, want string) {
	t.Helper()
	if e, err := b.Explain(batch, row); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %+v and the error %v, want %s", e, err, want)
	}
}

// SHAP values that are wrong are not shown, and the rest is: whoever asks why a lead has its score learns that.
func TestExplainLeavesShapOutThatDoesNotAddUp(t *testing.T) {
	b := load(t, "imputers")
	batch, rows := explainable(t, b, "imputers")
	for row, score := range rows {
		right, err := b.Explain(batch, row)
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			off float64
			err error
			why string
		}{
			{0, nil, ""},
			{1e-10, nil, ""},
			{2e-9, nil, "left out: the values and their bias do not add up to the forests' answer, by 2e-09; this is a bug"},
			{-0.1, nil, "left out: the values and their bias do not add up"},
			{math.NaN(), nil, "left out: the values and their bias do not add up"},
			{0, errors.New("too wide"), "not computed: too wide"},
		} {
			e, err := b.explain(batch, row, func(f *forest.Forest, x []float32, out []float64) (float64, error) {
				bias, _ := f.Shap(x, out)
				out[0] += tt.off
				return bias, tt.err
			})
			if err != nil {
				t.Fatalf("SHAP off by %v: %v", tt.off, err)
			}
			if !strings.HasPrefix(e.NoShap, tt.why) || (e.NoShap == "") != (tt.why == "") {
				t.Fatalf("SHAP off by %v, %v: %q", tt.off, tt.err, e.NoShap)
			}
			if tt.why == "" {
				continue
			}
			if e.Score != score || e.Bias != right.Bias || e.ShapBias != 0 {
				t.Fatalf("got %+v, want %+v", e, right)
			}
			for i, column := range e.Columns {
				if column.Path != right.Columns[i].Path || column.Shap != 0 {
					t.Fatalf("got %+v, want %+v without SHAP", column, right.Columns[i])
				}
			}
		}
	}
}

// A forest that no training makes: its SHAP values would take out of all proportion.
func TestExplainOfAPathOfTooManyFeatures(t *testing.T) {
	const features = 20_000
	file := foresttest.New(features)
	file.GrowChain(features)
	file.Settle()
	zeros, width := &feature.Rule{Action: "zeros"}, features
	b := assemble(t, feature.Contract{{Name: "town", Type: "text", Nullable: true, Abnormal: "pass"}}, []feature.Block{
		{Column: "town", Steps: []feature.Step{{Op: "one_hot", Width: &width, Missing: zeros, Unknown: zeros}}},
	}, file)
	e, err := b.Explain(&pipeline.Batch{Keys: []string{"a"}, Columns: []pipeline.Column{
		{Name: "town", Type: "text", Kind: pipeline.Text, Codes: []int32{0}, Dict: []string{"Ulm"}},
	}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if e.NoShap != "not computed: tree 0: a path asks 20000 features, more than 1024" || e.Probability != 0.25 ||
		math.Abs(e.Bias+e.Columns[0].Path-0.25) > 1e-12 {
		t.Errorf("got %+v", e)
	}
}

func TestExplainHoldsThatPathContributionsAddUp(t *testing.T) {
	b := load(t, "imputers")
	batch, rows := explainable(t, b, "imputers")
	for row := range rows {
		e, err := b.Explain(batch, row)
		if err != nil {
			t.Fatal(err)
		}
		e.Columns[0].Path += 2e-9
		err = e.check()
		if err == nil || !strings.Contains(err.Error(), "the path contributions and their bias do not add up") ||
			!strings.Contains(pipeline.HintOf(err), "report it") {
			t.Fatalf("path contributions off by 2e-9: %v, hint %q", err, pipeline.HintOf(err))
		}
	}
}
