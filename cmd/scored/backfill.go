package main

import (
	"context"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"scored/pipeline"
	"scored/pipeline/ledger"
	"scored/pipeline/policy"
)

const (
	// maxFailures is how many windows in a row may fail before a backfill gives up: the fourth would fail as well.
	maxFailures = 3
	// maxWait is how long a window waits for other runs of the job. Nobody is kept from anything by a backfill that waits.
	maxWait = 24 * time.Hour
)

func backfillCommand(config *string) *cobra.Command {
	var from, to, step string
	var b backfill
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "backfill JOB --from TIME [--to TIME] --step STEP",
		Short: "Make the runs of a stretch of the past",
		Long: "backfill makes a run as of the end of every window of --step between --from and --to, oldest first, on the path that\n" +
			"live runs take. It fills the history in the warehouse. To the targets it sends the scores of leads that have none, or\n" +
			"only one that such a backfill gave; --deliver sends every change. Either way an older score never replaces a newer\n" +
			"one: such scores are counted as superseded.\n\n" +
			"Windows are half-open, in UTC and on a grid from midnight: a step divides a day or is whole days.\n" +
			"--from 2026-11-20 --to 2026-11-21 --step 15m makes 96 runs, the first as of 00:15, the last as of midnight.\n" +
			"A window that the ledger has a good run of is skipped, so the same command again makes what is missing or failed.\n\n" +
			"One run of a job goes on at a time, whoever makes it. A backfill takes the job's lock for each window and gives it\n" +
			"back: a slot of the scheduler that comes due waits for one window at most (and no longer than schedule.start_deadline,\n" +
			"or it is skipped), then goes first, and the backfill waits for it. Other jobs are not concerned. A paused job can be\n" +
			"backfilled.\n\n" +
			"Exit code 0: every window was made, or had been; 3: in some windows rows were not scored or not accepted;\n" +
			"75, 78 or 1: the last window that failed did so, and the same command goes on from there.",
		Args: oneJob,
		RunE: func(cmd *cobra.Command, args []string) error {
			ws, err := alignedWindows(from, to, step, time.Now())
			if err != nil {
				return usage{err}
			}
			b.windows, b.step = ws, step
			if cmd.Flags().Changed("config") {
				b.config = *config
			}
			ctx, stop := untilHangup(cmd.Context())
			defer stop()
			return b.backfill(ctx, *config, args[0], dryRun, newConsole(cmd.OutOrStdout(), cmd.ErrOrStderr()))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&from, "from", "", "begin of the first window, RFC 3339 or YYYY-MM-DD, UTC")
	flags.StringVar(&to, "to", "", "end of the last window (default: the newest that has passed)")
	flags.StringVar(&step, "step", "", "length of a window: 15m, 6h, 1d, 7d")
	flags.BoolVar(&b.deliver, "deliver", false, "send every change, also to leads that a live run scored")
	flags.BoolVar(&b.again, "again", false, "make all windows, also those that have a good run")
	flags.BoolVar(&dryRun, "dry-run", false, "list the windows and what the ledger has of them, write nothing and connect nowhere")
	return cmd
}

// untilHangup ends a backfill with its terminal, at a request boundary as a signal to stop does; not one under nohup.
func untilHangup(ctx context.Context) (context.Context, context.CancelFunc) {
	if signal.Ignored(syscall.SIGHUP) {
		return context.WithCancel(ctx)
	}
	return signal.NotifyContext(ctx, syscall.SIGHUP)
}

// backfill makes the runs of a row of windows.
type backfill struct {
	job            *job
	windows        windows
	step           string // as it was given
	config         string // as it was given; "" if it wasn't
	deliver, again bool

	todo    []time.Time // ends of the windows to make
	began   time.Time
	begun   int
	ends    map[pipeline.End]int
	total   pipeline.Summary // the sums over the windows
	history int              // rows appended
	undone  time.Time        // end of the first window that is not done; zero if all are
	code    exit             // of the last window that failed, and its hint
	hint    string
}

