package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"scored/configs"
	"scored/pipeline"
)

func datasetCommand(config *string) *cobra.Command {
	var from, to, step, labels, out string
	cmd := &cobra.Command{
		Use:   "dataset JOB --from DATE --to DATE --step STEP --out FILE.csv",
		Short: "Write what a job's dataprep script gives through time, to train a model on",
		Long: "dataset runs the job's dataprep script as of the end of every window of --step between --from and --to, and\n" +
			"writes the rows as CSV: --from 2026-01-01 --to 2026-02-01 --step 1d gives 31 snapshots, the first as of\n" +
			"2 January, the last as of 1 February. FILE.csv.json beside it holds the columns' types. With --labels, a script\n" +
			"that gives the key and one number as of the same instant adds that number as last column. The bundle isn't needed.",
		Args: oneJob,
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return usage{errors.New("--out names the CSV file to write")}
			}
			windows, err := parseWindows(from, to, step)
			if err == nil && windows.to.After(time.Now()) {
				err = fmt.Errorf("--to %s is in the future: nobody knows yet what the script would give", to)
			}
			if err != nil {
				return usage{err}
			}
			console := newConsole(cmd.OutOrStdout(), cmd.ErrOrStderr())
			cfg, err := configs.Load(*config)
			if err != nil {
				return err
			}
			d, err := newDataset(cfg, args[0], labels, console)
			if err != nil {
				return err
			}
			d.windows = windows
			if err := d.write(cmd.Context(), out); err != nil {
				return err
			}
			fmt.Fprintf(console.out, "%s: %d rows, %d snapshots; %s.json holds the columns' types\n", out, d.rows, len(windows.ends), out)
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&from, "from", "", "begin of the first window, RFC 3339 or YYYY-MM-DD, UTC")
	flags.StringVar(&to, "to", "", "end of the last window")
	flags.StringVar(&step, "step", "1d", "length of a window: 15m, 6h, 1d, 7d")
	flags.StringVar(&labels, "labels", "", "a script whose result is the key and the label")
	flags.StringVarP(&out, "out", "o", "", "the CSV file to write")
	return cmd
}

// windows are the half-open windows [from, to) of length step; each is seen from its end.
type windows struct {
	from, to time.Time
	step     time.Duration
	ends     []time.Time
}

func parseWindows(from, to, step string) (windows, error) {
	var w windows
	var err error
	if w.from, err = parseInstant(from); err != nil {
		return w, fmt.Errorf("--from: %w", err)
	}
	if w.to, err = parseInstant(to); err != nil {
		return w, fmt.Errorf("--to: %w", err)
	}
	if w.step, err = parseStep(step); err != nil {
		return w, fmt.Errorf("--step: %w", err)
	}
	if w.to.Sub(w.from) <= 0 || w.to.Sub(w.from)%w.step != 0 {
		return w, fmt.Errorf("from %s to %s is not a whole number of steps of %s", from, to, step)
	}
	for at := w.from.Add(w.step); !at.After(w.to); at = at.Add(w.step) {
		w.ends = append(w.ends, at)
	}
	return w, nil
}

// parseStep reads a Go duration of whole seconds, or days with the suffix d.
func parseStep(text string) (time.Duration, error) {
	if digits, ok := strings.CutSuffix(text, "d"); ok {
		if days, err := strconv.Atoi(digits); err == nil && days > 0 && days <= 3660 {
			return time.Duration(days) * 24 * time.Hour, nil
		}
	}
	step, err := time.ParseDuration(text)
	if err != nil || step < time.Second || step%time.Second != 0 {
		return 0, fmt.Errorf("%q is not a length of time such as 15m, 6h or 7d", text)
	}
	return step, nil
}

// dataset writes the snapshots of one job.
type dataset struct {
	job     configs.Job
	source  source
	labels  source // nil without
	windows windows
	log     *slog.Logger
	console *console
	rows    int
}

func newDataset(cfg *configs.Config, name, labels string, console *console) (*dataset, error) {
	jc, err := findJob(cfg, name)
	if err != nil {
		return nil, err
	}
	log, _ := newLog(console, cfg.Log.Level)
	d := &dataset{job: jc, log: log, console: console}
	if d.source, err = newSource(cfg, jc.Dataprep, jc.Key, d.log); err != nil {
		return nil, err
	}
	if labels != "" {
		d.labels, err = newSource(cfg, labels, jc.Key, d.log)
	}
	return d, err
}

// write makes the file and its sidecar, which take their names when both are whole.
func (d *dataset) write(ctx context.Context, path string) error {
	f, err := newDatasetFile(path, d.job.Key)
	if err != nil {
		return err
	}
	defer f.discard()
	for i, asOf := range d.windows.ends {
		if err := d.snapshot(ctx, f, asOf); err != nil {
			return fmt.Errorf("snapshot as of %s: %w", asOf.Format(time.RFC3339), err)
		}
		d.console.progress("snapshots", i+1, len(d.windows.ends))
	}
	d.console.end()
	if d.rows = f.rows; d.rows == 0 {
		return &pipeline.Problem{Err: errors.New("the script gives no rows as of any of the instants"),
			Hint: "check --from and --to against what the source tables hold"}
	}
	if d.labels != nil && f.unlabelled > 0 {
		d.log.Warn("rows without a label", "rows", f.unlabelled, "of", f.rows)
	}
	return f.keep(sidecar{
		Job: d.job.Name, Key: d.job.Key, Label: f.label, From: d.windows.from, To: d.windows.to, Step: d.windows.step.String(),
		AsOf: d.windows.ends, Rows: f.rows, SQLDigest: d.source.Digest(), Columns: f.columns,
	})
}

func (d *dataset) snapshot(ctx context.Context, f *datasetFile, asOf time.Time) error {
	run, err := pipeline.NewRun(d.job.Name, pipeline.Request{AsOf: asOf}, 0, time.Now())
	if err != nil {
		return err
	}
	labels := &labelRows{}
	if d.labels != nil {
		if err := d.labels.Read(ctx, run, labels); err != nil {
			return fmt.Errorf("read labels: %w", err)
		}
	}
	rows := &snapshotRows{file: f, asOf: asOf, labels: labels}
	if err := d.source.Read(ctx, run, rows); err != nil {
		return fmt.Errorf("read dataprep result: %w", err)
	}
	return rows.flush()
}

// labelRows collects a label per key.
type labelRows struct {
	name   string
	values map[string]float64
}

func (l *labelRows) Begin(columns []pipeline.Column) error {
	if len(columns) != 1 || columns[0].Kind != pipeline.Number {
		return &pipeline.Problem{Class: pipeline.Configuration, Err: fmt.Errorf("the labels script gives %d columns beside the key", len(columns)),
			Hint: "its result must be the key and one number"}
	}
	l.name, l.values = columns[0].Name, map[string]float64{}
	return nil
}

func (l *labelRows) Add(b *pipeline.Batch) error {
	for i, key := range b.Keys {
		if _, twice := l.values[key]; twice {
			return errors.New("a key occurs twice in the labels script's result")
		}
		l.values[key] = b.Columns[0].Numbers[i]
	}
	return nil
}
