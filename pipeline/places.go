package pipeline

import (
	"hash/maphash"
	"math/bits"
)

// Places finds changes by their keys, each of which is there once. As long as it is asked in the order of the changes it
// holds nothing; from the first question out of order on it has an index, of 16 MB for a million changes. Halving the list
// for each key would take several times as long.
type Places struct {
	changes []Change
	next    int // behind the last change that was found
	seed    maphash.Seed
	slots   []slot // by hash; a power of two, at most half full; nil until needed
}

// slot leads to a change. Whoever looks for another one goes on by the hash alone, for the changes are scattered in memory.
type slot struct {
	hash   uint32 // its upper half
	number uint32 // of the change, from 1 on; 0 is a free slot
}

// NewPlaces returns the places of changes, which must stay as they are.
func NewPlaces(changes []Change) *Places { return &Places{changes: changes} }

// Find returns which change has the key.
func (p *Places) Find(key string) (at int, found bool) {
	if p.next < len(p.changes) && p.changes[p.next].Key == key {
		p.next++
		return p.next - 1, true
	}
	if p.slots == nil {
		p.index()
	}
	hash, mask := maphash.String(p.seed, key), uint64(len(p.slots)-1)
	for i := hash & mask; p.slots[i].number > 0; i = (i + 1) & mask {
		if at := int(p.slots[i].number - 1); p.slots[i].hash == uint32(hash>>32) && p.changes[at].Key == key {
			p.next = at + 1
			return at, true
		}
	}
	return 0, false
}

// index fills the slots.
func (p *Places) index() {
	p.seed = maphash.MakeSeed()
	p.slots = make([]slot, 1<<bits.Len(uint(2*len(p.changes))))
	mask := uint64(len(p.slots) - 1)
	for at := range p.changes {
		hash := maphash.String(p.seed, p.changes[at].Key)
		i := hash & mask
		for p.slots[i].number > 0 {
			i = (i + 1) & mask
		}
		p.slots[i] = slot{uint32(hash >> 32), uint32(at) + 1} //nolint:gosec // a list of changes has fewer than 4 billion
	}
}
