// Package sinks holds what every target shares: decorators around a [pipeline.Sink].
package sinks

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"scored/pipeline"
)

// ErrLater marks, wrapped in a delivery's error, what a wait of seconds can't mend, such as a spent daily limit:
// [Retry] gives up at once.
var ErrLater = errors.New("left for a later run")

// Backoff says how often and how patiently [Retry] tries. A wait is drawn evenly from zero to a ceiling (full jitter,
// so that senders which failed together don't return together); the ceiling begins at First, doubles with each wait,
// and ends at Max.
type Backoff struct {
	Tries int // tries in a row; one that settles a row is counted as the first again. 1 does not try again
	First time.Duration
	Max   time.Duration
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
// [pipeline.TryAgain] problem, and rows that came back as Retry or Unknown. Only what remains is sent again; it is the
// same run with the same version, so that a row which had been applied after all is written with what it holds.
//
// An Accepted or Refused row is confirmed when the target answers. A Retry or Unknown one is held back until it is
// settled or the tries are spent, and so is reported once. A row that was once Unknown is settled by nothing but
// Accepted: a later refusal does not say whether the first request was applied. It is then marked Late.
func Retry(sink pipeline.Sink, backoff Backoff, log *slog.Logger) pipeline.Sink {
	return &retry{Sink: sink, backoff: backoff, log: log.With("target", sink.Name())}
}

type retry struct {
	pipeline.Sink
	backoff Backoff
	log     *slog.Logger
}

// Preflight tries until the target's preflight ends with something other than a TryAgain problem.
func (r *retry) Preflight(ctx context.Context) (string, error) {
	for n := 0; ; n++ {
		identity, err := r.Sink.Preflight(ctx)
		if !again(err) || n+1 >= r.backoff.Tries || r.pause(ctx, r.log, n, "preflight", 0, err) != nil {
			return identity, err
		}
	}
}

// Write sends the changes, and what remains of them again, within the tries and within ctx.
func (r *retry) Write(ctx context.Context, run *pipeline.Run, model string, changes []pipeline.Change,
	confirm func([]pipeline.Outcome) error) error {
	log := r.log.With("run_id", run.ID, "job", run.Job)
	d := delivery{confirm: confirm, left: changes, held: map[string]pipeline.Outcome{}}
	for n := 0; ; n++ {
		before := len(d.left)
		err := r.Sink.Write(ctx, run, model, d.left, d.take)
		d.left = d.remaining()
		if len(d.left) < before {
			n = 0
		}
		done := len(d.left) == 0 || d.failed != nil || err != nil && !again(err)
		if done || n+1 >= r.backoff.Tries || r.pause(ctx, log, n, "deliver", len(d.left), err) != nil {
			if err == nil && len(d.left) > 0 {
				err = ctx.Err()
			}
			return errors.Join(err, d.release())
		}
	}
}

// again reports whether err may be gone in a moment.
func again(err error) bool {
	return pipeline.ClassOf(err) == pipeline.TryAgain && !errors.Is(err, ErrLater)
}

// pause waits before the next try; its error says that ctx ended, or would end before the wait does.
func (r *retry) pause(ctx context.Context, log *slog.Logger, n int, what string, rows int, err error) error {
	wait := r.backoff.wait(n)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
		return context.DeadlineExceeded
	}
	attrs := []any{"stage", what, "attempt", n + 2, "wait_ms", wait.Milliseconds()}
	if rows > 0 {
		attrs = append(attrs, "rows", rows)
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

// delivery is what is known, between tries, of one call of Write.
type delivery struct {
	confirm func([]pipeline.Outcome) error
	failed  error                       // what confirm said, if it failed
	left    []pipeline.Change           // not settled yet, in order
	settled map[string]bool             // confirmed in this try
	held    map[string]pipeline.Outcome // Retry or Unknown, to be settled by a later try
}

// take is the confirm that the decorated sink calls.
func (d *delivery) take(outcomes []pipeline.Outcome) error {
	final := make([]pipeline.Outcome, 0, len(outcomes))
	if d.settled == nil {
		d.settled = make(map[string]bool, len(d.left))
	}
	for _, o := range outcomes {
		if o.Status != pipeline.Accepted && d.held[o.Key].Status == pipeline.Unknown {
			o.Status = pipeline.Unknown
		}
		if o.Status == pipeline.Retry || o.Status == pipeline.Unknown {
			d.held[o.Key] = o
			continue
		}
		o.Late = d.held[o.Key].Status == pipeline.Unknown
		delete(d.held, o.Key)
		d.settled[o.Key] = true
		final = append(final, o)
	}
	if len(final) > 0 {
		d.failed = d.confirm(final)
	}
	return d.failed
}

// remaining returns the changes that the last try did not settle.
func (d *delivery) remaining() []pipeline.Change {
	if len(d.settled) == 0 {
		return d.left
	}
	left := make([]pipeline.Change, 0, len(d.left)-len(d.settled))
	for _, c := range d.left {
		if !d.settled[c.Key] {
			left = append(left, c)
		}
	}
	d.settled = nil
	return left
}

// release confirms what is still held, in the order of the changes.
func (d *delivery) release() error {
	var outcomes []pipeline.Outcome
	for _, c := range d.left {
		if o, ok := d.held[c.Key]; ok {
			outcomes = append(outcomes, o)
		}
	}
	if len(outcomes) == 0 {
		return nil
	}
	return d.confirm(outcomes)
}
