package sinks

import (
	"errors"
	"slices"
	"strings"

	"scored/pipeline"
)

// releaseSize is how many outcomes that were held back are confirmed at a time.
const releaseSize = 10_000

// delivery is what is known, between tries, of one call of Write.
type delivery struct {
	confirm func([]pipeline.Outcome) error
	failed  error                       // what confirm said, if it failed
	sent    int                         // outcomes that came back, in all tries
	left    []pipeline.Change           // not settled yet, in ascending order of key
	places  *pipeline.Places            // of left
	final   []pipeline.Outcome          // of the last call of take
	marks   []mark                      // of left
	said    map[string]pipeline.Outcome // by key
	settled int                         // marks that are settled
	own     bool                        // left may be written to
}

// mark is what is known of one change. Of those that are held back, most were never answered; what was said of the others
// is in said, which nothing bounds but the number of changes: a target that says of each of a million rows that it is locked
// has some hundred MB of it remembered, since a row's outcome is reported with its words.
type mark struct {
	held    pipeline.Status // Retry, Unprocessed or Unknown; 0 if it never came back
	class   pipeline.Class
	settled bool // confirmed, in this try
}

func newDelivery(changes []pipeline.Change, confirm func([]pipeline.Outcome) error) (*delivery, error) {
	if !slices.IsSortedFunc(changes, func(a, b pipeline.Change) int { return strings.Compare(a.Key, b.Key) }) {
		return nil, errors.New("the changes are not in ascending order of key")
	}
	return &delivery{confirm: confirm, left: changes, places: pipeline.NewPlaces(changes), marks: make([]mark, len(changes)),
		said: map[string]pipeline.Outcome{}}, nil
}

// take is the confirm that the decorated sink calls.
func (d *delivery) take(outcomes []pipeline.Outcome) error {
	d.sent += len(outcomes)
	d.final = d.final[:0]
	for _, o := range outcomes {
		if d.settle(&o) {
			d.final = append(d.final, o)
		}
	}
	if len(d.final) > 0 {
		d.failed = d.confirm(d.final)
	}
	return d.failed
}

// settle notes the outcome and says whether it is to be confirmed.
func (d *delivery) settle(o *pipeline.Outcome) bool {
	at, ok := d.places.Find(o.Key)
	if !ok {
		return true
	}
	m := &d.marks[at]
	wasUnknown := m.held == pipeline.Unknown && !o.Settled
	switch {
	case o.Status == pipeline.Accepted:
		o.Late = wasUnknown
	case o.Status == pipeline.Stale:
	case o.Status == pipeline.Refused && !wasUnknown:
	default:
		d.hold(m, *o)
		return false
	}
	delete(d.said, o.Key)
	if !m.settled {
		m.settled = true
		d.settled++
	}
	return true
}

// hold keeps what was said of a row that is to be sent again. Once Unknown, it stays so unless that is settled.
func (d *delivery) hold(m *mark, o pipeline.Outcome) {
	if m.held == pipeline.Unknown && !o.Settled {
		o.Status, o.Class = pipeline.Unknown, 0
	}
	m.held, m.class = o.Status, o.Class
	if o.Code != "" {
		d.said[o.Key] = o
	} else {
		delete(d.said, o.Key)
	}
}

// codes counts, by the target's error code, the rows of which it said why it did not take them.
func (d *delivery) codes() map[string]int {
	codes := map[string]int{}
	for _, o := range d.said {
		codes[o.Code]++
	}
	return codes
}

// drop ends a try: left is what it did not settle.
func (d *delivery) drop() {
	defer func() { d.places = pipeline.NewPlaces(d.left) }()
	switch first := slices.IndexFunc(d.marks, func(m mark) bool { return !m.settled }); {
	case d.settled == 0:
		return
	case first < 0:
		d.left, d.marks = nil, nil
	case first == d.settled:
		d.left, d.marks = d.left[first:], d.marks[first:]
	default:
		d.compact(first)
	}
	d.settled = 0
}

// compact moves what is not settled together. The changes that came from the caller stay as they are.
func (d *delivery) compact(first int) {
	to := d.left[:0]
	if !d.own {
		to = make([]pipeline.Change, 0, len(d.left)-d.settled)
		d.own = true
	}
	n := 0
	for i := first; i < len(d.marks); i++ {
		if !d.marks[i].settled {
			to = append(to, d.left[i])
			d.marks[n] = d.marks[i]
			n++
		}
	}
	d.left, d.marks = to, d.marks[:n]
}

// release confirms what is still held, in the order of the changes.
func (d *delivery) release() error {
	var outcomes []pipeline.Outcome
	flush := func() error {
		if len(outcomes) == 0 {
			return nil
		}
		err := d.confirm(outcomes)
		outcomes = nil
		return err
	}
	for i, m := range d.marks {
		if m.held == 0 {
			continue
		}
		o, ok := d.said[d.left[i].Key]
		if !ok {
			o = pipeline.Outcome{Key: d.left[i].Key, Status: m.held, Class: m.class}
		}
		if outcomes = append(outcomes, o); len(outcomes) == releaseSize {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}
