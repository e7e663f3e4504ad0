package pipeline

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// maxPublished is how many runs one run brings into the warehouse's run log: itself, and what earlier ones could not.
const maxPublished = 500

// Keep says how the warehouse's history is kept.
type Keep struct {
	History History
	Shape   string // tells one place of the history from another
	Decide  Decide // which scores differ from what the history has
}

// keepScores appends to the history the scores that differ from its newest. A live run is held against what the ledger
// knows the history to have, which costs no query; a backfill against the history itself, as of then.
func (w *work) keepScores(ctx context.Context, scores []Score) error {
	if w.Keep == nil {
		return nil
	}
	history := w.Keep.History
	d := w.delivery(Target{Sink: history, Shape: w.Keep.Shape}, w.Keep.Decide)
	if w.run.Trigger == Fill || w.run.Trigger == Backfill {
		d.confirmed = func(ctx context.Context) iter.Seq2[Confirmed, error] {
			return history.Newest(ctx, w.Job, w.run.Version)
		}
	}
	start := time.Now()
	s, err := d.deliver(ctx, scores, w.full)
	w.summary.Stages.History = time.Since(start).Milliseconds()
	w.summary.History = &s
	if err != nil {
		return fmt.Errorf("append scores to %s: %w", history.Name(), err)
	}
	return nil
}

// publish appends the run, and those before it that are not there yet, to the warehouse's run log, and returns their ids.
// A run whose warehouse did not answer, or that was told to stop, leaves it to the next.
func (w *work) publish(ctx context.Context) ([]string, error) {
	if w.Keep == nil || !w.drained || ctx.Err() != nil {
		return nil, nil
	}
	name := w.Keep.History.Name()
	runs, err := w.Ledger.Unpublished(ctx, w.Job, maxPublished-1)
	if err != nil {
		return nil, fmt.Errorf("read runs that %s lacks: %w", name, err)
	}
	s := w.summary
	runs = append(runs, Record{Run: *w.run, Ended: time.Now().UTC(), End: s.End, Reason: s.Reason, Summary: s})
	if err := w.Keep.History.AppendRuns(ctx, runs); err != nil {
		return nil, fmt.Errorf("append run to %s: %w", name, err)
	}
	ids := make([]string, len(runs))
	for i := range runs {
		ids[i] = runs[i].ID
	}
	return ids, nil
}
