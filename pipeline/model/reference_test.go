package model

import (
	"strings"

	"math"
	"scored/pipeline/feature"
	"testing"
)

func TestReferenceScore(t *testing.T) {
	even := Reference{Quantiles: make([]float64, 101)}
	for k := range even.Quantiles {
		even.Quantiles[k] = 0.1 + float64(k)/1000
	}
	// Most of the period has one probability: the 3rd to 90th quantiles are 0.5.
	tied := Reference{Quantiles: make([]float64, 101)}
	for k := range tied.Quantiles {
		switch {
		case k < 3:
			tied.Quantiles[k] = 0.25
		case k <= 90:
			tied.Quantiles[k] = 0.5
		default:
			tied.Quantiles[k] = 0.75
		}
	}
	tests := []struct {
		name        string
		reference   Reference
		probability float64
		want        int
	}{
		{"below all", even, 0, 0},
		{"the least", even, even.Quantiles[0], 0},
		{"just below a quantile", even, math.Nextafter(even.Quantiles[50], 0), 49},
		{"at a quantile", even, even.Quantiles[50], 50},
		{"the greatest", even, even.Quantiles[100], 100},
		{"above all", even, 1, 100},
		{"below a tie", tied, 0.49, 2},
		{"at a tie", tied, 0.5, 90},
		{"at the top tie", tied, 0.75, 100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.reference.Score(tt.probability); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func TestGradesOf(t *testing.T) {
	grades := Grades{{"A", 90}, {"B", 70}, {"C", 0}}
	for score, want := range map[int]string{100: "A", 90: "A", 89: "B", 70: "B", 69: "C", 0: "C"} {
		if got := grades.Of(score); got != want {
			t.Errorf("score %d: got %s, want %s", score, got, want)
		}
	}
}

func TestReferenceIsRefused(t *testing.T) {
	contract := feature.Contract{{Name: "n", Type: "number"}, {Name: "t", Type: "text"}}
	right := func() Reference {
		r := Reference{Rows: 10, Quantiles: make([]float64, 101), Histograms: []Histogram{
			{Column: "n", Missing: 1, Edges: []float64{0, 1, 1, 2}, Counts: []int{4, 0, 5}},
			{Column: "t", Missing: 1, Values: []ValueCount{{"a", 4}, {"b", 2}}, Other: ptr(3)},
		}}
		r.Gains = &Gains{Positives: 4, Captured: []Captured{{0.1, 0.25}, {0.5, 0.25}, {1, 1}}}
		return r
	}
	tests := []struct {
		name   string
		change func(r *Reference)
		want   string // "" where it is right
	}{
		{"right", func(*Reference) {}, ""},
		{"without labels", func(r *Reference) { r.Gains = nil }, ""},
		{"a column that is always missing", func(r *Reference) {
			r.Histograms[0] = Histogram{Column: "n", Missing: 10, Edges: []float64{}, Counts: []int{}}
		}, ""},
		{"a column of one value", func(r *Reference) {
			r.Histograms[0] = Histogram{Column: "n", Edges: []float64{5, 5}, Counts: []int{10}}
		}, ""},

		{"counts without edges", func(r *Reference) { r.Histograms[0].Edges = nil }, "histograms[0]: a number's has edges and counts"},
		{"edges without counts", func(r *Reference) { r.Histograms[0].Counts = nil }, "a number's has edges and counts"},
		{"as many counts as edges", func(r *Reference) { r.Histograms[0].Counts = []int{1, 1, 1, 1} }, "counts: has 4 for 4 edges"},
		{"edges that fall", func(r *Reference) { r.Histograms[0].Edges[2] = 0.5 }, "edges: do not ascend"},
		{"numbers with values", func(r *Reference) { r.Histograms[0].Values = []ValueCount{} }, "no values and no other"},
		{"numbers with others", func(r *Reference) { r.Histograms[0].Other = ptr(0) }, "no values and no other"},
		{"a negative count", func(r *Reference) { r.Histograms[0].Counts[1] = -1 }, "histograms[0]: a count is negative"},
		{"a negative number of missing ones", func(r *Reference) { r.Histograms[1].Missing = -1 }, "histograms[1]: a count is negative"},
		{"more values than rows", func(r *Reference) { r.Histograms[1].Missing = 2 }, "the counts are more than the 10 rows"},
		{"a count that overflows", func(r *Reference) { r.Histograms[1].Values[0].Count = math.MaxInt }, "more than the 10 rows"},
		{"text without values", func(r *Reference) { r.Histograms[1].Values = nil }, "a text's has values and other"},
		{"text without others", func(r *Reference) { r.Histograms[1].Other = nil }, "a text's has values and other"},
		{"text with edges", func(r *Reference) { r.Histograms[1].Edges = []float64{} }, "no edges and no counts"},
		{"a value twice", func(r *Reference) { r.Histograms[1].Values[1].Text = "a" }, "values[1]: comes twice"},
		{"21 values", func(r *Reference) { r.Histograms[1].Values = make([]ValueCount, 21) }, "values: has 21, more than 20"},

		{"more positives than rows", func(r *Reference) { r.Gains.Positives = 11 }, "positives: 11 is outside 0 to the 10 rows"},
		{"fewer positives than none", func(r *Reference) { r.Gains.Positives = -1 }, "positives: -1 is outside"},
		{"a top twice", func(r *Reference) { r.Gains.Captured[1].Top = 0.1 }, "gains.captured[1].top: is not above"},
		{"a top of nothing", func(r *Reference) { r.Gains.Captured[0].Top = 0 }, "gains.captured[0].top: is not above"},
		{"more than all", func(r *Reference) { r.Gains.Captured[2].Top = 1.1 }, "gains.captured[2].top: is not above"},
		{"a share that falls", func(r *Reference) { r.Gains.Captured[1].Share = 0.2 }, "gains.captured[1].share: is less"},
		{"a share above 1", func(r *Reference) { r.Gains.Captured[2].Share = 1.1 }, "gains.captured[2].share: is less"},
		{"a negative share", func(r *Reference) { r.Gains.Captured[0].Share = -0.1 }, "gains.captured[0].share: is less"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := right()
			tt.change(&r)
			err := r.validate(contract)
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want %q", err, tt.want)
			}
		})
	}
}
