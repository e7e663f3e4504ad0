package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

// undoBlock is how many keys a target is asked for at once.
const undoBlock = 2_000

// UndoPlan is what an undo brings back.
type UndoPlan struct {
	Run     string // the run that is undone
	Targets []UndoTarget
}

// UndoTarget is what an undo brings back at one target. Written = changes + Overtaken + Gone.
type UndoTarget struct {
	Target    string
	Changes   []Change // in ascending order of key
	Cleared   int      // of Changes: keys that had no score before
	Written   int      // what the run wrote, as the target answered or shows
	Overtaken int      // the target's record has another version, or something in it that the run did not write
	Gone      int      // the target does not know the key any more

	arrived []Outcome // of Changes: those of which the target shows what it never answered
}

// Undo brings back, at every target, what a run of the job replaced, wherever the target still holds all of what that run
// wrote, under its version or under that of an undo which brought it back. It does so under the next attempt at the newest of these
// versions' as-of, with the model and the moment of the score that comes back. A key that had no score is cleared. What the
// target never answered of the run is its, too, if the target shows it.
//
// A dry undo changes nothing anywhere and has no summary. What Undo needs of the Runner are Job, Targets, Ledger and Log; with
// Keep, the run is published, too. Unless the job is paused, its next slot replaces again what was brought back. The plan holds
// what was found out before an error.
func (r *Runner) Undo(ctx context.Context, undone *Record, dry bool) (*UndoPlan, *Summary, error) {
	if undone.Job != r.Job {
		return nil, nil, fmt.Errorf("run %s is one of job %s, not of %s", undone.ID, undone.Job, r.Job)
	}
	plan := &UndoPlan{Run: undone.ID}
	if dry {
		return plan, nil, r.planUndo(ctx, plan)
	}
	standing, err := r.Ledger.Standing(ctx, undone.ID)
	if err != nil {
		return nil, nil, err
	}
	w, err := r.begin(ctx, Request{Trigger: Undo, AsOf: time.UnixMilli(standing / 1000).UTC()})
	if err != nil {
		return nil, nil, err
	}
	w.summary.Undone = undone.ID
	w.drained = true // it reads nothing, so nothing says that the warehouse is down
	w.log.Info("undo started", "undone", undone.ID, "as_of", w.run.AsOf, "attempt", w.run.Attempt, "version", w.run.Version)
	s, err := w.finish(ctx, func(ctx context.Context) error { return w.undo(ctx, plan) })
	return plan, s, err
}

// planUndo asks the targets what an undo would bring back.
func (r *Runner) planUndo(ctx context.Context, plan *UndoPlan) error {
	var errs []error
	for _, t := range r.Targets {
		err := t.readable()
		if err == nil {
			_, err = t.Sink.Preflight(ctx)
		}
		if err == nil {
			err = r.undoAt(ctx, t, plan)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("plan the undo at %s: %w", t.Sink.Name(), err))
		}
	}
	return errors.Join(errs...)
}

// undo goes through the targets; one that fails does not keep the others from theirs.
func (w *work) undo(ctx context.Context, plan *UndoPlan) error {
	var errs []error
	for _, t := range w.Targets {
		d := w.delivery(t, nil)
		w.timed(func() {
			d.resume(ctx)
			errs = append(errs, w.add(d.end(d.undo(ctx, plan))))
		})
	}
	return errors.Join(errs...)
}

// undo brings back what is still held at the target. There the ledger decides, too, whether what comes back is newer than
// what it knows; a sweep is none of it, for nothing is compared.
func (d *delivery) undo(ctx context.Context, plan *UndoPlan) error {
	if err := d.target.readable(); err != nil {
		return err
	}
	guarded, err := d.prepare(ctx)
	if err != nil {
		return err
	}
	if err := d.settle(ctx, guarded); err != nil {
		return err
	}
	start := time.Now()
	if err := d.undoAt(ctx, d.target, plan); err != nil {
		return err
	}
	at := &plan.Targets[len(plan.Targets)-1]
	d.counts.plan(at.Changes)
	if len(at.arrived) > 0 {
		if err := d.Ledger.Settle(ctx, plan.Run, d.name(), at.arrived); err != nil {
			return fmt.Errorf("record what the target shows of run %s: %w", plan.Run, err)
		}
	}
	d.log.Info("undo decided", "written", at.Written, "changed", len(at.Changes), "cleared", at.Cleared,
		"overtaken", at.Overtaken, "gone", at.Gone, "dur_ms", time.Since(start).Milliseconds())
	return d.write(ctx, string(Undo), at.Changes) // whatever has a model names it as its origin's
}

