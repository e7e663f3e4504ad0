package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"scored/configs"
	"scored/pipeline"
	"scored/pipeline/ledger"
	"scored/pipeline/model"
	"scored/pipeline/policy"
	"scored/pipeline/warehouse"
)

// job is one wired job, ready to run.
type job struct {
	runner  *pipeline.Runner
	ledger  *ledger.Ledger
	console *console
	// patience is how long a run waits for another one of the same job.
	patience time.Duration
}

func ledgerPath(cfg *configs.Config) string { return filepath.Join(cfg.StateDir, "ledger.db") }

// source is a dataprep script at a warehouse.
type source interface {
	pipeline.Source
	Columns(ctx context.Context, asOf time.Time) ([]pipeline.Column, error)
}

// wire builds the named job's run from the config file, as the verb edits it. open is [ledger.Open] or, to look and not to
// touch, [ledger.OpenReadOnly].
func wire(
	configPath, name string, open func(path string) (*ledger.Ledger, error), console *console, edits ...func(*configs.Config),
) (*job, error) {
	cfg, err := configs.Load(configPath)
	if err != nil {
		return nil, err
	}
	for _, edit := range edits {
		edit(cfg)
	}
	jc, err := findJob(cfg, name)
	if err != nil {
		return nil, err
	}
	store, err := open(ledgerPath(cfg))
	if err != nil {
		return nil, err
	}
	log, tail := newLog(console, cfg.Log.Level)
	runner, _, err := newRunner(configPath, cfg, jc, store, log, tail)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	runner.Progress = console.progress
	return &job{runner: runner, ledger: store, console: console, patience: cfg.Schedule.StartDeadline}, nil
}

// newRunner builds a job's run in the order in which its data flows, and returns it with the clients of the orgs it
// delivers to. It connects nowhere and writes nothing.
func newRunner(
	path string, cfg *configs.Config, jc configs.Job, store *ledger.Ledger, log *slog.Logger, tail *pipeline.Tail,
) (*pipeline.Runner, []*org, error) {
	source, err := newSource(cfg, jc.Dataprep, jc.Key, log)
	if err != nil {
		return nil, nil, err
	}
	bundle, err := loadBundle(jc.Bundle)
	if err != nil {
		return nil, nil, err
	}
	targets, orgs, err := newTargets(cfg, jc, store, log)
	if err != nil {
		return nil, nil, err
	}
	keep, err := newKeep(cfg, log)
	if err != nil {
		return nil, nil, err
	}
	return &pipeline.Runner{
		Job: jc.Name, Source: source, Model: bundle, Decide: policy.Delta, Guard: newGuard(jc.Guard),
		Targets: targets, Keep: keep, Ledger: store,
		Ration:   policy.NewRation(cfg.Salesforce.APIReserve),
		RunsADay: func(now time.Time) int { return runsADay(path, cfg, now) }, Log: log, Tail: tail,
	}, orgs, nil
}

// newGuard holds runs that are beyond the limits.
func newGuard(g configs.Guard) pipeline.Guard {
	return policy.NewGuard(policy.Limits{
		MinRows: g.MinRows, MaxRows: g.MaxRows, MaxRejected: g.MaxRejected, MaxMissing: g.MaxMissing, MaxFlat: g.MaxFlat,
		MaxFactor: g.MaxFactor, MaxChanged: g.MaxChanged, MaxJumped: g.MaxJumped, MaxNew: g.MaxNew, MaxLeft: g.MaxLeft, MaxShift: g.MaxShift,
		MinOverlap: g.MinOverlap, New: policy.NewLimits(g.New),
	})
}

// runsADay counts the slots of all jobs within 24 hours: one org serves them all. A job whose schedule can't be read has
// none; the daemon would not start with it.
func runsADay(path string, cfg *configs.Config, now time.Time) (runs int) {
	for _, jc := range cfg.Jobs {
		if jc.Schedule == configs.Manual {
			continue
		}
		policy, err := newPolicy(path, cfg, jc)
		if err != nil {
			continue
		}
		end := now.Add(24 * time.Hour)
		for slot := policy.Spec.Next(now); !slot.IsZero() && !slot.After(end); slot = policy.Spec.Next(slot) {
			runs++
		}
	}
	return runs
}

