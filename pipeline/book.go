package pipeline

import (
	"fmt"
	"hash/maphash"
	"iter"
	"math/bits"
)

// book ticks changes off as a sink reports them. Of a million changes it holds a million bits where the sink reports them
// in their order, and 8 MB more where it does not: halving the list for each one would take twenty times as long.
type book struct {
	changes []Change
	ticked  []uint64 // a bit per change
	count   int      // of ticked ones
	next    int      // the change behind the last that was reported
	seed    maphash.Seed
	slots   []uint32 // by hash, a change's number + 1, 0 for a free slot; a power of two, at most half full; nil until needed
	wrong   error    // what the sink reported and could not be; nothing is believed from then on
}

func newBook(changes []Change) *book {
	return &book{changes: changes, ticked: make([]uint64, (len(changes)+63)/64)}
}

// enter ticks the outcomes' changes off: all of them or, if one was reported before or not given, or has no known status,
// none.
func (b *book) enter(outcomes []Outcome) error {
	if b.wrong != nil {
		return b.wrong
	}
	for i, o := range outcomes {
		if fault := b.tick(o); fault != "" {
			for _, o := range outcomes[:i] {
				at, _ := b.find(o.Key)
				b.ticked[at/64] &^= 1 << (at % 64)
				b.count--
			}
			b.wrong = &Problem{Err: fmt.Errorf("of %d changes, the sink reported %q %s", len(b.changes), o.Key, fault),
				Hint: bug + "; what was not confirmed is sent again by the next run"}
			return b.wrong
		}
	}
	return nil
}

// tick ticks one change off, or says what is wrong with its outcome.
func (b *book) tick(o Outcome) (fault string) {
	at, found := b.find(o.Key)
	switch {
	case !found:
		return "unasked"
	case b.has(at):
		return "twice"
	case o.Status < Accepted || o.Status > NotSent:
		return fmt.Sprintf("with status %d", o.Status)
	}
	b.ticked[at/64] |= 1 << (at % 64)
	b.count++
	b.next = at + 1
	return ""
}

func (b *book) has(at int) bool { return b.ticked[at/64]>>(at%64)&1 == 1 }

// find returns which change has the key.
func (b *book) find(key string) (at int, found bool) {
	if b.next < len(b.changes) && b.changes[b.next].Key == key {
		return b.next, true
	}
	if b.slots == nil {
		b.index()
	}
	mask := uint64(len(b.slots) - 1)
	for slot := maphash.String(b.seed, key) & mask; b.slots[slot] > 0; slot = (slot + 1) & mask {
		if at := int(b.slots[slot] - 1); b.changes[at].Key == key {
			return at, true
		}
	}
	return 0, false
}

// index fills the slots. No two changes have the same key.
func (b *book) index() {
	b.seed = maphash.MakeSeed()
	b.slots = make([]uint32, 1<<bits.Len(uint(2*len(b.changes))))
	mask := uint64(len(b.slots) - 1)
	for at := range b.changes {
		slot := maphash.String(b.seed, b.changes[at].Key) & mask
		for b.slots[slot] > 0 {
			slot = (slot + 1) & mask
		}
		b.slots[slot] = uint32(at) + 1 //nolint:gosec // a list of changes has fewer than 4 billion
	}
}

// rest yields, in blocks, outcomes of one status for what was not reported.
func (b *book) rest(status Status, block int) iter.Seq[[]Outcome] {
	return func(yield func([]Outcome) bool) {
		var outcomes []Outcome
		for at := range b.changes {
			if b.has(at) {
				continue
			}
			if outcomes = append(outcomes, Outcome{Key: b.changes[at].Key, Status: status}); len(outcomes) == block {
				if !yield(outcomes) {
					return
				}
				outcomes = outcomes[:0]
			}
		}
		if len(outcomes) > 0 {
			yield(outcomes)
		}
	}
}
