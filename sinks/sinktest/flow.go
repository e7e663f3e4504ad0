package sinktest

import (
	"context"
	"errors"

	"scored/pipeline"
)

func preflight(s *suite) {
	w := s.open(1)
	all := changes(w.Keys, 0)
	before := w.held(all)
	first, err := w.Sink.Preflight(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	second, err := w.Sink.Preflight(s.Context())
	if err != nil || first != second || first.Identity == "" || w.Sink.Name() == "" {
		s.Errorf("a target named %q was found to be %+v and %+v, error %v", w.Sink.Name(), first, second, err)
	}
	if first.Guarded != s.Guarded {
		s.Errorf("guarded is %t, and of the target it is %t", first.Guarded, s.Guarded)
	}
	if now := w.held(all); now[0] != before[0] {
		s.Errorf("the target holds %+v instead of %+v", now[0], before[0])
	}
}

func nothing(s *suite) {
	w := s.open(1)
	for _, none := range [][]pipeline.Change{nil, {}} {
		if d := w.write(s.Context(), s.run(), none, options{}); d.err != nil || d.confirms != 0 || d.calls != 0 {
			s.Errorf("%d confirmations, %d calls, error %v", d.confirms, d.calls, d.err)
		}
	}
}

func confirmFails(s *suite) {
	w := s.open(s.few())
	run, all := s.run(), changes(w.Keys, 0)
	full, applied := errors.New("disk full"), 0
	d := w.write(s.Context(), run, all, options{faulty: true, confirm: func(int) error {
		applied = w.applied(run, all)
		return full
	}})
	if !errors.Is(d.err, full) {
		s.Errorf("error is %v, want what the confirmation said", d.err)
	}
	if now := w.applied(run, all); d.confirms != 1 || now != applied {
		s.Errorf("%d confirmations; %d rows were written after the first", d.confirms, now-applied)
	}
}

func alreadyEnded(s *suite) {
	w := s.open(s.few())
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	d := w.write(ctx, s.run(), changes(w.Keys, 0), options{})
	if !errors.Is(d.err, context.Canceled) || d.calls != 0 || len(d.outcomes) != 0 {
		s.Errorf("%d calls, %d outcomes, error %v", d.calls, len(d.outcomes), d.err)
	}
}

// ends lets the context end while each of the requests is on its way.
func ends(s *suite) {
	for n := 1; ; n++ {
		w := s.open(s.few())
		if w.Meet == nil {
			s.Skip("no fault can be made")
		}
		run, all := s.run(), changes(w.Keys, 0)
		ctx, cancel := context.WithCancel(s.Context())
		w.Meet(n, Fault{Kind: Passes, Before: cancel})
		d := w.write(ctx, run, all, options{faulty: true})
		cancel()
		if !w.Met() {
			w.metBefore(n)
			return
		}
		if d.calls > n+s.Parting {
			s.Errorf("%s: %d calls after the end of the context", nth(n), d.calls-n)
		}
		if len(d.outcomes) < len(all) && !errors.Is(d.err, context.Canceled) {
			s.Errorf("%s: %d of %d rows reported, error %v", nth(n), len(d.outcomes), len(all), d.err)
		}
		w.resume(run, all)
		w.accepted(run, all)
	}
}

// turnedAway has the first request turned away.
func turnedAway(s *suite) {
	w := s.open(s.few())
	if w.Meet == nil {
		s.Skip("no fault can be made")
	}
	run, all := s.run(), changes(w.Keys, 0)
	w.Meet(1, Fault{Kind: TurnedAway})
	d := w.write(s.Context(), run, all, options{})
	if !w.Met() {
		s.Fatal("no request met the fault")
	}
	if s.Retried {
		w.want(d, map[pipeline.Status]int{pipeline.Accepted: len(all)})
		return
	}
	if len(d.outcomes) != 0 || pipeline.ClassOf(d.err) != pipeline.TryAgain {
		s.Errorf("%d outcomes, error %v of class %q", len(d.outcomes), d.err, pipeline.ClassOf(d.err))
	}
}
