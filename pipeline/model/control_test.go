package model

import (
	"bytes"
	"math"
	"strconv"
	"testing"

	"scored/pipeline/forest"
)

// Negative controls: mistakes that an inference engine makes, put into bundles with right checksums. The golden rows
// must show each.

// Rounding thresholds to the nearest float32 instead of downwards.
func TestGoldenRowsShowThresholdsRoundedToNearest(t *testing.T) {
	for _, name := range []string{"imputers", "one_hot", "number_categories", "routed_missing", "bare_forest"} {
		k := takeApart(t, name)
		mapThresholds(k.forests[0], func(v float64) float64 { return float64(float32(v)) })
		_, err := Load(k.files(t))
		wantRefusal(t, err, "golden.csv: line ", "the probability differs by")
	}
}

// Comparing with < instead of <=: only thresholds that are float32s themselves tell.
func TestGoldenRowsShowAStrictComparison(t *testing.T) {
	for _, name := range []string{"imputers", "routed_missing", "bare_forest"} {
		k := takeApart(t, name)
		mapThresholds(k.forests[0], func(v float64) float64 {
			if v == 0 { // a leaf's
				return v
			}
			return math.Nextafter(v, math.Inf(-1))
		})
		_, err := Load(k.files(t))
		wantRefusal(t, err, "golden.csv: line ", "the probability differs by")
	}
}

// Comparing in float64 without the cast: what such an engine gives is put into golden.csv, and ours must not agree.
func TestGoldenRowsShowAMissingCast(t *testing.T) {
	for _, name := range []string{"routed_missing", "bare_forest"} { // whose features are the raw columns
		k, b := takeApart(t, name), load(t, name)
		batch, want := rows(t, b, k.golden)
		if same := k.rewrite(t, b, func(row int) float64 { return want[row] }); !bytes.Equal(same, k.golden) {
			t.Fatal("rewriting the golden rows changes them")
		}
		k.golden = k.rewrite(t, b, func(row int) float64 {
			if math.IsNaN(want[row]) {
				return want[row]
			}
			x := make([]float64, len(batch.Columns))
			for i, c := range batch.Columns {
				x[i] = c.Numbers[row]
			}
			return uncast(b.members[0].Forest, x)
		})
		_, err := Load(k.files(t))
		wantRefusal(t, err, "golden.csv: line ", "the probability differs by")
	}
}

// uncast walks the trees in float64.
func uncast(f *forest.Forest, x []float64) float64 {
	sum := 0.0
	for i := range f.Trees() {
		tree := f.Tree(i)
		at := 0
		if len(tree.Splits) == 0 {
			at = -1
		}
		for at >= 0 {
			s := tree.Splits[at]
			if v := x[s.Feature]; v <= s.Threshold || math.IsNaN(v) && s.MissingLeft {
				at = s.Left
			} else {
				at = s.Right
			}
		}
		sum += tree.Leaves[^at].Value
	}
	return sum / float64(f.Trees())
}

// rewrite replaces the probabilities of golden.csv, NaN being a refused row.
func (k *kit) rewrite(t *testing.T, b *Bundle, probability func(row int) float64) []byte {
	t.Helper()
	lines := bytes.SplitAfter(k.golden, []byte("\n"))
	for row := range b.manifest.Golden.Rows {
		line := lines[row+1]
		text := "refused"
		if p := probability(row); !math.IsNaN(p) {
			text = strconv.FormatFloat(p, 'g', -1, 64)
		}
		lines[row+1] = append(bytes.Clone(line[:bytes.LastIndexByte(line, ',')+1]), text+"\n"...)
	}
	return bytes.Join(lines, nil)
}

// Anything in the transform that is read otherwise than it was trained.
func TestGoldenRowsShowAnotherTransform(t *testing.T) {
	tests := []struct {
		name, bundle string
		change       func(k *kit)
	}{
		{"two features swapped", "bare_forest", func(k *kit) {
			blocks := k.at("members", 0, "transform").([]any)
			blocks[0], blocks[1] = blocks[1], blocks[0]
		}},
		{"an imputed value", "imputers", func(k *kit) { step(k, "impute")["number"] = 1e6 }},
		{"a category's slot", "one_hot", func(k *kit) { last(step(k, "one_hot")["categories"])["slot"] = 0 }},
		{"a category's spelling", "one_hot", func(k *kit) { last(step(k, "one_hot")["categories"])["text"] = "elsewhere" }},
		{"a category's code", "ordinal", func(k *kit) { last(step(k, "ordinal")["categories"])["code"] = -7 }},
		{"a refusal", "ordinal", func(k *kit) {
			for _, b := range k.at("members", 0, "transform").([]any) {
				if b := b.(map[string]any); b["column"] == "channel" {
					b["steps"].([]any)[0].(map[string]any)["unknown"] = map[string]any{"action": "missing"}
				}
			}
		}},
		{"a column that may be missing", "ordinal", func(k *kit) {
			for i := range k.at("contract").([]any) {
				k.object("contract", i)["nullable"] = false
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := takeApart(t, tt.bundle)
			tt.change(k)
			_, err := Load(k.files(t))
			wantRefusal(t, err, "golden.csv: line ")
		})
	}
}

// step returns the first step with an operation, and a number if it imputes.
func step(k *kit, op string) map[string]any {
	for _, b := range k.at("members", 0, "transform").([]any) {
		for _, s := range b.(map[string]any)["steps"].([]any) {
			if s := s.(map[string]any); s["op"] == op && (op != "impute" || s["number"] != nil) {
				return s
			}
		}
	}
	return nil
}

func last(list any) map[string]any {
	items := list.([]any)
	return items[len(items)-1].(map[string]any)
}
