package main

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"time"

	"scored/pipeline"
)

// patience is how long a request may be on its way at a target that takes whatever comes.
const patience = 30 * time.Second

var errUnexpected = errors.New("that can't be")

// looseOrg is a target with faults, which watches what is written.
type looseOrg struct {
	*play
	name    string
	guarded bool
	calls   int

	sure map[string]int64 // versions of what the run had for certain of the target

	lock    sync.Mutex
	records map[string]*looseRecord
}

type looseRecord struct {
	version int64
	score   int
	cleared bool
	known   time.Time // the newest as-of of which a run found that this is right
}

func (o *looseOrg) Name() string { return o.name }
func (o *looseOrg) Calls() int   { return o.calls }

func (o *looseOrg) Preflight(context.Context) (pipeline.Ready, error) {
	return pipeline.Ready{Identity: o.name, Guarded: o.guarded}, nil
}

// Write sends some changes a request.
func (o *looseOrg) Write(
	_ context.Context, run *pipeline.Run, _ string, changes []pipeline.Change, confirm func([]pipeline.Outcome) error,
) error {
	for len(changes) > 0 {
		for _, c := range changes {
			delete(o.sure, c.Key)
		}
		n := min(1+o.rng.IntN(6), len(changes))
		time.Sleep(time.Duration(o.rng.IntN(20)) * time.Second)
		o.calls++
		outcomes, err := o.request(run, changes[:n])
		if err != nil {
			return err
		}
		if err := confirm(outcomes); err != nil {
			return err
		}
		changes = changes[n:]
	}
	return nil
}

// request is one request, and what may become of it.
func (o *looseOrg) request(run *pipeline.Run, changes []pipeline.Change) ([]pipeline.Outcome, error) {
	fate := o.rng.IntN(24)
	if !o.faults {
		fate = 23
	}
	switch fate {
	case 0:
		o.die()
		return nil, errors.New("dead before it was sent")
	case 1:
		o.perhaps(run, changes)
		o.die()
		return nil, errors.New("dead before it was answered")
	case 2:
		return nil, errors.New("503")
	case 3, 4, 5, 6:
		o.perhaps(run, changes)
		return outcomes(changes, pipeline.Unknown), nil
	case 7:
		return outcomes(changes, pipeline.Unprocessed), nil
	case 8: // lost, and sent again
		o.later(run, changes)
		got := o.apply(run, changes)
		for i := range got {
			got[i].Late = got[i].Status == pipeline.Accepted
		}
		return got, nil
	default:
		return o.apply(run, changes), nil
	}
}

func outcomes(changes []pipeline.Change, status pipeline.Status) (all []pipeline.Outcome) {
	for _, c := range changes {
		all = append(all, pipeline.Outcome{Key: c.Key, Status: status})
	}
	return all
}

// perhaps applies a request that is not answered: at once, later, or never.
func (o *looseOrg) perhaps(run *pipeline.Run, changes []pipeline.Change) {
	switch o.rng.IntN(3) {
	case 0:
		o.count("lost", 1)
	case 1:
		o.apply(run, changes)
	default:
		o.later(run, changes)
	}
}

func (o *looseOrg) later(run *pipeline.Run, changes []pipeline.Change) {
	o.count("late", 1)
	delay := time.Duration(o.rng.Int64N(int64(patience)))
	if o.guarded {
		delay = time.Duration(o.rng.Int64N(int64(24 * time.Hour)))
	}
	changes = slices.Clone(changes)
	time.AfterFunc(delay, func() { o.apply(run, changes) })
}

// apply is what the target does with a request that arrives. It watches.
func (o *looseOrg) apply(run *pipeline.Run, changes []pipeline.Change) (all []pipeline.Outcome) {
	o.lock.Lock()
	defer o.lock.Unlock()
	for _, c := range changes {
		r := o.records[c.Key]
		if r == nil {
			r = &looseRecord{}
			o.records[c.Key] = r
		}
		if o.guarded && run.Version < r.version {
			o.count("stale", 1)
			all = append(all, pipeline.Outcome{Key: c.Key, Status: pipeline.Stale})
			continue
		}
		all = append(all, pipeline.Outcome{Key: c.Key, Status: pipeline.Accepted})
		if run.Version == r.version && r.score == c.Score.Score && r.cleared == c.Clear {
			continue // a request that was sent twice
		}
		if run.Version < r.version {
			o.Errorf("%s: %s (%s) overwrites %+v of %s, which is newer", o.name, run.ID, run.Trigger, *r, c.Key)
		}
		if run.Trigger == pipeline.Undo {
			r.known = run.AsOf
		} else if run.AsOf.Before(r.known) {
			o.Errorf("%s: %s (%s) overwrites %+v of %s, which a later run found to be right", o.name, run.ID, run.Trigger, *r, c.Key)
		}
		r.version, r.score, r.cleared = run.Version, c.Score.Score, c.Clear
	}
	return all
}

// found notes what a run found to be right as of its instant, and so did not send. What it sent has its version.
func (o *looseOrg) found(asOf time.Time, version int64) {
	o.lock.Lock()
	defer o.lock.Unlock()
	for key, r := range o.records {
		held, sure := o.sure[key]
		score, found := o.score(key, asOf)
		if sure && held < version && found && !r.cleared && r.score == score && asOf.After(r.known) {
			r.known = asOf
		}
	}
}

// Standing implements [pipeline.Reader].
func (o *looseOrg) Standing(_ context.Context, written []pipeline.Written, found func(key string, version int64, stands bool) error) error {
	o.lock.Lock()
	defer o.lock.Unlock()
	for _, w := range written {
		r := o.records[w.Key]
		if r == nil {
			continue
		}
		stand := w.Under(r.version)
		stands := stand != nil && stand.Empty == r.cleared && (r.cleared || stand.Score == r.score)
		if err := found(w.Key, r.version, stands); err != nil {
			return err
		}
	}
	return nil
}

// Any implements [pipeline.Reader].
func (o *looseOrg) Any(context.Context) (bool, error) {
	o.lock.Lock()
	defer o.lock.Unlock()
	return len(o.records) > 0, nil
}

// Held implements [pipeline.Reader].
func (o *looseOrg) Held(context.Context) iter.Seq2[pipeline.Holding, error] {
	return func(yield func(pipeline.Holding, error) bool) {
		o.lock.Lock()
		defer o.lock.Unlock()
		for key, r := range o.records {
			if !yield(pipeline.Holding{Key: key, Version: r.version}, nil) {
				return
			}
		}
	}
}
