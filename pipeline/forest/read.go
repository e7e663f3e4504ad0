package forest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
)

// The frame of forest.bin, format 1: see docs/bundle.md.
const (
	magic     = "SCFOREST"
	endMarker = "SCFOREND"
	format    = 1

	headerBytes  = 8 + 4*4
	bytesPerNode = 4 + 8 + 4 + 4 + 1 + 8
)

// Read reads a forest.bin of size bytes and validates it: bounds on every index, children after their parent, each node
// reached exactly once, no threshold NaN, leaves in [0,1], and nothing after the end marker. It allocates nothing that
// size does not vouch for. Errors name the tree and the node.
func Read(r io.Reader, size int64) (*Forest, error) {
	p := &parser{in: input{r: bufio.NewReaderSize(r, 1<<16)}}
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
	forest := p.forest // A pointer into p would keep the parser's memory.
	return &forest, nil
}

// parser goes through the file's sections, which hold one property of all nodes each.
type parser struct {
	in     input
	forest Forest
	counts []int   // nodes per tree
	place  []int32 // per node: its split, or ^ its leaf
	parent []bool  // per node: whether a parent has been seen
}

func (p *parser) parse(size int64) error {
	if err := p.header(size); err != nil {
		return err
	}
	for _, section := range []func() error{
		p.features, p.thresholds, p.left, p.right, p.reached, p.missingLeft, p.values, p.end,
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
	p.place = make([]int32, nodes)
	p.parent = make([]bool, nodes)
	p.forest.trees = make([]tree, 0, trees)
	if nodes >= trees { // A binary tree has one leaf more than it has splits.
		p.forest.splits = make([]split, 0, (nodes-trees)/2)
		p.forest.leaves = make([]float64, 0, (nodes+trees)/2)
	}
	return nil
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

// features tells splits from leaves and lays both out.
func (p *parser) features() error {
	f := &p.forest
	err := p.each(func(n node) error {
		if n.index == n.first {
			f.trees = append(f.trees, tree{split: int32(len(f.splits)), leaf: int32(len(f.leaves))})
		}
		feature := int32(p.in.uint32())
		switch {
		case feature == -1:
			p.place[n.index] = ^int32(len(f.leaves))
			f.leaves = append(f.leaves, 0)
		case feature >= 0 && int(feature) < f.features:
			p.place[n.index] = int32(len(f.splits))
			f.splits = append(f.splits, split{feature: uint16(feature)})
		default:
			return fmt.Errorf("feature %d is not one of %d", feature, f.features)
		}
		if n.index == n.first {
			f.trees[len(f.trees)-1].root = p.place[n.index]
		}
		return nil
	})
	f.thresholds = make([]float64, len(f.splits))
	return err
}

func (p *parser) thresholds() error {
	return p.each(func(n node) error {
		t := p.in.float64()
		at := p.place[n.index]
		switch {
		case at < 0 && t != 0:
			return errors.New("a leaf has a threshold")
		case at >= 0 && (math.IsNaN(t) || math.IsInf(t, -1)):
			// Plus infinity is trained: every number goes left there, and only missing values go right.
			return errors.New("the threshold is not a number above minus infinity")
		case at >= 0:
			p.forest.thresholds[at] = t
			p.forest.splits[at].threshold = floor32(t)
		}
		return nil
	})
}

func (p *parser) left() error {
	return p.children("left", func(s *split, child int32) { s.left = child })
}

func (p *parser) right() error {
	return p.children("right", func(s *split, child int32) { s.right = child })
}

// children reads one child of every node. As a child comes after its parent and has only one, there is no cycle.
func (p *parser) children(side string, set func(s *split, child int32)) error {
	return p.each(func(n node) error {
		child := int(p.in.uint32())
		at := p.place[n.index]
		if at < 0 {
			if child != 0 {
				return fmt.Errorf("a leaf has a %s child", side)
			}
			return nil
		}
		if child >= n.count {
			return fmt.Errorf("the %s child %d is not one of the tree's %d nodes", side, child, n.count)
		}
		child += n.first
		if child <= n.index {
			return fmt.Errorf("the %s child %d does not come after its parent", side, child-n.first)
		}
		if p.parent[child] {
			return fmt.Errorf("the %s child %d has another parent already", side, child-n.first)
		}
		p.parent[child] = true
		set(&p.forest.splits[at], p.place[child])
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

func (p *parser) missingLeft() error {
	return p.each(func(n node) error {
		flag := p.in.byte()
		if flag > 1 {
			return fmt.Errorf("missing left is %d, neither 0 nor 1", flag)
		}
		if at := p.place[n.index]; at >= 0 {
			p.forest.splits[at].missingLeft = flag == 1
		}
		return nil
	})
}

func (p *parser) values() error {
	return p.each(func(n node) error {
		v := p.in.float64()
		at := p.place[n.index]
		if at >= 0 {
			if v != 0 {
				return errors.New("a split has a value")
			}
			return nil
		}
		if !(v >= 0 && v <= 1) {
			return errors.New("the leaf's value is outside 0 to 1")
		}
		p.forest.leaves[^at] = v
		return nil
	})
}

func (p *parser) end() error {
	if got := p.in.text(len(endMarker)); got != endMarker {
		return fmt.Errorf("does not end with %s", endMarker)
	}
	return p.in.atEnd()
}
