package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"scored/configs"
	"scored/pipeline"
	"scored/pipeline/ledger"
)

func quarantineCommand(config *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "quarantine",
		Short: "Look at the leads that a target refused, and let them be offered again",
		Long: "A lead that a target refuses waits in quarantine: 14 minutes at first, then twice as long after each refusal, a day at\n" +
			"most. When its time has come, the next run offers the score of then. One that will never take a score again (it was\n" +
			"converted or deleted) waits until somebody says so. A lead that the target accepts leaves the quarantine.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return below(cmd, args, "list", "retry", "export")
		},
	}
	cmd.AddCommand(quarantineListCommand(config), quarantineRetryCommand(config), quarantineExportCommand(config))
	return cmd
}

func quarantineListCommand(config *string) *cobra.Command {
	var target string
	var rows int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [JOB]",
		Short: "List the leads in quarantine",
		Long: "list shows which leads wait, of all jobs or of one: why the target refused them, how often it did, since when, and\n" +
			"when they are offered again. What the target said in its own words is in --json and in `scored quarantine export`: it\n" +
			"may be personal data.",
		Args: atMostOneJob,
		RunE: func(cmd *cobra.Command, args []string) error {
			if rows < 0 {
				return usage{fmt.Errorf("--rows %d: at least 0", rows)}
			}
			cfg, l, err := openView(*config)
			if err != nil {
				return err
			}
			defer l.Close()
			waiting, err := quarantineOf(cmd.Context(), cfg, l, strings.Join(args, ""), target)
			if err != nil {
				return err
			}
			if asJSON {
				return quarantineJSON(cmd.OutOrStdout(), waiting)
			}
			printQuarantine(cmd.OutOrStdout(), waiting, rows, time.Now())
			return nil
		},
	}
	cmd.Flags().StringVar(&target, "target", "", "only this target's")
	cmd.Flags().IntVar(&rows, "rows", 50, "how many leads to print")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line, of all leads")
	return cmd
}

func quarantineRetryCommand(config *string) *cobra.Command {
	var target string
	var all bool
	cmd := &cobra.Command{
		Use:   "retry JOB KEY... | retry JOB --all",
		Short: "Let leads in quarantine be offered by the next run",
		Long: "retry makes leads due at once: those named, or all of the job, also those that were refused for good. The next run\n" +
			"offers them the scores of then; if the target refuses one again, it waits as after its first refusal.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("quarantine retry wants the name of one job, and keys of leads or --all")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			job, keys := args[0], args[1:]
			if all == (len(keys) > 0) {
				return usage{errors.New("quarantine retry wants either the keys of leads or --all")}
			}
			l, err := openForJob(*config, job)
			if err != nil {
				return err
			}
			defer l.Close()
			waiting, err := l.Quarantine(cmd.Context(), job, target)
			if err != nil {
				return err
			}
			if err := allWait(waiting, keys); err != nil {
				return err
			}
			if all {
				keys = nil
			}
			lifted, err := l.Lift(cmd.Context(), job, target, keys)
			if err != nil {
				return err
			}
			if lifted == 0 {
				fmt.Fprintf(cmd.OutOrStdout(), "no lead of %s is in quarantine: there is nothing to retry\n", job)
				return nil
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d leads of %s are due: the next run offers them the scores of then\n", lifted, job)
			cursor, err := l.Cursor(cmd.Context(), job)
			if err == nil && !cursor.Paused.IsZero() {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: the next run is made when somebody says `scored resume %s`\n", pausedSince(job, cursor), job)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&target, "target", "", "only this target's")
	cmd.Flags().BoolVar(&all, "all", false, "all leads of the job")
	return cmd
}

// quarantineOf reads the quarantine of a job, or of all, at a target, or at all, in the order of the targets.
func quarantineOf(ctx context.Context, cfg *configs.Config, l *ledger.Ledger, job, target string) ([]ledger.Quarantined, error) {
	jobs := cfg.Jobs
	if job != "" {
		jc, err := findJob(cfg, job)
		if err != nil {
			return nil, err
		}
		jobs = []configs.Job{jc}
	}
	named := func(t configs.Target) bool { return t.Name == target }
	if target != "" && !slices.ContainsFunc(jobs, func(jc configs.Job) bool { return slices.ContainsFunc(jc.Targets, named) }) {
		return nil, usage{fmt.Errorf("there is no target %q in the config", target)}
	}
	return l.Quarantine(ctx, job, target)
}

// allWait wants each of the keys to be in quarantine.
func allWait(waiting []ledger.Quarantined, keys []string) error {
	var strangers []string
	for _, key := range keys {
		if !slices.ContainsFunc(waiting, func(q ledger.Quarantined) bool { return q.Key == key }) {
			strangers = append(strangers, key)
		}
	}
	if len(strangers) > 0 {
		return usage{fmt.Errorf("not in quarantine: %s; `scored quarantine list` has what is", strings.Join(strangers, ", "))}
	}
	return nil
}

// quarantinedRow is a lead in quarantine, in JSON.
type quarantinedRow struct {
	Job      string     `json:"job"`
	Target   string     `json:"target"`
	Key      string     `json:"key"`
	Class    string     `json:"err_class"`
	Code     string     `json:"code,omitempty"`
	Fields   []string   `json:"fields,omitempty"`
	Message  string     `json:"message,omitempty"`
	Attempts int        `json:"attempts"`
	First    time.Time  `json:"first"`
	Last     time.Time  `json:"last"`
	Next     *time.Time `json:"next"` // null: when a person says so
}

func quarantineJSON(out io.Writer, waiting []ledger.Quarantined) error {
	lines := json.NewEncoder(out)
	for _, q := range waiting {
		row := quarantinedRow{q.Job, q.Target, q.Key, q.Class.String(), q.Code, q.Fields, q.Message, q.Attempts, q.First, q.Last, &q.Next}
		if q.Next.Equal(pipeline.Never) {
			row.Next = nil
		}
		if err := lines.Encode(row); err != nil {
			return err
		}
	}
	return nil
}

func printQuarantine(out io.Writer, waiting []ledger.Quarantined, rows int, now time.Time) {
	if len(waiting) == 0 {
		fmt.Fprintln(out, "no lead is in quarantine")
		return
	}
	printTable(out, func(w io.Writer) {
		fmt.Fprintln(w, "JOB\tTARGET\tKEY\tCLASS\tCODE\tFIELDS\tATTEMPTS\tSINCE\tNEXT TRY")
		for _, q := range waiting[:min(len(waiting), rows)] {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", q.Job, q.Target, printable(q.Key), q.Class, printable(q.Code),
				printable(strings.Join(q.Fields, ",")), q.Attempts, stamp(q.First), nextTry(q.Next, now))
		}
	})
	more(out, len(waiting), rows)
	fmt.Fprintf(out, "%d leads: %s\n", len(waiting), classCounts(waiting))
}

// nextTry says when a lead is offered again.
func nextTry(next, now time.Time) string {
	switch {
	case next.Equal(pipeline.Never):
		return "by retry only"
	case !next.After(now):
		return "next run"
	default:
		return stamp(next)
	}
}

// classCounts writes how many leads are of which class.
func classCounts(waiting []ledger.Quarantined) string {
	counts := map[string]int{}
	for _, q := range waiting {
		counts[q.Class.String()]++
	}
	return byClass(counts)
}
