package forest

// Tree is one tree as it was trained, for readers that are not on the hot path. A child c is Splits[c], or, where c is
// negative, Leaves[^c].
type Tree struct {
	Splits []Split   // the root first; empty if the tree is a single leaf
	Leaves []float64 // the positive class's probability
}

// Split is an inner node: a row goes left if its float32 value is at most Threshold.
type Split struct {
	Feature     int
	Threshold   float64
	MissingLeft bool
	Left, Right int
}

// Tree returns a copy of the i-th tree.
func (f *Forest) Tree(i int) Tree {
	begin, end := f.trees[i], tree{split: int32(len(f.splits)), leaf: int32(len(f.leaves))}
	if i+1 < len(f.trees) {
		end = f.trees[i+1]
	}
	local := func(child int32) int {
		if child < 0 {
			return int(child + begin.leaf)
		}
		return int(child - begin.split)
	}
	t := Tree{
		Splits: make([]Split, 0, end.split-begin.split),
		Leaves: append([]float64(nil), f.leaves[begin.leaf:end.leaf]...),
	}
	for n := begin.split; n < end.split; n++ {
		s := &f.splits[n]
		t.Splits = append(t.Splits, Split{
			Feature: int(s.feature), Threshold: f.thresholds[n], MissingLeft: s.missingLeft,
			Left: local(s.left), Right: local(s.right),
		})
	}
	return t
}
