package forest

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"scored/pipeline/forest/foresttest"
)

// reference walks the file as docs/bundle.md words it: float64(float32(x)) <= threshold, in float64.
func reference(f *foresttest.File, x []float32) float64 {
	sum, first := 0.0, 0
	for _, count := range f.PerTree {
		at := first
		for f.Feature[at] >= 0 {
			v := x[f.Feature[at]]
			if float64(v) <= f.Threshold[at] || v != v && f.MissingLeft[at] == 1 {
				at = first + int(f.Left[at])
			} else {
				at = first + int(f.Right[at])
			}
		}
		sum += f.Value[at]
		first += int(count)
	}
	return sum / float64(len(f.PerTree))
}

// nearThresholds replaces a part of x by float32 values at, just below and just above the forest's thresholds.
func nearThresholds(f *foresttest.File, x []float32) {
	random := rand.New(rand.NewPCG(3, 3))
	for i := range x {
		at := random.IntN(len(f.Threshold))
		near := float32(f.Threshold[at])
		switch random.IntN(6) {
		case 0:
			x[i] = near
		case 1:
			x[i] = math.Nextafter32(near, -1e30)
		case 2:
			x[i] = math.Nextafter32(near, 1e30)
		}
	}
}

func TestPredictIsTheWalkOverEachRow(t *testing.T) {
	const features = 7
	file := foresttest.Random(11, features, 60, 7)
	for at := range file.Feature { // some splits send every number left
		if file.Feature[at] >= 0 && at%50 == 0 {
			file.Threshold[at] = math.Inf(1)
		}
	}
	forest, err := read(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, rows := range []int{0, 1, blockRows - 1, blockRows, blockRows + 1, 2*blockRows + 3} {
		x := foresttest.Matrix(uint64(rows), rows, features, 0.1)
		nearThresholds(file, x)
		out := make([]float64, rows)
		forest.Predict(x, rows, out)
		for row := range rows {
			if want := reference(file, x[row*features:(row+1)*features]); out[row] != want {
				t.Fatalf("%d rows, row %d: got %v, want %v", rows, row, out[row], want)
			}
		}
	}
}

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

func TestPredictFromManyGoroutines(t *testing.T) {
	const rows, features = 600, 5
	file := foresttest.Random(5, features, 20, 6)
	forest, err := read(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	x, want := foresttest.Matrix(6, rows, features, 0.1), make([]float64, rows)
	forest.Predict(x, rows, want)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			out := make([]float64, rows)
			forest.Predict(x, rows, out)
			for row := range out {
				if out[row] != want[row] {
					t.Errorf("row %d: got %v, want %v", row, out[row], want[row])
					return
				}
			}
		})
	}
	group.Wait()
}

func TestPredictAllocatesNothing(t *testing.T) {
	forest, err := read(foresttest.Random(5, 4, 20, 6).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	x, out := foresttest.Matrix(6, 700, 4, 0.1), make([]float64, 700)
	if n := testing.AllocsPerRun(10, func() { forest.Predict(x, 700, out) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestTreeIsWhatWasTrained(t *testing.T) {
	file := foresttest.Random(21, 6, 30, 6)
	forest, err := read(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	x := foresttest.Matrix(22, 50, 6, 0.2)
	nearThresholds(file, x)
	for row := range 50 {
		values := x[row*6 : row*6+6]
		sum := 0.0
		for i := range forest.Trees() {
			sum += walk(forest.Tree(i), values)
		}
		if got, want := sum/30, reference(file, values); got != want {
			t.Fatalf("row %d: got %v, want %v", row, got, want)
		}
	}
}

func walk(t Tree, x []float32) float64 {
	at := 0
	if len(t.Splits) == 0 {
		at = -1
	}
	for at >= 0 {
		s := t.Splits[at]
		v := x[s.Feature]
		if float64(v) <= s.Threshold || v != v && s.MissingLeft {
			at = s.Left
		} else {
			at = s.Right
		}
	}
	return t.Leaves[^at]
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
