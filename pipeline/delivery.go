package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"
)

// delivery brings one run's changes to one target.
type delivery struct {
	*Runner
	log     *slog.Logger
	run     *Run
	target  Target
	compare Decide
	// confirmed is what the scores are compared with; doubtful if the ledger was told, in this run, to doubt all of it.
	confirmed func(ctx context.Context, doubtful bool) iter.Seq2[Confirmed, error]
	calls     int        // the sink's before the run
	spent     func() int // requests of the run so far, to all targets that count them
	unfit     error      // what keeps the run from delivering: work of an earlier run is still at the target
	begun     bool       // intents are recorded
	lost      bool       // the ledger could not take what the sink reported
	counts    Delivery
	gone      int // of the accepted: leads that left, whose records take nothing any more
	classes   map[string]int
	deciding  time.Duration
	refused   []RefusedRow // the first [MaxKeptRows]
	cut       int          // those behind them
}

// deliver decides what changed and sends it, and returns its part of the summary.
func (d *delivery) deliver(ctx context.Context, found Found, full bool) (TargetSummary, error) {
	return d.end(d.send(ctx, found, full))
}

// end checks the counts, and tells what became of the delivery.
func (d *delivery) end(err error) (TargetSummary, error) {
	if !d.begun {
		d.counts.NotSent = d.counts.Changes - d.counts.Deferred
	}
	if wrong := d.counts.Check(); wrong != nil {
		err = errors.Join(err, wrong)
	}
	if d.gone > 0 {
		d.log.Info("leads that left take no score any more: nothing is left to clear there", "rows", d.gone)
	}
	d.counts.APICalls = d.target.Sink.Calls() - d.calls
	s := TargetSummary{Target: d.name(), Delivery: d.counts, Classes: d.classes}
	if err != nil {
		s.fail(err)
		d.log.Warn("the delivery did not end well", d.attributes(err)...)
	}
	return s, err
}

func (d *delivery) attributes(err error) []any {
	attrs := []any{"error", err.Error()}
	if class := ClassOf(err); class != 0 {
		attrs = append(attrs, "err_class", class.String())
	}
	if hint := HintOf(err); hint != "" {
		attrs = append(attrs, "hint", hint)
	}
	return attrs
}

// send decides, and writes what changed and can be paid for.
func (d *delivery) send(ctx context.Context, found Found, full bool) error {
	guarded, err := d.prepare(ctx)
	if err != nil {
		return err
	}
	if err := d.acquaint(ctx); err != nil {
		return err
	}
	changed, err := d.Ledger.Shape(ctx, d.Job, d.name(), d.target.Shape)
	if err != nil {
		return err
	}
	if changed {
		d.log.Warn("the target's object or mapping is not what it was: every score is due again")
	}
	if full {
		if err := d.Ledger.Doubt(ctx, d.Job, d.name()); err != nil {
			return err
		}
	}
	if err := d.settle(ctx, guarded); err != nil {
		return err
	}
	changes, err := d.decide(ctx, found, changed || full)
	if err != nil {
		return err
	}
	if changes, err = d.ration(ctx, changes); err != nil {
		return err
	}
	// Before the first write: what is sent from now on is newer than whatever is computed as of before.
	if d.run.Trigger != Fill {
		if err := d.Ledger.Sweep(ctx, d.run, d.name()); err != nil {
			return err
		}
	}
	return d.write(ctx, d.Model.Name(), changes)
}

// list puts an outcome among those of the run that are kept row by row.
func (d *delivery) list(o Outcome) {
	if len(d.refused) == MaxKeptRows {
		d.cut++
		return
	}
	d.refused = append(d.refused, RefusedRow{Target: d.name(), Outcome: o})
}

func (d *delivery) name() string { return d.target.Sink.Name() }

// prepare logs in and makes sure of the target. It says whether the target itself refuses what is older.
func (d *delivery) prepare(ctx context.Context) (guarded bool, err error) {
	if d.unfit != nil {
		return false, d.unfit
	}
	d.progress("prepare to deliver to "+d.name(), 0, 0)
	ready, err := d.target.Sink.Preflight(ctx)
	if err != nil {
		return false, err
	}
	return ready.Guarded, d.Ledger.Bind(ctx, d.Job, d.name(), ready.Identity)
}

