package model

import (
	"math"
	"strings"
	"testing"
)

func ptr[T any](v T) *T { return &v }

func curve(a, b float64) Calibration { return Calibration{Method: "sigmoid", A: &a, B: &b} }

func line(x, y []float64) Calibration { return Calibration{Method: "isotonic", X: x, Y: y} }

func otherClass(c Calibration) Calibration {
	c.Complement = true
	return c
}

func TestCalibrationIsRefused(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	right := []float64{0.25, 0.5}
	tests := []struct {
		name string
		c    Calibration
		want string
	}{
		{"no method", Calibration{}, `method: "" is neither sigmoid nor isotonic`},
		{"another method", Calibration{Method: "temperature"}, `method: "temperature" is neither`},
		{"a sigmoid without a", Calibration{Method: "sigmoid", B: ptr(1.0)}, "a sigmoid has a and b"},
		{"a sigmoid without b", Calibration{Method: "sigmoid", A: ptr(1.0)}, "a sigmoid has a and b"},
		{"a sigmoid with x", Calibration{Method: "sigmoid", A: ptr(1.0), B: ptr(1.0), X: right}, "has no x and no y"},
		{"a sigmoid with y", Calibration{Method: "sigmoid", A: ptr(1.0), B: ptr(1.0), Y: right}, "has no x and no y"},
		{"an infinite a", curve(inf, 1), "a and b are to be finite"},
		{"a b that is NaN", curve(1, nan), "a and b are to be finite"},
		{"an isotonic with b", Calibration{Method: "isotonic", B: ptr(1.0), X: right, Y: right}, "has no a and no b"},
		{"no points", line(nil, nil), "at least one, and have 0 and 0"},
		{"a point without y", line(right, right[1:]), "have 2 and 1"},
		{"an x twice", line([]float64{0.5, 0.5}, right), "x[1]: is not above the one before"},
		{"x that falls", line([]float64{0.5, 0.25}, right), "x[1]: is not above the one before"},
		{"x that is NaN", line([]float64{nan, 0.25}, right), "x[0]: is not finite"},
		{"infinite x", line([]float64{0.25, inf}, right), "x[1]: is not finite"},
		{"y above 1", line(right, []float64{0.5, 1.5}), "y[1]: is outside 0 to 1"},
		{"y below 0", line(right, []float64{-1, 0.5}), "y[0]: is outside 0 to 1"},
		{"y that falls after it rose", line([]float64{0.1, 0.2, 0.3, 0.4}, []float64{0.1, 0.5, 0.5, 0.4}), "y[3]: turns back"},
		{"y that rises after it fell", line([]float64{0.1, 0.2, 0.3}, []float64{0.5, 0.1, 0.4}), "y[2]: turns back"},
		{"y that comes back", line([]float64{0.1, 0.2, 0.3}, []float64{0.5, 0.6, 0.5}), "y[2]: turns back"},
		{"y that is NaN", line(right, []float64{nan, 0.5}), "y[0]: is outside 0 to 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.c.validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestCalibrationApply(t *testing.T) {
	x, y := []float64{0.1, 0.2, 0.7}, []float64{0.05, 0.3, 0.3}
	tests := []struct {
		name    string
		c       Calibration
		p, want float64
	}{
		{"sigmoid", curve(-4.5, 2.25), 0.25, 0.24508501313237172}, // scipy.special.expit(4.5 * 0.25 - 2.25)
		{"sigmoid, complement", otherClass(curve(-4.5, 2.25)), 0.25, 1 - 0.24508501313237172},
		{"a steep sigmoid", curve(-1e6, 0), 1, 1},
		{"a steep sigmoid, the other way", curve(1e6, 0), 1, 0},
		{"a sigmoid that overflows", curve(math.MaxFloat64, math.MaxFloat64), 1, 0},

		{"before the first point", line(x, y), 0, 0.05},
		{"at the first point", line(x, y), 0.1, 0.05},
		{"between two points", line(x, y), 0.13, 0.125}, // numpy.interp
		{"between the last two", line(x, y), 0.5, 0.3},
		{"at a point in the middle", line(x, y), 0.2, 0.3},
		{"at the last point", line(x, y), 0.7, 0.3},
		{"behind the last point", line(x, y), 1, 0.3},
		{"isotonic, complement", otherClass(line(x, y)), 0.1, 0.95},
		{"a line that falls", line([]float64{0.1, 0.2, 0.3, 0.4}, []float64{0.5, 0.25, 0.25, 0.125}), 0.25, 0.25},
		{"a level line", line([]float64{0.1, 0.9}, []float64{0.5, 0.5}), 0.4, 0.5},
		{"one point", line([]float64{0.5}, []float64{0.25}), 0.75, 0.25},
		{"a jump as steep as can be", line([]float64{0, 5e-324}, []float64{0, 1}), 5e-324, 1},
		{"at a point before such a jump", line([]float64{0, 5e-324, 1}, []float64{0.25, 0.5, 1}), 0, 0.25},
		{"rounding beyond 1", line([]float64{0.32, 0.94}, []float64{0.2, 1}), 0.9399999999999998, 1}, // numpy.interp gives 1.0000000000000002, which scikit-learn cuts,
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.c.validate(); err != nil {
				t.Fatal(err)
			}
			if got := tt.c.Apply(tt.p); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// At its points the line has their very height, which the formula of what lies between them misses by a bit.
func TestCalibrationMeetsItsPoints(t *testing.T) {
	missed := 0
	for i := range 100 {
		x := []float64{0.1, 0.1 + float64(i+1)/777}
		y := []float64{0.05, 0.05 + float64(i+1)/333}
		c := line(x, y)
		if got := c.Apply(x[1]); got != y[1] {
			t.Errorf("at %v: got %v, want %v", x[1], got, y[1])
		}
		if (y[1]-y[0])/(x[1]-x[0])*(x[1]-x[0])+y[0] != y[1] {
			missed++
		}
	}
	if missed == 0 {
		t.Error("the formula meets all points, and this test shows nothing")
	}
}

// What raises the forest's probability lowers the member's where the curve falls, or where the other class is meant, but
// not where both are so.
func TestMemberSign(t *testing.T) {
	rising, falling := []float64{0.1, 0.2}, []float64{0.2, 0.1}
	tests := []struct {
		name string
		c    *Calibration
		want float64
	}{
		{"none", nil, 1},
		{"a rising sigmoid", ptr(curve(-4, 2)), 1},
		{"a falling sigmoid", ptr(curve(4, 2)), -1},
		{"a complement", ptr(otherClass(curve(-4, 2))), -1},
		{"a falling complement", ptr(otherClass(curve(4, 2))), 1},
		{"a rising line", ptr(line(rising, rising)), 1},
		{"a falling line", ptr(line(rising, falling)), -1},
		{"a line's complement", ptr(otherClass(line(rising, rising))), -1},
	}
	for _, tt := range tests {
		m := Member{Calibration: tt.c}
		if got := m.Sign(); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
		if tt.c != nil && tt.want*(tt.c.Apply(0.2)-tt.c.Apply(0.1)) <= 0 {
			t.Errorf("%s: the probability says otherwise", tt.name)
		}
	}
}
