package pipeline

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// maxPublished is how many runs that earlier ones could not bring into the warehouse's run log a run brings there.
const maxPublished = 500

// Keep says how the warehouse's history is kept.
type Keep struct {
	History History
	Decide  Decide // which scores differ from what the history has
}

// keepScores appends to the history the scores that differ from its newest. The newest run of all is held against what the
// ledger knows the history to have, which costs no query; one in the past against the history itself, as of then.
func (w *work) keepScores(ctx context.Context, scores []Score) (err error) {
	if w.Keep == nil {
		return nil
	}
	history := w.Keep.History
	s := TargetSummary{Target: history.Name()}
	start := time.Now()
	defer func() {
		w.summary.Stages.History = time.Since(start).Milliseconds()
		if err != nil {
			s.fail(err)
			err = fmt.Errorf("append scores to %s: %w", history.Name(), err)
		}
		w.summary.History = &s
	}()
	d := w.delivery(Target{Sink: history, Shape: history.Shape()}, w.Keep.Decide)
	swept, err := w.Ledger.Swept(ctx, w.Job, history.Name())
	if err != nil {
		return err
	}
	if w.run.backfills() || swept > w.run.Version {
		// The history must know all runs before it is changed between two of them.
		if err := w.publishEarlier(ctx); err != nil {
			return err
		}
		d.confirmed = func(ctx context.Context, _ bool) iter.Seq2[Confirmed, error] {
			return history.Newest(ctx, w.Job, w.run.Version)
		}
	}
	s, err = d.deliver(ctx, Found{Scores: scores}, w.full)
	return err
}

// publishEarlier appends the runs before this one that the warehouse's run log lacks.
func (w *work) publishEarlier(ctx context.Context) error {
	for {
		ids, err := w.publish(ctx)
		if err != nil || len(ids) == 0 {
			return err
		}
		if err := w.Ledger.Published(ctx, ids); err != nil || len(ids) < maxPublished {
			return err
		}
	}
}

// publishAll appends this run, too. A run whose warehouse did not answer, or that was told to stop, leaves that to the next.
func (w *work) publishAll(ctx context.Context) (ids []string, err error) {
	if w.Keep != nil && w.drained && ctx.Err() == nil {
		s := w.summary
		this := Record{Run: *w.run, Ended: time.Now().UTC(), End: s.End, Reason: s.Reason, Summary: s}
		err = w.guard(func() (err error) {
			ids, err = w.publish(ctx, this)
			return err
		})
	}
	return ids, err
}

// publish appends the runs that the warehouse's run log lacks, and those given, and returns their ids.
func (w *work) publish(ctx context.Context, more ...Record) ([]string, error) {
	name := w.Keep.History.Name()
	runs, err := w.Ledger.Unpublished(ctx, w.Job, maxPublished)
	if err != nil {
		return nil, fmt.Errorf("read runs that %s lacks: %w", name, err)
	}
	if runs = append(runs, more...); len(runs) == 0 {
		return nil, nil
	}
	if err := w.Keep.History.AppendRuns(ctx, runs); err != nil {
		return nil, fmt.Errorf("append run to %s: %w", name, err)
	}
	ids := make([]string, len(runs))
	for i := range runs {
		ids[i] = runs[i].ID
	}
	return ids, nil
}
