package model

import (
	"math"
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
