package sinktest

import (
	"slices"
	"sync"

	"scored/pipeline"
)

// most is how many requests a delivery of the suite may take.
const most = 60

// matrix has each request of a delivery fail, and delivers again.
func (s *suite) matrix(kind Kind) {
	for n := 1; n <= most; n++ {
		w := s.open(s.few())
		if w.Meet == nil {
			s.Skip("no fault can be made")
		}
		run, all := s.run(), changes(w.Keys, 0)
		w.Meet(n, Fault{Kind: kind})
		d := w.write(s.Context(), run, all, options{faulty: true})
		if !w.Met() {
			w.metBefore(n)
			return
		}
		if s.Retried || d.err == nil {
			w.want(d, map[pipeline.Status]int{pipeline.Accepted: len(all)})
		} else {
			w.checkOrder(n, d, all)
		}
		w.resume(run, all)
		w.accepted(run, all)
	}
	s.Errorf("a delivery of %d rows takes more than %d requests", s.few(), most)
}

// metBefore ends a matrix: the delivery has fewer than n requests.
func (w *world) metBefore(n int) {
	w.s.Helper()
	if n == 1 {
		w.s.Errorf("no request met the fault")
	}
}

// checkOrder checks that what was applied before a request failed are the first of the changes: nothing was left out.
func (w *world) checkOrder(n int, d *delivery, all []pipeline.Change) {
	w.s.Helper()
	applied := func(c pipeline.Change) bool { return w.Held(c.Key).Version == d.run.Version }
	end := slices.IndexFunc(all, func(c pipeline.Change) bool { return !applied(c) })
	if end >= 0 && slices.ContainsFunc(all[end:], applied) {
		w.s.Errorf("%s: %s was passed over", nth(n), all[end].Key)
	}
}

// resume finishes what the delivery left at the target.
func (w *world) resume(run *pipeline.Run, all []pipeline.Change) {
	s := w.s
	s.Helper()
	if w.Resume == nil {
		return
	}
	err := w.Resume(s.Context(), func(id string, outcomes []pipeline.Outcome) error {
		for _, o := range outcomes {
			i := slices.IndexFunc(all, func(c pipeline.Change) bool { return c.Key == o.Key })
			switch {
			case i < 0 || id != run.ID:
				s.Errorf("%s of run %s was reported, and not sent", o.Key, id)
			case o.Status == pipeline.Accepted && w.Held(o.Key) != w.keeps(written(run, all[i])):
				s.Errorf("%s is accepted after all, and the target holds %+v", o.Key, w.Held(o.Key))
			}
		}
		return nil
	})
	if err != nil {
		s.Errorf("resume: %v", err)
	}
}

func tooLate(s *suite) {
	for _, n := range []int{1, 3} {
		s.late(n)
	}
}

// late holds the nth request back until the sink has given up on it. Then it arrives.
func (s *suite) late(n int) {
	w := s.open(s.few())
	if w.Meet == nil || w.Arrived == nil {
		s.Skip("no request can be held back")
	}
	run, all := s.run(), changes(w.Keys, 0)
	held := make(chan struct{})
	release := sync.OnceFunc(func() { close(held) })
	defer release()
	w.Meet(n, Fault{Kind: Passes, Before: func() { <-held }})
	d := w.write(s.Context(), run, all, options{faulty: true})
	if !w.Met() {
		s.Fatalf("%s was not made", nth(n))
	}
	if s.Retried {
		w.want(d, map[pipeline.Status]int{pipeline.Accepted: len(all)})
	} else if d.err == nil {
		s.Errorf("%s was not answered, and the delivery has no error", nth(n))
	}
	release()
	w.Arrived()
	w.checkArrived(d, all)
	w.resume(run, all)
	w.accepted(run, all)
}

// checkArrived checks what the target holds when a late request has arrived: only rows that the sink is not sure of may
// have changed since, or those that it marked.
func (w *world) checkArrived(d *delivery, all []pipeline.Change) {
	w.s.Helper()
	for _, c := range all {
		now, want := w.Held(c.Key), w.keeps(written(d.run, c))
		o, reported := d.outcomes[c.Key]
		if now == want && (!reported || o.Status != pipeline.Accepted && o.Status != pipeline.Unknown) {
			w.s.Errorf("%s arrived late, and was reported as %s (reported: %t)", c.Key, o.Status, reported)
		}
	}
}
