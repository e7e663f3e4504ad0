package forest

// Contribute writes, per row of x, what each feature contributed to the row's prediction into out, row-major, rows x
// Features(). At each split on a row's way down, the change from the node's value to the child's counts for the split's
// feature (path contributions, after Saabas). Bias() and a row's contributions together are its prediction, up to
// rounding. It panics if x or out is too short, and allocates nothing.
func (f *Forest) Contribute(x []float32, rows int, out []float64) {
	x, out = x[:rows*f.features:len(x)], out[:rows*f.features:len(out)]
	block := blockOf(len(f.slots), contributeRows)
	room := groupsOf(min(rows, block)) * groupRows
	keys := room * len(f.slots)
	s := f.idle.take()
	defer f.idle.give(s)
	s.fit(room, keys, keys)
	for start := 0; start < rows; start += block {
		end := min(start+block, rows)
		f.contributeBlock(s, x[start*f.features:end*f.features], end-start, out[start*f.features:end*f.features])
	}
}

func (f *Forest) contributeBlock(s *scratch, x []float32, rows int, out []float64) {
	width := groupRows * len(f.slots)
	size := groupsOf(rows) * width
	keys, sums := s.keys[:size], s.sums[:size]
	f.fillKeys(x, rows, keys)
	clear(sums)
	for i := range f.trees {
		t := &f.trees[i]
		values := f.values[t.values:][:t.count+1]
		for row := 0; row < rows; row += half {
			group, from := keys[row/groupRows*width:][:width], row%groupRows
			to := sums[row*len(f.slots):][:width/2]
			if t.isWide {
				contributeWide(f.wideNodes(t), values, group, from, to)
			} else {
				contributeNarrow(f.narrowNodes(t), values, group, from, to)
			}
		}
	}
	f.fold(sums, rows, out)
}

// fold makes features' means over the trees of slots' sums.
func (f *Forest) fold(sums []float64, rows int, out []float64) {
	clear(out)
	trees := float64(len(f.trees))
	for row := range rows {
		from := sums[row/half*half*len(f.slots)+row%half:]
		to := out[row*f.features : (row+1)*f.features]
		for _, a := range f.asked {
			to[a.feature] = from[a.slot*half]
			if a.twin > 0 {
				to[a.feature] += from[a.twin*half]
			}
		}
		for feature := range to {
			to[feature] /= trees
		}
	}
}