func (b *backfill) backfill(ctx context.Context, config, name string, dryRun bool, console *console) error {
	open := ledger.Open
	if dryRun {
		open = ledger.OpenReadOnly
	}
	j, err := wire(config, name, open, console)
	if err != nil {
		return err
	}
	defer j.close()
	j.patience = maxWait
	console.out = aside{console, console.out}
	if !b.deliver {
		j.runner.Decide = policy.Fill
	}
	b.job = j
	known, err := b.known(ctx)
	if err != nil {
		return err
	}
	b.plan(known)
	switch {
	case dryRun:
		b.list(console.out, known)
		return nil
	case len(b.todo) == 0:
		fmt.Fprintf(console.out, "nothing to do: all %d windows were done before; --again makes them again\n", len(b.windows.ends))
		return nil
	}
	fmt.Fprintf(console.out, "%s: %d windows of %s, %d to make\n", name, len(b.windows.ends), b.step, len(b.todo))
	b.make(ctx)
	b.report(console.out)
	return b.verdict()
}

func (b *backfill) trigger() pipeline.Trigger {
	if b.deliver {
		return pipeline.Backfill
	}
	return pipeline.Fill
}

// known returns, by end of window, the runs that the ledger has of it, oldest first, with the summaries of those that may
// do for their window.
func (b *backfill) known(ctx context.Context) (map[int64][]pipeline.Record, error) {
	l, r := b.job.ledger, b.job.runner
	runs, err := l.EndsBetween(ctx, r.Job, b.windows.from, b.windows.to)
	if err != nil {
		return nil, err
	}
	known := map[int64][]pipeline.Record{}
	for _, run := range runs {
		if ended(run.End) {
			if run, _, err = l.Run(ctx, run.ID); err != nil {
				return nil, err
			}
		}
		known[run.AsOf.Unix()] = append(known[run.AsOf.Unix()], run)
	}
	return known, nil
}

// ended says whether a run got through its window.
func ended(end pipeline.End) bool { return end == pipeline.OK || end == pipeline.Partial }

// plan picks the windows to make.
func (b *backfill) plan(known map[int64][]pipeline.Record) {
	for _, end := range b.windows.ends {
		if b.again || !slices.ContainsFunc(known[end.Unix()], b.suffices) {
			b.todo = append(b.todo, end)
		}
	}
}

// suffices says whether a run did for its window what this backfill would do.
func (b *backfill) suffices(r pipeline.Record) bool {
	return b.did(r.Summary) && !(b.deliver && r.Trigger == pipeline.Fill)
}

// did says whether a run brought its window to all that it was for. One of before there was a history left a gap in it.
func (b *backfill) did(s *pipeline.Summary) bool {
	return s.Complete() && (b.job.runner.Keep == nil || s.History != nil)
}

// list says of each window what the ledger has of it.
func (b *backfill) list(out io.Writer, known map[int64][]pipeline.Record) {
	for _, end := range b.windows.ends {
		fmt.Fprintf(out, "%s to %s: %s\n", stamp(end.Add(-b.windows.step)), stamp(end), b.state(known[end.Unix()]))
	}
	fmt.Fprintf(out, "%d windows of %s, %d to make; nothing was written\n", len(b.windows.ends), b.step, len(b.todo))
}

// state says what is to be done of a window that has had these runs.
func (b *backfill) state(runs []pipeline.Record) string {
	i := slices.IndexFunc(runs, b.suffices)
	switch {
	case i >= 0 && b.again:
		return "to do again, done by " + runs[i].ID
	case i >= 0:
		return "done by " + runs[i].ID
	case len(runs) > 0:
		return "to do, " + unfit(runs[len(runs)-1])
	default:
		return "to do"
	}
}

// unfit says why a run does not do for its window.
func unfit(r pipeline.Record) string {
	switch {
	case r.Ended.IsZero():
		return r.ID + " is running"
	case ended(r.End):
		return fmt.Sprintf("%s (%s) did less", r.ID, r.Trigger)
	default:
		return fmt.Sprintf("%s %s before: %s", r.ID, r.End, printable(r.Reason))
	}
}

