package forest

import (
	"testing"

	"scored/pipeline/forest/foresttest"
)

func TestLevels(t *testing.T) {
	chain := caterpillar(3, 40, func(level int) bool { return level%2 == 0 })
	leaf := foresttest.New(2)
	leaf.Grow()
	leaf.AddLeaf(0.5)
	for _, tt := range []struct {
		name string
		file *foresttest.File
		want int
	}{
		{"a leaf", leaf, 1},
		{"one leaf per level", chain, 41},
		{"all leaves on one level", complete(3, 5), 6},
		{"several trees", small(), levelsOf(small())},
		{"many trees", foresttest.Random(7, 4, 30, 9), levelsOf(foresttest.Random(7, 4, 30, 9))},
	} {
		for layout, limits := range layouts {
			if got := readAs(t, tt.file, limits).Levels(); got != tt.want {
				t.Errorf("%s, %s: got %d, want %d", tt.name, layout, got, tt.want)
			}
		}
	}
}

// levelsOf walks the file from its last node to its first: children come after their parent.
func levelsOf(f *foresttest.File) int {
	sum, first := 0, 0
	for _, count := range f.PerTree {
		below := make([]int, count)
		for at := int(count) - 1; at >= 0; at-- {
			below[at] = 1
			if f.Feature[first+at] >= 0 {
				below[at] += max(below[f.Left[first+at]], below[f.Right[first+at]])
			}
		}
		sum += below[0]
		first += int(count)
	}
	return sum
}
