package forest

import "unsafe"

// The walks of this file take rows through trees of the fast layout by unsafe pointers, without the checks of every index.
// They may be left out as a Forest comes from Read alone, is immutable, and was compiled so that whatever the keys are
//   - a walk that begins at the root stays inside its tree: every node's pair of places does;
//   - slots are the forest's, so that a key lies less than a group's width behind the group's first, and callers slice
//     the keys of whole groups;
//   - a walk ends, as children come after their parents, and only leaves lead to themselves.
//
// Eight walks at once hide each other's latency. They have a variable each, as the elements of an array would not stay in
// registers. Two steps a round are quicker than one.

// step returns the place that a row goes to from a place. Its keys begin lane bytes after keys. The compiler puts the body
// where step is called.
func step(nodes, keys unsafe.Pointer, place uint64, lane uintptr) uint64 {
	n := (*narrowNode)(unsafe.Add(nodes, place*8))
	link := n.link
	key := uint64(n.key)
	rowKey := uint64(*(*uint32)(unsafe.Add(keys, uintptr(uint16(link))*8+lane)))
	return uint64(link>>16)*2 + (key-rowKey)>>63
}

// walkHalf takes half a group's rows, whose keys begin at from, some steps from a tree's root, an even number, and
// returns their places.
func walkHalf(tree []narrowNode, groupKeys []uint32, from int, steps int32) (a, b, c, d, e, f, g, h uint64) {
	nodes, keys := unsafe.Pointer(unsafe.SliceData(tree)), unsafe.Pointer(&groupKeys[from])
	a, b, c, d, e, f, g, h = 1, 1, 1, 1, 1, 1, 1, 1
	for ; steps > 0; steps -= 2 {
		a = step(nodes, keys, a, 0)
		b = step(nodes, keys, b, 4)
		c = step(nodes, keys, c, 8)
		d = step(nodes, keys, d, 12)
		e = step(nodes, keys, e, 16)
		f = step(nodes, keys, f, 20)
		g = step(nodes, keys, g, 24)
		h = step(nodes, keys, h, 28)
		a = step(nodes, keys, a, 0)
		b = step(nodes, keys, b, 4)
		c = step(nodes, keys, c, 8)
		d = step(nodes, keys, d, 12)
		e = step(nodes, keys, e, 16)
		f = step(nodes, keys, f, 20)
		g = step(nodes, keys, g, 24)
		h = step(nodes, keys, h, 28)
	}
	return a, b, c, d, e, f, g, h
}

// walkOn takes eight rows of a block some steps further, an even number. Their keys begin at starts.
func walkOn(tree []narrowNode, keys []uint32, starts *[8]uint32, places *[8]uint32, steps int32) {
	nodes := unsafe.Pointer(unsafe.SliceData(tree))
	ya := unsafe.Pointer(&keys[starts[0]])
	yb := unsafe.Pointer(&keys[starts[1]])
	yc := unsafe.Pointer(&keys[starts[2]])
	yd := unsafe.Pointer(&keys[starts[3]])
	ye := unsafe.Pointer(&keys[starts[4]])
	yf := unsafe.Pointer(&keys[starts[5]])
	yg := unsafe.Pointer(&keys[starts[6]])
	yh := unsafe.Pointer(&keys[starts[7]])
	a, b, c, d := uint64(places[0]), uint64(places[1]), uint64(places[2]), uint64(places[3])
	e, f, g, h := uint64(places[4]), uint64(places[5]), uint64(places[6]), uint64(places[7])
	for ; steps > 0; steps -= 2 {
		a = step(nodes, ya, a, 0)
		b = step(nodes, yb, b, 0)
		c = step(nodes, yc, c, 0)
		d = step(nodes, yd, d, 0)
		e = step(nodes, ye, e, 0)
		f = step(nodes, yf, f, 0)
		g = step(nodes, yg, g, 0)
		h = step(nodes, yh, h, 0)
		a = step(nodes, ya, a, 0)
		b = step(nodes, yb, b, 0)
		c = step(nodes, yc, c, 0)
		d = step(nodes, yd, d, 0)
		e = step(nodes, ye, e, 0)
		f = step(nodes, yf, f, 0)
		g = step(nodes, yg, g, 0)
		h = step(nodes, yh, h, 0)
	}
	*places = [8]uint32{uint32(a), uint32(b), uint32(c), uint32(d), uint32(e), uint32(f), uint32(g), uint32(h)}
}