// undoAt adds to the plan what is to come back at a target.
func (r *Runner) undoAt(ctx context.Context, t Target, plan *UndoPlan) error {
	name := t.Sink.Name()
	at := UndoTarget{Target: name}
	r.progress("read what "+name+" holds", 0, 0)
	for block, err := range blocks(r.Ledger.Written(ctx, plan.Run, name), undoBlock) {
		if err != nil {
			return fmt.Errorf("read what run %s wrote: %w", plan.Run, err)
		}
		if err := at.ask(ctx, t.Reader, block); err != nil {
			return err
		}
		r.progress("read what "+name+" holds", at.Written, 0)
	}
	plan.Targets = append(plan.Targets, at)
	return nil
}

// ask sorts a block of what the run wrote by what the target holds of it.
func (u *UndoTarget) ask(ctx context.Context, reader Reader, block []Written) error {
	type held struct {
		version int64
		stands  bool
	}
	records := make(map[string]held, len(block))
	err := reader.Standing(ctx, block, func(key string, version int64, stands bool) error {
		records[key] = held{version, stands}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read what stands: %w", err)
	}
	for _, w := range block {
		r, known := records[w.Key]
		// A target that has it again, though something newer was confirmed since, was restored: nothing tells of edits then.
		stands := r.stands || known && r.version == w.Version && len(w.Stands) == 0
		if err := u.sort(w, r.version, stands, known); err != nil {
			return err
		}
	}
	return nil
}

// sort puts what the run wrote of one key where it belongs. What was never answered, and the target does not show, may not have
// been written at all.
func (u *UndoTarget) sort(w Written, version int64, stands, known bool) error {
	if w.Open && w.Under(version) == nil {
		return nil
	}
	u.Written++
	switch {
	case !known:
		u.Gone++
		return nil
	case !stands:
		u.Overtaken++
		return nil
	}
	c, err := w.back()
	if err != nil {
		return err
	}
	if c.Clear {
		u.Cleared++
	}
	u.Changes = append(u.Changes, c)
	if w.Open && version == w.Version {
		u.arrived = append(u.arrived, Outcome{Key: w.Key, Status: Accepted})
	}
	return nil
}

// back is the change that brings back what was before.
func (w Written) back() (Change, error) {
	if w.Before == nil {
		return Change{Score: Score{Key: w.Key}, Clear: true, Origin: w.Origin}, nil
	}
	if w.Origin == nil || w.Origin.Model == "" {
		return Change{}, fmt.Errorf("the ledger does not say which model the score of %q came from", w.Key)
	}
	c := Change{Score: *w.Before, Origin: w.Origin}
	c.Key = w.Key
	return c, nil
}

func (t Target) readable() error {
	if t.Reader != nil {
		return nil
	}
	return &Problem{Class: Configuration, Err: errors.New("the target's scores can't be read back"),
		Hint: "what a run wrote there can't be undone; the next run sends what changed since"}
}

// blocks gathers a sequence into slices of up to n, each valid until the next. After an error it ends.
func blocks[T any](all iter.Seq2[T, error], n int) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		var block []T
		for one, err := range all {
			if err != nil {
				yield(nil, err)
				return
			}
			if block = append(block, one); len(block) == n {
				if !yield(block, nil) {
					return
				}
				block = block[:0]
			}
		}
		if len(block) > 0 {
			yield(block, nil)
		}
	}
}
