// Package sinks holds what every target shares: decorators around a [pipeline.Sink].
package sinks

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"scored/pipeline"
)

// Backoff says how often and how patiently [Retry] tries. A wait is drawn evenly from zero to a ceiling (full jitter,
// so that senders which failed together don't return together); the ceiling begins at First, doubles with each wait,
// and ends at Max.
type Backoff struct {
	Tries int // in a row: one that settles a row is counted as the first again. 1 does not try again
	First time.Duration
	Max   time.Duration

	Budget *Budget // for what is tried again; nil: without bound
}

// wait draws the wait before the nth retry, n counting from 0.
func (b Backoff) wait(n int) time.Duration {
	ceiling := b.First
	for ; n > 0 && ceiling < b.Max; n-- {
		ceiling *= 2
	}
	if ceiling = min(ceiling, b.Max); ceiling <= 0 {
		return 0
	}
	return rand.N(ceiling)
}

// Retry returns sink, with what may succeed a moment later tried again: a preflight or delivery that ended with a
// [pipeline.TryAgain] problem, and rows that came back as Retry, Unprocessed or Unknown. Only what remains is sent again;
// it is the same run with the same version, so that a row which had been applied after all is written with what it holds.
// Once the rows have been sent Tries times on average, nothing is sent again.
//
// An Accepted, Refused or Stale row is confirmed when the target answers. Another is held back until it is settled or the
// tries are spent, and so is reported once. A row that was once Unknown is settled by Accepted, which is then marked Late, by
// Stale, for a target that refuses what is older than it holds has nothing to fear of the first request either, and by what
// is Settled, whatever it says. A refusal does not say whether the first request was applied or may yet be.
//
// The changes must be in ascending order of key. What is kept of them is a few bytes each, what the target said of those
// held back and, where it settled others between them, a copy of what remains.
func Retry(sink pipeline.Sink, backoff Backoff, log *slog.Logger) pipeline.Sink {
	return &retry{Sink: sink, backoff: backoff, log: log.With("target", sink.Name())}
}

type retry struct {
	pipeline.Sink
	backoff Backoff
	log     *slog.Logger
}

// Preflight tries until the target's preflight ends with something other than a TryAgain problem.
func (r *retry) Preflight(ctx context.Context) (pipeline.Ready, error) {
	for n := 0; ; n++ {
		ready, err := r.Sink.Preflight(ctx)
		if !r.backoff.Budget.pay(err) { // one that went well may have asked nothing, and earns nothing
			return ready, later(err)
		}
		if !again(err) || n+1 >= r.backoff.Tries || r.pause(ctx, r.log, n, "preflight", nil, err) != nil {
			return ready, err
		}
	}
}

// Write sends the changes, and what remains of them again, within the tries and within ctx.
func (r *retry) Write(ctx context.Context, run *pipeline.Run, model string, changes []pipeline.Change,
	confirm func([]pipeline.Outcome) error) error {
	log := r.log.With("run_id", run.ID, "job", run.Job)
	d, err := newDelivery(changes, confirm)
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		before := len(d.left)
		err = r.Sink.Write(ctx, run, model, d.left, func(outcomes []pipeline.Outcome) error {
			if slices.ContainsFunc(outcomes, answered) {
				r.backoff.Budget.earn()
			}
			return d.take(outcomes)
		})
		d.drop()
		if len(d.left) < before {
			n = 0
		}
		done := len(d.left) == 0 || d.failed != nil || err != nil && !again(err)
		spent := n+1 >= r.backoff.Tries || d.sent >= r.backoff.Tries*len(changes)
		if !done && !r.backoff.Budget.pay(err) {
			return errors.Join(later(err), d.release())
		}
		if done || spent || r.pause(ctx, log, n, "deliver", d, err) != nil {
			if err == nil && len(d.left) > 0 {
				err = ctx.Err()
			}
			return errors.Join(err, d.release())
		}
	}
}

// again reports whether err may be gone in a moment.
func again(err error) bool { return pipeline.ClassOf(err) == pipeline.TryAgain }

// pause waits before the next try of a preflight or of a delivery, d; its error says that ctx ended, or would end before the
// wait does.
func (r *retry) pause(ctx context.Context, log *slog.Logger, n int, what string, d *delivery, err error) error {
	wait := r.backoff.wait(n)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
		return context.DeadlineExceeded
	}
	attrs := []any{"stage", what, "attempt", n + 2, "wait_ms", wait.Milliseconds()}
	if d != nil {
		attrs = append(attrs, "rows", len(d.left))
		if codes := d.codes(); len(codes) > 0 {
			attrs = append(attrs, "codes", codes)
		}
	}
	if err != nil {
		attrs = append(attrs, "reason", err.Error())
	}
	log.Warn("trying again", attrs...)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