// contributeNarrow adds what a tree's splits contribute for half a group's rows, whose keys begin at from, to the sums of
// the splits' slots, until all rows are at a leaf. Leaves contribute 0, to slots that no feature has.
func contributeNarrow(tree []narrowNode, treeValues []float64, groupKeys []uint32, from int, halfSums []float64) {
	nodes, values := unsafe.Pointer(unsafe.SliceData(tree)), unsafe.Pointer(unsafe.SliceData(treeValues))
	keys, sums := unsafe.Pointer(&groupKeys[from]), unsafe.Pointer(unsafe.SliceData(halfSums))
	root := treeValues[1]
	va, vb, vc, vd, ve, vf, vg, vh := root, root, root, root, root, root, root, root
	var a, b, c, d, e, f, g, h uint64 = 1, 1, 1, 1, 1, 1, 1, 1
	for slots := uintptr(ownSlots * half); slots >= ownSlots*half; {
		slots = 0
		var slot uintptr
		slot = slotAt(nodes, a)
		slots |= slot
		a = step(nodes, keys, a, 0)
		va = add(sums, slot, 0, values, a, va)
		slot = slotAt(nodes, b)
		slots |= slot
		b = step(nodes, keys, b, 4)
		vb = add(sums, slot, 1, values, b, vb)
		slot = slotAt(nodes, c)
		slots |= slot
		c = step(nodes, keys, c, 8)
		vc = add(sums, slot, 2, values, c, vc)
		slot = slotAt(nodes, d)
		slots |= slot
		d = step(nodes, keys, d, 12)
		vd = add(sums, slot, 3, values, d, vd)
		slot = slotAt(nodes, e)
		slots |= slot
		e = step(nodes, keys, e, 16)
		ve = add(sums, slot, 4, values, e, ve)
		slot = slotAt(nodes, f)
		slots |= slot
		f = step(nodes, keys, f, 20)
		vf = add(sums, slot, 5, values, f, vf)
		slot = slotAt(nodes, g)
		slots |= slot
		g = step(nodes, keys, g, 24)
		vg = add(sums, slot, 6, values, g, vg)
		slot = slotAt(nodes, h)
		slots |= slot
		h = step(nodes, keys, h, 28)
		vh = add(sums, slot, 7, values, h, vh)
	}
}

// slotAt returns the slot of the node at a place, x half.
func slotAt(nodes unsafe.Pointer, place uint64) uintptr {
	return uintptr(uint16((*narrowNode)(unsafe.Add(nodes, place*8)).link))
}

// add adds the difference between the value at a place and the one before to a lane of a slot's sums, and returns it.
func add(sums unsafe.Pointer, slot, lane uintptr, values unsafe.Pointer, place uint64, before float64) float64 {
	value := *(*float64)(unsafe.Add(values, place*8))
	*(*float64)(unsafe.Add(sums, slot*8+lane*8)) += value - before
	return value
}

// walkTrees takes one row, the first of a group, some steps further, an even number, in eight trees whose places 0 are at
// from. The places are indices of narrow.
func walkTrees(narrow []narrowNode, from *[8]uint64, rowKeys []uint32, places *[8]uint64, steps int32) {
	nodes, keys := unsafe.Pointer(unsafe.SliceData(narrow)), unsafe.Pointer(unsafe.SliceData(rowKeys))
	a, b, c, d, e, f, g, h := places[0], places[1], places[2], places[3], places[4], places[5], places[6], places[7]
	for ; steps > 0; steps -= 2 {
		a = from[0] + step(nodes, keys, a, 0)
		b = from[1] + step(nodes, keys, b, 0)
		c = from[2] + step(nodes, keys, c, 0)
		d = from[3] + step(nodes, keys, d, 0)
		e = from[4] + step(nodes, keys, e, 0)
		f = from[5] + step(nodes, keys, f, 0)
		g = from[6] + step(nodes, keys, g, 0)
		h = from[7] + step(nodes, keys, h, 0)
		a = from[0] + step(nodes, keys, a, 0)
		b = from[1] + step(nodes, keys, b, 0)
		c = from[2] + step(nodes, keys, c, 0)
		d = from[3] + step(nodes, keys, d, 0)
		e = from[4] + step(nodes, keys, e, 0)
		f = from[5] + step(nodes, keys, f, 0)
		g = from[6] + step(nodes, keys, g, 0)
		h = from[7] + step(nodes, keys, h, 0)
	}
	*places = [8]uint64{a, b, c, d, e, f, g, h}
}
