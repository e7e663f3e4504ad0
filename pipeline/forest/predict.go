package forest

// fewRows go through the trees one by one, eight trees at a time, where more go through one tree together.
const fewRows = 4

// Predict writes the positive class's probability of each row of x, a row-major matrix of rows x Features() where a
// missing value is NaN, into out. It panics if x or out is too short, and allocates nothing.
func (f *Forest) Predict(x []float32, rows int, out []float64) {
	x, out = x[:rows*f.features:len(x)], out[:rows:len(out)] // a capacity beyond the length is not the caller's to give
	block := blockOf(len(f.slots), predictRows)
	room := groupsOf(min(rows, block)) * groupRows
	s := f.idle.take()
	defer f.idle.give(s)
	s.fit(room, room*len(f.slots), room)
	if rows <= fewRows {
		f.predictFew(s, x, out)
		return
	}
	for start := 0; start < rows; start += block {
		end := min(start+block, rows)
		f.predictBlock(s, x[start*f.features:end*f.features], out[start:end])
	}
}

func (f *Forest) predictBlock(s *scratch, x []float32, out []float64) {
	width := groupRows * len(f.slots)
	rows := groupsOf(len(out)) * groupRows
	keys, sums := s.keys[:rows*len(f.slots)], s.sums[:rows]
	f.fillKeys(x, len(out), keys)
	clear(sums)
	rows = (len(out) + half - 1) / half * half
	for i := range f.trees {
		t := &f.trees[i]
		switch {
		case t.isWide:
			f.addWide(s, t, rows, width)
		case t.steps < t.depth:
			f.addDeep(s, t, rows, width)
		default:
			f.addNarrow(s, t, rows, width)
		}
	}
	trees := float64(len(f.trees))
	for row := range out {
		out[row] = sums[row] / trees
	}
}

func (f *Forest) predictFew(s *scratch, x []float32, out []float64) {
	for row := range out {
		keys := s.keys[:groupRows*len(f.slots)]
		f.fillKeys(x[row*f.features:(row+1)*f.features], 1, keys)
		sum := 0.0
		for i := 0; i < len(f.trees); i += 8 {
			trees := f.trees[i:min(i+8, len(f.trees))]
			for _, leaf := range f.leavesOf(trees, keys) {
				sum += leaf
			}
		}
		out[row] = sum / float64(len(f.trees))
	}
}

// leavesOf returns the answers of up to eight trees to one row, and 0 for the trees that are fewer.
func (f *Forest) leavesOf(trees []tree, keys []uint32) (answers [8]float64) {
	from, steps, narrow := [8]uint64{}, int32(0), 0
	for i := range trees {
		if t := &trees[i]; t.isWide {
			nodes := f.wideNodes(t)
			answers[i] = f.leaves[uint32(t.leaves)+nodes[leafOf(nodes, keys)].key]
		} else {
			from[narrow], steps = uint64(t.nodes), max(steps, t.steps)
			narrow++
		}
	}
	if narrow == 0 {
		return answers
	}
	for i := narrow; i < len(from); i++ {
		from[i] = from[0] // any tree will do
	}
	at := from
	for i := range at {
		at[i]++ // the root
	}
	walkTrees(f.narrow, &from, keys, &at, steps)
	for !allLeaves(f.narrow, &at) {
		walkTrees(f.narrow, &from, keys, &at, stepsOn)
	}
	narrow = 0
	for i := range trees {
		if t := &trees[i]; !t.isWide {
			answers[i] = f.leaves[uint64(t.leaves)+uint64(f.narrow[at[narrow]].key)]
			narrow++
		}
	}
	return answers
}

// addNarrow adds a tree's answers to the sums of a block's rows, in the fast layout: all rows take all steps.
func (f *Forest) addNarrow(s *scratch, t *tree, rows, width int) {
	nodes, leaves := f.narrowNodes(t), f.leaves[t.leaves:]
	for row := 0; row < rows; row += half {
		a, b, c, d, e, f, g, h := walkHalf(nodes, s.keys[row/groupRows*width:][:width], row%groupRows, t.steps)
		sums := (*[half]float64)(s.sums[row:])
		sums[0] += leaves[nodes[a].key]
		sums[1] += leaves[nodes[b].key]
		sums[2] += leaves[nodes[c].key]
		sums[3] += leaves[nodes[d].key]
		sums[4] += leaves[nodes[e].key]
		sums[5] += leaves[nodes[f].key]
		sums[6] += leaves[nodes[g].key]
		sums[7] += leaves[nodes[h].key]
	}
}

// addDeep does the same for a tree where few rows go as deep as the deepest: those that are late are walked on.
func (f *Forest) addDeep(s *scratch, t *tree, rows, width int) {
	nodes, keys, places, late := f.narrowNodes(t), s.keys, s.places[:rows], s.late[:rows]
	for row := 0; row < rows; row += half {
		a, b, c, d, e, f, g, h := walkHalf(nodes, keys[row/groupRows*width:][:width], row%groupRows, t.steps)
		*(*[half]uint32)(places[row:]) = [half]uint32{
			uint32(a), uint32(b), uint32(c), uint32(d), uint32(e), uint32(f), uint32(g), uint32(h),
		}
	}
	n := 0
	for row, place := range places {
		late[n] = uint32(row)
		n += nodes[place].split()
	}
	for n > 0 {
		n = walkLate(nodes, keys, width, places, late[:n])
	}
	leaves, sums := f.leaves[t.leaves:], s.sums[:rows]
	for row, place := range places {
		sums[row] += leaves[nodes[place].key]
	}
}

// walkLate takes the late rows stepsOn steps further and returns how many, moved to the front, are still late.
func walkLate(nodes []narrowNode, keys []uint32, width int, places, late []uint32) (still int) {
	for i := 0; i < len(late); i += 8 {
		var rows, starts, at [8]uint32
		for lane := range rows {
			row := late[min(i+lane, len(late)-1)]
			rows[lane], starts[lane], at[lane] = row, row/groupRows*uint32(width)+row%groupRows, places[row]
		}
		walkOn(nodes, keys, &starts, &at, stepsOn)
		for lane, row := range rows[:min(8, len(late)-i)] {
			places[row] = at[lane]
			late[still] = row
			still += nodes[at[lane]].split()
		}
	}
	return still
}

// allLeaves says whether nothing but leaves is at these places.
func allLeaves(nodes []narrowNode, at *[8]uint64) bool {
	splits := 0
	for _, place := range at {
		splits |= nodes[place].split()
	}
	return splits == 0
}
