package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"scored/pipeline"
)

const (
	recheck    = 30 * time.Second // between two looks at a condition, and between two attempts at a gate that fails
	firstPause = 30 * time.Second // the longest pause before the second attempt; it doubles from attempt to attempt
	doublings  = 3                // up to four minutes
)

// work takes one slot through its waits to its run, in a goroutine of its own.
type work struct {
	*Scheduler
	track   *track // the loop's: not to be touched here
	job     Job
	slot    time.Time
	next    time.Time // when the next slot comes due: nothing is waited for beyond it; zero if there is none
	seen    string    // the condition's value that was last acted on
	tries   int       // runs that were begun for the slot, by whatever process
	log     *slog.Logger
	stage   atomic.Pointer[stage]
	call    atomic.Pointer[call]
	verdict *verdict
}

// stage is how far the work is.
type stage struct {
	name, why string
	since     time.Time
}

// call is a call to the outside that goes on.
type call struct {
	expired atomic.Pointer[time.Time] // when its context ended
}

// verdict is the fate that a slot's work came to, and what goes with it into the journal and the log.
type verdict struct {
	span      pipeline.Span
	ended     time.Time
	report    func() // logs it
	acted     bool   // the run ended without error, on the data that value stands for
	value     string
	accounted bool
}

// skip is why a slot gets no run, or no other one.
type skip struct {
	level  slog.Level
	reason string
	hint   string
}

func (s *skip) Error() string { return s.reason }

var (
	errStopped = errors.New("the daemon is stopping")
	errNoTime  = errors.New("its deadline or the next slot is too near")
)

func newWork(s *Scheduler, t *track, plan Plan) *work {
	w := &work{
		Scheduler: s, track: t, job: t.job, slot: plan.Run, next: plan.Next, seen: t.cursor.Seen,
		log: s.log.With("job", t.job.Name, "slot", plan.Run.Format(time.RFC3339)),
	}
	w.at("starting", "")
	return w
}

// do returns the slot's verdict; nil if it stays due because the daemon stops.
func (w *work) do(ctx context.Context) *verdict {
	begun := w.now()
	w.log.Info("slot started", "late_ms", begun.Sub(w.slot).Milliseconds())
	startBy := w.notPastNext(begun.Add(w.job.Policy.StartDeadline))
	value, err := w.awaitData(ctx, startBy)
	if err == nil {
		err = w.awaitTurn(ctx, startBy)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return w.staysDue()
	case err != nil:
		return w.skipped(err)
	}
	summary, err := w.run(ctx)
	if errors.Is(err, errStopped) {
		return w.staysDue()
	}
	v := w.ran(summary, err, begun)
	v.acted, v.value = err == nil && w.job.Condition != nil, value
	return v
}

// awaitData waits for the job's condition and returns the value it had when it was met.
func (w *work) awaitData(ctx context.Context, until time.Time) (string, error) {
	if w.job.Condition == nil {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, until.Sub(w.now()))
	defer cancel()
	given := &skip{level: slog.LevelWarn, reason: "its data did not come"}
	w.at("waiting for data", "")
	for {
		value, ready, why, err := w.ready(ctx)
		switch {
		case err == nil && ready:
			return value, nil
		case err == nil:
			given = w.noData(why)
		case ctx.Err() == nil:
			given = &skip{level: slog.LevelError, reason: "its condition could not be read: " + err.Error(), hint: pipeline.HintOf(err)}
		}
		w.at("waiting for data", given.reason)
		if pipeline.ClassOf(err) == pipeline.Configuration || !w.pause(ctx, recheck, until) {
			return "", given
		}
	}
}

func (w *work) noData(why string) *skip {
	if w.job.OnChange {
		return &skip{level: slog.LevelInfo, reason: why}
	}
	return &skip{level: slog.LevelWarn, reason: because("its data did not come", why),
		hint: "check the load that feeds the job's tables; the next slot looks again"}
}

func (w *work) ready(ctx context.Context) (value string, ready bool, why string, err error) {
	defer w.watch(ctx)()
	defer w.caught(&err)
	return w.job.Condition.Ready(ctx, w.slot, w.seen)
}

