package forest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
)

// Limits of what [Read] accepts. They bound memory; trained forests stay far below.
const (
	MaxFeatures = 1 << 16
	MaxTrees    = 1 << 16
	MaxNodes    = 1 << 26
)

// The frame of forest.bin, format 2: see docs/bundle.md.
const (
	magic     = "SCFOREST"
	endMarker = "SCFOREND"
	format    = 2

	headerBytes  = 8 + 4*4
	bytesPerNode = 4 + 8 + 4 + 4 + 1 + 8 + 8
)

// MaxBytes is the size of the largest file that [Read] accepts.
const MaxBytes int64 = headerBytes + 4*MaxTrees + bytesPerNode*MaxNodes + int64(len(endMarker))

// Read reads a forest.bin of size bytes and validates it: bounds on every index, children after their parent, each node
// reached exactly once, no threshold NaN, values in [0,1], covers finite and not negative, and nothing after the end
// marker. It allocates nothing that size does not vouch for. Errors name the tree and the node.
func Read(r io.Reader, size int64) (*Forest, error) { return readWithin(r, size, narrowLimits()) }

// readWithin gives the general layout to trees beyond the limits.
func readWithin(r io.Reader, size int64, limits limits) (*Forest, error) {
	p := &parser{in: input{r: bufio.NewReaderSize(r, int(min(max(size, 0), 1<<16)))}, forest: &Forest{}, limits: limits}
	err := p.parse(size)
	if p.in.err != nil {
		// What the parser made of the zeros after a failed read is no finding.
		err = p.in.err
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("ends before its %d bytes", size)
		}
	}
	if err != nil {
		return nil, err
	}
	return p.forest, nil
}

// parser goes through the file's sections, which hold one property of all nodes each. The structure is held until the
// forest is compiled; values and covers are read into the compiled order.
type parser struct {
	in     input
	limits limits
	forest *Forest

	counts      []int // nodes per tree
	feature     []int32
	threshold   []float64
	left, right []uint32
	missingLeft []bool
	parent      []bool  // per node: whether a parent has been seen
	place       []int32 // per node: its index in the forest's values
}

