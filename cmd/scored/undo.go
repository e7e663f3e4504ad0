package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"scored/configs"
	"scored/pipeline"
	"scored/pipeline/ledger"
)

func undoCommand(config *string) *cobra.Command {
	var u undo
	cmd := &cobra.Command{
		Use:   "undo RUN",
		Short: "Bring back the scores that a run replaced, and pause its job",
		Long: "undo brings back what the targets held before a run, wherever they still hold what the run wrote; a lead that had no\n" +
			"score is cleared. A record whose score, grade, model or reasons were written since, by a later run or by hand, is left\n" +
			"alone. It makes a run of its own, under the next attempt at the undone run's as-of, which neither reads the warehouse\n" +
			"nor scores.\n\n" +
			"The job is paused first, and stays so: its next run would send the undone scores again. When what was wrong is\n" +
			"mended, `scored resume JOB` lets it go on.\n\n" +
			"RUN is a run's id, the beginning of one that no other run has, or last. --dry-run says what would come back, pauses\n" +
			"nothing and writes nothing. Exit codes are those of `scored run`.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("%s wants the id of one run, and got %d arguments; `scored runs` lists them", cmd.Name(), len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			u.console = newConsole(cmd.OutOrStdout(), cmd.ErrOrStderr())
			return u.undo(cmd.Context(), *config, args[0])
		},
	}
	cmd.Flags().BoolVar(&u.dry, "dry-run", false, "show what would come back, and change nothing")
	cmd.Flags().StringVar(&u.target, "target", "", "only at this target")
	cmd.Flags().BoolVar(&u.json, "json", false, "one JSON object")
	return cmd
}

// undo takes back one run.
type undo struct {
	dry, json bool
	target    string // "" for all
	console   *console
	run       pipeline.Record
}

func (u *undo) undo(ctx context.Context, path, id string) error {
	cfg, err := configs.Load(path)
	if err != nil {
		return err
	}
	open := ledger.Open
	if u.dry {
		open = ledger.OpenReadOnly
	}
	l, err := open(ledgerPath(cfg))
	if err != nil {
		return err
	}
	j := &job{ledger: l, console: u.console, patience: cfg.Schedule.StartDeadline}
	defer func() {
		if err := l.Close(); err != nil {
			fmt.Fprintf(u.console, "close ledger: %v\n", err)
		}
	}()
	if u.run, err = findRun(ctx, cfg, l, id, ""); err != nil {
		return err
	}
	if j.runner, err = newWriter(cfg, u.run.Job, u.target, l, u.console); err != nil {
		return err
	}
	if err := u.possible(ctx, j); err != nil {
		return err
	}
	if u.dry {
		return u.plan(ctx, j)
	}
	return u.make(ctx, j)
}

// newWriter builds as much of a job's run as delivers to its targets, or to the named one: neither script nor bundle.
func newWriter(cfg *configs.Config, name, target string, l *ledger.Ledger, console *console) (*pipeline.Runner, error) {
	jc, err := findJob(cfg, name)
	if err != nil {
		return nil, err
	}
	if target != "" {
		i := slices.IndexFunc(jc.Targets, func(t configs.Target) bool { return t.Name == target })
		if i < 0 {
			return nil, usage{fmt.Errorf("job %s has no target %q", name, target)}
		}
		jc.Targets = jc.Targets[i : i+1]
	}
	log, tail := newLog(console, cfg.Log.Level)
	targets, _, err := newTargets(cfg, jc, l, log)
	if err != nil {
		return nil, err
	}
	keep, err := newKeep(cfg, log)
	if err != nil {
		return nil, err
	}
	return &pipeline.Runner{
		Job: name, Targets: targets, Keep: keep, Ledger: l, Log: log, Tail: tail, Progress: console.progress,
	}, nil
}

// possible refuses a run that left nothing to undo.
func (u *undo) possible(ctx context.Context, j *job) error {
	if u.run.Ended.IsZero() && u.run.End != dead {
		return &pipeline.Problem{Class: pipeline.TryAgain, Err: fmt.Errorf("run %s is on its way", u.run.ID),
			Hint: "wait until it has ended, or stop it; then undo it"}
	}
	var names []string
	for _, t := range j.runner.Targets {
		for _, err := range j.ledger.Written(ctx, u.run.ID, t.Sink.Name()) {
			return err // of the first row, which says enough
		}
		names = append(names, t.Sink.Name())
	}
	return usage{fmt.Errorf("there is nothing to undo: run %s wrote nothing to %s", u.run.ID, strings.Join(names, ", "))}
}