// awaitTurn waits for the job's gate and returns nil with the gate held. A pause that was set while the slot waited, say
// by an undo that held the gate, counts.
func (w *work) awaitTurn(ctx context.Context, until time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, until.Sub(w.now()))
	defer cancel()
	for {
		holder := ""
		w.at("waiting for its turn", "")
		cursor, err := w.enter(ctx, &holder)
		switch {
		case err == nil && !cursor.Paused.IsZero():
			w.leave()
			return &skip{level: slog.LevelWarn, reason: because(reasonPaused, cursor.PausedWhy), hint: hintPaused}
		case err == nil:
			if cursor.Tried.Equal(w.slot) {
				w.tries = max(w.tries, cursor.Tries)
			}
			return nil
		case ctx.Err() != nil:
			return busy(holder)
		}
		hint := hintOr(err, "check the disk that holds the ledger")
		w.log.Error("the slot's turn could not be taken: another attempt follows", "error", err.Error(), "hint", hint)
		w.at("waiting for its turn", err.Error())
		if !w.pause(ctx, recheck, until) {
			return &skip{level: slog.LevelError, reason: "its turn could not be taken: " + err.Error(), hint: hint}
		}
	}
}

func busy(holder string) *skip {
	if holder == "" { // the look at its data took all the time there was
		return &skip{level: slog.LevelWarn, reason: "it could not begin before its start deadline or the next slot",
			hint: "look at how long the job's condition takes"}
	}
	return &skip{level: slog.LevelWarn, reason: "the job was busy: " + holder,
		hint: "let the other run or the backfill end, or stop it; the next slot tries again"}
}

// enter takes the gate and reads where the schedule stands; after an error, a panic included, the gate is not held.
func (w *work) enter(ctx context.Context, holder *string) (cursor pipeline.Cursor, err error) {
	held := false
	defer w.watch(ctx)()
	defer func() {
		if held && err != nil {
			w.leave()
		}
	}()
	defer w.caught(&err)
	orphans, err := w.journal.Enter(ctx, w.job.Name, func(by string) {
		*holder = by
		w.at("waiting for its turn", by)
	})
	if err != nil {
		return pipeline.Cursor{}, err
	}
	held = true
	for _, id := range orphans {
		w.log.Warn("an earlier run was found dead", "run_id", id,
			"hint", "its process was killed or the machine went down; what it had not confirmed is sent again")
	}
	return w.journal.Cursor(ctx, w.job.Name)
}

func (w *work) leave() {
	if err := w.journal.Leave(w.job.Name); err != nil {
		w.log.Error("the job's gate could not be left", "error", err.Error(),
			"hint", hintOr(err, "if the job's next slots find it busy, restart the daemon"))
	}
}

// run makes attempts until one is the last, all within the run deadline. The gate is held when it begins, and is not when it
// returns. The error is errStopped if the daemon stopped it first.
func (w *work) run(ctx context.Context) (*pipeline.Summary, error) {
	limit := w.job.RunDeadline
	last := w.notPastNext(w.now().Add(limit))
	bounded, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the run deadline of %v passed", limit))
	defer cancel()
	for {
		summary, err := w.attempt(bounded)
		stopped := ctx.Err() != nil && err != nil && (summary == nil || summary.End == pipeline.Interrupted)
		if summary != nil || !stopped { // a run that a stop kept from beginning is none
			w.tell(summary, err)
		}
		if stopped {
			return nil, errStopped
		}
		if pipeline.ClassOf(err) != pipeline.TryAgain || pipeline.Later(err) || w.tries >= w.job.Policy.Tries || bounded.Err() != nil {
			return summary, err
		}
		if why := w.awaitRetry(bounded, last, err); why != nil {
			if ctx.Err() != nil {
				return nil, errStopped
			}
			w.log.Warn("the run is not tried again", "reason", why.Error())
			return summary, err
		}
	}
}

// awaitRetry waits a random while, so that jobs that failed together don't come back together, and for the gate.
func (w *work) awaitRetry(ctx context.Context, last time.Time, failure error) error {
	pause := w.options.Random(firstPause << min(w.tries-1, doublings))
	at := w.now().Add(pause)
	if !at.Before(last) {
		return errNoTime
	}
	w.log.Warn("the run failed: another attempt follows", "attempt", w.tries, "at", at.Format(time.RFC3339), "error", failure.Error())
	w.at("retrying at "+at.Format(time.RFC3339), failure.Error())
	if !w.pause(ctx, pause, last) {
		return errNoTime
	}
	return w.awaitTurn(ctx, last)
}

