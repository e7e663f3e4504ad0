package forest

import "math"

// trained is a tree as the file has it, after validation.
type trained struct {
	feature     []int32 // -1 for a leaf
	threshold   []float64
	left, right []uint32
	missingLeft []bool
}

// compiler lays validated trees out, one after the other. That every place it writes lies inside its tree, and every slot
// inside a row's keys, is what the walk in walk.go relies on.
type compiler struct {
	forest *Forest
	limits limits
	slots  map[slot]int
	queue  []uint32   // a tree's nodes, by place
	nodes  []wideNode // and what they compile to
}

func newCompiler(f *Forest, l limits, nodes int, counts []int) *compiler {
	f.trees = make([]tree, 0, len(counts))
	f.slots = make([]slot, ownSlots)
	f.values, f.covers = make([]float64, nodes+1), make([]float64, nodes+1)
	f.thresholds = make([]float64, 0, (nodes-len(counts))/2) // a binary tree has one leaf more than it has splits
	narrow, wide, largest := 0, 0, 0
	for _, count := range counts {
		if count <= l.nodes {
			narrow += count
		} else {
			wide += count
		}
		largest = max(largest, count)
	}
	f.narrow, f.wide = make([]narrowNode, 1, narrow+1), make([]wideNode, 1, wide+1)
	return &compiler{
		forest: f, limits: l, slots: map[slot]int{},
		queue: make([]uint32, 0, largest+1), nodes: make([]wideNode, 0, largest+1),
	}
}

// add lays a tree out and writes into places where values has each of its nodes.
func (c *compiler) add(in trained, places []int32) {
	f := c.forest
	before := 0 // the values before the tree's, less the one of place 0
	if n := len(f.trees); n > 0 {
		before = int(f.trees[n-1].values + f.trees[n-1].count)
	}
	t := tree{values: int32(before), splits: int32(len(f.thresholds)), count: int32(len(in.feature))}
	isWide := c.layOut(in)
	for place, node := range c.queue {
		if place > 0 {
			places[node] = int32(before + place)
		}
	}
	if t.isWide = isWide || len(in.feature) > c.limits.nodes; t.isWide {
		t.nodes = int32(len(f.wide) - 1)
		f.wide = append(f.wide, c.nodes[1:]...)
	} else {
		t.nodes = int32(len(f.narrow) - 1)
		for _, n := range c.nodes[1:] {
			f.narrow = append(f.narrow, narrowed(n))
		}
	}
	f.trees = append(f.trees, t)
}

// layOut compiles a tree into c.nodes, breadth first. It tells whether a slot is beyond the fast layout.
func (c *compiler) layOut(in trained) (beyond bool) {
	c.queue, c.nodes = append(c.queue[:0], 0, 0), append(c.nodes[:0], wideNode{})
	for place := 1; place < len(c.queue); place++ {
		at := c.queue[place]
		if in.feature[at] < 0 {
			c.nodes = append(c.nodes, leafAt(place))
			continue
		}
		slot := c.slot(in.feature[at], in.missingLeft[at])
		beyond = beyond || slot >= c.limits.slots
		c.nodes = append(c.nodes, wideNode{
			key: keyOf(floor32(in.threshold[at])), slot: uint32(slot * half), pair: uint32(len(c.queue) / 2),
		})
		c.queue = append(c.queue, in.left[at], in.right[at])
		c.forest.thresholds = append(c.forest.thresholds, in.threshold[at])
	}
	return beyond
}

// leafAt returns a leaf that leads to itself.
func leafAt(place int) wideNode {
	return wideNode{slot: uint32(place%2) * half, pair: uint32(place / 2)}
}

func (n wideNode) isLeaf() bool { return n.slot < ownSlots*half }

// slot returns the slot of a feature for splits that send missing values left, or right.
func (c *compiler) slot(feature int32, missingLeft bool) int {
	s := slot{feature: feature, missing: greatestKey}
	if missingLeft {
		s.missing = leastKey
	}
	at, known := c.slots[s]
	if !known {
		at = len(c.forest.slots)
		c.slots[s] = at
		c.forest.slots = append(c.forest.slots, s)
	}
	return at
}

// asked lists the features that have slots, in the order of their first.
func (c *compiler) asked() []asked {
	var list []asked
	for i, s := range c.forest.slots[ownSlots:] {
		at := i + ownSlots
		twin := c.slots[slot{feature: s.feature, missing: ^s.missing}]
		if twin == 0 || at < twin {
			list = append(list, asked{feature: s.feature, slot: int32(at), twin: int32(twin), missing: s.missing})
		}
	}
	return list
}

// fillLeaves gives each tree the table of its leaves' distinct values, once these are known.
func (f *Forest) fillLeaves() {
	index, total := map[uint64]uint32{}, 0
	for i := range f.trees {
		t := &f.trees[i]
		t.leaves = int32(total)
		if len(index) > 8*int(t.count) { // clearing takes as long as what a large tree left is large
			index = map[uint64]uint32{}
		}
		clear(index)
		f.eachLeaf(t, func(place int, _ wideNode) {
			v := math.Float64bits(f.values[int(t.values)+place])
			at, known := index[v]
			if !known {
				at = uint32(len(index))
				index[v] = at
			}
			f.setKey(t, place, at)
		})
		total += len(index)
	}
	f.leaves = make([]float64, total)
	for i := range f.trees {
		t := &f.trees[i]
		f.eachLeaf(t, func(place int, n wideNode) {
			f.leaves[uint32(t.leaves)+n.key] = f.values[int(t.values)+place]
		})
	}
}

func (f *Forest) eachLeaf(t *tree, visit func(place int, n wideNode)) {
	for place := 1; place <= int(t.count); place++ {
		if n := f.node(t, place); n.isLeaf() {
			visit(place, n)
		}
	}
}

func (f *Forest) setKey(t *tree, place int, key uint32) {
	if t.isWide {
		f.wide[int(t.nodes)+place].key = key
	} else {
		f.narrow[int(t.nodes)+place].key = key
	}
}