// make makes the windows, as far as it gets.
func (b *backfill) make(ctx context.Context) {
	b.began, b.ends = time.Now(), map[pipeline.End]int{}
	failures := 0 // in a row
	for i, end := range b.todo {
		if ctx.Err() != nil {
			b.fail(end, exitTryAgain, "")
			return
		}
		draw := func() { b.job.console.windows(i, len(b.todo), b.left(i)) }
		b.job.runner.Progress = func(string, int, int) { draw() }
		draw()
		s, err := b.job.run(ctx, pipeline.Request{Trigger: b.trigger(), AsOf: end})
		if s == nil && ctx.Err() != nil { // it did not get its turn
			b.fail(end, exitTryAgain, "")
			return
		}
		b.begun++
		b.count(s)
		b.show(end, s, err)
		if b.did(s) {
			failures = 0
			continue
		}
		b.fail(end, codeOf(s, err), pipeline.HintOf(err))
		if failures++; failures == maxFailures || ctx.Err() != nil || pipeline.ClassOf(err) == pipeline.Configuration {
			return
		}
	}
}

// fail notes that a window is not done, and why.
func (b *backfill) fail(end time.Time, code exit, hint string) {
	if b.undone.IsZero() {
		b.undone = end
	}
	b.code, b.hint = code, hint
}

// codeOf is the exit code of a window that is not done. Its words are printed by then.
func codeOf(s *pipeline.Summary, err error) exit {
	if s != nil && (s.End != pipeline.Partial || err == nil) {
		err = endCode(s, err)
	}
	return exit(exitCode(err))
}

func (b *backfill) verdict() error {
	switch {
	case b.code != exitOK:
		return b.code
	case b.ends[pipeline.Partial] > 0:
		return exit(exitPartial)
	default:
		return nil
	}
}

// count adds a window's run to the sums.
func (b *backfill) count(s *pipeline.Summary) {
	if s == nil {
		return
	}
	b.ends[s.End]++
	b.total.Read += s.Read
	b.total.Scored += s.Scored
	b.total.Rejected += s.Rejected
	b.total.Sent += s.Sent
	b.total.Accepted += s.Accepted
	b.total.Refused += s.Refused
	b.total.Unknown += s.Unknown
	b.total.Superseded += s.Superseded
	b.total.Kept += s.Kept
	b.total.Stale += s.Stale
	b.total.Unprocessed += s.Unprocessed
	b.total.Deferred += s.Deferred
	b.total.Quarantined += s.Quarantined
	b.total.Created += s.Created
	b.total.APICalls += s.APICalls
	if s.History != nil {
		b.history += s.History.Accepted
	}
}

// show prints a line about a window that is over; a terminal has the bar, and a line only if something is wrong.
func (b *backfill) show(end time.Time, s *pipeline.Summary, err error) {
	console := b.job.console
	if console.live && s != nil && s.End == pipeline.OK {
		return
	}
	fmt.Fprintf(console.out, "%d/%d as of %s: %s", b.begun, len(b.todo), stamp(end), outcome(s, err))
	if left := b.left(b.begun); left != "" && s != nil && s.End != pipeline.Interrupted {
		fmt.Fprintf(console.out, "; %s", left)
	}
	fmt.Fprintln(console.out)
}

// outcome says in half a line what became of a window.
func outcome(s *pipeline.Summary, err error) string {
	if s == nil {
		return "failed: " + printable(err.Error())
	}
	if !ended(s.End) {
		return fmt.Sprintf("%s: %s", s.End, printable(s.Reason))
	}
	text := fmt.Sprintf("%s, %d scored, %d sent, %d superseded", s.End, s.Scored, s.Sent, s.Superseded)
	if s.Kept > 0 {
		text += fmt.Sprintf(", %d kept", s.Kept)
	}
	if s.History != nil {
		text += fmt.Sprintf(", %d to the history", s.History.Accepted)
	}
	if s.Reason != "" {
		text += ": " + printable(s.Reason)
	}
	return text
}

