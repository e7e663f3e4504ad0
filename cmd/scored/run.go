package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

// sampleSize is how many changes of each target a dry run shows.
const sampleSize = 10

func runCommand(config *string) *cobra.Command {
	var asOf string
	var dryRun, full bool
	cmd := &cobra.Command{
		Use:   "run JOB",
		Short: "Make one run of a job now",
		Long: "run reads the job's dataprep result, scores it and sends what changed since the target last confirmed it. It is made\n" +
			"also of a paused job. It has no deadline: Ctrl-C stops it at the next request boundary, and the next run makes up for\n" +
			"it.\n\n" +
			"Exit code 0: everything was accepted; 3: some rows were not; 4: the run looks wrong beside those before, and is\n" +
			"held: nothing was sent, see `scored release`; 75: nothing was, and the same run may succeed\n" +
			"later; 78: something must be edited first.",
		Args: oneJob,
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := parseAsOf(asOf, time.Now())
			if err != nil {
				return usage{err}
			}
			if full && asOf != "" && !dryRun {
				return usage{errors.New("--full and --as-of do not go together: what is sent again are today's scores")}
			}
			open := ledger.Open
			if dryRun {
				open = ledger.OpenReadOnly
			}
			console := newConsole(cmd.OutOrStdout(), cmd.ErrOrStderr())
			j, err := wire(*config, args[0], open, console)
			if err != nil {
				return err
			}
			defer j.close()
			req := pipeline.Request{Trigger: pipeline.Manual, AsOf: at, Full: full}
			if dryRun {
				return runDry(cmd.Context(), j, req, console.out)
			}
			if err := j.warnOfPause(cmd.Context(), "this run"); err != nil {
				return err
			}
			return runOnce(cmd.Context(), j, req, console.out)
		},
	}
	cmd.Flags().StringVar(&asOf, "as-of", "", "the instant the dataprep script sees as now, RFC 3339 or YYYY-MM-DD, UTC (default: now)")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show what would change, with a sample, and write nothing")
	cmd.Flags().BoolVar(&full, "full", false, "send every score, changed or not")
	return cmd
}

// warnOfPause says that what a person starts is made although the job is paused. What an undo brought back, it replaces.
func (j *job) warnOfPause(ctx context.Context, what string) error {
	name := j.runner.Job
	cursor, err := j.ledger.Cursor(ctx, name)
	if err == nil && !cursor.Paused.IsZero() {
		fmt.Fprintf(j.console.out, "WARNING: %s; %s goes on all the same, and sends what differs, also scores that an undo took back\n"+
			"  -> Ctrl-C stops it; `scored run %s --dry-run` shows what differs\n", pausedSince(name, cursor), what, name)
	}
	return err
}

func runOnce(ctx context.Context, j *job, req pipeline.Request, out io.Writer) error {
	s, err := j.run(ctx, req)
	if s == nil {
		return err
	}
	fmt.Fprintf(out, "%s: %s", s.ID, s.End)
	if s.Reason != "" {
		fmt.Fprintf(out, ": %s", s.Reason)
	}
	fmt.Fprintf(out, "\n  %d rows read, %d scored, %d rejected; %d unchanged, %d superseded, %d sent: %d accepted, %d refused, %d unknown, %d not sent\n",
		s.Read, s.Scored, s.Rejected, s.Unchanged, s.Superseded, s.Sent, s.Accepted, s.Refused, s.Unknown, s.NotSent)
	if more := asides(s.Delivery); len(more) > 0 {
		fmt.Fprintf(out, "  %s\n", strings.Join(more, ", "))
	}
	if s.Created > 0 {
		fmt.Fprintf(out, "  INCIDENT: %d leads were created that were not in the org; the log names their keys\n", s.Created)
	}
	if hint := pipeline.HintOf(err); hint != "" {
		fmt.Fprintf(out, "  -> %s\n", hint)
	}
	return endCode(s, err)
}

// endCode turns the way a run ended into an exit code. The run's own words are printed and logged by then.
func endCode(s *pipeline.Summary, err error) error {
	switch {
	case s.End == pipeline.OK:
		return nil
	case s.End == pipeline.Partial:
		return exit(exitPartial)
	case s.End == pipeline.Held:
		return exit(exitHeld)
	case s.End == pipeline.Interrupted:
		return exit(exitTryAgain)
	case err == nil && s.Unknown > 0:
		return exit(exitTryAgain)
	case err == nil: // every change was refused
		return exit(exitFailed)
	default:
		return exit(exitCode(err))
	}
}

func runDry(ctx context.Context, j *job, req pipeline.Request, out io.Writer) error {
	plan, err := j.runner.DryRun(ctx, req)
	j.console.end()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "dry run as of %s: %d rows read, %d scored, %d rejected; nothing was written\n",
		req.AsOf.Format(time.RFC3339), plan.Read, plan.Scored, len(plan.Rejected))
	for _, f := range plan.Findings {
		fmt.Fprintf(out, "would be held: %s\n", f.Text)
	}
	for _, r := range plan.Rejected[:min(len(plan.Rejected), sampleSize)] {
		fmt.Fprintf(out, "  rejected %s: %s\n", r.Key, r.Reason)
	}
	for _, t := range plan.Targets {
		fmt.Fprintf(out, "%s: %d would change, %d unchanged, %d superseded", t.Target, len(t.Changes), t.Unchanged, t.Superseded)
		if t.Quarantined > 0 {
			fmt.Fprintf(out, ", %d in quarantine", t.Quarantined)
		}
		fmt.Fprintln(out)
		printSample(out, t.Changes[:min(len(t.Changes), sampleSize)])
	}
	if len(plan.Findings) > 0 {
		return exit(exitHeld)
	}
	return nil
}

func printSample(out io.Writer, changes []pipeline.Change) {
	if len(changes) == 0 {
		return
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "  key\tscore\tgrade\tbefore")
	for _, c := range changes {
		before := "none"
		if c.Before != nil {
			before = fmt.Sprintf("%d %s (%s)", c.Before.Score, c.Before.Grade, c.Before.Model)
		}
		if c.Clear {
			fmt.Fprintf(w, "  %s\tcleared\t\t%s\n", c.Key, before)
			continue
		}
		fmt.Fprintf(w, "  %s\t%d\t%s\t%s\n", c.Key, c.Score.Score, c.Grade, before)
	}
	w.Flush()
}

// parseAsOf reads --as-of. The future is refused: its version would beat every run until then.
func parseAsOf(text string, now time.Time) (time.Time, error) {
	now = now.UTC().Truncate(time.Second)
	if text == "" {
		return now, nil
	}
	at, err := parseInstant(text)
	if err != nil {
		return at, fmt.Errorf("--as-of: %w", err)
	}
	if at.After(now) {
		return at, fmt.Errorf("--as-of %s is in the future", text)
	}
	return at, nil
}

// parseInstant reads an instant of whole seconds: RFC 3339, or a date for its midnight in UTC.
func parseInstant(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			if at.Nanosecond() != 0 {
				return at, errors.New("whole seconds only")
			}
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither RFC 3339 (2026-11-22T13:15:00Z) nor a date (2026-11-22)", text)
}
