package pipeline

import "hash/maphash"

// keyTable numbers keys from 0 on. It holds a million in a fraction of the memory that a map of strings takes: the keys'
// bytes stand in one row, and the table of places is open-addressed.
type keyTable struct {
	seed  maphash.Seed
	text  []byte
	ends  []uint32 // per key, in text
	slots []uint32 // a key's number + 1, 0 for a free slot; a power of two, at most three quarters full
}

func newKeyTable() *keyTable {
	return &keyTable{seed: maphash.MakeSeed(), slots: make([]uint32, 1<<10)}
}

func (t *keyTable) len() int { return len(t.ends) }

// key returns the n-th key's bytes.
func (t *keyTable) key(n uint32) []byte {
	start := uint32(0)
	if n > 0 {
		start = t.ends[n-1]
	}
	return t.text[start:t.ends[n]]
}

// slot returns where the key stands, or would.
func (t *keyTable) slot(key string) *uint32 {
	mask := uint64(len(t.slots) - 1)
	for at := maphash.String(t.seed, key) & mask; ; at = (at + 1) & mask {
		slot := &t.slots[at]
		if *slot == 0 || string(t.key(*slot-1)) == key {
			return slot
		}
	}
}

// find returns the key's number, if it has one.
func (t *keyTable) find(key string) (number int, ok bool) {
	slot := *t.slot(key)
	return int(slot) - 1, slot > 0
}

// add numbers a key that has none. It says whether there was room: all keys together have at most 4 GiB.
func (t *keyTable) add(key string) bool {
	if uint64(len(t.text))+uint64(len(key)) >= 1<<32 {
		return false
	}
	if 4*(t.len()+1) > 3*len(t.slots) {
		t.slots = make([]uint32, 2*len(t.slots))
		for n := range t.ends {
			*t.slot(string(t.key(uint32(n)))) = uint32(n) + 1
		}
	}
	slot := t.slot(key)
	t.text = append(t.text, key...)
	t.ends = append(t.ends, uint32(len(t.text)))
	*slot = uint32(t.len())
	return true
}
