package model

import (
	"testing"

	"scored/pipeline"
)

func TestTheReferencesScoresAreSpreadAsItsRowsWere(t *testing.T) {
	quantiles := func(of func(k int) float64) []float64 {
		list := make([]float64, 101)
		for k := range list {
			list[k] = of(k)
		}
		return list
	}
	even := quantiles(func(k int) float64 { return float64(k) / 200 })
	tied := quantiles(func(k int) float64 { // most rows have one probability, and the best another
		switch {
		case k < 3:
			return 0.25 + float64(k)/1000
		case k <= 90:
			return 0.5
		default:
			return 0.75
		}
	})
	tests := []struct {
		name string
		r    Reference
		want map[int]int // rows by score
	}{
		{"a hundredth at each score", Reference{Rows: 24_300, Quantiles: even}, map[int]int{0: 243, 50: 243, 99: 243, 100: 0}},
		{"a score for those who share it", Reference{Rows: 1000, Quantiles: tied}, map[int]int{0: 10, 1: 10, 2: 10, 3: 0, 89: 0, 90: 880, 91: 0, 100: 90}},
		{"one probability for all", Reference{Rows: 70, Quantiles: quantiles(func(int) float64 { return 0.1 })}, map[int]int{0: 0, 100: 70}},
		{"fewer rows than hundredths", Reference{Rows: 7, Quantiles: even}, map[int]int{100: 0}},
		{"one row", Reference{Rows: 1, Quantiles: even}, map[int]int{99: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.r.scores()
			if got.Rows() != tt.r.Rows {
				t.Errorf("%d rows have a score, of %d", got.Rows(), tt.r.Rows)
			}
			for score, rows := range tt.want {
				if got[score] != rows {
					t.Errorf("%d rows have the score %d, want %d: %v", got[score], score, rows, got)
				}
			}
		})
	}
}

func TestTheReferenceTellsWhetherAColumnVaried(t *testing.T) {
	for _, tt := range []struct {
		name string
		h    Histogram
		want int
	}{
		{"numbers in bins", Histogram{Missing: 5, Edges: []float64{0, 1, 2, 3}, Counts: []int{10, 70, 20}}, 30},
		{"a number that is always the same", Histogram{Edges: []float64{7, 7}, Counts: []int{100}}, 0},
		{"always missing", Histogram{Missing: 100, Edges: []float64{}, Counts: []int{}}, 0},
		{"texts", Histogram{Missing: 1, Values: []ValueCount{{"a", 60}, {"b", 30}}, Other: ptr(9)}, 39},
		{"one text", Histogram{Values: []ValueCount{{"a", 60}}, Other: ptr(0)}, 0},
		{"one text and many rare ones", Histogram{Values: []ValueCount{{"a", 10}}, Other: ptr(90)}, 10},
	} {
		if got := tt.h.varied(); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestABundlesReferenceIsItsTestPeriod(t *testing.T) {
	for _, name := range cases(t) {
		b := load(t, name)
		p, r := b.Reference(), &b.manifest.Reference
		if p.Model != b.Name() || p.Read != r.Rows || p.Scores.Rows() != r.Rows || len(p.Columns) != len(b.manifest.Contract) {
			t.Errorf("%s: %d rows and %d columns, of %+v", name, p.Read, len(p.Columns), r.Period)
		}
		for i, c := range p.Columns {
			if c.Name != b.manifest.Contract[i].Name || c.Missing+c.Varied > p.Read || c.Missing != r.Histograms[i].Missing {
				t.Errorf("%s: %+v", name, c)
			}
		}
		if p.Rejected != 0 || p.Difference != (pipeline.Difference{}) || p.Released {
			t.Errorf("%s: %+v", name, p)
		}
	}
}
