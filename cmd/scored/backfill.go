package main

import (
	"cmp"
	"context"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"scored/configs"
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
	var from, to, step, mode string
	var duty int
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
			"A window that the ledger has a good run of is skipped, so the same command again makes what is missing or failed.\n" +
			"--mode missing also skips what failed, --mode all makes every window.\n\n" +
			"One run of a job goes on at a time, whoever makes it. A backfill takes the job's lock for each window and gives it\n" +
			"back: a slot of the scheduler that comes due waits for one window at most (and no longer than schedule.start_deadline,\n" +
			"or it is skipped), then goes first, and the backfill waits for it. Other jobs are not concerned. A paused job can be\n" +
			"backfilled.\n\n" +
			"--concurrency N reads the next windows' results while one is made, N windows at a time, and not while another run of\n" +
			"the job waits or is made. --duty P rests after each window, so that P percent of the time is worked. Of the API budget\n" +
			"a backfill has what the live runs of the next 24 hours leave; when that is used up it stops.\n\n" +
			"Exit code 0: every window was made, or had been; 3: in some windows rows were not scored or not accepted;\n" +
			"4: a window looks wrong, nothing of it was sent, and none after it was made; 75, 78 or 1: the last window that\n" +
			"failed did so. The same command goes on from there.",
		Args: oneJob,
		RunE: func(cmd *cobra.Command, args []string) error {
			ws, err := alignedWindows(from, to, step, time.Now())
			if err != nil {
				return usage{err}
			}
			if b.mode, err = parseMode(mode); err != nil {
				return usage{err}
			}
			if b.concurrency < 1 || b.concurrency > maxConcurrency {
				return usage{fmt.Errorf("--concurrency %d is not from 1 to %d", b.concurrency, maxConcurrency)}
			}
			if duty < 1 || duty > 100 {
				return usage{fmt.Errorf("--duty %d is not a percentage from 1 to 100", duty)}
			}
			b.windows, b.step, b.duty = ws, step, percent(duty)
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
	flags.StringVar(&mode, "mode", string(makeFailed), "which windows: missing (no run was begun), failed (also those without a good run), all")
	flags.IntVar(&b.concurrency, "concurrency", 1, fmt.Sprintf("how many windows are read at a time, up to %d; one is made at a time", maxConcurrency))
	flags.IntVar(&duty, "duty", 100, "percent of the time to work; the rest is for others")
	flags.BoolVar(&dryRun, "dry-run", false, "list the windows and what would be done of them, write nothing and connect nowhere")
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
	job         *job
	cfg         *configs.Config
	path        string // of the config
	windows     windows
	step        string // as it was given
	config      string // as it was given; "" if it wasn't
	deliver     bool
	mode        mode
	concurrency int
	duty        percent

	ahead   *ahead      // nil unless results are read ahead
	todo    []time.Time // ends of the windows to make
	began   time.Time
	begun   int
	ends    map[pipeline.End]int
	total   pipeline.Summary // the sums over the windows
	history int              // rows appended
	undone  time.Time        // end of the first window that is not done; zero if all are
	unbegun bool             // no window failed
	code    exit             // of the last window that failed, and its hint
	hint    string
}

func (b *backfill) backfill(ctx context.Context, config, name string, dryRun bool, console *console) error {
	open := ledger.Open
	if dryRun {
		open = ledger.OpenReadOnly
	}
	b.path = config
	j, err := wire(config, name, open, console, b.configure)
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
		fmt.Fprintf(console.out, "nothing to do: all %d windows were %s before; %s\n", len(b.windows.ends), b.mode.left(), b.mode.more())
		return nil
	}
	if b.deliver {
		if err := j.warnOfPause(ctx, "this backfill"); err != nil {
			return err
		}
	}
	fmt.Fprintf(console.out, "%s: %d windows of %s, %d to make\n", name, len(b.windows.ends), b.step, len(b.todo))
	b.make(ctx)
	b.report(console.out)
	return b.verdict()
}

// configure gives backfills a query group of their own, if they have one.
func (b *backfill) configure(cfg *configs.Config) {
	b.cfg = cfg
	cfg.Warehouse.QueryGroup = cmp.Or(cfg.Warehouse.BackfillGroup, cfg.Warehouse.QueryGroup)
}

func (b *backfill) trigger() pipeline.Trigger {
	if b.deliver {
		return pipeline.Backfill
	}
	return pipeline.Fill
}

// make makes the windows, as far as it gets.
func (b *backfill) make(ctx context.Context) {
	b.began, b.ends, b.unbegun = time.Now(), map[pipeline.End]int{}, true
	if b.concurrency > 1 {
		b.ahead = readAhead(ctx, b)
		defer b.ahead.close()
	}
	failures := 0 // in a row
	for i, end := range b.todo {
		if ctx.Err() != nil {
			b.fail(end, exitTryAgain, "")
			return
		}
		draw := func() { b.job.console.windows(i, len(b.todo), b.left(i)) }
		b.job.runner.Progress = func(string, int, int) { draw() }
		draw()
		b.ahead.turn(end)
		s, err := b.job.run(ctx, pipeline.Request{Trigger: b.trigger(), AsOf: end})
		if s == nil && ctx.Err() != nil { // it did not get its turn
			b.fail(end, exitTryAgain, "")
			return
		}
		b.begun++
		b.count(s)
		b.show(end, s, err)
		switch {
		case b.did(s) && s.Deferred == 0:
			failures = 0
		case b.did(s):
			b.unbegun = false
			b.fail(end, exitTryAgain, b.short(ctx, s))
			return
		default:
			b.unbegun = false
			b.fail(end, codeOf(s, err), pipeline.HintOf(err))
			if failures++; failures == maxFailures || ctx.Err() != nil || b.final(s, err) {
				return
			}
		}
		if i+1 < len(b.todo) {
			b.rest(ctx, s)
		}
	}
}

// final says whether a person must look before the next window: at a window that is held, or at what is to be edited.
func (b *backfill) final(s *pipeline.Summary, err error) bool {
	return s != nil && s.End == pipeline.Held || pipeline.ClassOf(err) == pipeline.Configuration
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