// left estimates how long the rest takes; "" where there is nothing to tell it from.
func (b *backfill) left(done int) string {
	if done == 0 || done == len(b.todo) {
		return ""
	}
	return "about " + roughly(time.Since(b.began)/time.Duration(done)*time.Duration(len(b.todo)-done)) + " left"
}

// roughly writes a length of time as exactly as an estimate deserves.
func roughly(d time.Duration) string {
	switch {
	case d < 90*time.Second:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 90*time.Minute:
		return fmt.Sprintf("%.0f min", d.Minutes())
	default:
		return fmt.Sprintf("%.1f h", d.Hours())
	}
}

// report sums up what was done and says how to go on.
func (b *backfill) report(out io.Writer) {
	ok, partial, interrupted := b.ends[pipeline.OK], b.ends[pipeline.Partial], b.ends[pipeline.Interrupted]
	fmt.Fprintf(out, "%d windows: %d ok, %d partial, %d failed, %d interrupted, %d not begun; %d were done before\n",
		len(b.todo), ok, partial, b.begun-ok-partial-interrupted, interrupted, len(b.todo)-b.begun, len(b.windows.ends)-len(b.todo))
	t := &b.total
	fmt.Fprintf(out, "  %d rows scored, %d rejected; %d sent: %d accepted, %d refused, %d unknown, with %d API calls\n",
		t.Scored, t.Rejected, t.Sent, t.Accepted, t.Refused, t.Unknown, t.APICalls)
	if more := asides(t.Delivery); len(more) > 0 {
		fmt.Fprintf(out, "  %s\n", strings.Join(more, ", "))
	}
	if b.job.runner.Keep != nil {
		fmt.Fprintf(out, "  %d scores were appended to the history\n", b.history)
	}
	if t.Superseded > 0 {
		fmt.Fprintf(out, "  %d scores were superseded: the target holds newer ones\n", t.Superseded)
	}
	if t.Kept > 0 {
		fmt.Fprintf(out, "  %d times a lead kept an older score: --deliver would replace it\n", t.Kept)
	}
	if t.Created > 0 {
		fmt.Fprintf(out, "  INCIDENT: %d leads were created that were not in the org; the log names their keys\n", t.Created)
	}
	if b.hint != "" {
		fmt.Fprintf(out, "  -> %s\n", b.hint)
	}
	if !b.undone.IsZero() {
		fmt.Fprintf(out, "to go on: %s\n", b.resume())
	}
}

// resume is the command that makes what is not done. It begins at the first such window, or --again would make anew what
// has just been made.
func (b *backfill) resume() string {
	words := []string{"scored", "backfill", b.job.runner.Job}
	if b.config != "" {
		words = append(words, "-c", b.config)
	}
	words = append(words, "--from", stamp(b.undone.Add(-b.windows.step)), "--to", stamp(b.windows.to), "--step", b.step)
	if b.deliver {
		words = append(words, "--deliver")
	}
	if b.again {
		words = append(words, "--again")
	}
	return strings.Join(words, " ")
}

// windows shows on a terminal how far a backfill is. It is drawn again while a window is at work, for the log wipes it.
func (c *console) windows(done, total int, left string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.live {
		return
	}
	if c.bar == nil {
		c.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(c.errOut), progressbar.OptionShowCount(),
			progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false))
	}
	c.bar.Describe(strings.TrimSpace("windows " + left))
	_ = c.bar.Set(done) // a bar that can't be drawn is no reason to stop a backfill
}

// aside is where a verb writes to beside a bar, which makes way.
type aside struct {
	console *console
	out     io.Writer
}

func (a aside) Write(text []byte) (int, error) {
	a.console.mu.Lock()
	defer a.console.mu.Unlock()
	a.console.clear()
	return a.out.Write(text)
}
