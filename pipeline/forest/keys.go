package forest

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
	for _, a := range f.asked {
		line := (*[groupRows]uint32)(keys[a.slot*groupRows:])
		finite := fillLine(x[a.feature:], f.features, rows, line)
		if !finite {
			fillMissing(x[a.feature:], f.features, rows, line, a.missing)
		}
		if a.twin == 0 {
			continue
		}
		twin := (*[groupRows]uint32)(keys[a.twin*groupRows:])
		*twin = *line
		if !finite {
			fillMissing(x[a.feature:], f.features, rows, twin, ^a.missing)
		}
	}
}

// fillLine writes the keys of a feature, whose values are stride apart, four at a time. It says whether all of them are
// finite: a sum of products with 0 is 0 then, and NaN where one is missing or infinite.
func fillLine(x []float32, stride, rows int, line *[groupRows]uint32) (finite bool) {
	sum, lane, at := float32(0), 0, 0
	for ; lane <= min(rows, groupRows)-4; lane += 4 {
		a, b, c, d := x[at], x[at+stride], x[at+2*stride], x[at+3*stride]
		line[lane], line[lane+1], line[lane+2], line[lane+3] = keyOf(a), keyOf(b), keyOf(c), keyOf(d)
		sum += a*0 + b*0 + c*0 + d*0
		at += 4 * stride
	}
	for ; lane < rows; lane++ {
		line[lane] = keyOf(x[at])
		sum += x[at] * 0
		at += stride
	}
	return sum == 0
}

// fillMissing writes the key of missing values where they are.
func fillMissing(x []float32, stride, rows int, line *[groupRows]uint32, missing uint32) {
	for lane := range rows {
		if v := x[lane*stride]; v != v {
			line[lane] = missing
		}
	}
}