// plan says what an undo would do.
func (u *undo) plan(ctx context.Context, j *job) error {
	plan, _, err := j.runner.Undo(ctx, &u.run, true)
	u.console.end()
	if err != nil {
		return err
	}
	if u.json {
		return u.encode(plan, nil)
	}
	fmt.Fprintf(u.console.out, "undo of %s: nothing was written, and %s is not paused by this\n", u.run.ID, u.run.Job)
	for _, t := range plan.Targets {
		fmt.Fprintf(u.console.out, "%s: it wrote %d; %d would come back, %s\n", t.Target, t.Written, len(t.Changes), aloneAnd(t))
		printBack(u.console.out, t.Changes[:min(len(t.Changes), sampleSize)])
	}
	return nil
}

// make pauses the job and makes the undo when it is the job's turn.
func (u *undo) make(ctx context.Context, j *job) error {
	if err := u.pause(ctx, j.ledger); err != nil {
		return err
	}
	if err := j.enter(ctx); err != nil {
		return fmt.Errorf("%s is paused, and nothing was undone: %w", u.run.Job, err)
	}
	plan, s, err := j.runner.Undo(ctx, &u.run, false)
	u.console.end()
	if lerr := j.ledger.Leave(u.run.Job); lerr != nil {
		j.runner.Log.Error("the job's gate could not be left", "error", lerr.Error())
	}
	if s == nil {
		return fmt.Errorf("%s is paused, and nothing was undone: %w", u.run.Job, err)
	}
	if u.json {
		if jerr := u.encode(plan, s); jerr != nil {
			return jerr
		}
	} else {
		u.print(plan, s)
	}
	return endCode(s, err)
}

// pause lets the scheduler leave the job alone. One that is paused already keeps its reason.
func (u *undo) pause(ctx context.Context, l *ledger.Ledger) error {
	cursor, err := l.Cursor(ctx, u.run.Job)
	if err != nil || !cursor.Paused.IsZero() {
		return err
	}
	return l.Pause(ctx, u.run.Job, "undo of "+u.run.ID)
}

func (u *undo) print(plan *pipeline.UndoPlan, s *pipeline.Summary) {
	out := u.console.out
	fmt.Fprintf(out, "%s, undo of %s: %s", s.ID, u.run.ID, s.End)
	if s.Reason != "" {
		fmt.Fprintf(out, ": %s", printable(s.Reason))
	}
	fmt.Fprintln(out)
	for _, t := range plan.Targets {
		fmt.Fprintf(out, "%s: it wrote %d; %s, %s\n", t.Target, t.Written, broughtBack(s, t), aloneAnd(t))
	}
	if s.Hint != "" {
		fmt.Fprintf(out, "  -> %s\n", s.Hint)
	}
	if s.End != pipeline.OK {
		fmt.Fprintf(out, "the same command again brings back what is missing\n")
	}
	fmt.Fprintf(out, "%[1]s is paused: its next run would send these scores again. When what was wrong is mended: scored resume %[1]s\n", u.run.Job)
}

// broughtBack says how much of what was to come back did.
func broughtBack(s *pipeline.Summary, t pipeline.UndoTarget) string {
	for _, done := range s.Targets {
		if done.Target == t.Target && done.Accepted < len(t.Changes) {
			return fmt.Sprintf("%d of %d came back", done.Accepted, len(t.Changes))
		}
	}
	return fmt.Sprintf("%d came back", len(t.Changes))
}

// aloneAnd counts what is cleared, and what is left alone.
func aloneAnd(t pipeline.UndoTarget) string {
	return fmt.Sprintf("%d of them without a score; left alone: %d that hold something else, %d that are not there any more",
		t.Cleared, t.Overtaken, t.Gone)
}

// printBack shows some of what would come back.
func printBack(out io.Writer, changes []pipeline.Change) {
	if len(changes) == 0 {
		return
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "  key\tscore\tgrade\tmodel")
	for _, c := range changes {
		if c.Clear {
			fmt.Fprintf(w, "  %s\tnone\t\t\n", printable(c.Key))
			continue
		}
		fmt.Fprintf(w, "  %s\t%d\t%s\t%s\n", printable(c.Key), c.Score.Score, c.Grade, c.Origin.Model)
	}
	w.Flush()
}

// encode writes plan and result as JSON; s is nil of a dry run.
func (u *undo) encode(plan *pipeline.UndoPlan, s *pipeline.Summary) error {
	type target struct {
		Target    string `json:"target"`
		Written   int    `json:"written"`
		Back      int    `json:"to_bring_back"`
		Cleared   int    `json:"of_them_cleared"`
		Overtaken int    `json:"overtaken"`
		Gone      int    `json:"gone"`
	}
	object := struct {
		Undone  string            `json:"undone"`
		Targets []target          `json:"targets"`
		Run     *pipeline.Summary `json:"run"`
	}{Undone: u.run.ID, Targets: []target{}, Run: s}
	for _, t := range plan.Targets {
		object.Targets = append(object.Targets, target{t.Target, t.Written, len(t.Changes), t.Cleared, t.Overtaken, t.Gone})
	}
	return json.NewEncoder(u.console.out).Encode(object)
}
