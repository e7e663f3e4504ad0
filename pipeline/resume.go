package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// resume finishes what earlier runs left at the target, and settles their intents. As long as that fails, nothing else is
// sent there: it could be overtaken, or arrive later.
func (d *delivery) resume(ctx context.Context) {
	if d.target.Resumer == nil {
		return
	}
	stage := "finish what was left at " + d.name()
	d.progress(stage, 0, 0)
	ours := func(identity string) error { // asked where something is left, and nowhere else
		if err := d.Ledger.CheckBound(ctx, d.Job, d.name(), identity); err != nil {
			return err
		}
		d.log.Info("waiting for what an earlier run left at the target")
		return nil
	}
	left, rows := map[string]*Delivery{}, 0
	err := d.target.Resumer.Resume(ctx, ours, func(run string, outcomes []Outcome) error {
		if left[run] == nil {
			left[run] = &Delivery{}
		}
		for _, o := range outcomes {
			left[run].count(o)
			d.keepLeft(o)
		}
		if err := d.Ledger.Settle(context.WithoutCancel(ctx), run, d.name(), outcomes); err != nil {
			return fmt.Errorf("record outcomes of run %s: %w", run, err)
		}
		rows += len(outcomes)
		d.progress(stage, rows, 0)
		return nil
	})
	for _, run := range slices.Sorted(maps.Keys(left)) {
		c := left[run]
		d.log.Info("what an earlier run left at the target is settled", "of_run", run, "rows_accepted", c.Accepted,
			"rows_refused", c.Refused, "rows_stale", c.Stale, "rows_unprocessed", c.Unprocessed, "rows_unknown", c.Unknown,
			"rows_not_sent", c.NotSent)
	}
	if err != nil {
		d.unfit = d.leftBehind(ctx, err)
	}
}

// leftBehind says why what an earlier run left is not finished. If this run's time was over meanwhile, that is all it did.
func (d *delivery) leftBehind(ctx context.Context, err error) error {
	err = fmt.Errorf("finish what an earlier run left: %w", err)
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return err
	}
	return &Problem{Class: TryAgain, Err: err,
		Hint: "the run's time was over before it came to its own scores: the next run goes on waiting; if that lasts, " +
			"docs/runbook.md has what may keep it"}
}

// keptWaiting is the error of a run whose time was over while it waited for what earlier ones left.
func keptWaiting(ctx context.Context, deliveries []*delivery) error {
	if ctx.Err() == nil {
		return nil
	}
	var errs []error
	for _, d := range deliveries {
		if d.unfit != nil {
			errs = append(errs, fmt.Errorf("deliver to %s: %w", d.name(), d.unfit))
		}
	}
	return errors.Join(errs...)
}

// keepLeft remembers a row of an earlier run as one of this run's, which is in none of its counts but for an incident.
func (d *delivery) keepLeft(o Outcome) {
	if o.Created {
		d.counts.Created++
	}
	if o.Status != Accepted || o.Created {
		d.list(o)
	}
}
