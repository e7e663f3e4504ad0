package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"scored/configs"
	"scored/pipeline"
	"scored/pipeline/ledger"
	"scored/pipeline/model"
	"scored/pipeline/model/referee"
	"scored/pipeline/status"
)

// refereeTolerance is how far leaves' probability may lie from ours: it sums in another order.
const refereeTolerance = 1e-12

func checkCommand(config *string) *cobra.Command {
	var offline bool
	cmd := &cobra.Command{
		Use:   "check [JOB...]",
		Short: "Say what is wrong with config, scripts, bundles, warehouse and Salesforce, where, and what to do",
		Long: "check goes through everything a run needs, for all jobs or the named ones, and writes to none of it: it lints the\n" +
			"scripts, scores the bundle's golden rows (leaves does so too, as second opinion), runs the dataprep script without\n" +
			"its rows, and asks Salesforce whether each mapped field is there and may be edited.",
		RunE: func(cmd *cobra.Command, args []string) error {
			console := newConsole(cmd.OutOrStdout(), cmd.ErrOrStderr())
			c := &checker{out: console.out, config: *config, offline: offline}
			cfg, err := configs.Load(*config)
			c.result("config", *config, "", err)
			if err != nil {
				return c.verdict()
			}
			c.log, _ = newLog(console, cfg.Log.Level)
			jobs, err := chooseJobs(cfg, args)
			if err != nil {
				return err
			}
			c.openLedger(cfg)
			defer c.close()
			c.status(cfg)
			for _, jc := range jobs {
				c.job(cmd.Context(), cfg, jc)
			}
			return c.verdict()
		},
	}
	cmd.Flags().BoolVar(&offline, "offline", false, "connect nowhere: config, schedules, scripts and bundles only")
	return cmd
}

func chooseJobs(cfg *configs.Config, names []string) ([]configs.Job, error) {
	if len(names) == 0 {
		return cfg.Jobs, nil
	}
	var jobs []configs.Job
	for _, name := range names {
		jc, err := findJob(cfg, name)
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, jc)
	}
	return jobs, nil
}

// checker prints a line per thing it looked at, and remembers what went wrong.
type checker struct {
	out     io.Writer
	config  string
	log     *slog.Logger
	offline bool
	ledger  *ledger.Ledger // for reading; nil if it can't be read, which is said then
	errs    []error
}

func (c *checker) result(what, name, ok string, err error) {
	if err == nil {
		fmt.Fprintf(c.out, "ok    %-10s %s", what, name)
		if ok != "" {
			fmt.Fprintf(c.out, ": %s", ok)
		}
		fmt.Fprintln(c.out)
		return
	}
	c.errs = append(c.errs, err)
	fmt.Fprintf(c.out, "FAIL  %-10s %s: %s\n", what, name, strings.ReplaceAll(err.Error(), "\n", "\n        "))
	if hint := pipeline.HintOf(err); hint != "" {
		fmt.Fprintf(c.out, "        -> %s\n", hint)
	}
}

// warn says what does not keep a run from its work, and should be mended all the same.
func (c *checker) warn(what, name, text, hint string) {
	fmt.Fprintf(c.out, "WARN  %-10s %s: %s\n        -> %s\n", what, name, text, hint)
}

// verdict is the worst of what went wrong: what must be edited comes before what may pass.
func (c *checker) verdict() error {
	if len(c.errs) == 0 {
		return nil
	}
	code := exitTryAgain
	for _, err := range c.errs {
		switch exitCode(err) {
		case exitConfiguration:
			return exit(exitConfiguration)
		case exitFailed:
			code = exitFailed
		}
	}
	return exit(code)
}

// openLedger reads the ledger if there is one; a run makes it, but not its folder.
func (c *checker) openLedger(cfg *configs.Config) {
	path := ledgerPath(cfg)
	err := checkLedger(path)
	if err == nil {
		c.ledger, err = ledger.OpenReadOnly(path)
	}
	c.result("ledger", path, "", err)
}

func (c *checker) close() {
	if c.ledger != nil {
		c.ledger.Close()
	}
}

// status looks at the address of the daemon's pages. Whether the port is free is not asked: the daemon may have it.
func (c *checker) status(cfg *configs.Config) {
	if address := cfg.Status.Listen; address != "" {
		c.result("status", address, "on loopback", status.Valid(address))
	}
}

// checkLedger asks whether a run may write the ledger.
func checkLedger(path string) error {
	if folder, err := os.Stat(filepath.Dir(path)); err != nil || !folder.IsDir() {
		return &pipeline.Problem{Class: pipeline.Configuration, Err: fmt.Errorf("%s is not a folder", filepath.Dir(path)),
			Hint: "make it, on a local disk and writable for scored, or name another in state_dir"}
	}
	const write = 2 // access(2) has no name for it in package syscall
	for _, p := range []string{filepath.Dir(path), path} {
		if err := syscall.Access(p, write); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return &pipeline.Problem{Class: pipeline.Configuration, Err: fmt.Errorf("%s can't be written: %w", p, err),
				Hint: "let the user that runs scored write there; a file system may also be mounted read-only"}
		}
	}
	return nil
}

