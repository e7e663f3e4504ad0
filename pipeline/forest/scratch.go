package forest

import "sync"

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
