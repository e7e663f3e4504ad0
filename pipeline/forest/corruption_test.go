package forest

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"regexp"
	"runtime"
	"testing"

	"scored/pipeline/forest/foresttest"
)

// decode returns the fields of a file that Read accepts.
func decode(data []byte) *foresttest.File {
	field := func(n int) []byte {
		out := data[:n]
		data = data[n:]
		return out
	}
	number := func() uint32 { return binary.LittleEndian.Uint32(field(4)) }
	f := &foresttest.File{Magic: string(field(8)), Format: number(), Features: number(), Trees: number(), Nodes: number()}
	n := int(f.Nodes)
	f.PerTree, f.Feature, f.Threshold = make([]uint32, f.Trees), make([]int32, n), make([]float64, n)
	f.Left, f.Right, f.MissingLeft = make([]uint32, n), make([]uint32, n), make([]uint8, n)
	f.Value, f.Cover = make([]float64, n), make([]float64, n)
	for _, into := range []any{f.PerTree, f.Feature, f.Threshold, f.Left, f.Right, f.MissingLeft, f.Value, f.Cover} {
		if _, err := binary.Decode(field(binary.Size(into)), binary.LittleEndian, into); err != nil {
			panic(err)
		}
	}
	f.End = string(field(8))
	return f
}

// wantTheFile holds that forests read from data in every layout answer as the reference does, and hold what it says.
func wantTheFile(t testing.TB, data []byte) {
	t.Helper()
	file := decode(data)
	for _, limits := range layouts {
		forest, err := readWithin(bytes.NewReader(data), int64(len(data)), limits)
		if err != nil {
			t.Fatal(err)
		}
		wantReference(t, file, forest, hostile(file, 3, 6), 6)
		wantTrees(t, file, forest)
	}
}

// wantTrees holds that Tree gives every node's properties back, from the root down.
func wantTrees(t testing.TB, file *foresttest.File, forest *Forest) {
	t.Helper()
	first := 0
	for i, count := range file.PerTree {
		tree := forest.Tree(i)
		var compare func(at, child int)
		compare = func(at, child int) {
			if child < 0 {
				if want := (Leaf{file.Value[at], file.Cover[at]}); file.Feature[at] >= 0 || tree.Leaves[^child] != want {
					t.Fatalf("tree %d, node %d: got %v, want %v", i, at-first, tree.Leaves[^child], want)
				}
				return
			}
			got := tree.Splits[child]
			want := Split{int(file.Feature[at]), file.Threshold[at], file.MissingLeft[at] == 1, got.Left, got.Right, file.Value[at], file.Cover[at]}
			if got != want {
				t.Fatalf("tree %d, node %d: got %v, want %v", i, at-first, got, want)
			}
			compare(first+int(file.Left[at]), got.Left)
			compare(first+int(file.Right[at]), got.Right)
		}
		root := 0
		if len(tree.Splits) == 0 {
			root = -1
		}
		compare(first, root)
		if len(tree.Splits)+len(tree.Leaves) != int(count) {
			t.Fatalf("tree %d: %d splits, %d leaves, want %d nodes", i, len(tree.Splits), len(tree.Leaves), count)
		}
		first += int(count)
	}
}

// corrupt changes a file by flipped bits, random bytes, a copied stretch or a cut.
func corrupt(random *rand.Rand, data []byte) []byte {
	data = bytes.Clone(data)
	at := random.IntN(len(data))
	switch random.IntN(5) {
	case 0:
		return data[:at]
	case 1:
		copy(data[at:], data[random.IntN(len(data)):])
	case 2:
		for i := at; i < min(at+8, len(data)); i++ {
			data[i] = byte(random.Uint32())
		}
	default:
		for range 1 + random.IntN(3) {
			data[random.IntN(len(data))] ^= 1 << random.IntN(8)
		}
	}
	return data
}

func TestCorruptedFilesAreRefusedWithThePlaceOrReadAsTheyAre(t *testing.T) {
	place := regexp.MustCompile(`^(tree \d+, node \d+: |tree \d+ has no nodes|its trees have \d+ nodes|has (format )?\d+|does not begin|does not end|ends before)`)
	random := rand.New(rand.NewPCG(17, 17))
	valid := foresttest.Random(1, 4, 4, 3).Bytes()
	refused, accepted := 0, 0
	for range 4000 {
		data := corrupt(random, valid)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := read(data)
		runtime.ReadMemStats(&after)
		if got, most := after.TotalAlloc-before.TotalAlloc, uint64(1<<15+4*len(data)); got > most {
			t.Fatalf("allocated %d bytes for a file of %d", got, len(data))
		}
		if err == nil {
			accepted++
			wantTheFile(t, data)
			continue
		}
		refused++
		if !place.MatchString(err.Error()) {
			t.Fatalf("the error has no place: %v", err)
		}
	}
	if refused < 500 || accepted < 500 {
		t.Errorf("%d refused, %d accepted: too few of either to say something", refused, accepted)
	}
}

// TestMemoryIsInProportionToTheFile holds that reading allocates less than twice the file, and that the forest is smaller.
func TestMemoryIsInProportionToTheFile(t *testing.T) {
	data := foresttest.Random(3, 20, 300, 9).Bytes()
	var before, read, kept runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	forest, err := Read(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&read)
	runtime.GC()
	runtime.ReadMemStats(&kept)
	if got := float64(read.TotalAlloc-before.TotalAlloc) / float64(len(data)); got > 2 {
		t.Errorf("reading allocated %.2f times the file", got)
	}
	if got := float64(kept.HeapAlloc) - float64(before.HeapAlloc); got > float64(len(data)) {
		t.Errorf("the forest takes %.0f bytes, its file %d", got, len(data))
	}
	runtime.KeepAlive(forest)
}

// FuzzRead holds that whatever is accepted is read as it is in every layout: no panic, no endless walk.
func FuzzRead(f *testing.F) {
	f.Add(small().Bytes())
	valid := foresttest.Random(1, 4, 3, 3).Bytes()
	f.Add(valid)
	random := rand.New(rand.NewPCG(7, 7))
	for range 100 {
		f.Add(corrupt(random, valid))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := read(data); err == nil {
			wantTheFile(t, data)
		}
	})
}

// FuzzPredict holds that all layouts answer alike to any values.
func FuzzPredict(f *testing.F) {
	for _, v := range []float32{0, 0.5, float32(math.Inf(1)), float32(math.NaN()), math.SmallestNonzeroFloat32} {
		f.Add(uint64(1), uint8(5), uint8(4), v, -v, v/3)
	}
	f.Fuzz(func(t *testing.T, seed uint64, trees, depth uint8, a, b, c float32) {
		file := foresttest.Random(seed, 3, int(trees%20)+1, int(depth%8))
		withThresholds(file, 0.1, 0.7, numberOr0(a), 0.4, numberOr0(b))
		for _, limits := range layouts {
			wantReference(t, file, readAs(t, file, limits), []float32{a, b, c, b, c, a, 0.1, 0.7, 0.4, c, c, c, a, a, a}, 5)
		}
	})
}

// numberOr0 returns what may be a threshold.
func numberOr0(v float32) float64 {
	if v != v || math.IsInf(float64(v), -1) {
		return 0
	}
	return float64(v)
}
