package pipeline

import (
	"fmt"
	"iter"
)

// book ticks changes off as a sink reports them.
type book struct {
	changes []Change
	places  *Places
	ticked  []uint64 // a bit per change
	count   int      // of ticked ones
	wrong   error    // what the sink reported and could not be; nothing is believed from then on
}

func newBook(changes []Change) *book {
	return &book{changes: changes, places: NewPlaces(changes), ticked: make([]uint64, (len(changes)+63)/64)}
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
				at, _ := b.places.Find(o.Key)
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
	at, found := b.places.Find(o.Key)
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
	return ""
}

// change returns the change of a key that was entered.
func (b *book) change(key string) *Change {
	at, _ := b.places.Find(key)
	return &b.changes[at]
}

func (b *book) has(at int) bool { return b.ticked[at/64]>>(at%64)&1 == 1 }

// unreported yields, in order, the changes that were not reported, those that stand side by side in one.
func (b *book) unreported() iter.Seq[[]Change] {
	return func(yield func([]Change) bool) {
		for at := 0; at < len(b.changes); at++ {
			from := at
			for at < len(b.changes) && !b.has(at) {
				at++
			}
			if from < at && !yield(b.changes[from:at]) {
				return
			}
		}
	}
}
