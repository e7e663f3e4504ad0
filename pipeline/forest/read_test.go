package forest

import (
	"bytes"
	"math"
	"runtime"
	"strings"
	"testing"

	"scored/pipeline/forest/foresttest"
)

// small is a split over two leaves, then a single leaf, then three levels.
func small() *foresttest.File {
	f := foresttest.New(3)
	f.Grow()
	f.AddSplit(0, 0.5, true, 1, 2)
	f.AddLeaf(0.25)
	f.AddLeaf(0.75)
	f.Grow()
	f.AddLeaf(0.125)
	f.Grow()
	f.AddSplit(2, -1, false, 1, 4)
	f.AddSplit(1, math.Inf(1), false, 2, 3)
	f.AddLeaf(0)
	f.AddLeaf(1)
	f.AddLeaf(0.5)
	f.Settle()
	return f
}

func read(data []byte) (*Forest, error) { return Read(bytes.NewReader(data), int64(len(data))) }

func TestReadTellsItsSize(t *testing.T) {
	f, err := read(small().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if f.Features() != 3 || f.Trees() != 3 || f.Nodes() != 9 {
		t.Errorf("got %d features, %d trees, %d nodes", f.Features(), f.Trees(), f.Nodes())
	}
}

func TestReadRefuses(t *testing.T) {
	tests := []struct {
		name  string
		wrong func(f *foresttest.File)
		want  string
	}{
		{"another magic", func(f *foresttest.File) { f.Magic = "SCFORESU" }, "does not begin with SCFOREST"},
		{"another format", func(f *foresttest.File) { f.Format = 1 }, "has format 1, and only format 2 is known"},
		{"no feature", func(f *foresttest.File) { f.Features = 0 }, "has 0 features, outside 1 to 65536"},
		{"too many features", func(f *foresttest.File) { f.Features = 65537 }, "has 65537 features"},
		{"no tree", func(f *foresttest.File) { f.Trees = 0 }, "has 0 trees"},
		{"too many trees", func(f *foresttest.File) { f.Trees = math.MaxUint32 }, "has 4294967295 trees"},
		{"no node", func(f *foresttest.File) { f.Nodes = 0 }, "has 0 nodes"},
		{"too many nodes", func(f *foresttest.File) { f.Nodes = math.MaxUint32 }, "has 4294967295 nodes"},
		{"more nodes than bytes", func(f *foresttest.File) { f.Nodes = 1 << 25 }, "3 trees with 33554432 nodes take"},
		{"fewer nodes than bytes", func(f *foresttest.File) { f.Nodes-- }, "3 trees with 8 nodes take"},
		{"an empty tree", func(f *foresttest.File) { f.PerTree[1], f.PerTree[2] = 0, 6 }, "tree 1 has no nodes"},
		{"a tree too large", func(f *foresttest.File) { f.PerTree[1] = 2 }, "have 10 nodes together, not 9"},
		{"tree sizes that wrap", func(f *foresttest.File) { f.PerTree[0], f.PerTree[1] = 1<<31, 1<<31+4 },
			"nodes together, not 9"},
		{"a feature too large", func(f *foresttest.File) { f.Feature[5] = 3 }, "tree 2, node 1: feature 3 is not one of 3"},
		{"a feature too small", func(f *foresttest.File) { f.Feature[0] = -2 }, "tree 0, node 0: feature -2 is not one of 3"},
		{"a threshold NaN", func(f *foresttest.File) { f.Threshold[5] = math.NaN() },
			"tree 2, node 1: the threshold is not a number above"},
		{"a threshold minus infinity", func(f *foresttest.File) { f.Threshold[4] = math.Inf(-1) },
			"tree 2, node 0: the threshold is not a number above"},
		{"a leaf with threshold", func(f *foresttest.File) { f.Threshold[3] = 1 }, "tree 1, node 0: a leaf has a threshold"},
		{"a leaf with left child", func(f *foresttest.File) { f.Left[1] = 2 }, "tree 0, node 1: a leaf has a left child"},
		{"a leaf with right child", func(f *foresttest.File) { f.Right[3] = 1 }, "tree 1, node 0: a leaf has a right child"},
		{"a child outside its tree", func(f *foresttest.File) { f.Right[0] = 3 },
			"tree 0, node 0: the right child 3 is not one of the tree's 3 nodes"},
		{"a child far outside", func(f *foresttest.File) { f.Left[0] = math.MaxUint32 },
			"the left child 4294967295 is not one of"},
		{"a node as its own child", func(f *foresttest.File) { f.Left[0] = 0 },
			"the left child 0 does not come after its parent"},
		{"a cycle", func(f *foresttest.File) { f.Left[5] = 1 }, "tree 2, node 1: the left child 1 does not come after"},
		{"a child before its parent", func(f *foresttest.File) { f.Right[5] = 0 },
			"tree 2, node 1: the right child 0 does not come after"},
		{"one child twice", func(f *foresttest.File) { f.Right[0] = 1 },
			"tree 0, node 0: the right child 1 has another parent already"},
		{"two parents", func(f *foresttest.File) { f.Right[4] = 3 },
			"tree 2, node 1: the right child 3 has another parent already"},
		{"an unreachable node", func(f *foresttest.File) {
			f.Feature[4], f.Threshold[4], f.Left[4], f.Right[4] = -1, 0, 0, 0
		},
			"tree 2, node 1: no node leads here"},
		{"a missing-left flag of 2", func(f *foresttest.File) { f.MissingLeft[4] = 2 }, "tree 2, node 0: missing left is 2"},
		{"a split above 1", func(f *foresttest.File) { f.Value[0] = 1.5 },
			"tree 0, node 0: the value is outside 0 to 1"},
		{"a leaf above 1", func(f *foresttest.File) { f.Value[8] = math.Nextafter(1, 2) },
			"tree 2, node 4: the value is outside 0 to 1"},
		{"a leaf below 0", func(f *foresttest.File) { f.Value[1] = -1e-9 },
			"tree 0, node 1: the value is outside 0 to 1"},
		{"a leaf NaN", func(f *foresttest.File) { f.Value[2] = math.NaN() },
			"tree 0, node 2: the value is outside 0 to 1"},
		{"a cover below 0", func(f *foresttest.File) { f.Cover[4] = -1 },
			"tree 2, node 0: the cover is not a finite number from 0"},
		{"a cover NaN", func(f *foresttest.File) { f.Cover[3] = math.NaN() },
			"tree 1, node 0: the cover is not a finite number from 0"},
		{"an infinite cover", func(f *foresttest.File) { f.Cover[8] = math.Inf(1) },
			"tree 2, node 4: the cover is not a finite number from 0"},
		{"another end marker", func(f *foresttest.File) { f.End = "SCFOREN?" }, "does not end with SCFOREND"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := small()
			tt.wrong(f)
			wantError(t, f.Bytes(), tt.want)
		})
	}
}

