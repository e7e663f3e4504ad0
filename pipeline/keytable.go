package pipeline

import (
	"hash/maphash"
	"strings"
)

// keyTable numbers keys from 0 on. It holds a million in a fraction of the memory that a map of strings takes: the keys
// stand in one text, and the table of places is open-addressed.
type keyTable struct {
	seed  maphash.Seed
	text  strings.Builder
	ends  []uint32 // per key, in text
	slots []uint32 // a key's number + 1, 0 for a free slot; a power of two, at most three quarters full
}

func newKeyTable() *keyTable {
	return &keyTable{seed: maphash.MakeSeed(), slots: make([]uint32, 1<<10)}
}

func (t *keyTable) len() int { return len(t.ends) }

// key returns the n-th key.
func (t *keyTable) key(n uint32) string {
	start := uint32(0)
	if n > 0 {
		start = t.ends[n-1]
	}
	return t.text.String()[start:t.ends[n]]
}

// slot returns where the key stands, or would.
func (t *keyTable) slot(key string) *uint32 {
	mask := uint64(len(t.slots) - 1)
	for at := maphash.String(t.seed, key) & mask; ; at = (at + 1) & mask {
		slot := &t.slots[at]
		if *slot == 0 || t.key(*slot-1) == key {
			return slot
		}
	}
}

// find returns the key's number, if it has one: the last, if it was added more than once.
func (t *keyTable) find(key string) (number int, ok bool) {
	slot := *t.slot(key)
	return int(slot) - 1, slot > 0
}

// add gives a key the next number. It says whether there was room: all keys together have at most 4 GiB.
func (t *keyTable) add(key string) bool {
	if uint64(t.text.Len())+uint64(len(key)) >= 1<<32 {
		return false
	}
	if 4*(t.len()+1) > 3*len(t.slots) {
		t.slots = make([]uint32, 2*len(t.slots))
		for n := range uint32(t.len()) {
			*t.slot(t.key(n)) = n + 1
		}
	}
	slot := t.slot(key)
	t.text.WriteString(key)
	t.ends = append(t.ends, uint32(t.text.Len()))
	*slot = uint32(t.len())
	return true
}
