package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"
)

// finishTimeout bounds the last ledger write of a run that was told to stop.
const finishTimeout = 10 * time.Second

// Target is a sink with what the Runner must know of it.
type Target struct {
	Sink Sink
	// Shape tells one way of writing scores to the sink from another: its object and mapping, as one text.
	Shape string
	// Settle is how long a request can go on after its sender died. Until it has passed since the last open intent, no
	// other value is sent: the late request could overwrite it.
	Settle time.Duration
	// Reasons is set where the sink writes a score's reasons, which are computed for changes only, and not unless somebody
	// wants them.
	Reasons bool
	// Clear is set where the score of a lead that left the result is cleared; otherwise it stays.
	Clear   bool
	Resumer Resumer // nil where nothing goes on at the target by itself
	Meter   Meter   // nil where requests are not counted
	Reader  Reader  // nil where scores can't be read back, and so no run be undone
}

// Runner takes one job from its dataprep script to its targets.
type Runner struct {
	Job     string
	Source  Source
	Model   Model
	Decide  Decide
	Guard   Guard // nil holds nothing
	Targets []Target
	Keep    *Keep // nil if no history is kept
	Ledger  Ledger
	Log     *slog.Logger
	Tail    *Tail // under Log, keeps each run's lines for the ledger; may be nil
	// Ration fits what is sent into the daily budget of a target that has one; nil sends all. It needs RunsADay: how many runs
	// the schedules of all jobs make within 24 hours from then.
	Ration   Ration
	RunsADay func(now time.Time) int
	// Progress is told how far a stage is: nothing is done when it begins, and total is 0 where it isn't known. It must not
	// block.
	Progress func(stage string, done, total int)
}

// Run makes one run and returns its summary, which is logged and in the ledger by then. The error says why the run
// failed or was interrupted, or what kept a target from taking everything; it is nil for a run that ended ok, and for a
// partial one whose reasons are all per row. A panic is an error of the run and of nothing else.
func (r *Runner) Run(ctx context.Context, req Request) (*Summary, error) {
	w, err := r.begin(ctx, req)
	if err != nil {
		return nil, err
	}
	r.identify(w.summary)
	w.log.Info("run started", "trigger", w.run.Trigger, "as_of", w.run.AsOf, "attempt", w.run.Attempt, "version", w.run.Version,
		"model", r.Model.Name())
	return w.finish(ctx, w.do)
}

// work is one run on its way.
type work struct {
	*Runner
	log        *slog.Logger
	run        *Run
	full       bool
	summary    *Summary
	drained    bool // the warehouse answered
	rejected   []Rejection
	deliveries []*delivery // all that were begun
}

// begin opens a run.
func (r *Runner) begin(ctx context.Context, req Request) (*work, error) {
	run, err := r.Ledger.Begin(ctx, r.Job, req)
	if err != nil {
		return nil, fmt.Errorf("open run in ledger: %w", err)
	}
	r.Tail.open(run.ID)
	log := r.Log.With("run_id", run.ID, "job", r.Job)
	return &work{Runner: r, log: log, run: run, full: req.Full, summary: newSummary(run)}, nil
}

// finish does the run's part and records what became of it.
func (w *work) finish(ctx context.Context, part func(context.Context) error) (*Summary, error) {
	err := w.guard(func() error { return part(ctx) })
	w.summary.Duration = time.Since(w.run.Started).Milliseconds()
	var refused []RefusedRow
	for _, d := range w.deliveries {
		refused = append(refused, d.refused...)
		w.summary.Cut += d.cut
	}
	logRows(w.log, w.rejected, refused, w.summary.Cut)
	err = w.record(ctx, refused, err)
	logSummary(w.log, w.summary, err)
	w.tidy(ctx)
	return w.summary, err
}

// tidy deletes what the ledger need not keep any more. The run is recorded: what is left to delete, the next one finds.
func (w *work) tidy(ctx context.Context) {
	err := w.guard(func() error { return w.Ledger.Tidy(ctx, w.Job) })
	if err != nil && ctx.Err() == nil {
		w.log.Warn("the ledger still has what it need not keep: the next run tries again to delete it", "error", err.Error())
	}
}

// guard does a part of the run, and makes a panic in it an error: whatever happens, the run is recorded.
func (w *work) guard(part func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r := caught(p)
			w.log.Error("the run panicked: this is a bug", "panic", fmt.Sprint(r.value), "stack", string(r.stack))
			err = Panicked(r.value)
		}
	}()
	return part()
}

