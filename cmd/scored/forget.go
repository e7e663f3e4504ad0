package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"scored/configs"
	"scored/pipeline"
	"scored/pipeline/ledger"
	"scored/pipeline/warehouse"
)

func forgetCommand(config *string) *cobra.Command {
	var f forgetting
	cmd := &cobra.Command{
		Use:   "forget --key KEY [JOB]",
		Short: "Erase a person from the ledger",
		Long: "forget erases a lead from the ledger, under one job or under all: what targets confirmed, what is kept for an undo,\n" +
			"the quarantine, the rows of runs and the log lines that name the key, in one transaction. Then it rewrites the file, so\n" +
			"that nothing of it is left there either. It works beside the daemon: it waits until no run of those jobs goes on, and\n" +
			"refuses while a write of the key may still arrive at a target. KEY is the lead's key as the dataprep script gives it.\n\n" +
			"What lies elsewhere it can't erase, and says so: the record in the org, the history in the warehouse (it prints the\n" +
			"statement for that), the daemon's own log, backups, and files that were exported. As long as the dataprep script\n" +
			"returns the lead, the next run scores it again: take it out of the warehouse first. With on_leave: clear, let a run\n" +
			"clear its score before you forget it: of what it has forgotten, scored clears nothing.",
		Args: atMostOneJob,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.key == "" {
				return usage{errors.New("forget wants --key KEY, the key of one lead")}
			}
			f.console = newConsole(cmd.OutOrStdout(), cmd.ErrOrStderr())
			return f.forget(cmd.Context(), *config, args)
		},
	}
	cmd.Flags().StringVar(&f.key, "key", "", "the key of the lead")
	cmd.Flags().BoolVar(&f.dry, "dry-run", false, "show what would be erased, and change nothing")
	return cmd
}

// forgetting erases one key.
type forgetting struct {
	key     string
	dry     bool
	console *console
}

func (f *forgetting) forget(ctx context.Context, path string, args []string) error {
	cfg, err := configs.Load(path)
	if err != nil {
		return err
	}
	open := ledger.Open
	if f.dry {
		open = ledger.OpenReadOnly
	}
	l, err := open(ledgerPath(cfg))
	if err != nil {
		return err
	}
	defer l.Close()
	jobs, err := f.jobs(ctx, cfg, l, args)
	if err != nil {
		return err
	}
	if f.dry {
		return f.look(ctx, cfg, l, jobs)
	}
	return f.erase(ctx, cfg, l, jobs)
}

// jobs returns the job that is named, or all that the ledger has records of: it may know some that left the config.
func (f *forgetting) jobs(ctx context.Context, cfg *configs.Config, l *ledger.Ledger, args []string) ([]string, error) {
	jobs, err := l.Jobs(ctx)
	if err != nil || len(args) == 0 {
		return jobs, err
	}
	if !slices.Contains(jobs, args[0]) {
		_, err = findJob(cfg, args[0])
	}
	return args, err
}

// look says what would be erased.
func (f *forgetting) look(ctx context.Context, cfg *configs.Config, l *ledger.Ledger, jobs []string) error {
	found, err := l.Traces(ctx, jobs, f.key, cfg.Salesforce.Timeout)
	if err != nil && pipeline.ClassOf(err) != pipeline.TryAgain {
		return err
	}
	printTraces(f.console.out, "WOULD BE ERASED", found)
	if err != nil {
		fmt.Fprintf(f.console.out, "but not now: %v (%s)\n", err, pipeline.HintOf(err))
	}
	f.elsewhere(cfg, jobs, found)
	return nil
}

func (f *forgetting) erase(ctx context.Context, cfg *configs.Config, l *ledger.Ledger, jobs []string) error {
	if err := f.enter(ctx, cfg, l, jobs); err != nil {
		return err
	}
	gone, err := l.Forget(ctx, jobs, f.key, cfg.Salesforce.Timeout)
	if err != nil {
		return err
	}
	printTraces(f.console.out, "ERASED", gone)
	if err := l.Scrub(ctx); err != nil {
		return fmt.Errorf("what is erased may still be read from the ledger's files by who looks for it; do the same again: %w", err)
	}
	fmt.Fprintln(f.console.out, "the ledger's file is rewritten: what was erased is not in it any more")
	f.elsewhere(cfg, jobs, gone)
	return nil
}

// enter waits until no run of the jobs goes on. Close leaves them.
func (f *forgetting) enter(ctx context.Context, cfg *configs.Config, l *ledger.Ledger, jobs []string) error {
	ctx, cancel := context.WithTimeout(ctx, cfg.Schedule.StartDeadline)
	defer cancel()
	log, _ := newLog(f.console, cfg.Log.Level)
	for _, job := range jobs {
		orphans, err := l.Enter(ctx, job, func(holder string) { fmt.Fprintf(f.console.out, "waiting: %s runs %s\n", holder, job) })
		if err != nil {
			return err
		}
		for _, id := range orphans {
			log.Warn("an earlier run was found dead", "run_id", id, "job", job)
		}
	}
	return nil
}

func printTraces(out io.Writer, head string, traces []ledger.Trace) {
	if len(traces) == 0 {
		fmt.Fprintln(out, "the ledger holds nothing of this key")
		return
	}
	printTable(out, func(w io.Writer) {
		fmt.Fprintf(w, "JOB\tROWS\t%s\n", head)
		for _, t := range traces {
			fmt.Fprintf(w, "%s\t%d\t%s\n", t.Job, t.Rows, t.What)
		}
	})
}

// elsewhere says what scored can't erase.
func (f *forgetting) elsewhere(cfg *configs.Config, jobs []string, traces []ledger.Trace) {
	out := f.console.out
	fmt.Fprintln(out, "\nnot erased, as it is not in the ledger:")
	fmt.Fprintln(out, "- the record in the org, with the score that it holds: delete it there")
	if slices.ContainsFunc(traces, func(t ledger.Trace) bool { return t.What == ledger.Unanswered }) {
		fmt.Fprintln(out, "  (a write of it was never answered: it may hold a score that the ledger did not know to be there)")
	}
	if schema := cfg.Warehouse.HistorySchema; schema != "" && len(jobs) > 0 {
		fmt.Fprintf(out, "- the history in the warehouse, and what the dataprep script reads there; for the history, as the user of warehouse.url:\n    %s\n",
			warehouse.Erasure(schema, jobs, f.key))
	}
	fmt.Fprintln(out, "- the daemon's log where it went (journald, files), backups, and what quarantine export and dataset wrote")
	fmt.Fprintln(out, "as long as the dataprep script returns the lead, the next run scores it again")
}
