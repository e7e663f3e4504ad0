package sinktest

import (
	"context"
	"slices"
	"sync/atomic"

	"scored/pipeline"
)

// world is a World in the hands of a rule.
type world struct {
	*World
	s *suite
}

// delivery is what became of a call of Write.
type delivery struct {
	run      *pipeline.Run
	outcomes map[string]pipeline.Outcome
	order    []string // the keys as they were reported
	confirms int
	err      error
	calls    int // by how much Calls grew
}

// options of a delivery.
type options struct {
	faulty  bool                     // an answer may be lost
	confirm func(confirms int) error // after the outcomes were noted; nil for one that agrees
}

// write delivers the changes and checks what holds of every delivery.
func (w *world) write(ctx context.Context, run *pipeline.Run, changes []pipeline.Change, o options) *delivery {
	s := w.s
	s.Helper()
	before := w.held(changes)
	d := &delivery{run: run, outcomes: map[string]pipeline.Outcome{}}
	var busy, over atomic.Bool
	calls := w.Sink.Calls()
	d.err = w.Sink.Write(ctx, run, model, changes, func(outcomes []pipeline.Outcome) error {
		if over.Load() || !busy.CompareAndSwap(false, true) {
			s.Errorf("a confirmation during another, or after the delivery")
		}
		defer busy.Store(false)
		d.confirms++
		for _, outcome := range outcomes {
			if _, twice := d.outcomes[outcome.Key]; twice {
				s.Errorf("%s was reported twice", outcome.Key)
			}
			d.outcomes[outcome.Key] = outcome
			d.order = append(d.order, outcome.Key)
		}
		if o.confirm != nil {
			return o.confirm(d.confirms)
		}
		return nil
	})
	over.Store(true)
	d.calls = w.Sink.Calls() - calls
	w.check(d, changes, before, o.faulty)
	return d
}

// held returns what the target holds of the changes' keys.
func (w *world) held(changes []pipeline.Change) []Values {
	all := make([]Values, len(changes))
	for i, c := range changes {
		all[i] = w.Held(c.Key)
	}
	return all
}

// keeps is what the target has room for of the values.
func (w *world) keeps(v Values) Values {
	if w.Keeps == nil {
		return v
	}
	return w.Keeps(v)
}

// check is the contract of every delivery.
func (w *world) check(d *delivery, changes []pipeline.Change, before []Values, faulty bool) {
	s := w.s
	s.Helper()
	unknown := 0
	for i, c := range changes {
		o, reported := d.outcomes[c.Key]
		now, want := w.Held(c.Key), w.keeps(written(d.run, c))
		w.checkOutcome(o, reported)
		switch {
		case reported && o.Status == pipeline.Unknown:
			unknown++
			if now != before[i] && now != want {
				s.Errorf("%s is unknown, and the target holds neither what it held nor what was sent: %+v", c.Key, now)
			}
		case reported && o.Status == pipeline.Accepted:
			if now != want {
				s.Errorf("%s is accepted, and the target holds %+v, want %+v", c.Key, now, want)
			}
		case now != before[i]:
			s.Errorf("%s is %s (reported: %t), and the target holds %+v instead of %+v", c.Key, o.Status, reported, now, before[i])
		case !reported && d.err == nil:
			s.Errorf("%s was not reported, and the delivery has no error", c.Key)
		}
	}
	for _, key := range d.order {
		if !slices.ContainsFunc(changes, func(c pipeline.Change) bool { return c.Key == key }) {
			s.Errorf("%s was reported, and not to be sent", key)
		}
	}
	if unknown > 0 && !faulty {
		s.Errorf("%d rows are unknown, and every request was answered", unknown)
	}
	if unknown > 0 && d.err == nil {
		s.Errorf("%d rows are unknown, and the delivery has no error", unknown)
	}
	if len(d.outcomes) > 0 && d.calls < 1 {
		s.Errorf("rows were sent, and no call was counted")
	}
}

// checkOutcome checks an outcome in itself.
func (w *world) checkOutcome(o pipeline.Outcome, reported bool) {
	s := w.s
	s.Helper()
	if !reported {
		return
	}
	classed, coded := o.Class != 0, o.Code != ""
	switch o.Status {
	case pipeline.Accepted:
		if classed || coded {
			s.Errorf("%s is accepted with class %q and code %q", o.Key, o.Class, o.Code)
		}
	case pipeline.Unknown:
		if classed {
			s.Errorf("%s is unknown with class %q: what was not said can't be mended", o.Key, o.Class)
		}
	case pipeline.Refused:
		if !classed || !coded || o.Class == pipeline.Outdated || o.Class == pipeline.TryAgain {
			s.Errorf("%s is refused with class %q and code %q", o.Key, o.Class, o.Code)
		}
	case pipeline.Retry, pipeline.Unprocessed:
		if o.Class != pipeline.TryAgain {
			s.Errorf("%s may be sent again, with class %q", o.Key, o.Class)
		}
	case pipeline.Stale:
		if o.Class != pipeline.Outdated {
			s.Errorf("%s is stale with class %q", o.Key, o.Class)
		}
	default:
		s.Errorf("%s is reported as %s, which is no answer of a target", o.Key, o.Status)
	}
	if (o.Late || o.Created) && o.Status != pipeline.Accepted {
		s.Errorf("%s is %s, and late %t, created %t", o.Key, o.Status, o.Late, o.Created)
	}
}

// want checks how many rows came back with each of the statuses, and that the delivery has no error.
func (w *world) want(d *delivery, counts map[pipeline.Status]int) {
	w.s.Helper()
	if d.err != nil {
		w.s.Errorf("the delivery failed: %v", d.err)
	}
	got := map[pipeline.Status]int{}
	for _, o := range d.outcomes {
		got[o.Status]++
	}
	for status := pipeline.Accepted; status <= pipeline.NotSent; status++ {
		if got[status] != counts[status] {
			w.s.Errorf("%d rows are %s, want %d", got[status], status, counts[status])
		}
	}
}

// accepted delivers the changes, all of which the target must take.
func (w *world) accepted(run *pipeline.Run, changes []pipeline.Change) {
	w.s.Helper()
	d := w.write(w.s.Context(), run, changes, options{})
	w.want(d, map[pipeline.Status]int{pipeline.Accepted: len(changes)})
}

// applied counts the changes that the target holds.
func (w *world) applied(run *pipeline.Run, changes []pipeline.Change) (n int) {
	for _, c := range changes {
		if w.Held(c.Key).Version == run.Version {
			n++
		}
	}
	return n
}