// acquaint asks, before a first delivery, whether the target holds scores that the ledger does not know. They are no reason not
// to deliver, nor is a question without an answer, but for a person to know of while the ledger can still be told.
func (d *delivery) acquaint(ctx context.Context) error {
	if d.target.Reader == nil {
		return nil
	}
	for _, err := range d.confirmed(ctx, false) { // of the first entry, which says enough
		return err
	}
	found, err := d.target.Reader.Any(ctx)
	switch {
	case ctx.Err() != nil:
		return err
	case err != nil:
		d.log.Warn("whether the target holds scores that the ledger does not know can't be told", d.attributes(err)...)
	case found:
		d.log.Warn("the target holds scores that the ledger does not know: every score is sent again",
			"hint", "an undo of this run can only clear the scores that it replaces; to have them known, stop this run (that is safe), "+
				"and call scored ledger rebuild "+d.Job)
	}
	return nil
}

// settle waits until a request that was never answered, of a run that died or of one that sent its rows again, can no
// longer arrive. At a target that is guarded it may arrive at any time.
func (d *delivery) settle(ctx context.Context, guarded bool) error {
	if guarded {
		return nil
	}
	last, err := d.Ledger.Unsettled(ctx, d.Job, d.name())
	if err != nil {
		return fmt.Errorf("read open intents: %w", err)
	}
	wait := time.Until(last.Add(d.target.Settle))
	if last.IsZero() || wait <= 0 {
		return nil
	}
	d.log.Warn("waiting: an earlier run may have left a request on its way", "wait_ms", wait.Milliseconds())
	d.progress("wait for a late request to "+d.name(), 0, 0)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *delivery) decide(ctx context.Context, found Found, doubtful bool) ([]Change, error) {
	start := time.Now()
	decision, err := d.compare(d.run, d.Model.Name(), found, d.confirmed(ctx, doubtful))
	d.deciding = time.Since(start)
	if err != nil {
		return nil, fmt.Errorf("compare with what was confirmed: %w", err)
	}
	c := &d.counts
	c.Unchanged, c.Kept, c.Quarantined = decision.Unchanged, decision.Kept, decision.Quarantined
	c.Superseded, c.Ahead = decision.Superseded, decision.Ahead
	c.plan(decision.Changes)
	d.log.Info("changes decided", "changed", c.Changes, "cleared", c.Cleared, "unchanged", c.Unchanged,
		"superseded", c.Superseded, "kept", c.Kept, "quarantined", c.Quarantined)
	return decision.Changes, nil
}

// ration defers what the target's daily budget does not pay for.
func (d *delivery) ration(ctx context.Context, changes []Change) ([]Change, error) {
	if d.Ration == nil || d.target.Meter == nil || len(changes) == 0 {
		return changes, nil
	}
	usage, err := d.target.Meter.Usage(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask for the requests of the last 24 hours: %w", err)
	}
	now := time.Now()
	spent, err := d.Ledger.Spent(ctx, now.Add(-24*time.Hour))
	if err != nil {
		return nil, fmt.Errorf("read the requests of the last 24 hours: %w", err)
	}
	budget := Budget{Usage: usage, Own: spent.Calls + d.spent(), Extra: spent.Extra(), Typical: spent.Typical, Runs: d.RunsADay(now)}
	if d.run.backfills() {
		budget.Leftover, budget.Extra = true, budget.Extra+d.spent()
	}
	affordable := d.Ration(budget, d.target.Meter.Cost, changes)
	if d.counts.Deferred = len(changes) - len(affordable); d.counts.Deferred > 0 {
		d.log.Warn("the budget of requests is short: the largest changes go first, the rest stays due",
			"deferred", d.counts.Deferred, "used", usage.Used, "limit", usage.Limit, "own", budget.Own, "typical", budget.Typical,
			"runs", budget.Runs)
	}
	return affordable, nil
}
