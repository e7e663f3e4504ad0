package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"scored/configs"
	"scored/pipeline"
	"scored/pipeline/ledger"
	"scored/pipeline/policy"
)

func replayCommand(config *string) *cobra.Command {
	var r replay
	var other string
	cmd := &cobra.Command{
		Use:   "replay RUN",
		Short: "Compute a run again, and show what differs",
		Long: "replay runs the job's script as of RUN's instant, scores the result with the job's bundle, and compares the scores with\n" +
			"those that the history has as of the run. Script, bundle and data are today's: what was loaded late, corrected, or\n" +
			"edited since shows as a difference. With --model, the same rows are scored by that bundle, too, and the two are\n" +
			"compared with each other: what would change if it went live.\n\n" +
			"It writes nothing, and asks no target. RUN is a run's id, the beginning of one that no other run has, or last.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("%s wants the id of one run, and got %d arguments; `scored runs` lists them", cmd.Name(), len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			r.console = newConsole(cmd.OutOrStdout(), cmd.ErrOrStderr())
			if err := r.wire(cmd.Context(), *config, args[0]); err != nil {
				return err
			}
			if other != "" {
				return r.beside(cmd.Context(), other)
			}
			return r.then(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&other, "model", "", "compare the job's bundle with the one in this folder, on the same rows")
	cmd.Flags().IntVar(&r.most, "most", sampleSize, "how many keys to show, of those that differ most")
	return cmd
}

// replay computes one run again.
type replay struct {
	most    int
	console *console
	run     pipeline.Record
	runner  *pipeline.Runner
	history pipeline.History
}

// wire builds what reads and scores, of the run's job.
func (r *replay) wire(ctx context.Context, path, id string) error {
	if r.most < 0 {
		return usage{fmt.Errorf("--most %d is negative", r.most)}
	}
	cfg, err := configs.Load(path)
	if err != nil {
		return err
	}
	l, err := ledger.OpenReadOnly(ledgerPath(cfg))
	if err != nil {
		return err
	}
	defer l.Close()
	if r.run, err = findRun(ctx, cfg, l, id, ""); err != nil {
		return err
	}
	switch {
	case r.run.Trigger == pipeline.Undo:
		return usage{fmt.Errorf("run %s is an undo: it computed no scores", r.run.ID)}
	case r.run.Ended.IsZero():
		return usage{fmt.Errorf("run %s has not ended", r.run.ID)}
	}
	jc, err := findJob(cfg, r.run.Job)
	if err != nil {
		return err
	}
	log, _ := newLog(r.console, cfg.Log.Level)
	source, err := newSource(cfg, jc.Dataprep, jc.Key, log)
	if err != nil {
		return err
	}
	bundle, err := loadBundle(jc.Bundle)
	if err != nil {
		return err
	}
	keep, err := newKeep(cfg, log)
	if err != nil {
		return err
	}
	if keep != nil {
		r.history = keep.History
	}
	r.runner = &pipeline.Runner{Job: jc.Name, Source: source, Model: bundle, Log: log, Progress: r.console.progress}
	return nil
}

// then compares with the scores that the history has as of the run.
func (r *replay) then(ctx context.Context) error {
	if r.history == nil {
		return usage{errors.New("the run's scores are not known: no history is kept (warehouse.history_schema is empty); " +
			"--model BUNDLE compares two bundles on its rows")}
	}
	computed, err := r.compute(ctx)
	if err != nil {
		return err
	}
	c := &scorings{}
	scores := computed.Scores
	for then, err := range r.history.Newest(ctx, r.run.Job, r.run.Version+1) {
		if err != nil {
			return fmt.Errorf("read the scores of then: %w", err)
		}
		for len(scores) > 0 && scores[0].Key < then.Key {
			scores = scores[1:]
			c.onlyAfter++
		}
		if len(scores) == 0 || scores[0].Key != then.Key {
			c.onlyBefore++
			continue
		}
		c.add(pipeline.Score{Key: then.Key, Score: then.Score, Grade: then.Grade}, scores[0])
		scores = scores[1:]
	}
	c.onlyAfter += len(scores)
	r.edited()
	if !r.kept() {
		fmt.Fprintf(r.console.out, "the run ended %s and its scores are not in the history, which has those of earlier runs\n", r.run.End)
	}
	fmt.Fprintf(r.console.out, "then is what the history has as of the run, now what %s gives\n", r.runner.Model.Name())
	c.print(r.console.out, "then", "now", r.most)
	if c.onlyBefore > 0 {
		fmt.Fprintf(r.console.out, "%d keys had a score then, or earlier, and have none now\n", c.onlyBefore)
	}
	if c.onlyAfter > 0 {
		fmt.Fprintf(r.console.out, "%d keys have a score now, and had none then\n", c.onlyAfter)
	}
	return nil
}

// kept says whether the history has the run's scores.
func (r *replay) kept() bool {
	s := r.run.Summary
	return s != nil && s.History != nil && s.History.Error == ""
}

// edited says what is not as it was at the run.
func (r *replay) edited() {
	s := r.run.Summary
	if s == nil {
		return
	}
	if digest := r.runner.Source.Digest(); digest != s.SQLDigest {
		fmt.Fprintf(r.console.out, "the script was edited since the run: %.8s then, %.8s now\n", s.SQLDigest, digest)
	}
	if name := r.runner.Model.Name(); name != s.Model {
		fmt.Fprintf(r.console.out, "the bundle is not the run's: %s then, %s now\n", s.Model, name)
	}
}

// beside compares the job's bundle with another one.
func (r *replay) beside(ctx context.Context, folder string) error {
	other, err := loadBundle(folder)
	if err != nil {
		return err
	}
	both := &pair{Model: r.runner.Model, other: other}
	r.runner.Model = both
	computed, err := r.compute(ctx)
	if err != nil {
		return err
	}
	c := &scorings{}
	seconds := both.scores(computed.Rejected)
	for _, score := range computed.Scores {
		if second, ok := seconds[score.Key]; ok {
			c.add(score, second)
			delete(seconds, score.Key)
		} else {
			c.onlyBefore++
		}
	}
	fmt.Fprintf(r.console.out, "A is %s, the job's bundle; B is %s, of %s\n", both.Name(), other.Name(), folder)
	c.print(r.console.out, "A", "B", r.most)
	if c.onlyBefore > 0 {
		fmt.Fprintf(r.console.out, "%d rows are scored by A and rejected by B\n", c.onlyBefore)
	}
	if len(seconds) > 0 {
		fmt.Fprintf(r.console.out, "%d rows are rejected by A and scored by B\n", len(seconds))
	}
	return nil
}

func (r *replay) compute(ctx context.Context) (*pipeline.Computed, error) {
	computed, err := r.runner.Compute(ctx, r.run.AsOf)
	r.console.end()
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(r.console.out, "replay of %s as of %s: %d rows read, %d scored, %d rejected; nothing was written\n", r.run.ID,
		r.run.AsOf.Format(time.RFC3339), computed.Read, len(computed.Scores), len(computed.Rejected))
	return computed, nil
}

// scorings goes through keys that were scored twice.
type scorings struct {
	table                 pipeline.Table
	keys                  int // with both scores
	differ                []moved
	onlyBefore, onlyAfter int // keys with one score only
}

// moved is a key's.
type moved struct{ before, after pipeline.Score }

func (d moved) size() int {
	return max(d.before.Score-d.after.Score, d.after.Score-d.before.Score)
}

// add counts a key. A score that is none, as a person may have put one into the history, differs and has no place in the table.
func (c *scorings) add(before, after pipeline.Score) {
	if before.Score >= 0 && before.Score < pipeline.Levels {
		c.table[before.Score][after.Score]++
	}
	c.keys++
	if before.Score != after.Score || before.Grade != after.Grade {
		c.differ = append(c.differ, moved{before, after})
	}
}

func (c *scorings) print(out io.Writer, before, after string, most int) {
	figures := policy.Compare(&c.table)
	fmt.Fprintf(out, "%d keys have both scores, of which %d differ", c.keys, len(c.differ))
	if figures.Keys > 0 {
		fmt.Fprintf(out, "; stability index %.3f; of the top tenth %.1f %% are in both", figures.Shift, 100*figures.Stays)
	}
	fmt.Fprintln(out)
	slices.SortStableFunc(c.differ, func(a, b moved) int { return cmp.Compare(b.size(), a.size()) })
	shown := c.differ[:min(most, len(c.differ))]
	if len(shown) == 0 {
		return
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "  key\t%s\t%s\n", before, after)
	for _, d := range shown {
		fmt.Fprintf(w, "  %s\t%d %s\t%d %s\n", printable(d.before.Key), d.before.Score, d.before.Grade, d.after.Score, d.after.Grade)
	}
	w.Flush()
}
