package referee

import (
	"bytes"
	"fmt"
	"strconv"

	"scored/pipeline/forest"
)

// How a split treats a missing value, in LightGBM's decision_type: NaN is a missing value of its own (8), and goes left
// where bit 2 is set.
const (
	missingRight = 8
	missingLeft  = 8 | 2
)

// LightGBM writes a forest as a LightGBM v3 text model. Without an objective and with average_output, its answer is the
// mean of the leaves; a child that is negative is the leaf of its complement, as in [forest.Tree]. A tree that is a
// single leaf has no splits to list.
func LightGBM(f *forest.Forest) []byte {
	var b bytes.Buffer
	b.WriteString("tree\nversion=v3\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n")
	fmt.Fprintf(&b, "max_feature_idx=%d\naverage_output\n", f.Features()-1)
	// Readers take the number of trees from the number of sizes.
	writeList(&b, "tree_sizes", f.Trees(), func(int) string { return "0" })
	for i := range f.Trees() {
		writeTree(&b, i, f.Tree(i))
	}
	b.WriteString("\nend of trees\n")
	return b.Bytes()
}

func writeTree(b *bytes.Buffer, number int, t forest.Tree) {
	fmt.Fprintf(b, "\nTree=%d\nnum_leaves=%d\nnum_cat=0\n", number, len(t.Leaves))
	if splits := len(t.Splits); splits > 0 {
		writeList(b, "split_feature", splits, func(n int) string { return strconv.Itoa(t.Splits[n].Feature) })
		writeList(b, "threshold", splits, func(n int) string { return decimal(t.Splits[n].Threshold) })
		writeList(b, "decision_type", splits, func(n int) string {
			if t.Splits[n].MissingLeft {
				return strconv.Itoa(missingLeft)
			}
			return strconv.Itoa(missingRight)
		})
		writeList(b, "left_child", splits, func(n int) string { return strconv.Itoa(t.Splits[n].Left) })
		writeList(b, "right_child", splits, func(n int) string { return strconv.Itoa(t.Splits[n].Right) })
	}
	writeList(b, "leaf_value", len(t.Leaves), func(n int) string { return decimal(t.Leaves[n].Value) })
}

func writeList(b *bytes.Buffer, key string, n int, item func(int) string) {
	b.WriteString(key)
	separator := byte('=')
	for i := range n {
		b.WriteByte(separator)
		b.WriteString(item(i))
		separator = ' '
	}
	b.WriteByte('\n')
}

// decimal writes the shortest digits that read back as v.
func decimal(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
