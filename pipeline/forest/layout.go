package forest

import "math"

// Forest is a validated, immutable random forest. Any number of goroutines may use it.
type Forest struct {
	features int
	trees    []tree
	slots    []slot
	asked    []asked

	// Per node of all trees, in the order of their compilation; the first belongs to no tree.
	values []float64
	covers []float64

	thresholds []float64    // per split, as trained
	narrow     []narrowNode // the nodes of the trees in the fast layout
	wide       []wideNode   // and in the general one
	leaves     []float64    // per tree the distinct values of its leaves

	idle scratches
}

// tree says where a tree's nodes are. Its places are numbered from 1, the root, breadth first, so that siblings have the
// places 2 x pair and 2 x pair + 1. Place 0 is that of the tree before.
type tree struct {
	values int32 // the index of place 0 in values and covers
	nodes  int32 // and in narrow or wide
	splits int32 // where thresholds has the first split's
	leaves int32 // where leaves has the tree's
	count  int32
	depth  int32
	steps  int32 // how many steps all rows take at first, see plan; an even number
	isWide bool
}

// A slot is a column of keys: a feature, and the key that stands for its missing values. A feature whose splits send
// missing values both ways has two slots.
type slot struct {
	feature int32
	missing uint32
}

// asked is a feature that splits ask for, with its slot and the key of its missing values there. Its second slot, the twin,
// has the opposite one; 0 if there is none.
type asked struct {
	feature, slot, twin int32
	missing             uint32
}

// Rows walk a tree by halves of a group together. A group's keys of a slot fill a cache line.
const (
	half      = 8
	groupRows = 2 * half
)

// A leaf's slot is one of two that hold the same keys for every row, so that its child is the leaf itself: at even
// places the least key, that goes left, at odd places the greatest, that goes right.
const (
	evenLeaf = 0
	oddLeaf  = 1
	ownSlots = 2
)

// Keys order as the float32 that they stand for; -0 and 0 share a key. No number has the least or the greatest key.
const (
	leastKey    uint32 = 0
	greatestKey uint32 = math.MaxUint32
)

// keyOf returns a number's key.
func keyOf(v float32) uint32 {
	bits := math.Float32bits(v + 0) // -0 becomes 0
	return bits ^ (uint32(int32(bits)>>31) | 1<<31)
}

// wideNode is a node of the general layout. A row whose key in the slot is at most the node's key goes to the place
// 2 x pair, others to the next. A leaf's key is an index of the tree's leaves.
type wideNode struct {
	key  uint32
	slot uint32 // x half
	pair uint32
}

// narrowNode is a node of the fast layout, 8 bytes.
type narrowNode struct {
	link uint32 // 16 bits of pair, 16 bits of slot x half
	key  uint32
}

func narrowed(n wideNode) narrowNode { return narrowNode{link: n.pair<<16 | n.slot, key: n.key} }

// split returns 1 for a split, and 0 for a leaf.
func (n narrowNode) split() int { return int((ownSlots*half - 1 - n.link&math.MaxUint16) >> 31) }

func (n narrowNode) widened() wideNode {
	return wideNode{key: n.key, slot: n.link & math.MaxUint16, pair: n.link >> 16}
}

// limits say which trees fit in the fast layout.
type limits struct{ slots, nodes int }

func narrowLimits() limits {
	return limits{slots: (math.MaxUint16 + 1) / half, nodes: 2*math.MaxUint16 + 1}
}

// narrowNodes returns the nodes of a tree in the fast layout, by place.
func (f *Forest) narrowNodes(t *tree) []narrowNode { return f.narrow[t.nodes:][:t.count+1] }

// wideNodes returns the nodes of a tree in the general layout, by place.
func (f *Forest) wideNodes(t *tree) []wideNode { return f.wide[t.nodes:][:t.count+1] }

// node returns the node at a place of a tree.
func (f *Forest) node(t *tree, place int) wideNode {
	if t.isWide {
		return f.wide[int(t.nodes)+place]
	}
	return f.narrow[int(t.nodes)+place].widened()
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
