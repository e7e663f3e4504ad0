// Run measures what a run costs from PostgreSQL to decided changes, against its parts: draining the dataprep result alone,
// and scoring the same rows alone with two goroutines. It is a part of the benchmark and never packaged.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"time"
)

// settings are the command line.
type settings struct {
	out, log    io.Writer
	rows        int
	repetitions int
	work        string // the folder of what is kept from one benchmark to the next: the model
	bundle      string
	values      string
	fitted      string
	python      string
	pandas      string

	stage  string // of a child
	url    string
	ledger string
}

func main() {
	s := settings{out: os.Stdout, log: os.Stderr}
	flag.IntVar(&s.rows, "rows", 1_000_000, "rows of the table")
	flag.IntVar(&s.repetitions, "repetitions", 3, "how often each part is measured")
	flag.StringVar(&s.work, "work", filepath.Join(os.TempDir(), "scored-bench-run"), "folder where the model is kept")
	flag.StringVar(&s.bundle, "bundle", "", "bundle to score with, instead of one that --python trains")
	flag.StringVar(&s.values, "values", "", "CSV with the bundle's raw columns, whose values the table is made of")
	flag.StringVar(&s.fitted, "fitted", "", "the fitted pipeline (joblib), to compare with pandas; none if empty and --bundle is given")
	flag.StringVar(&s.python, "python", "", "Python that has scikit-learn, scored-export and psycopg; without it nothing is trained or compared")
	flag.StringVar(&s.pandas, "pandas", "python/bench/run_pandas.py", "the script that trains, and does the same work with pandas")
	flag.StringVar(&s.stage, "stage", "", "measure the memory of this part (whole) against --url and --ledger, as a child does")
	flag.StringVar(&s.url, "url", "", "PostgreSQL with the table, of a child")
	flag.StringVar(&s.ledger, "ledger", "", "the ledger, of a child")
	flag.Parse()
	if err := run(s); err != nil {
		fmt.Fprintln(os.Stderr, "bench run:", err)
		os.Exit(1)
	}
}

func run(s settings) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if s.stage != "" {
		return child(ctx, s)
	}
	return measure(ctx, s)
}

// measure makes the world, measures and prints.
func measure(ctx context.Context, s settings) (err error) {
	if s.bundle == "" {
		if err := s.train(ctx); err != nil {
			return err
		}
	}
	if s.values == "" {
		return errors.New("--bundle wants --values")
	}
	w, err := newWorld(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	parts, err := w.parts(ctx)
	if err != nil {
		return err
	}
	if err := parts.repeat(ctx, s); err != nil {
		return err
	}
	memory, err := w.memory(ctx, s)
	if err != nil {
		return err
	}
	parts.print(s.out, w, memory)
	if s.python != "" && s.fitted != "" {
		return w.compare(ctx, s, parts)
	}
	return nil
}

// train has the script make the default model, unless the folder has it.
func (s *settings) train(ctx context.Context) error {
	s.bundle, s.values = filepath.Join(s.work, "bundle"), filepath.Join(s.work, "rows.csv")
	s.fitted = filepath.Join(s.work, "model.joblib")
	if _, err := os.Stat(s.fitted); err == nil {
		return nil
	}
	if s.python == "" {
		return errors.New("there is no model: give --bundle with --values, or --python to train one")
	}
	fmt.Fprintf(s.log, "training a forest of 500 trees of depth 12 into %s\n", s.work)
	script := exec.CommandContext(ctx, s.python, s.pandas, "model", "--out", s.work)
	script.Stdout, script.Stderr = s.log, s.log
	if err := script.Run(); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	return nil
}

// footprint is what a child tells.
type footprint struct {
	Rows, Changes int
	Seconds       float64
	PeakMiB       float64
}

// memory makes the whole run in a process of its own and returns what that took.
func (w *world) memory(ctx context.Context, s settings) (f footprint, err error) {
	self, err := os.Executable()
	if err != nil {
		return f, err
	}
	run := exec.CommandContext(ctx, self, "--stage", "whole", "--url", w.cluster.DirectURL(), "--ledger", w.ledgerPath,
		"--bundle", s.bundle)
	run.Stderr = s.log
	out, err := run.Output()
	if err != nil {
		return f, fmt.Errorf("whole run in a child: %w", err)
	}
	return f, json.Unmarshal(out, &f)
}

// child is the other side of memory.
func child(ctx context.Context, s settings) (err error) {
	if s.stage != "whole" {
		return fmt.Errorf("no part is called %q", s.stage)
	}
	runner, store, err := newRunner(s.url, s.bundle, s.ledger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	start := time.Now()
	plan, err := runner.DryRun(ctx, request())
	if err != nil {
		return err
	}
	f := footprint{Rows: plan.Read, Changes: len(plan.Targets[0].Changes), Seconds: time.Since(start).Seconds()}
	if f.PeakMiB, err = peakMiB(); err != nil {
		return err
	}
	return json.NewEncoder(s.out).Encode(f)
}

// compare has pandas and scikit-learn do the same work.
func (w *world) compare(ctx context.Context, s settings, p *parts) error {
	run := exec.CommandContext(ctx, s.python, s.pandas, "score", "--model", s.fitted, "--url", w.cluster.DirectURL(),
		"--query", query, "--key", key, "--confirmed", w.confirmedPath)
	run.Stderr = s.log
	out, err := run.Output()
	if err != nil {
		return fmt.Errorf("pandas: %w", err)
	}
	var other struct {
		Rows, Changes                           int
		Seconds, Reading, Predicting, Comparing float64
		PeakMiB                                 float64 `json:"peak_mib"`
	}
	if err := json.Unmarshal(out, &other); err != nil {
		return fmt.Errorf("pandas: %w", err)
	}
	if other.Changes != p.changes {
		return fmt.Errorf("pandas finds %d changes, scored %d", other.Changes, p.changes)
	}
	fmt.Fprintf(s.out, "\npandas and scikit-learn, 2 threads: %.1f s (%.1f reading, %.1f predicting, %.1f comparing), peak %.0f MiB: %.1f x the run\n",
		other.Seconds, other.Reading, other.Predicting, other.Comparing, other.PeakMiB, other.Seconds/p.whole.seconds())
	return nil
}
