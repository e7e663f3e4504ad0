package pipeline

import (
	"context"
	"errors"
	"iter"
	"math"
	"slices"
	"time"
)

// recall is what the run's targets confirmed before it, read from the ledger once, while the source reads the first rows.
// Nobody changes that before the run's scores are compared with it: the run holds the job's gate.
//
// While rows are scored it foresees which of the scores may turn out to be changes: those get reasons, for which the row must
// still be at hand. It foresees every change, and may take a score for one that is none: a score is due unless every target
// that wants reasons has confirmed it for certain, with the same grade and model.
type recall struct {
	model   string
	targets []*recalled // as the Runner's
	reasons bool        // a target wants them
	cancel  context.CancelFunc
	ready   chan struct{} // closed once the targets' entries are there, and err is set
	err     error
}

// recalled is what one target confirmed, in the ledger's order.
type recalled struct {
	reasons  bool // the target wants them
	doubtful bool // all of it will be in doubt when scores are compared with it
	keys     *keyTable
	entries  []entry // per key
	labels   []label
}

// entry is a [Confirmed] without its texts, in 24 bytes.
type entry struct {
	version                 int64
	score                   int32
	label                   uint32 // an index into labels
	until                   uint32 // Unix seconds, rounded up; 0 for none
	unsure, filled, cleared bool
}

// never is the until of a quarantine without end.
const never = math.MaxUint32

// seconds is an instant as an entry has it.
func seconds(t time.Time) uint32 {
	if t.IsZero() {
		return 0
	}
	s := t.Unix()
	if t.Nanosecond() > 0 {
		s++
	}
	return uint32(min(max(s, 1), never)) //nolint:gosec // within its bounds
}

// ends is the opposite of seconds.
func ends(until uint32) time.Time {
	switch until {
	case 0:
		return time.Time{}
	case never:
		return Never
	default:
		return time.Unix(int64(until), 0).UTC()
	}
}

// label is what many entries share.
type label struct{ grade, model string }

// recall begins to read what the targets confirmed. Whoever calls it must end it.
func (r *Runner) recall(ctx context.Context, full bool) *recall {
	ctx, cancel := context.WithCancel(ctx)
	m := &recall{model: r.Model.Name(), cancel: cancel, ready: make(chan struct{})}
	m.reasons = slices.ContainsFunc(r.Targets, func(t Target) bool { return t.Reasons })
	go func() {
		defer close(m.ready)
		m.err = catch(func() error { return m.read(ctx, r, full) })
	}()
	return m
}

func (m *recall) read(ctx context.Context, r *Runner, full bool) error {
	for _, t := range r.Targets {
		name := t.Sink.Name()
		reshaped, err := r.Ledger.Shaped(ctx, r.Job, name, t.Shape)
		if err != nil {
			return err
		}
		confirmed := &recalled{reasons: t.Reasons, doubtful: full || reshaped, keys: newKeyTable()}
		if err := confirmed.read(r.Ledger.Confirmed(ctx, r.Job, name)); err != nil {
			return err
		}
		m.targets = append(m.targets, confirmed)
	}
	return nil
}

func (t *recalled) read(confirmed iter.Seq2[Confirmed, error]) error {
	places := map[label]uint32{}
	for c, err := range confirmed {
		if err != nil {
			return err
		}
		l := label{c.Grade, c.Model}
		at, ok := places[l]
		if !ok {
			at = uint32(len(t.labels))
			places[l] = at
			t.labels = append(t.labels, l)
		}
		if !t.keys.add(c.Key) {
			return errors.New("the ledger has more than 4 GiB of keys")
		}
		t.entries = append(t.entries, entry{
			version: c.Version, score: int32(c.Score), label: at, until: seconds(c.Until),
			unsure: c.Unsure, filled: c.Filled, cleared: c.Cleared,
		})
	}
	return nil
}

// wait returns once all is read.
func (m *recall) wait() error {
	<-m.ready
	return reraise(m.err)
}

// end stops reading, if that still goes on, and returns once it has stopped.
func (m *recall) end() {
	m.cancel()
	<-m.ready
}

// due says whether the score may be a change. It waits until all is read, which is not before a scorer first asks; what it
// says is void if that failed.
func (m *recall) due(s Score) bool {
	<-m.ready
	return slices.ContainsFunc(m.targets, func(t *recalled) bool { return t.reasons && t.due(s, m.model) })
}

func (t *recalled) due(s Score, model string) bool {
	if t.doubtful {
		return true
	}
	n, ok := t.keys.find(s.Key)
	if !ok {
		return true
	}
	e := &t.entries[n]
	return e.unsure || e.filled || e.cleared || int(e.score) != s.Score || t.labels[e.label] != label{s.Grade, model}
}

// failed says, without waiting, why what was answered so far is void.
func (m *recall) failed() error {
	select {
	case <-m.ready:
		return m.err
	default:
		return nil
	}
}

// of yields what the ledger has of a target, by its place among the Runner's, once all is read. What is doubtful is what
// [Ledger.Doubt] makes of it; there is nothing to doubt of a key that was only ever refused.
func (m *recall) of(target int, doubtful bool) iter.Seq2[Confirmed, error] {
	t := m.targets[target]
	return func(yield func(Confirmed, error) bool) {
		for n := range t.entries {
			e := &t.entries[n]
			l := t.labels[e.label]
			c := Confirmed{
				Key: t.keys.key(uint32(n)), Score: int(e.score), Grade: l.grade, Model: l.model, Version: e.version,
				Unsure: e.unsure || doubtful && e.version > 0, Filled: e.filled, Cleared: e.cleared, Until: ends(e.until),
			}
			if doubtful && e.until != never {
				c.Until = time.Time{}
			}
			if !yield(c, nil) {
				return
			}
		}
	}
}
