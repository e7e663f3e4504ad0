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