func wantError(t *testing.T, data []byte, want string) {
	t.Helper()
	_, err := read(data)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("got error %v, want %q", err, want)
	}
}

func TestReadRefusesEveryTruncation(t *testing.T) {
	data := small().Bytes()
	for n := range len(data) {
		if _, err := read(data[:n]); err == nil {
			t.Fatalf("the first %d bytes were accepted", n)
		}
		_, err := Read(bytes.NewReader(data[:n]), int64(len(data)))
		if err == nil || !strings.Contains(err.Error(), "ends before its") {
			t.Fatalf("a reader that ends after %d bytes gave %v", n, err)
		}
	}
}

func TestReadRefusesWhatFollows(t *testing.T) {
	data := append(small().Bytes(), 0)
	wantError(t, data, "3 trees with 9 nodes take")
	_, err := Read(bytes.NewReader(data), int64(len(data)-1))
	if err == nil || !strings.Contains(err.Error(), "goes on after SCFOREND") {
		t.Fatalf("got error %v", err)
	}
}

func TestReadAllocatesNoMoreThanTheFileVouchesFor(t *testing.T) {
	f := small()
	f.Trees, f.Nodes = MaxTrees, MaxNodes
	data := f.Bytes()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := read(data); err == nil {
		t.Fatal("accepted")
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
		t.Errorf("allocated %d bytes for a file of %d", got, len(data))
	}
}
