package forest

import (
	"sync"
)

// A block is what goes through one tree before the next, so that the tree stays in the first-level cache while the rows
// stream from the second. It has at most so many rows, and at most so many keys, but for a group.
const (
	predictRows    = 1024
	contributeRows = 512
	blockKeys      = 1 << 20
)

// blockOf returns the number of rows of a block: whole groups.
func blockOf(slots, rows int) int {
	return max(1, min(rows, blockKeys/slots)/groupRows) * groupRows
}

// groupsOf returns how many groups rows make, the last being filled up with lanes that belong to no row.
func groupsOf(rows int) int { return (rows + groupRows - 1) / groupRows }

// scratch is what one call works in.
type scratch struct {
	keys []uint32  // per group of rows, per slot, per row of the group
	sums []float64 // per row, or, for contributions, per key

	places []uint32 // per row, in the tree
	late   []uint32 // the rows that are not at a leaf
}

// scratches are those that no call works in. A call in steady state allocates none: there are as many as there were
// calls at once.
type scratches struct {
	mu   sync.Mutex
	idle []*scratch
}

func (s *scratches) take() *scratch {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.idle); n > 0 {
		last := s.idle[n-1]
		s.idle = s.idle[:n-1]
		return last
	}
	return &scratch{}
}

func (s *scratches) give(back *scratch) {
	s.mu.Lock()
	s.idle = append(s.idle, back)
	s.mu.Unlock()
}

func (s *scratch) fit(rows, keys, sums int) {
	if len(s.keys) < keys {
		s.keys = make([]uint32, keys)
	}
	if len(s.sums) < sums {
		s.sums = make([]float64, sums)
	}
	if len(s.places) < rows {
		s.places, s.late = make([]uint32, rows), make([]uint32, rows)
	}
}

// fillKeys writes the keys of rows. The last group's spare lanes keep what they hold: any key is as good.
func (f *Forest) fillKeys(x []float32, rows int, keys []uint32) {
	width := len(f.slots) * groupRows
	for start := 0; start < rows; start += groupRows {
		end := min(start+groupRows, rows)
		f.fillGroup(x[start*f.features:end*f.features], end-start, keys[start/groupRows*width:][:width])
	}
}

func (f *Forest) fillGroup(x []float32, rows int, keys []uint32) {
	for lane := range groupRows {
		keys[evenLeaf*groupRows+lane], keys[oddLeaf*groupRows+lane] = leastKey, greatestKey
	}
	for i, s := range f.slots[ownSlots:] {
		line := (*[groupRows]uint32)(keys[(i+ownSlots)*groupRows:])
		at := int(s.feature)
		for lane := range rows {
			v := x[at]
			key := keyOf(v)
			if v != v {
				key = s.missing
			}
			line[lane] = key
			at += f.features
		}
	}
}
