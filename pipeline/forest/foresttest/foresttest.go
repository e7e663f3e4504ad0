// Package foresttest makes forest.bin files for tests: whole ones, and ones that are wrong in a chosen way.
package foresttest

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
)

// File holds the fields of a forest.bin, see docs/bundle.md. Nothing is checked.
type File struct {
	Magic        string
	Format       uint32
	Features     uint32
	Trees, Nodes uint32 // as the header says
	PerTree      []uint32
	Feature      []int32
	Threshold    []float64
	Left, Right  []uint32
	MissingLeft  []uint8
	Value, Cover []float64
	End          string
}

// New returns a file without trees.
func New(features int) *File {
	return &File{Magic: "SCFOREST", Format: 2, Features: uint32(features), End: "SCFOREND"}
}

// Grow begins a tree; AddSplit and AddLeaf add its nodes.
func (f *File) Grow() {
	f.Trees++
	f.PerTree = append(f.PerTree, 0)
}

// AddSplit adds an inner node whose children are counted from the tree's first node, and returns its own number.
func (f *File) AddSplit(feature int, threshold float64, missingLeft bool, left, right int) int {
	flag := uint8(0)
	if missingLeft {
		flag = 1
	}
	return f.add(int32(feature), threshold, uint32(left), uint32(right), flag, 0, 0)
}

// AddLeaf adds a leaf of cover 1 and returns its number within the tree.
func (f *File) AddLeaf(value float64) int { return f.AddCoveredLeaf(value, 1) }

// AddCoveredLeaf adds a leaf and returns its number within the tree.
func (f *File) AddCoveredLeaf(value, cover float64) int { return f.add(-1, 0, 0, 0, 0, value, cover) }

func (f *File) add(feature int32, threshold float64, left, right uint32, missingLeft uint8, value, cover float64) int {
	f.Nodes++
	f.Feature = append(f.Feature, feature)
	f.Threshold = append(f.Threshold, threshold)
	f.Left = append(f.Left, left)
	f.Right = append(f.Right, right)
	f.MissingLeft = append(f.MissingLeft, missingLeft)
	f.Value = append(f.Value, value)
	f.Cover = append(f.Cover, cover)
	tree := len(f.PerTree) - 1
	f.PerTree[tree]++
	return int(f.PerTree[tree]) - 1
}

// GrowChain adds a tree of one path that asks the features in turn: a row is at a leaf of 0.25 unless all values that are
// asked for are above 0.5.
func (f *File) GrowChain(levels int) {
	f.Grow()
	for level := range levels {
		f.AddSplit(level%int(f.Features), 0.5, false, 2*level+1, 2*level+2)
		f.AddLeaf(0.25)
	}
	f.AddLeaf(1)
}

// Settle gives the splits what training would: the sum of their children's covers, and the mean of their values, weighted
// by cover. AddSplit leaves both at 0.
func (f *File) Settle() {
	end := len(f.Feature)
	for tree := len(f.PerTree) - 1; tree >= 0; tree-- {
		first := end - int(f.PerTree[tree])
		for at := end - 1; at >= first; at-- { // children come after their parent
			if f.Feature[at] >= 0 {
				f.settle(at, first+int(f.Left[at]), first+int(f.Right[at]))
			}
		}
		end = first
	}
}

func (f *File) settle(at, left, right int) {
	f.Cover[at] = f.Cover[left] + f.Cover[right]
	mean := (f.Value[left]*f.Cover[left] + f.Value[right]*f.Cover[right]) / f.Cover[at]
	f.Value[at] = min(max(mean, 0), 1)
}

// Bytes encodes the file.
func (f *File) Bytes() []byte {
	var b bytes.Buffer
	b.WriteString(f.Magic)
	for _, field := range []any{
		f.Format, f.Features, f.Trees, f.Nodes, f.PerTree,
		f.Feature, f.Threshold, f.Left, f.Right, f.MissingLeft, f.Value, f.Cover,
	} {
		// A bytes.Buffer takes every write of these fixed-size types.
		_ = binary.Write(&b, binary.LittleEndian, field)
	}
	b.WriteString(f.End)
	return b.Bytes()
}

// Random grows trees of at most depth levels over features whose values are about 0 to 1, as Matrix draws them. Some
// trees are a single leaf.
func Random(seed uint64, features, trees, depth int) *File {
	random := rand.New(rand.NewPCG(seed, 0))
	f := New(features)
	for range trees {
		f.Grow()
		f.grow(random, depth)
	}
	f.Settle()
	return f
}

// grow adds a subtree depth first, as scikit-learn does, and returns its root.
func (f *File) grow(random *rand.Rand, depth int) int {
	if depth == 0 || random.IntN(40) == 0 {
		return f.AddCoveredLeaf(random.Float64(), float64(1+random.IntN(50)))
	}
	split := f.AddSplit(random.IntN(int(f.Features)), random.Float64(), random.IntN(2) == 0, 0, 0)
	at := len(f.Left) - 1
	f.Left[at] = uint32(f.grow(random, depth-1))
	f.Right[at] = uint32(f.grow(random, depth-1))
	return split
}

// Trained grows trees as training would on rows that Matrix draws: each split parts the rows that reach it, down to the
// given depth, or to leaves of at least and about so many rows.
func Trained(seed uint64, features, trees, depth, rows, leaf int) *File {
	random := rand.New(rand.NewPCG(seed, 3))
	f := New(features)
	for range trees {
		low, high := make([]float64, features), make([]float64, features)
		for feature := range high {
			high[feature] = 1
		}
		f.Grow()
		f.train(random, depth, rows, leaf, low, high)
	}
	f.Settle()
	return f
}

// train adds a subtree for the rows between low and high, and returns its root.
func (f *File) train(random *rand.Rand, depth, rows, leaf int, low, high []float64) int {
	share := 0.1 + 0.8*random.Float64()
	left := int(share * float64(rows))
	if depth == 0 || min(left, rows-left) < leaf {
		return f.AddCoveredLeaf(float64(random.IntN(rows+1))/float64(rows), float64(rows))
	}
	feature := random.IntN(len(low))
	from, to := low[feature], high[feature]
	threshold := from + share*(to-from)
	split := f.AddSplit(feature, threshold, random.IntN(2) == 0, 0, 0)
	at := len(f.Left) - 1
	high[feature] = threshold
	f.Left[at] = uint32(f.train(random, depth-1, left, leaf, low, high))
	low[feature], high[feature] = threshold, to
	f.Right[at] = uint32(f.train(random, depth-1, rows-left, leaf, low, high))
	low[feature] = from
	return split
}

// Matrix draws a row-major matrix, the given share of it missing (NaN).
func Matrix(seed uint64, rows, features int, missing float64) []float32 {
	random := rand.New(rand.NewPCG(seed, 1))
	x := make([]float32, rows*features)
	for i := range x {
		x[i] = random.Float32()
		if random.Float64() < missing {
			x[i] = float32(math.NaN())
		}
	}
	return x
}
