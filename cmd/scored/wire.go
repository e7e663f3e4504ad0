package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"scored/configs"
	"scored/pipeline"
	"scored/pipeline/ledger"
	"scored/pipeline/model"
	"scored/pipeline/policy"
	"scored/pipeline/warehouse"
	"scored/sinks"
	"scored/sinks/salesforce"
)

// job is one wired job, ready to run.
type job struct {
	runner  *pipeline.Runner
	console *console
	close   func()
}

// store is what a verb opens of the ledger: all of it under its lock, or a view.
type store interface {
	pipeline.Ledger
	Close() error
}

func ledgerPath(cfg *configs.Config) string { return filepath.Join(cfg.StateDir, "ledger.db") }

func openLedger(path string) (store, error) { return ledger.Open(path) }

func readLedger(path string) (store, error) { return ledger.OpenReadOnly(path) }

// source is a dataprep script at a warehouse.
type source interface {
	pipeline.Source
	Columns(ctx context.Context, asOf time.Time) ([]pipeline.Column, error)
}

// wire builds the named job's run from the config file, in the order in which its data flows.
func wire(configPath, name string, open func(path string) (store, error), console *console) (*job, error) {
	cfg, err := configs.Load(configPath)
	if err != nil {
		return nil, err
	}
	jc, err := findJob(cfg, name)
	if err != nil {
		return nil, err
	}
	log := newLog(cfg, console)
	source, err := newSource(cfg, jc.Dataprep, jc.Key, log)
	if err != nil {
		return nil, err
	}
	bundle, err := loadBundle(jc.Bundle)
	if err != nil {
		return nil, err
	}
	targets, err := newTargets(cfg, jc, log)
	if err != nil {
		return nil, err
	}
	store, err := open(ledgerPath(cfg))
	if err != nil {
		return nil, err
	}
	return &job{
		console: console,
		close: func() {
			if err := store.Close(); err != nil {
				log.Error("close ledger", "error", err.Error())
			}
		},
		runner: &pipeline.Runner{
			Job: jc.Name, Source: source, Model: bundle, Decide: policy.Delta, Targets: targets, Ledger: store,
			Log: log, Progress: console.progress,
		},
	}, nil
}

func newLog(cfg *configs.Config, console *console) *slog.Logger {
	return slog.New(slog.NewJSONHandler(console, &slog.HandlerOptions{Level: cfg.Log.Level}))
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
	password, err := configs.ReadSecret(cfg.Warehouse.PasswordFile)
	if err != nil {
		return nil, fmt.Errorf("warehouse.password_file: %w", err)
	}
	return warehouse.NewSource(warehouse.Config{
		URL: cfg.Warehouse.URL, Password: password, QueryGroup: cfg.Warehouse.QueryGroup,
		ConnectTimeout: cfg.Warehouse.ConnectTimeout, ConnectPatience: cfg.Warehouse.ConnectPatience,
		StatementTimeout: cfg.Warehouse.StatementTimeout, Log: log,
	}, script, key)
}

func loadBundle(dir string) (*model.Bundle, error) {
	bundle, err := model.Load(os.DirFS(dir))
	if err != nil {
		return nil, fmt.Errorf("bundle %s: %w", dir, err)
	}
	return bundle, nil
}

// newTargets builds the job's sinks, each one trying again what may pass within the run.
func newTargets(cfg *configs.Config, jc configs.Job, log *slog.Logger) ([]pipeline.Target, error) {
	var targets []pipeline.Target
	for _, tc := range jc.Targets {
		sink, err := newSalesforce(cfg.Salesforce, tc, log)
		if err != nil {
			return nil, fmt.Errorf("job %s, target %s: %w", jc.Name, tc.Name, err)
		}
		retried := sinks.Retry(sink, sinks.Backoff{Tries: 4, First: time.Second, Max: 8 * time.Second}, log)
		targets = append(targets, pipeline.Target{Sink: retried, Shape: shape(tc), Settle: cfg.Salesforce.Timeout})
	}
	return targets, nil
}

// shape is all of a target that decides what is written where.
func shape(tc configs.Target) string {
	fields := slices.SortedFunc(slices.Values(tc.Fields), func(a, b configs.Field) int { return cmp.Compare(a.Field, b.Field) })
	return fmt.Sprintf("%s %s %s %v", tc.Operation, tc.Object, tc.ExternalID, fields)
}

func newSalesforce(sc configs.Salesforce, tc configs.Target, log *slog.Logger) (*salesforce.Sink, error) {
	flow, err := salesforce.ParseFlow(sc.Flow)
	if err != nil {
		return nil, err
	}
	operation, err := salesforce.ParseOperation(tc.Operation)
	if err != nil {
		return nil, err
	}
	fields := make([]salesforce.Field, len(tc.Fields))
	for i, f := range tc.Fields {
		value, err := salesforce.ParseValue(f.Value)
		if err != nil {
			return nil, err
		}
		fields[i] = salesforce.Field{Field: f.Field, Value: value}
	}
	key, err := configs.ReadSecret(sc.PrivateKeyFile)
	if err != nil {
		return nil, fmt.Errorf("salesforce.private_key_file: %w", err)
	}
	secret, err := configs.ReadSecret(sc.ClientSecretFile)
	if err != nil {
		return nil, fmt.Errorf("salesforce.client_secret_file: %w", err)
	}
	return salesforce.New(salesforce.Config{
		Name: tc.Name, LoginURL: sc.LoginURL, Audience: sc.Audience, Flow: flow, ClientID: sc.ClientID, Username: sc.Username,
		PrivateKey: key, ClientSecret: secret, APIVersion: sc.APIVersion, Timeout: sc.Timeout,
		Object: tc.Object, Operation: operation, ExternalID: tc.ExternalID, Fields: fields, Log: log,
	})
}
