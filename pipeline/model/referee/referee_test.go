package referee_test

import (
	"bytes"
	"math"
	"testing"

	"scored/pipeline/forest"
	"scored/pipeline/forest/foresttest"
	"scored/pipeline/model/referee"
)

// agreement is how far two right answers may lie apart: leaves multiplies every leaf by 1/trees before it sums.
const agreement = 1e-12

func read(t testing.TB, f *foresttest.File) *forest.Forest {
	t.Helper()
	data := f.Bytes()
	got, err := forest.Read(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestLeavesAgrees(t *testing.T) {
	single := foresttest.New(1)
	for _, value := range []float64{0, 1, 0.3} {
		single.Grow()
		single.AddLeaf(value)
	}
	tests := []struct {
		name string
		file *foresttest.File
	}{
		{"missing values left and right", foresttest.Random(1, 9, 40, 7)},
		{"one feature", foresttest.Random(2, 1, 5, 4)},
		{"one tree", foresttest.Random(3, 4, 1, 5)},
		{"single leaves only", single},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const rows = 500
			f := read(t, tt.file)
			difference, err := referee.Compare(f, foresttest.Matrix(4, rows, f.Features(), 0.15), rows)
			if err != nil || difference > agreement {
				t.Errorf("difference %g, error %v", difference, err)
			}
		})
	}
}

// A split at a threshold between two float32s: rounding it to nearest would send the upper one left.
func TestLeavesDecidesNextToAThreshold(t *testing.T) {
	file := foresttest.New(1)
	file.Grow()
	file.AddSplit(0, 0.1, false, 1, 2)
	file.AddLeaf(0)
	file.AddLeaf(1)
	above := float32(0.1)
	x := []float32{math.Nextafter32(above, 0), above, float32(math.NaN())}
	f := read(t, file)
	out := make([]float64, len(x))
	f.Predict(x, len(x), out)
	if out[0] != 0 || out[1] != 1 || out[2] != 1 {
		t.Errorf("ours: %v", out)
	}
	if difference, err := referee.Compare(f, x, len(x)); err != nil || difference != 0 {
		t.Errorf("difference %g, error %v", difference, err)
	}
}
