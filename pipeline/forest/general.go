package forest

// The walks of this file take rows through trees of the general layout, with every index checked.

// addWide adds a tree's answers to the sums of a block's rows, in the general layout.
func (f *Forest) addWide(s *scratch, t *tree, rows, width int) {
	nodes, leaves := f.wideNodes(t), f.leaves[t.leaves:]
	for row := 0; row < rows; row += half {
		places := leafPlaces(nodes, s.keys[row/groupRows*width:][:width], row%groupRows)
		for lane, place := range places {
			s.sums[row+lane] += leaves[nodes[place].key]
		}
	}
}

// leafPlaces takes half a group's rows, whose keys begin at from, through a tree at once, until all are at a leaf.
func leafPlaces(nodes []wideNode, keys []uint32, from int) (places [half]uint32) {
	for lane := range places {
		places[lane] = 1
	}
	for slots := uint32(ownSlots * half); slots >= ownSlots*half; {
		slots = 0
		for lane := range places {
			n := &nodes[places[lane]]
			slots |= n.slot
			places[lane] = n.next(keys[2*int(n.slot)+from+lane])
		}
	}
	return places
}

// leafOf returns the place of the leaf of a row, the first of the keys.
func leafOf(nodes []wideNode, keys []uint32) uint32 {
	place := uint32(1)
	for n := &nodes[place]; !n.isLeaf(); n = &nodes[place] {
		place = n.next(keys[2*n.slot])
	}
	return place
}

// next returns the place that a row with a key goes to.
func (n *wideNode) next(key uint32) uint32 {
	return 2*n.pair + uint32((uint64(n.key)-uint64(key))>>63)
}

// contributeWide adds what a tree's splits contribute for half a group's rows, whose keys begin at from, to the sums of
// the splits' slots.
func contributeWide(nodes []wideNode, values []float64, keys []uint32, from int, sums []float64) {
	for lane := range half {
		place := uint32(1)
		for n := &nodes[place]; !n.isLeaf(); n = &nodes[place] {
			next := n.next(keys[2*int(n.slot)+from+lane])
			sums[int(n.slot)+lane] += values[next] - values[place]
			place = next
		}
	}
}
