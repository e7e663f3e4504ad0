package forest

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"scored/pipeline/forest/foresttest"
)

// layouts are limits that give all trees that fit the fast layout, none, and the small ones only.
var layouts = map[string]limits{
	"fast":    narrowLimits(),
	"general": {},
	"both":    {slots: 12, nodes: 40},
}

func readAs(t testing.TB, f *foresttest.File, l limits) *Forest {
	t.Helper()
	data := f.Bytes()
	forest, err := readWithin(bytes.NewReader(data), int64(len(data)), l)
	if err != nil {
		t.Fatal(err)
	}
	return forest
}

// reference walks the file as docs/bundle.md words it: float64(float32(x)) <= threshold, in float64. It gives the
// contributions, too.
func reference(f *foresttest.File, x []float32) (prediction float64, contributions []float64) {
	sum, first := 0.0, 0
	contributions = make([]float64, f.Features)
	for _, count := range f.PerTree {
		at := first
		for f.Feature[at] >= 0 {
			from := at
			if v := x[f.Feature[at]]; float64(v) <= f.Threshold[at] || v != v && f.MissingLeft[at] == 1 {
				at = first + int(f.Left[at])
			} else {
				at = first + int(f.Right[at])
			}
			contributions[f.Feature[from]] += (f.Value[at] - f.Value[from]) / float64(len(f.PerTree))
		}
		sum += f.Value[at]
		first += int(count)
	}
	return sum / float64(len(f.PerTree)), contributions
}

// hostile draws rows whose values are mostly on, just below or just above a threshold of their feature; the others
// are what float32 has to offer at its ends.
func hostile(f *foresttest.File, seed uint64, rows int) []float32 {
	random := rand.New(rand.NewPCG(seed, 2))
	near := make([][]float32, f.Features)
	for at, feature := range f.Feature {
		if feature >= 0 {
			near[feature] = append(near[feature], float32(f.Threshold[at]))
		}
	}
	inf := float32(math.Inf(1))
	ends := []float32{
		float32(math.NaN()), math.Float32frombits(0xffc00001), inf, -inf, 0, float32(math.Copysign(0, -1)),
		math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, math.MaxFloat32, -math.MaxFloat32, 0.5, 1e-40,
	}
	x := make([]float32, rows*int(f.Features))
	for i := range x {
		x[i] = ends[random.IntN(len(ends))]
		if of := near[i%int(f.Features)]; len(of) > 0 && random.IntN(3) > 0 {
			v := of[random.IntN(len(of))]
			x[i] = [...]float32{v, math.Nextafter32(v, -inf), math.Nextafter32(v, inf)}[random.IntN(3)]
		}
	}
	return x
}

// caterpillar grows a tree of one leaf per level; the way down goes left, right or both in turn.
func caterpillar(features, depth int, left func(level int) bool) *foresttest.File {
	f := foresttest.New(features)
	f.Grow()
	for level := range depth {
		below := 2*level + 2
		if left(level) {
			f.AddSplit(level%features, float64(depth-level), level%3 == 0, below, below-1)
		} else {
			f.AddSplit(level%features, float64(level), level%3 == 0, below-1, below)
		}
		f.AddCoveredLeaf(float64(level)/float64(depth), float64(level%5))
	}
	f.AddLeaf(1)
	f.Settle()
	return f
}

// oneHot grows trees over features that are 0 or 1, each used at most once a tree.
func oneHot(features, trees, depth int) *foresttest.File {
	f := foresttest.Random(31, features, trees, depth)
	for at := range f.Threshold {
		if f.Feature[at] >= 0 {
			f.Threshold[at] = 0.5
		}
	}
	return f
}

// complete grows one tree with all leaves at one depth, whose splits go through the features in turn.
func complete(features, depth int) *foresttest.File {
	f := foresttest.New(features)
	f.Grow()
	splits := 1<<depth - 1
	for n := range splits {
		f.AddSplit(n%features, float64(n%1000)/1000, n/features%2 == 0, 2*n+1, 2*n+2)
	}
	for n := range splits + 1 {
		f.AddLeaf(float64(n) / float64(splits))
	}
	f.Settle()
	return f
}

// withThresholds gives the splits thresholds from a list in turn.
func withThresholds(f *foresttest.File, thresholds ...float64) *foresttest.File {
	for at := range f.Threshold {
		if f.Feature[at] >= 0 {
			f.Threshold[at] = thresholds[at%len(thresholds)]
		}
	}
	return f
}

func leavesOnly() *foresttest.File {
	f := foresttest.New(2)
	for i := range 11 {
		f.Grow()
		f.AddLeaf(float64(i) / 10)
	}
	return f
}

