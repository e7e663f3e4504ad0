// Package forest holds a trained random forest, validated and immutable, and predicts with it.
//
// Predictions are bit for bit those of scikit-learn's predict_proba with one job: features are compared as float32 with
// the float64 threshold, leaves are summed in tree order in float64, and the sum is divided once.
package forest

import "math"

// Limits of what [Read] accepts. They bound memory; trained forests stay far below.
const (
	MaxFeatures = 1 << 16
	MaxTrees    = 1 << 16
	MaxNodes    = 1 << 26
)

// blockRows is how many rows go through one tree before the next: the tree stays in the first-level cache while the
// rows stream from the second.
const blockRows = 512

// Forest is a validated, immutable random forest. Any number of goroutines may use it.
type Forest struct {
	features   int
	trees      []tree
	splits     []split   // of all trees
	leaves     []float64 // of all trees
	thresholds []float64 // of splits, as trained
}

// tree says where a tree's splits and leaves begin; the next tree's begin where they end.
type tree struct {
	root        int32 // a child, see split
	split, leaf int32
}

// split is an inner node, 16 bytes. A child c is the split c, or, where c is negative, the leaf ^c.
type split struct {
	threshold   float32 // rounded towards minus infinity
	feature     uint16
	missingLeft bool
	left, right int32
}

// Features returns the number of features of a row.
func (f *Forest) Features() int { return f.features }

// Trees returns the number of trees.
func (f *Forest) Trees() int { return len(f.trees) }

// Nodes returns the number of nodes of all trees, leaves included.
func (f *Forest) Nodes() int { return len(f.splits) + len(f.leaves) }

// Predict writes the positive class's probability of each row of x, a row-major matrix of rows x Features() where a
// missing value is NaN, into out. It panics if x or out is too short, and allocates nothing.
func (f *Forest) Predict(x []float32, rows int, out []float64) {
	x, out = x[:rows*f.features], out[:rows]
	clear(out)
	for start := 0; start < rows; start += blockRows {
		end := min(start+blockRows, rows)
		f.addBlock(x[start*f.features:end*f.features], out[start:end])
	}
	trees := float64(len(f.trees))
	for row := range out {
		out[row] /= trees
	}
}

// addBlock adds every tree's answer to the sums, tree by tree.
func (f *Forest) addBlock(x []float32, sums []float64) {
	splits, leaves := f.splits, f.leaves
	for _, t := range f.trees {
		for row := range sums {
			values := x[row*f.features : (row+1)*f.features]
			at := t.root
			for at >= 0 {
				s := &splits[at]
				at = s.next(values[s.feature])
			}
			sums[row] += leaves[^at]
		}
	}
}

// next returns the child that a row with value v goes to.
func (s *split) next(v float32) int32 {
	if v <= s.threshold || (s.missingLeft && v != v) {
		return s.left
	}
	return s.right
}

// floor32 rounds a threshold towards minus infinity: for every float32 x, x <= t exactly if x <= floor32(t).
// A zero comes out positive.
func floor32(t float64) float32 {
	f := float32(t)
	if float64(f) > t {
		f = math.Nextafter32(f, float32(math.Inf(-1)))
	}
	if f == 0 {
		return 0
	}
	return f
}
