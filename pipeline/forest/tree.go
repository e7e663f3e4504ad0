package forest

// Tree is one tree as it was trained, for readers that are not on the hot path. A child c is Splits[c], or, where c is
// negative, Leaves[^c].
type Tree struct {
	Splits []Split // the root first; empty if the tree is a single leaf
	Leaves []Leaf
}

// Leaf is the answer to the rows that reach it.
type Leaf struct {
	Value float64 // the positive class's share of the training rows that reached it
	Cover float64 // the weight of those rows
}

// Split is an inner node: a row goes left if its float32 value is at most Threshold.
type Split struct {
	Feature     int
	Threshold   float64
	MissingLeft bool
	Left, Right int
	Value       float64 // the positive class's share of the training rows that reached it
	Cover       float64 // the weight of those rows
}

// Levels returns how many nodes the longest ways through all trees have together.
func (f *Forest) Levels() int {
	levels := 0
	for i := range f.trees {
		levels += int(f.trees[i].depth) + 1
	}
	return levels
}

// Tree returns a copy of the i-th tree.
func (f *Forest) Tree(i int) Tree {
	t := &f.trees[i]
	splits, leaves := int(t.count)/2, int(t.count)/2+1
	out := Tree{Splits: make([]Split, 0, splits), Leaves: make([]Leaf, 0, leaves)}
	index := make([]int, t.count+1) // per place: its child as Tree has it
	for place := 1; place < len(index); place++ {
		value, cover := f.values[int(t.values)+place], f.covers[int(t.values)+place]
		n := f.node(t, place)
		if n.isLeaf() {
			index[place] = ^len(out.Leaves)
			out.Leaves = append(out.Leaves, Leaf{Value: value, Cover: cover})
			continue
		}
		index[place] = len(out.Splits)
		s := f.slots[n.slot/half]
		out.Splits = append(out.Splits, Split{
			Feature: int(s.feature), Threshold: f.thresholds[int(t.splits)+len(out.Splits)],
			MissingLeft: s.missing == leastKey, Left: int(2 * n.pair), Right: int(2*n.pair + 1),
			Value: value, Cover: cover,
		})
	}
	for n := range out.Splits {
		s := &out.Splits[n]
		s.Left, s.Right = index[s.Left], index[s.Right]
	}
	return out
}
