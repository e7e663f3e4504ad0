package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"runtime"
	"slices"
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
	Targets []Target
	Keep    *Keep // nil if no history is kept
	Ledger  Ledger
	Log     *slog.Logger
	Tail    *Tail // under Log, keeps each run's lines for the ledger; may be nil
	// Progress is told how far a stage is: nothing is done when it begins, and total is 0 where it isn't known. It must not
	// block.
	Progress func(stage string, done, total int)
}

// Run makes one run and returns its summary, which is logged and in the ledger by then. The error says why the run
// failed or was interrupted, or what kept a target from taking everything; it is nil for a run that ended ok, and for a
// partial one whose reasons are all per row. A panic is an error of the run and of nothing else.
func (r *Runner) Run(ctx context.Context, req Request) (*Summary, error) {
	run, err := r.Ledger.Begin(ctx, r.Job, req)
	if err != nil {
		return nil, fmt.Errorf("open run in ledger: %w", err)
	}
	r.Tail.open(run.ID)
	log := r.Log.With("run_id", run.ID, "job", r.Job)
	log.Info("run started", "trigger", run.Trigger, "as_of", run.AsOf, "attempt", run.Attempt, "version", run.Version, "model", r.Model.Name())

	w := &work{Runner: r, log: log, run: run, full: req.Full, summary: r.summary(run)}
	err = w.guard(func() error { return w.do(ctx) })
	w.summary.Duration = time.Since(run.Started).Milliseconds()
	logRows(log, w.rejected, w.refused)
	err = w.record(ctx, err)
	logSummary(log, w.summary, err)
	return w.summary, err
}

