package forest

import (
	"math"
	"slices"
	"sync"
	"testing"

	"scored/pipeline/forest/foresttest"
)

func TestPredictOverwritesAndKeepsToItsRows(t *testing.T) {
	forest, err := read(small().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	out := []float64{9, 9, 9}
	forest.Predict([]float32{0, 0, 0, 0, 0, 0, 5}, 2, out)
	want := (0.25 + 0.125 + 0.5) / 3
	if out[0] != want || out[1] != want || out[2] != 9 {
		t.Errorf("got %v, want %v twice and 9", out, want)
	}
}

func TestManyGoroutinesAtOnce(t *testing.T) {
	const rows, features = 600, 5
	file := foresttest.Random(5, features, 20, 6)
	x := hostile(file, 6, rows)
	for layout, limits := range layouts {
		forest := readAs(t, file, limits)
		predictions, contributions := make([]float64, rows), make([]float64, rows*features)
		forest.Predict(x, rows, predictions)
		forest.Contribute(x, rows, contributions)
		var group sync.WaitGroup
		for n := range 8 {
			group.Go(func() {
				rows := rows - n*80 // scratch memory of one call serves others
				out := make([]float64, rows*features)
				for range 3 {
					forest.Predict(x, rows, out)
					if !slices.Equal(out[:rows], predictions[:rows]) {
						t.Errorf("%s: %d rows got other predictions", layout, rows)
					}
					forest.Contribute(x, rows, out)
					if !slices.Equal(out, contributions[:rows*features]) {
						t.Errorf("%s: %d rows got other contributions", layout, rows)
					}
				}
			})
		}
		group.Wait()
	}
}

func TestPredictAndContributeAllocateNothing(t *testing.T) {
	file := foresttest.Random(5, 4, 20, 6)
	x, out := foresttest.Matrix(6, 1200, 4, 0.1), make([]float64, 4*1200)
	for layout, limits := range layouts {
		forest := readAs(t, file, limits)
		for _, rows := range []int{1, 7, 700, 1200} {
			if n := testing.AllocsPerRun(10, func() { forest.Predict(x, rows, out) }); n != 0 {
				t.Errorf("%s: Predict of %d rows: %v allocations", layout, rows, n)
			}
			if n := testing.AllocsPerRun(10, func() { forest.Contribute(x, rows, out) }); n != 0 {
				t.Errorf("%s: Contribute of %d rows: %v allocations", layout, rows, n)
			}
		}
	}
}

func TestTooShortSlicesPanic(t *testing.T) {
	forest := readAs(t, small(), narrowLimits())
	for name, call := range map[string]func(){
		"Predict, rows":      func() { forest.Predict(make([]float32, 5), 2, make([]float64, 2)) },
		"Predict, answers":   func() { forest.Predict(make([]float32, 6), 2, make([]float64, 1)) },
		"Contribute, rows":   func() { forest.Contribute(make([]float32, 5), 2, make([]float64, 6)) },
		"Contribute, answer": func() { forest.Contribute(make([]float32, 6), 2, make([]float64, 5)) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			call()
		})
	}
}

func TestBiasIsTheMeanOfTheRoots(t *testing.T) {
	file := small() // roots of 0.5, 0.125 and (0 + 1 + 0.5) / 3
	if got, want := readAs(t, file, narrowLimits()).Bias(), (0.5+0.125+0.5)/3; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTreeIsWhatWasTrained(t *testing.T) {
	for name, file := range shapes() {
		for layout, limits := range layouts {
			t.Run(name+"/"+layout, func(t *testing.T) { wantTrees(t, file, readAs(t, file, limits)) })
		}
	}
}

func TestFloor32(t *testing.T) {
	const tiny = math.SmallestNonzeroFloat32
	tests := []struct {
		threshold float64
		want      float32
	}{
		{0.5, 0.5},
		{0.1, math.Nextafter32(0.1, 0)}, // the nearest float32 lies above
		{-0.1, -0.1},                    // and here below
		{1e-50, 0},
		{-1e-50, -tiny},
		{math.MaxFloat32, math.MaxFloat32},
		{1e300, math.MaxFloat32},
		{math.Inf(1), float32(math.Inf(1))},
		{-1e300, float32(math.Inf(-1))},
		{math.Copysign(0, -1), 0},
	}
	for _, tt := range tests {
		got := floor32(tt.threshold)
		if got != tt.want || got == 0 && math.Signbit(float64(got)) {
			t.Errorf("floor32(%v) = %v, want %v", tt.threshold, got, tt.want)
		}
	}
}

// FuzzFloor32 holds that comparing in float32 decides as comparing in float64 does, which rounding to nearest doesn't.
func FuzzFloor32(f *testing.F) {
	const beyond = 3.4028235677973366e38 // the least float64 that the nearest float32 is infinite for
	for _, threshold := range []float64{0, 0.1, -0.1, 1e-46, -1e-46, beyond, -beyond, 16777217} {
		near := float32(threshold)
		for _, x := range []float32{near, math.Nextafter32(near, -1e38), math.Nextafter32(near, 1e38)} {
			f.Add(threshold, x)
		}
	}
	f.Fuzz(func(t *testing.T, threshold float64, x float32) {
		if math.IsNaN(threshold) || math.IsInf(threshold, 0) || math.IsInf(float64(x), 0) {
			return
		}
		if got, want := x <= floor32(threshold), float64(x) <= threshold; got != want {
			t.Errorf("%v <= floor32(%v) is %v, in float64 it is %v", x, threshold, got, want)
		}
	})
}

func TestTooShortASlicePanicsWhateverItsCapacity(t *testing.T) {
	forest, err := read(foresttest.Random(5, 4, 20, 6).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	x, out := make([]float32, 8), make([]float64, 8)
	for name, call := range map[string]func(){
		"predict, x":      func() { forest.Predict(x[:7], 2, out) },
		"predict, out":    func() { forest.Predict(x, 2, out[:1]) },
		"contribute, x":   func() { forest.Contribute(x[:7], 2, out) },
		"contribute, out": func() { forest.Contribute(x, 2, out[:7]) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("it answered")
				}
			}()
			call()
		})
	}
}
