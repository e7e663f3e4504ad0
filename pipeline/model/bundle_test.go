package model

import (
	"math"
	"strings"
	"testing"

	"scored/pipeline"
)

// Every bundle of real scikit-learn pipelines loads, and gives on rows that training never saw what predict_proba gave:
// the same bits (but for what the exp of two C libraries may differ by), or a rejection where the pipeline refused the
// row. The order of columns makes no difference.
func TestBundlesGiveWhatTheFittedPipelineGave(t *testing.T) {
	for _, name := range cases(t) {
		t.Run(name, func(t *testing.T) {
			b := load(t, name)
			batch, want := secondOpinion(t, b, name)
			if len(want) < 100 {
				t.Fatalf("only %d rows", len(want))
			}
			for by := range batch.Columns {
				checkRows(t, b, rotated(batch, by), want)
			}
			if b.MaxDifference() > tolerated(b) {
				t.Errorf("golden rows differ by up to %g", b.MaxDifference())
			}
		})
	}
}

// tolerated is how far a probability may lie from the fitted pipeline's.
func tolerated(b *Bundle) float64 {
	for _, m := range b.Members() {
		if m.Calibration != nil && m.Calibration.Method == "sigmoid" {
			return 1e-12
		}
	}
	return 0
}

func checkRows(t *testing.T, b *Bundle, batch *pipeline.Batch, want []float64) {
	t.Helper()
	scorer, err := b.Bind(batch.Columns)
	if err != nil {
		t.Fatal(err)
	}
	scores, rejected := scorer.Score(batch, nil, nil, nil)
	for row, p := range want {
		key := batch.Keys[row]
		switch refused := math.IsNaN(p); {
		case refused && (len(rejected) == 0 || rejected[0].Key != key):
			t.Fatalf("row %s: scored, and the fitted pipeline refused it", key)
		case refused:
			if !strings.HasPrefix(rejected[0].Reason, `column "`) {
				t.Errorf("row %s: reason %q names no column", key, rejected[0].Reason)
			}
			rejected = rejected[1:]
		case len(scores) == 0 || scores[0].Key != key:
			t.Fatalf("row %s: rejected: %v", key, rejected)
		default:
			if math.Abs(scores[0].Probability-p) > tolerated(b) {
				t.Errorf("row %s: got %v, want %v", key, scores[0].Probability, p)
			}
			scores = scores[1:]
		}
	}
	if len(scores)+len(rejected) > 0 {
		t.Errorf("%d scores and %d rejections too many", len(scores), len(rejected))
	}
}

func TestBundleIdentity(t *testing.T) {
	b := load(t, "imputers")
	if len(b.Digest()) != 64 || b.Name() != "imputers@"+b.Digest()[:8] {
		t.Errorf("name %q, digest %q", b.Name(), b.Digest())
	}
	m := b.Manifest()
	if m.Positive != "1" || m.Versions["scikit-learn"] == "" || m.Created.IsZero() {
		t.Errorf("manifest: %+v", m)
	}
	x, n := b.GoldenFeatures(0)
	width := b.Members()[0].Forest.Features()
	if n < 20 || len(x) != n*width || width != len(m.Members[0].Features) {
		t.Errorf("%d golden rows, %d values, %d features", n, len(x), width)
	}
}

func TestScoreAndGrade(t *testing.T) {
	b := load(t, "imputers")
	batch, _ := secondOpinion(t, b, "imputers")
	scorer, err := b.Bind(batch.Columns)
	if err != nil {
		t.Fatal(err)
	}
	scores, _ := scorer.Score(batch, nil, nil, nil)
	quantiles, grades := b.Manifest().Reference.Quantiles, map[string]bool{}
	for _, s := range scores {
		below := 0
		for k, q := range quantiles {
			if q <= s.Probability {
				below = k
			}
		}
		want := ""
		for _, g := range b.Manifest().Grades {
			if want == "" && below >= g.MinScore {
				want = g.Grade
			}
		}
		if s.Score != below || s.Grade != want {
			t.Errorf("row %s: score %d %s, want %d %s", s.Key, s.Score, s.Grade, below, want)
		}
		grades[s.Grade] = true
	}
	if len(grades) < 3 {
		t.Errorf("the rows have grades %v only", grades)
	}
}

func TestScoreAppends(t *testing.T) {
	b := load(t, "bare_forest")
	batch, _ := secondOpinion(t, b, "bare_forest")
	scorer, err := b.Bind(batch.Columns)
	if err != nil {
		t.Fatal(err)
	}
	batch.Keys[5] = ""
	scores, rejected := scorer.Score(batch, nil, make([]pipeline.Score, 2), make([]pipeline.Rejection, 1))
	if len(scores)+len(rejected) != batch.Rows()+3 || scores[1].Key != "" || scores[2].Key == "" {
		t.Errorf("%d scores, %d rejections", len(scores), len(rejected))
	}
	found := false
	for _, r := range rejected {
		found = found || r == pipeline.Rejection{Reason: "missing key"}
	}
	if !found {
		t.Errorf("the row without a key is not among %v", rejected)
	}
}

func TestScoreAllocatesNothingOnceItsMemoryHasGrown(t *testing.T) {
	for _, name := range []string{"imputers", "number_categories", "scalers", "limits", "calibrated_isotonic", "complement"} {
		b := load(t, name)
		batch, _ := secondOpinion(t, b, name)
		scorer, err := b.Bind(batch.Columns)
		if err != nil {
			t.Fatal(err)
		}
		scores, rejected := scorer.Score(batch, nil, nil, nil)
		if n := testing.AllocsPerRun(10, func() {
			scores, rejected = scorer.Score(batch, nil, scores[:0], rejected[:0])
		}); n != 0 {
			t.Errorf("%s: %v allocations for %d rows", name, n, batch.Rows())
		}
	}
}

func TestBindRefusesOtherColumns(t *testing.T) {
	b := load(t, "bare_forest")
	_, err := b.Bind([]pipeline.Column{
		{Name: "days", Kind: pipeline.Text, Type: "varchar"},
		{Name: "agee", Kind: pipeline.Number, Type: "float8"},
	})
	wantRefusal(t, err, `column "stage" (number) is missing`, `column "days" is text (varchar)`,
		`column "agee" (float8) is surplus`)
}