func shapes() map[string]*foresttest.File {
	always, never := func(int) bool { return true }, func(int) bool { return false }
	alternate := func(level int) bool { return level%2 == 0 }
	return map[string]*foresttest.File{
		"single leaves":       leavesOnly(),
		"leaves among trees":  foresttest.Random(1, 3, 33, 2),
		"deep":                foresttest.Random(2, 5, 6, 11),
		"one feature":         foresttest.Random(3, 1, 17, 7),
		"chain to the left":   caterpillar(3, 130, always),
		"chain to the right":  caterpillar(3, 130, never),
		"chain to both":       caterpillar(70, 300, alternate),
		"1,500 features":      foresttest.Random(4, 1500, 12, 9),
		"5,000 one-hot":       oneHot(5000, 12, 9),
		"thresholds repeated": withThresholds(foresttest.Random(5, 4, 20, 7), 0.25, 0.5, 0.75),
		"thresholds beyond": withThresholds(foresttest.Random(6, 4, 40, 7), math.Inf(1), 1e-45, -1e-45, 1e-46, -1e-46,
			math.Copysign(0, -1), 0, 1e300, -1e300, math.MaxFloat32, -math.MaxFloat32, 3.4028235677973366e38, 0.1, 1e-39),
	}
}

func TestAllLayoutsPredictAndContributeAsTheReference(t *testing.T) {
	for name, file := range shapes() {
		for layout, limits := range layouts {
			t.Run(name+"/"+layout, func(t *testing.T) {
				t.Parallel()
				wantReference(t, file, readAs(t, file, limits), hostile(file, 7, 50), 50)
			})
		}
	}
}

// wantReference compares predictions bit for bit, contributions up to rounding, and holds that they add up.
func wantReference(t testing.TB, file *foresttest.File, forest *Forest, x []float32, rows int) {
	t.Helper()
	features := forest.Features()
	predictions, contributions := make([]float64, rows), make([]float64, rows*features)
	forest.Predict(x, rows, predictions)
	forest.Contribute(x, rows, contributions)
	for row := range rows {
		prediction, parts := reference(file, x[row*features:(row+1)*features])
		if math.Float64bits(predictions[row]) != math.Float64bits(prediction) {
			t.Fatalf("row %d of %d: predicted %v, want %v", row, rows, predictions[row], prediction)
		}
		sum := forest.Bias()
		for feature, want := range parts {
			got := contributions[row*features+feature]
			if !(math.Abs(got-want) <= 1e-12) {
				t.Fatalf("row %d of %d: feature %d contributes %v, want %v", row, rows, feature, got, want)
			}
			sum += got
		}
		if !(math.Abs(sum-prediction) <= 1e-12) {
			t.Fatalf("row %d of %d: the contributions lead to %v, not %v", row, rows, sum, prediction)
		}
	}
}

func TestEveryNumberOfRows(t *testing.T) {
	file := foresttest.Random(8, 6, 19, 6)
	x := hostile(file, 9, 2*predictRows+1)
	counts := []int{contributeRows - 1, contributeRows, contributeRows + 1, predictRows - 1, predictRows, 2*predictRows + 1}
	for rows := range 2*groupRows + 2 {
		counts = append(counts, rows)
	}
	for layout, limits := range layouts {
		forest := readAs(t, file, limits)
		t.Run(layout, func(t *testing.T) {
			t.Parallel()
			for _, rows := range counts {
				wantReference(t, file, forest, x, rows)
			}
		})
	}
}

func TestWhatFitsInTheFastLayout(t *testing.T) {
	down := func(level int) bool { return level%2 == 0 }
	tests := []struct {
		file *foresttest.File
		wide bool
	}{
		{complete(2, 16), false},               // 131,071 places, the last that fit
		{caterpillar(2, 65536, down), true},    // a pair too many
		{caterpillar(8190, 8190, down), false}, // and two slots for leaves: 16 bits of slot x 8
		{caterpillar(8191, 8191, down), true},
		{complete(4096, 14), true}, // missing values to both sides: two slots a feature
		{oneHot(5000, 40, 9), false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%d features, %d nodes", tt.file.Features, tt.file.Nodes), func(t *testing.T) {
			t.Parallel()
			forest := readAs(t, tt.file, narrowLimits())
			for i := range forest.trees {
				if got := forest.trees[i].isWide; got != tt.wide {
					t.Fatalf("tree %d: in the general layout: %v, want %v", i, got, tt.wide)
				}
			}
			wantReference(t, tt.file, forest, hostile(tt.file, 10, 9), 9)
		})
	}
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