// do reads, scores and delivers. What earlier runs left at the targets ends first: it belongs to what they confirmed.
func (w *work) do(ctx context.Context) error {
	deliveries := make([]*delivery, len(w.Targets))
	for i, t := range w.Targets {
		deliveries[i] = w.delivery(t, w.Decide)
		w.timed(func() { deliveries[i].resume(ctx) })
	}
	if err := keptWaiting(ctx, deliveries); err != nil {
		return err
	}
	recall := w.recall(ctx, w.full)
	defer recall.end()
	got, err := w.score(ctx, w.run, recall, w.summary)
	if err != nil {
		return err
	}
	w.rejected, w.drained = got.rejected, true
	if err := w.hold(ctx, got, recall); err != nil {
		return err
	}
	if err := got.empty(); err != nil {
		return err
	}
	err = w.deliverAll(ctx, deliveries, w.found(got), recall)
	if err != nil && ctx.Err() != nil { // it was told to stop; a history that can't be reached any more is no news
		return err
	}
	return errors.Join(err, w.keepScores(ctx, got.scores))
}

// deliverAll goes through the targets; one that fails does not keep the others from theirs.
func (w *work) deliverAll(ctx context.Context, deliveries []*delivery, found Found, recall *recall) error {
	var errs []error
	for i, d := range deliveries {
		d.confirmed = func(_ context.Context, doubtful bool) iter.Seq2[Confirmed, error] { return recall.of(i, doubtful) }
		found.Clear = d.target.Clear
		w.timed(func() { errs = append(errs, w.add(d.deliver(ctx, found, w.full))) })
		w.summary.Stages.Decide += d.deciding.Milliseconds()
		w.summary.Stages.Deliver -= d.deciding.Milliseconds()
	}
	return errors.Join(errs...)
}

// add puts a target's part into the summary.
func (w *work) add(ts TargetSummary, err error) error {
	w.summary.Targets = append(w.summary.Targets, ts)
	w.summary.add(ts.Delivery)
	if err != nil {
		err = fmt.Errorf("deliver to %s: %w", ts.Target, err)
	}
	return err
}

// timed counts what a part takes as delivery.
func (w *work) timed(part func()) {
	start := time.Now()
	part()
	w.summary.Stages.Deliver += time.Since(start).Milliseconds()
}

func (w *work) delivery(t Target, decide Decide) *delivery {
	name := t.Sink.Name()
	d := &delivery{
		Runner: w.Runner, log: w.log.With("target", name), run: w.run, target: t, compare: decide, calls: t.Sink.Calls(),
		spent: w.spent,
		confirmed: func(ctx context.Context, _ bool) iter.Seq2[Confirmed, error] {
			return w.Ledger.Confirmed(ctx, w.Job, name)
		},
	}
	w.deliveries = append(w.deliveries, d)
	return d
}

// spent is how many requests the run has made to targets that count them. They are in no ledger yet.
func (w *work) spent() (calls int) {
	for _, d := range w.deliveries {
		if d.target.Meter != nil {
			calls += d.target.Sink.Calls() - d.calls
		}
	}
	return calls
}

// record brings the summary into the warehouse and into the ledger, the latter also of a run that was told to stop. A run
// that can't be recorded did not end well, whatever it delivered.
func (w *work) record(ctx context.Context, refused []RefusedRow, err error) error {
	s := w.summary
	s.End, s.Reason = s.end(ctx, err), s.reason(ctx, err)
	published, perr := w.publishAll(ctx)
	if perr != nil {
		s.spoil(perr)
	}
	s.Hint = s.hint(errors.Join(err, perr))
	if s.Profile != nil {
		s.Profile.Due = s.due()
		s.Profile.Difference.New = min(s.Profile.Difference.New, s.open())
	}
	var lines []string
	if w.Tail != nil {
		lines = w.Tail.take(s.ID)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	ferr := w.Ledger.Finish(ctx, s, w.rejected, refused, lines)
	if ferr == nil && len(published) > 0 {
		ferr = w.Ledger.Published(ctx, published)
	}
	if ferr != nil {
		ferr = fmt.Errorf("record run in ledger: %w", ferr)
		s.spoil(ferr)
	}
	return errors.Join(err, perr, ferr)
}

// identify names what is run.
func (r *Runner) identify(s *Summary) {
	s.Model, s.ModelDigest, s.SQLDigest = r.Model.Name(), r.Model.Digest(), r.Source.Digest()
}

func (r *Runner) progress(stage string, done, total int) {
	if r.Progress != nil {
		r.Progress(stage, done, total)
	}
}