func (j *job) close() {
	if err := j.ledger.Close(); err != nil {
		j.runner.Log.Error("close ledger", "error", err.Error())
	}
}

// run makes one run when it is the job's turn: one run of a job at a time, whoever makes it.
func (j *job) run(ctx context.Context, req pipeline.Request) (*pipeline.Summary, error) {
	if err := j.enter(ctx); err != nil {
		return nil, err
	}
	s, err := j.runner.Run(ctx, req)
	j.console.end()
	if lerr := j.ledger.Leave(j.runner.Job); lerr != nil {
		j.runner.Log.Error("the job's gate could not be left", "error", lerr.Error())
	}
	return s, err
}

func (j *job) enter(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, j.patience)
	defer cancel()
	orphans, err := j.ledger.Enter(ctx, j.runner.Job, func(holder string) {
		fmt.Fprintf(j.console.out, "waiting: %s runs %s\n", holder, j.runner.Job)
	})
	for _, id := range orphans {
		j.runner.Log.Warn("an earlier run was found dead", "run_id", id, "job", j.runner.Job)
	}
	return err
}

// newLog returns the logger of everything, and the tail that keeps the lines of each run for the ledger.
func newLog(w io.Writer, level slog.Leveler) (*slog.Logger, *pipeline.Tail) {
	tail := pipeline.NewTail(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
	return slog.New(tail), tail
}

func findJob(cfg *configs.Config, name string) (configs.Job, error) {
	var names []string
	for _, jc := range cfg.Jobs {
		if jc.Name == name {
			return jc, nil
		}
		names = append(names, jc.Name)
	}
	return configs.Job{}, usage{fmt.Errorf("there is no job %q in the config, only %s", name, strings.Join(names, ", "))}
}

// newSource reads a script for the warehouse.
func newSource(cfg *configs.Config, path, key string, log *slog.Logger) (source, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, &pipeline.Problem{Class: pipeline.Configuration, Err: fmt.Errorf("read script: %w", err),
			Hint: "a dataprep path is relative to the config file, one of --labels to the working directory"}
	}
	script, err := warehouse.ParseScript(path, text)
	if err != nil {
		return nil, err
	}
	wc, err := warehouseConfig(cfg, log)
	if err != nil {
		return nil, err
	}
	return warehouse.NewSource(wc, script, key)
}

func warehouseConfig(cfg *configs.Config, log *slog.Logger) (warehouse.Config, error) {
	password, err := configs.ReadSecret(cfg.Warehouse.PasswordFile)
	if err != nil {
		return warehouse.Config{}, fmt.Errorf("warehouse.password_file: %w", err)
	}
	return warehouse.Config{
		URL: cfg.Warehouse.URL, Password: password, QueryGroup: cfg.Warehouse.QueryGroup,
		ConnectTimeout: cfg.Warehouse.ConnectTimeout, ConnectPatience: cfg.Warehouse.ConnectPatience,
		StatementTimeout: cfg.Warehouse.StatementTimeout, Log: log,
	}, nil
}

// newKeep builds the history in the warehouse; nil if the config wants none.
func newKeep(cfg *configs.Config, log *slog.Logger) (*pipeline.Keep, error) {
	if cfg.Warehouse.HistorySchema == "" {
		return nil, nil
	}
	wc, err := warehouseConfig(cfg, log)
	if err != nil {
		return nil, err
	}
	history, err := warehouse.NewHistory(wc, cfg.Warehouse.HistorySchema)
	if err != nil {
		return nil, err
	}
	return &pipeline.Keep{History: history, Decide: policy.Delta}, nil
}

func loadBundle(dir string) (*model.Bundle, error) {
	bundle, err := model.Load(os.DirFS(dir))
	if err != nil {
		return nil, fmt.Errorf("bundle %s: %w", dir, err)
	}
	return bundle, nil
}
