package pipeline

import (
	"context"
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
	d.progress("finish what was left at "+d.name(), 0, 0)
	left := map[string]*Delivery{}
	ours := func(identity string) error { return d.Ledger.CheckBound(ctx, d.Job, d.name(), identity) }
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
		return nil
	})
	for _, run := range slices.Sorted(maps.Keys(left)) {
		c := left[run]
		d.log.Info("what an earlier run left at the target is settled", "of_run", run, "rows_accepted", c.Accepted,
			"rows_refused", c.Refused, "rows_stale", c.Stale, "rows_unprocessed", c.Unprocessed, "rows_unknown", c.Unknown,
			"rows_not_sent", c.NotSent)
	}
	if err != nil {
		d.unfit = fmt.Errorf("finish what an earlier run left: %w", err)
	}
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
