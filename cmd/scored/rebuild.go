package main

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"scored/configs"
	"scored/pipeline"
	"scored/pipeline/ledger"
)

// rebuildPatience is how long a rebuild waits for a run of the job to end: whoever calls it wants to know of one.
const rebuildPatience = 3 * time.Second

func ledgerCommand(config *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ledger",
		Short: "Mend the local record of what the targets hold",
		RunE: func(cmd *cobra.Command, args []string) error {
			return below(cmd, args, "rebuild")
		},
	}
	cmd.AddCommand(rebuildCommand(config))
	return cmd
}

func rebuildCommand(config *string) *cobra.Command {
	var target string
	cmd := &cobra.Command{
		Use:   "rebuild JOB",
		Short: "Read back from the org what it holds, after the ledger was lost",
		Long: "rebuild reads score, grade, model and version of every record that has a version, and takes them for what the target\n" +
			"confirmed. The next run then sends what differs from them, and not every score. What the ledger has of a newer version\n" +
			"stays. It writes nothing to the org; runs, quarantine and pauses of before the loss don't come back.",
		Args: oneJob,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := configs.Load(*config)
			if err != nil {
				return err
			}
			if _, err := findJob(cfg, args[0]); err != nil {
				return err
			}
			l, err := ledger.Open(ledgerPath(cfg))
			if err != nil {
				return err
			}
			defer l.Close()
			console := newConsole(cmd.OutOrStdout(), cmd.ErrOrStderr())
			j := &job{ledger: l, console: console, patience: rebuildPatience}
			if j.runner, err = newWriter(cfg, args[0], target, l, console); err != nil {
				return err
			}
			if err := j.enter(cmd.Context()); err != nil {
				return err
			}
			for _, t := range j.runner.Targets {
				if err := j.rebuild(cmd.Context(), t); err != nil {
					return fmt.Errorf("%s: %w", t.Sink.Name(), err)
				}
			}
			fmt.Fprintf(console.out, "the next run sends what differs; `scored run %s --dry-run` shows it\n", args[0])
			return nil
		},
	}
	cmd.Flags().StringVar(&target, "target", "", "only this target")
	return cmd
}

// rebuild reads back what one target holds. The job's gate is held.
func (j *job) rebuild(ctx context.Context, t pipeline.Target) error {
	ready, err := t.Sink.Preflight(ctx)
	if err != nil {
		return err
	}
	read := reading{stage: "read back from " + t.Sink.Name(), progress: j.console.progress}
	taken, err := j.ledger.Rebuild(ctx, j.runner.Job, t.Sink.Name(), ready.Identity, t.Shape, read.count(t.Reader.Held(ctx)))
	j.console.end()
	if err != nil {
		return err
	}
	fmt.Fprintf(j.console.out, "%s: %d records read from org %s, %d entries made or replaced", t.Sink.Name(), read.records, ready.Identity, taken)
	if known := read.records - taken; known > 0 {
		fmt.Fprintf(j.console.out, "; of %d the ledger had as much, or something newer", known)
	}
	if read.partial > 0 {
		fmt.Fprintf(j.console.out, "; %d records lack score, grade or model, and are due", read.partial)
	}
	fmt.Fprintln(j.console.out)
	return nil
}

// reading counts what is read back.
type reading struct {
	stage    string
	progress func(stage string, done, total int)
	records  int
	partial  int // of records: they have a version and not all of the rest
}

// progressStep is after how many records progress is told.
const progressStep = 1_000

func (r *reading) count(held iter.Seq2[pipeline.Holding, error]) iter.Seq2[pipeline.Holding, error] {
	return func(yield func(pipeline.Holding, error) bool) {
		for h, err := range held {
			if err == nil {
				r.records++
				if !h.Whole {
					r.partial++
				}
				if r.records%progressStep == 0 {
					r.progress(r.stage, r.records, 0)
				}
			}
			if !yield(h, err) {
				return
			}
		}
	}
}