func (p *parser) parse(size int64) error {
	if err := p.header(size); err != nil {
		return err
	}
	for _, section := range []func() error{
		p.features, p.thresholds, p.leftChildren, p.rightChildren, p.reached, p.missing, p.compile, p.values, p.covers, p.end,
	} {
		if err := section(); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) header(size int64) error {
	if got := p.in.text(len(magic)); got != magic {
		return fmt.Errorf("does not begin with %s", magic)
	}
	if got := p.in.uint32(); got != format {
		return fmt.Errorf("has format %d, and only format %d is known", got, format)
	}
	features, trees, nodes := p.in.uint32(), p.in.uint32(), p.in.uint32()
	for _, limit := range []struct {
		what     string
		got, max uint32
	}{{"features", features, MaxFeatures}, {"trees", trees, MaxTrees}, {"nodes", nodes, MaxNodes}} {
		if limit.got < 1 || limit.got > limit.max {
			return fmt.Errorf("has %d %s, outside 1 to %d", limit.got, limit.what, limit.max)
		}
	}
	if want := headerBytes + 4*int64(trees) + bytesPerNode*int64(nodes) + int64(len(endMarker)); size != want {
		return fmt.Errorf("has %d bytes; %d trees with %d nodes take %d", size, trees, nodes, want)
	}
	p.forest.features = int(features)
	p.counts = make([]int, trees)
	total := 0
	for t := range p.counts {
		p.counts[t] = int(p.in.uint32())
		if p.counts[t] < 1 {
			return fmt.Errorf("tree %d has no nodes", t)
		}
		total += p.counts[t]
	}
	if total != int(nodes) {
		return fmt.Errorf("its trees have %d nodes together, not %d", total, nodes)
	}
	p.allocate(total)
	return nil
}

func (p *parser) allocate(nodes int) {
	p.feature = make([]int32, nodes)
	p.threshold = make([]float64, nodes)
	p.left, p.right = make([]uint32, nodes), make([]uint32, nodes)
	p.missingLeft, p.parent = make([]bool, nodes), make([]bool, nodes)
}

// each calls visit for every node of every tree, in the file's order. An error gets the node's name.
func (p *parser) each(visit func(n node) error) error {
	first := 0
	for t, count := range p.counts {
		for i := range count {
			if err := visit(node{index: first + i, first: first, count: count}); err != nil {
				return fmt.Errorf("tree %d, node %d: %w", t, i, err)
			}
		}
		if p.in.err != nil {
			return p.in.err
		}
		first += count
	}
	return nil
}

// node is a node's index in the file and the extent of its tree.
type node struct{ index, first, count int }

func (p *parser) leaf(n node) bool { return p.feature[n.index] < 0 }

func (p *parser) features() error {
	return p.each(func(n node) error {
		feature := int32(p.in.uint32())
		if feature < -1 || int(feature) >= p.forest.features {
			return fmt.Errorf("feature %d is not one of %d", feature, p.forest.features)
		}
		p.feature[n.index] = feature
		return nil
	})
}

func (p *parser) thresholds() error {
	return p.each(func(n node) error {
		t := p.in.float64()
		switch {
		case p.leaf(n) && t != 0:
			return errors.New("a leaf has a threshold")
		case math.IsNaN(t) || math.IsInf(t, -1):
			// Plus infinity is trained: every number goes left there, and only missing values go right.
			return errors.New("the threshold is not a number above minus infinity")
		}
		p.threshold[n.index] = t
		return nil
	})
}

func (p *parser) leftChildren() error  { return p.children("left", p.left) }
func (p *parser) rightChildren() error { return p.children("right", p.right) }

// children reads one child of every node. As a child comes after its parent and has only one, there is no cycle.
func (p *parser) children(side string, children []uint32) error {
	return p.each(func(n node) error {
		child := int(p.in.uint32())
		if p.leaf(n) {
			if child != 0 {
				return fmt.Errorf("a leaf has a %s child", side)
			}
			return nil
		}
		if child >= n.count {
			return fmt.Errorf("the %s child %d is not one of the tree's %d nodes", side, child, n.count)
		}
		if n.first+child <= n.index {
			return fmt.Errorf("the %s child %d does not come after its parent", side, child)
		}
		if p.parent[n.first+child] {
			return fmt.Errorf("the %s child %d has another parent already", side, child)
		}
		p.parent[n.first+child] = true
		children[n.index] = uint32(child)
		return nil
	})
}

func (p *parser) reached() error {
	return p.each(func(n node) error {
		if n.index != n.first && !p.parent[n.index] {
			return errors.New("no node leads here")
		}
		return nil
	})
}

func (p *parser) missing() error {
	return p.each(func(n node) error {
		flag := p.in.byte()
		if flag > 1 {
			return fmt.Errorf("missing left is %d, neither 0 nor 1", flag)
		}
		p.missingLeft[n.index] = flag == 1
		return nil
	})
}

// compile lays the trees out, and lets go of what the file said of them.
func (p *parser) compile() error {
	c := newCompiler(p.forest, p.limits, len(p.feature), p.counts)
	p.place = make([]int32, len(p.feature))
	first := 0
	for _, count := range p.counts {
		end := first + count
		c.add(trained{
			feature: p.feature[first:end], threshold: p.threshold[first:end],
			left: p.left[first:end], right: p.right[first:end], missingLeft: p.missingLeft[first:end],
		}, p.place[first:end])
		first = end
	}
	p.forest.asked = c.asked()
	p.feature, p.threshold, p.left, p.right, p.missingLeft, p.parent = nil, nil, nil, nil, nil, nil
	return nil
}

func (p *parser) values() error {
	err := p.each(func(n node) error {
		v := p.in.float64()
		if !(v >= 0 && v <= 1) {
			return errors.New("the value is outside 0 to 1")
		}
		p.forest.values[p.place[n.index]] = v
		return nil
	})
	if err == nil {
		p.forest.fillLeaves()
	}
	return err
}

func (p *parser) covers() error {
	err := p.each(func(n node) error {
		c := p.in.float64()
		if !(c >= 0 && c <= math.MaxFloat64) {
			return errors.New("the cover is not a finite number from 0")
		}
		p.forest.covers[p.place[n.index]] = c
		return nil
	})
	if err == nil {
		p.forest.plan()
	}
	return err
}

func (p *parser) end() error {
	if got := p.in.text(len(endMarker)); got != endMarker {
		return fmt.Errorf("does not end with %s", endMarker)
	}
	return p.in.atEnd()
}
