package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"scored/configs"
	"scored/pipeline"
	"scored/pipeline/ledger"
)

func pauseCommand(config *string) *cobra.Command {
	var why string
	cmd := &cobra.Command{
		Use:   "pause JOB",
		Short: "Let the scheduler leave a job alone until it is resumed",
		Long: "pause stands in the ledger: a running daemon takes it up by its next slot, and a new one keeps to it. The slots that\n" +
			"pass are recorded as skipped. A run that is going on is not stopped. `scored run` and `scored backfill` still work.",
		Args: oneJob,
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := openForJob(*config, args[0])
			if err != nil {
				return err
			}
			defer l.Close()
			cursor, err := l.Cursor(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if !cursor.Paused.IsZero() && why == "" {
				fmt.Fprintf(cmd.OutOrStdout(), "%s, and stays so until `scored resume %s`\n", pausedSince(args[0], cursor), args[0])
				return nil
			}
			if err := l.Pause(cmd.Context(), args[0], why); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is paused: the scheduler makes no run of it, and records the slots that pass as skipped.\n"+
				"A run that is going on is not stopped; `scored run` and `scored backfill` still work.\n"+
				"`scored resume %s` ends it.\n", args[0], args[0])
			return nil
		},
	}
	cmd.Flags().StringVar(&why, "why", "", "what those should know who find the job paused")
	return cmd
}

// pausedSince says since when a paused job is, and why.
func pausedSince(job string, cursor pipeline.Cursor) string {
	why := ""
	if cursor.PausedWhy != "" {
		why = " (" + printable(cursor.PausedWhy) + ")"
	}
	return fmt.Sprintf("%s is paused since %s%s", job, stamp(cursor.Paused), why)
}

func resumeCommand(config *string) *cobra.Command {
	return &cobra.Command{
		Use:   "resume JOB",
		Short: "End a job's pause",
		Long: "resume ends a pause: a running daemon makes a run at the job's next slot. What changed meanwhile is sent by that run;\n" +
			"the history of the slots that passed can be filled with `scored backfill`.",
		Args: oneJob,
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := openForJob(*config, args[0])
			if err != nil {
				return err
			}
			defer l.Close()
			paused, err := l.Resume(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if !paused {
				fmt.Fprintf(cmd.OutOrStdout(), "%s was not paused\n", args[0])
				return nil
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is resumed: a running daemon makes a run at its next slot, which sends what changed meanwhile\n", args[0])
			return nil
		},
	}
}

// openForJob opens the ledger to change what it has of a job in the config.
func openForJob(config, job string) (*ledger.Ledger, error) {
	cfg, err := configs.Load(config)
	if err != nil {
		return nil, err
	}
	if _, err := findJob(cfg, job); err != nil {
		return nil, err
	}
	return ledger.Open(ledgerPath(cfg))
}