// work is one run on its way.
type work struct {
	*Runner
	log      *slog.Logger
	run      *Run
	full     bool
	summary  *Summary
	drained  bool // the warehouse answered
	rejected []Rejection
	refused  []RefusedRow
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

// do reads, scores and delivers.
func (w *work) do(ctx context.Context) error {
	recall := w.recall(ctx, w.full)
	defer recall.end()
	scores, rejected, err := w.score(ctx, w.run, recall, w.summary)
	w.rejected, w.drained = rejected, err == nil
	if err != nil {
		return err
	}
	err = w.deliverAll(ctx, scores, recall)
	if err != nil && ctx.Err() != nil { // it was told to stop; a history that can't be reached any more is no news
		return err
	}
	return errors.Join(err, w.keepScores(ctx, scores))
}

// record brings the summary into the warehouse and into the ledger, the latter also of a run that was told to stop. A run
// that can't be recorded did not end well, whatever it delivered.
func (w *work) record(ctx context.Context, err error) error {
	s := w.summary
	s.End, s.Reason = s.end(ctx, err), s.reason(ctx, err)
	published, perr := w.publishAll(ctx)
	if perr != nil {
		s.spoil(perr)
	}
	s.Hint = HintOf(errors.Join(err, perr))
	var lines []string
	if w.Tail != nil {
		lines = w.Tail.take(s.ID)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	ferr := w.Ledger.Finish(ctx, s, w.rejected, w.refused, lines)
	if ferr == nil && len(published) > 0 {
		ferr = w.Ledger.Published(ctx, published)
	}
	if ferr != nil {
		ferr = fmt.Errorf("record run in ledger: %w", ferr)
		s.spoil(ferr)
	}
	return errors.Join(err, perr, ferr)
}

func (r *Runner) summary(run *Run) *Summary {
	slot := ""
	if !run.Slot.IsZero() {
		slot = run.Slot.UTC().Format(time.RFC3339)
	}
	return &Summary{
		ID: run.ID, Job: run.Job, Trigger: run.Trigger, Slot: slot, AsOf: run.AsOf, Attempt: run.Attempt, Version: run.Version,
		Started: run.Started, Model: r.Model.Name(), ModelDigest: r.Model.Digest(), SQLDigest: r.Source.Digest(),
	}
}

// score drains the source and scores what it gives; the scores come back in ascending order of key, each key once. By then
// all that the targets confirmed is read, too.
func (r *Runner) score(ctx context.Context, run *Run, recall *recall, s *Summary) ([]Score, []Rejection, error) {
	r.progress("read and score", 0, 0)
	start := time.Now()
	scores, rejected, err := r.drain(ctx, run, recall, s)
	if err != nil {
		return nil, nil, err
	}
	runtime.GC() // without what reading held, deciding has room before the heap grows
	scores, rejected = unique(scores, rejected)
	s.Stages.Score = time.Since(start).Milliseconds() - s.Stages.Read
	s.Scored, s.Rejected = len(scores), len(rejected)
	switch {
	case s.Read == 0:
		return nil, nil, &Problem{Err: errors.New("the dataprep script returned no rows"),
			Hint: "nothing was sent; check that the source tables are loaded and that the script's filters fit the as-of"}
	case len(scores) == 0:
		return nil, rejected, &Problem{Err: fmt.Errorf("all %d rows were rejected, the first because: %s", s.Read, rejected[0].Reason),
			Hint: "nothing was sent; compare the dataprep result with the model's contract"}
	}
	return scores, rejected, nil
}

// drain scores the rows as they are read. Once it returns, nothing of it goes on.
func (r *Runner) drain(ctx context.Context, run *Run, recall *recall, s *Summary) ([]Score, []Rejection, error) {
	c := &collector{model: r.Model, recall: recall, progress: r.progress}
	defer func() {
		recall.end() // scorers may wait for it
		c.drop()
	}()
	start := time.Now()
	err := r.Source.Read(ctx, run, c)
	s.Read, s.Stages.Read = c.rows, (time.Since(start) - c.waiting).Milliseconds()
	s.Stages.Score = c.waiting.Milliseconds()
	switch {
	case c.err != nil: // the source only passed it on
		return nil, nil, c.err
	case err != nil:
		return nil, nil, fmt.Errorf("read dataprep result: %w", err)
	}
	if err := recall.wait(); err != nil {
		return nil, nil, err
	}
	return c.finish()
}

// unique sorts the scores by key and rejects every row of a key that more than one row has, be they scored or rejected:
// which of them is right can't be told, and the answer must not depend on the order of rows.
func unique(scores []Score, rejected []Rejection) ([]Score, []Rejection) {
	bad := make(map[string]int, len(rejected))
	for _, r := range rejected {
		bad[r.Key]++
	}
	slices.SortFunc(scores, func(a, b Score) int { return cmp.Compare(a.Key, b.Key) })
	kept := scores[:0]
	for i := 0; i < len(scores); {
		key := scores[i].Key
		same := 1
		for i+same < len(scores) && scores[i+same].Key == key {
			same++
		}
		if rows := same + bad[key]; rows == 1 {
			kept = append(kept, scores[i])
		} else {
			for range same {
				rejected = append(rejected, Rejection{Key: key, Reason: fmt.Sprintf("duplicate key: %d rows have it", rows)})
			}
		}
		i += same
	}
	return kept, rejected
}

// deliverAll goes through the targets; one that fails does not keep the others from theirs.
func (w *work) deliverAll(ctx context.Context, scores []Score, recall *recall) error {
	var errs []error
	for i, t := range w.Targets {
		d := w.delivery(t, w.Decide)
		d.confirmed = func(_ context.Context, doubtful bool) iter.Seq2[Confirmed, error] { return recall.of(i, doubtful) }
		start := time.Now()
		ts, err := d.deliver(ctx, scores, w.full)
		w.summary.Stages.Decide += d.deciding.Milliseconds()
		w.summary.Stages.Deliver += (time.Since(start) - d.deciding).Milliseconds()
		if err != nil {
			errs = append(errs, fmt.Errorf("deliver to %s: %w", t.Sink.Name(), err))
		}
		w.summary.Targets = append(w.summary.Targets, ts)
		w.summary.add(ts.Delivery)
		w.refused = append(w.refused, d.refused...)
	}
	return errors.Join(errs...)
}

func (w *work) delivery(t Target, decide Decide) *delivery {
	name := t.Sink.Name()
	return &delivery{
		Runner: w.Runner, log: w.log.With("target", name), run: w.run, target: t, compare: decide,
		confirmed: func(ctx context.Context, _ bool) iter.Seq2[Confirmed, error] {
			return w.Ledger.Confirmed(ctx, w.Job, name)
		},
	}
}

func (r *Runner) progress(stage string, done, total int) {
	if r.Progress != nil {
		r.Progress(stage, done, total)
	}
}
