package referee_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"scored/pipeline/forest/foresttest"
	"scored/pipeline/model/referee"
)

const (
	tiny32 = math.SmallestNonzeroFloat32
	huge32 = math.MaxFloat32
)

// hostileThresholds are those at which a comparison in float32 may go another way than one in float64, and those at the
// ends of what floats hold.
var hostileThresholds = []float64{
	0, math.Copysign(0, -1), 0.1, -0.1, 0.5, 16777217, -16777217, 1e-35, -1e-35,
	tiny32, -tiny32, tiny32 / 2, -tiny32 / 2, 1e-300, -1e-300, math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64,
	huge32, -huge32, huge32 * (1 + 1e-9), -huge32 * (1 + 1e-9), math.MaxFloat64, -math.MaxFloat64, math.Inf(1),
}

// hostileValues are what a row may hold at worst.
func hostileValues() []float32 {
	inf, nan := math.Inf(1), math.NaN()
	values := []float32{float32(inf), float32(-inf), float32(nan), float32(math.Copysign(0, -1))}
	for _, threshold := range hostileThresholds {
		values = append(values, around(threshold)...)
	}
	return values
}

// around returns the float32 next to a threshold, and those below and above it.
func around(threshold float64) []float32 {
	near := float32(threshold)
	return []float32{near, math.Nextafter32(near, float32(math.Inf(-1))), math.Nextafter32(near, float32(math.Inf(1)))}
}

// harden replaces a part of a file's thresholds by hostile ones.
func harden(file *foresttest.File, random *rand.Rand) *foresttest.File {
	for at := range file.Feature {
		if file.Feature[at] >= 0 && random.IntN(3) == 0 {
			file.Threshold[at] = hostileThresholds[random.IntN(len(hostileThresholds))]
		}
	}
	return file
}

// hostileRows draws rows that sit on thresholds of the file or next to them, or hold a hostile value; a part is ordinary.
func hostileRows(file *foresttest.File, random *rand.Rand, rows int) []float32 {
	values := hostileValues()
	x := foresttest.Matrix(random.Uint64(), rows, int(file.Features), 0.1)
	for i := range x {
		switch random.IntN(3) {
		case 0:
			x[i] = around(file.Threshold[random.IntN(len(file.Threshold))])[random.IntN(3)]
		case 1:
			x[i] = values[random.IntN(len(values))]
		}
	}
	return x
}

// chain is a tree that goes on for depth splits, each with a leaf at one side.
func chain(depth int) *foresttest.File {
	file := foresttest.New(3)
	file.Grow()
	for level := range depth {
		at := 2 * level
		left, right := at+1, at+2
		if level%2 == 1 {
			left, right = right, left
		}
		file.AddSplit(level%3, 1-float64(level)/float64(depth), level%5 == 0, left, right)
		file.AddLeaf(float64(level) / float64(depth))
	}
	file.AddLeaf(1)
	file.Settle()
	return file
}

func missing(file *foresttest.File, left uint8) *foresttest.File {
	for at := range file.Feature {
		if file.Feature[at] >= 0 {
			file.MissingLeft[at] = left
		}
	}
	return file
}

// Of rows that are made to be decided wrongly, leaves and we say the same.
func TestLeavesAgreesOnHostileRows(t *testing.T) {
	single := foresttest.New(2)
	single.Grow()
	single.AddLeaf(0.3)
	tests := []struct {
		name string
		file *foresttest.File
	}{
		{"a single leaf", single},
		{"shallow", foresttest.Random(31, 5, 200, 2)},
		{"ordinary", foresttest.Random(32, 20, 30, 8)},
		{"one path of 500 splits", chain(500)},
		{"3,000 features", foresttest.Random(33, 3000, 8, 9)},
		{"missing values left", missing(foresttest.Random(34, 6, 30, 6), 1)},
		{"missing values right", missing(foresttest.Random(35, 6, 30, 6), 0)},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const rows = 300
			random := rand.New(rand.NewPCG(36, uint64(i)))
			file := harden(tt.file, random)
			difference, err := referee.Compare(read(t, file), hostileRows(file, random, rows), rows)
			if err != nil || difference > agreement {
				t.Errorf("difference %g, error %v", difference, err)
			}
		})
	}
}

// Each hostile threshold against each hostile value, in a forest of one split: nothing averages a wrong way out.
func TestLeavesAgreesOnEveryHostilePair(t *testing.T) {
	values := hostileValues()
	for _, threshold := range hostileThresholds {
		for _, missingLeft := range []bool{false, true} {
			file := foresttest.New(1)
			file.Grow()
			file.AddSplit(0, threshold, missingLeft, 1, 2)
			file.AddLeaf(0)
			file.AddLeaf(1)
			file.Settle()
			difference, err := referee.Compare(read(t, file), values, len(values))
			if err != nil || difference != 0 {
				t.Errorf("threshold %g, missing left %v: difference %g, error %v", threshold, missingLeft, difference, err)
			}
		}
	}
}

// FuzzCompare draws forests by seed, with thresholds and rows of any bits.
func FuzzCompare(f *testing.F) {
	random := rand.New(rand.NewPCG(37, 37))
	for seed := range uint64(20) {
		var thresholds, values []byte
		for range 8 {
			at := hostileThresholds[random.IntN(len(hostileThresholds))]
			thresholds = binary.LittleEndian.AppendUint64(thresholds, math.Float64bits(at))
			for _, v := range around(at) {
				values = binary.LittleEndian.AppendUint32(values, math.Float32bits(v))
			}
		}
		f.Add(seed, thresholds, values)
	}
	f.Fuzz(func(t *testing.T, seed uint64, thresholds, values []byte) {
		random := rand.New(rand.NewPCG(seed, 38))
		file := foresttest.Random(seed, 1+random.IntN(5), 1+random.IntN(4), random.IntN(6))
		for at := range file.Feature {
			if file.Feature[at] < 0 || len(thresholds) < 8 {
				continue
			}
			bits := binary.LittleEndian.Uint64(thresholds[8*random.IntN(len(thresholds)/8):])
			if v := math.Float64frombits(bits); !math.IsNaN(v) && !math.IsInf(v, -1) {
				file.Threshold[at] = v
			}
		}
		forest := read(t, file)
		x := make([]float32, 0, len(values)/4)
		for ; len(values) >= 4; values = values[4:] {
			x = append(x, math.Float32frombits(binary.LittleEndian.Uint32(values)))
		}
		rows := len(x) / forest.Features()
		difference, err := referee.Compare(forest, x, rows)
		if err != nil || difference > agreement {
			t.Errorf("%d rows: difference %g, error %v", rows, difference, err)
		}
	})
}