// attempt makes one run and leaves the gate.
func (w *work) attempt(ctx context.Context) (summary *pipeline.Summary, err error) {
	w.at("running", "")
	w.tries++
	defer w.watch(ctx)()
	defer w.leave()
	defer w.caught(&err)
	return w.job.Run(ctx, w.slot)
}

// tell tells log and observer of a run. An observer that panics does not change what the run was.
func (w *work) tell(summary *pipeline.Summary, err error) {
	if summary == nil && err != nil {
		w.log.Error("the run failed", "error", err.Error(), "hint", pipeline.HintOf(err))
	}
	var ignored error
	defer w.caught(&ignored)
	w.observer.RunEnded(w.job.Name, summary, err)
}

// caught turns a panic into an error: it ends this slot's work and nothing else.
func (w *work) caught(err *error) {
	if p := recover(); p != nil {
		w.log.Error("the slot's work panicked: this is a bug", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		*err = pipeline.Panicked(p)
	}
}

// staysDue is the verdict of a slot that the next start of the daemon takes up.
func (w *work) staysDue() *verdict {
	w.log.Info("slot stays due: the daemon is stopping")
	return nil
}

// skipped is the verdict of a slot that gets no run.
func (w *work) skipped(err error) *verdict {
	var why *skip
	if !errors.As(err, &why) {
		why = &skip{level: slog.LevelError, reason: err.Error()}
	}
	span := pipeline.Span{First: w.slot, Last: w.slot, Count: 1, Fate: pipeline.Skipped, Reason: why.reason}
	return &verdict{span: span, ended: w.now(), report: func() {
		attrs := []any{"reason", why.reason}
		if why.hint != "" {
			attrs = append(attrs, "hint", why.hint)
		}
		w.log.Log(context.Background(), why.level, "slot skipped", attrs...)
	}}
}

// ran is the verdict of a slot that got a run, however that ended.
func (w *work) ran(summary *pipeline.Summary, err error, begun time.Time) *verdict {
	span := pipeline.Span{First: w.slot, Last: w.slot, Count: 1, Fate: pipeline.Ran}
	end, reason := pipeline.OK, ""
	if err != nil {
		end, reason = pipeline.Failed, err.Error()
	}
	attrs := []any{"attempt", w.tries, "dur_ms", w.now().Sub(begun).Milliseconds()}
	if summary != nil {
		end, reason, span.RunID = summary.End, summary.Reason, summary.ID
		attrs = append(attrs, "run_id", summary.ID, "as_of", summary.AsOf)
	}
	if end != pipeline.OK {
		span.Reason = because(string(end), reason)
		attrs = append(attrs, "reason", reason)
	}
	return &verdict{span: span, ended: w.now(), report: func() { w.log.Info("slot ended", append(attrs, "end", end)...) }}
}

// at notes how far the work is.
func (w *work) at(name, why string) { w.stage.Store(&stage{name: name, why: why, since: w.now()}) }

// notPastNext returns the instant, or when the next slot comes due if that is earlier: waiting must not cost that one.
func (w *work) notPastNext(t time.Time) time.Time {
	if w.next.IsZero() {
		return t
	}
	return earlier(t, w.next)
}

// pause sleeps, but not beyond an instant. It returns false if that has come or ctx has ended.
func (w *work) pause(ctx context.Context, d time.Duration, until time.Time) bool {
	timer := time.NewTimer(min(d, until.Sub(w.now())))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	return ctx.Err() == nil && w.now().Before(until)
}

// watch notes when the context of a call to the outside ends.
func (w *work) watch(ctx context.Context) (done func()) {
	c := &call{}
	w.call.Store(c)
	stop := context.AfterFunc(ctx, func() {
		now := time.Now() // with its monotonic reading: a suspended machine is no fault of the call
		c.expired.Store(&now)
	})
	return func() {
		stop()
		w.call.Store(nil)
	}
}

// overdue says whether a call to the outside has outlived its context.
func (w *work) overdue() bool {
	c := w.call.Load()
	if c == nil {
		return false
	}
	expired := c.expired.Load()
	return expired != nil && time.Since(*expired) > grace
}
