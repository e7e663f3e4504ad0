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
	Value        []float64
	End          string
}

// New returns a file without trees.
func New(features int) *File {
	return &File{Magic: "SCFOREST", Format: 1, Features: uint32(features), End: "SCFOREND"}
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
	return f.add(int32(feature), threshold, uint32(left), uint32(right), flag, 0)
}

// AddLeaf adds a leaf and returns its number within the tree.
func (f *File) AddLeaf(value float64) int { return f.add(-1, 0, 0, 0, 0, value) }

func (f *File) add(feature int32, threshold float64, left, right uint32, missingLeft uint8, value float64) int {
	f.Nodes++
	f.Feature = append(f.Feature, feature)
	f.Threshold = append(f.Threshold, threshold)
	f.Left = append(f.Left, left)
	f.Right = append(f.Right, right)
	f.MissingLeft = append(f.MissingLeft, missingLeft)
	f.Value = append(f.Value, value)
	tree := len(f.PerTree) - 1
	f.PerTree[tree]++
	return int(f.PerTree[tree]) - 1
}

// Bytes encodes the file.
func (f *File) Bytes() []byte {
	var b bytes.Buffer
	b.WriteString(f.Magic)
	for _, field := range []any{
		f.Format, f.Features, f.Trees, f.Nodes, f.PerTree,
		f.Feature, f.Threshold, f.Left, f.Right, f.MissingLeft, f.Value,
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
	return f
}

// grow adds a subtree depth first, as scikit-learn does, and returns its root.
func (f *File) grow(random *rand.Rand, depth int) int {
	if depth == 0 || random.IntN(40) == 0 {
		return f.AddLeaf(random.Float64())
	}
	split := f.AddSplit(random.IntN(int(f.Features)), random.Float64(), random.IntN(2) == 0, 0, 0)
	at := len(f.Left) - 1
	f.Left[at] = uint32(f.grow(random, depth-1))
	f.Right[at] = uint32(f.grow(random, depth-1))
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