func (c *checker) job(ctx context.Context, cfg *configs.Config, jc configs.Job) {
	c.schedule(cfg, jc)
	bundle, err := loadBundle(jc.Bundle)
	c.result("bundle", jc.Bundle, describe(bundle, err), err)
	if err == nil {
		opinion, err := secondOpinion(bundle)
		c.result("referee", bundle.Name(), opinion, err)
	}
	source, err := newSource(cfg, jc.Dataprep, jc.Key, c.log)
	c.result("script", jc.Dataprep, "no findings", err)
	if err == nil && !c.offline {
		found, err := c.columns(ctx, source, bundle)
		c.result("warehouse", jc.Name, found, err)
	}
	c.history(ctx, cfg)
	c.when(ctx, cfg, jc)
	if jc.HeartbeatURLFile != "" {
		heartbeat, err := newHeartbeat(jc, c.log)
		if err == nil {
			heartbeat.Close()
		}
		c.result("heartbeat", jc.HeartbeatURLFile, "not fetched: that would say that all is well", err)
	}
	c.targets(ctx, cfg, jc)
}

// schedule shows when the job would run next.
func (c *checker) schedule(cfg *configs.Config, jc configs.Job) {
	if jc.Schedule == configs.Manual {
		c.result("schedule", jc.Name, "manual: the daemon leaves it alone", nil)
		return
	}
	policy, err := newPolicy(c.config, cfg, jc)
	if err != nil {
		c.result("schedule", jc.Name, "", err)
		return
	}
	first := policy.Spec.Next(time.Now())
	c.result("schedule", jc.Name, fmt.Sprintf("%s: next %s, then %s; this host starts %s later", policy.Spec,
		first.UTC().Format(time.RFC3339), policy.Spec.Next(first).UTC().Format(time.RFC3339), policy.Jitter), nil)
}

// history asks whether runs and scores can be appended.
func (c *checker) history(ctx context.Context, cfg *configs.Config) {
	schema := cfg.Warehouse.HistorySchema
	keep, err := newKeep(cfg, c.log)
	switch {
	case err != nil:
		c.result("history", schema, "", err)
	case keep == nil:
		c.result("history", "none", "warehouse.history_schema is empty", nil)
	case c.offline:
		c.result("history", schema, "not asked", nil)
	default:
		found, err := keep.History.Check(ctx)
		c.result("history", schema, found, err)
	}
}

// when reads what the job's slots wait for.
func (c *checker) when(ctx context.Context, cfg *configs.Config, jc configs.Job) {
	condition, err := newCondition(cfg, jc, c.log)
	if err == nil && condition == nil {
		return
	}
	found := "not asked"
	if err == nil && !c.offline {
		var ready bool
		if found, ready, _, err = condition.Ready(ctx, time.Now().UTC().Truncate(time.Second), ""); err == nil {
			found = fmt.Sprintf("it gives %s; a slot now would wait: %t", found, !ready)
		}
	}
	c.result("when", jc.Name, found, err)
}

func describe(b *model.Bundle, err error) string {
	if err != nil {
		return ""
	}
	m := b.Manifest()
	trees := 0
	for _, member := range b.Members() {
		trees += member.Forest.Trees()
	}
	return fmt.Sprintf("%s, %d columns, %d trees, %d golden rows reproduced, the largest difference is %.1g",
		b.Name(), len(m.Contract), trees, m.Golden.Rows, b.MaxDifference())
}

// secondOpinion has leaves score, with each of the bundle's forests, the golden rows that were scored at load.
func secondOpinion(b *model.Bundle) (string, error) {
	golden, largest := 0, 0.0
	members := b.Members()
	for i, member := range members {
		x, rows := b.GoldenFeatures(i)
		difference, err := referee.Compare(member.Forest, x, rows)
		if err != nil {
			return "", fmt.Errorf("forest %d of %d: score the golden rows with leaves: %w", i+1, len(members), err)
		}
		if !(difference <= refereeTolerance) {
			return "", &pipeline.Problem{Class: pipeline.Configuration,
				Err:  fmt.Errorf("forest %d of %d: leaves differs by %g on the golden rows", i+1, len(members), difference),
				Hint: "one of the two engines is wrong about this forest: do not deploy it, and report it with the bundle"}
		}
		golden, largest = rows, max(largest, difference)
	}
	return fmt.Sprintf("leaves agrees on %d golden rows within %.1g", golden, largest), nil
}

// columns runs the script without its rows and holds the result's columns against the contract.
func (c *checker) columns(ctx context.Context, source source, bundle *model.Bundle) (string, error) {
	columns, err := source.Columns(ctx, time.Now().UTC().Truncate(time.Second))
	if err != nil {
		return "", err
	}
	if bundle == nil {
		return fmt.Sprintf("the script gives %d columns beside the key; without a bundle they can't be checked", len(columns)), nil
	}
	if _, err := bundle.Bind(columns); err != nil {
		return "", err
	}
	return fmt.Sprintf("the script runs, and its %d columns fit the contract", len(columns)), nil
}
