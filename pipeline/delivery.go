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
	counts    Delivery
	deciding  time.Duration
	refused   []RefusedRow
}

// deliver decides what changed and sends it, and returns its part of the summary.
func (d *delivery) deliver(ctx context.Context, scores []Score, full bool) (TargetSummary, error) {
	calls := d.target.Sink.Calls()
	err := d.send(ctx, scores, full)
	d.counts.APICalls = d.target.Sink.Calls() - calls
	s := TargetSummary{Target: d.name(), Delivery: d.counts}
	if err != nil {
		s.Error = err.Error()
	}
	return s, err
}

// send records intents before the first request, and confirmations after each.
func (d *delivery) send(ctx context.Context, scores []Score, full bool) error {
	d.progress("prepare to deliver to "+d.name(), 0, 0)
	identity, err := d.target.Sink.Preflight(ctx)
	if err != nil {
		return err
	}
	if err := d.Ledger.Bind(ctx, d.Job, d.name(), identity); err != nil {
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
	if err := d.settle(ctx); err != nil {
		return err
	}
	decision, err := d.decide(ctx, scores, changed || full)
	if err != nil {
		return err
	}
	// Before the first write: what is sent from now on is newer than whatever is computed as of before.
	if d.run.Trigger != Fill {
		if err := d.Ledger.Sweep(ctx, d.run, d.name()); err != nil {
			return err
		}
	}
	if len(decision.Changes) == 0 {
		return nil
	}
	if err := d.Ledger.Intend(ctx, d.run, d.name(), d.Model.Name(), decision.Changes); err != nil {
		return fmt.Errorf("record intents: %w", err)
	}
	return d.write(ctx, decision.Changes)
}

func (d *delivery) name() string { return d.target.Sink.Name() }

// settle waits until a request that was never answered, of a run that died or of one that sent its rows again, can no
// longer arrive.
func (d *delivery) settle(ctx context.Context) error {
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

func (d *delivery) decide(ctx context.Context, scores []Score, doubtful bool) (Decision, error) {
	start := time.Now()
	decision, err := d.compare(d.run, d.Model.Name(), scores, d.confirmed(ctx, doubtful))
	d.deciding = time.Since(start)
	if err != nil {
		return decision, fmt.Errorf("compare with what was confirmed: %w", err)
	}
	d.counts.Changes = len(decision.Changes)
	d.counts.Unchanged, d.counts.Kept = decision.Unchanged, decision.Kept
	d.counts.Superseded, d.counts.Ahead = decision.Superseded, decision.Ahead
	d.log.Info("changes decided", "changed", len(decision.Changes), "unchanged", decision.Unchanged,
		"superseded", decision.Superseded, "kept", decision.Kept)
	return decision, nil
}

// write sends the changes and settles every intent whose end is known, also when it is told to stop.
func (d *delivery) write(ctx context.Context, changes []Change) error {
	settled := context.WithoutCancel(ctx)
	reported := make(map[string]bool, len(changes))
	confirm := func(outcomes []Outcome) error {
		// Counted before it is recorded: a row that the ledger can't confirm is one that was sent all the same.
		for _, o := range outcomes {
			reported[o.Key] = true
			d.counts.count(o)
			if o.Status != Accepted || o.Created {
				d.refused = append(d.refused, RefusedRow{Target: d.name(), Outcome: o})
			}
		}
		if err := d.Ledger.Confirm(settled, d.run, d.name(), outcomes); err != nil {
			return fmt.Errorf("record confirmations: %w", err)
		}
		d.progress("deliver to "+d.name(), len(reported), len(changes))
		return nil
	}
	d.progress("deliver to "+d.name(), 0, len(changes))
	err := d.target.Sink.Write(ctx, d.run, d.Model.Name(), changes, confirm)

	var unsent []Outcome
	for _, c := range changes {
		if !reported[c.Key] {
			unsent = append(unsent, Outcome{Key: c.Key, Status: NotSent})
		}
	}
	if len(unsent) > 0 {
		d.counts.NotSent += len(unsent)
		if cerr := d.Ledger.Confirm(settled, d.run, d.name(), unsent); cerr != nil {
			err = errors.Join(err, fmt.Errorf("record what was not sent: %w", cerr))
		}
	}
	return err
}
