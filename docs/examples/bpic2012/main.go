// Command bpic2012 takes a data set from files to a CRM: a bank's loan applications are loaded into a warehouse, a forest
// is trained on what a dataprep script gives of the earlier ones, and the later ones are scored morning by morning by
// scored run. README.md tells what is to be seen.
//
// The steps are those of anybody who brings a model live; only the warehouse and the org are stand-ins, which listen on
// loopback and end with this program.
package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"scored/pipeline/warehouse/pgtest"
)

// The log ends on 14 March 2012, and a label looks 30 days ahead. The model goes live on the morning of 1 January with
// what is known by then: labels of rows up to 2 December. The 30 days in between are the reference period.
const (
	begin    = "2011-10-01T06:00:00Z"
	labelled = "2011-12-02T06:00:00Z"
	live     = "2012-01-01T06:00:00Z"
	end      = "2012-02-13T06:00:00Z"
	day      = 24 * time.Hour
)

const job = "loan_applications"

//go:embed scored.yaml *.sql *.py *.toml
var files embed.FS

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintf(os.Stderr, "bpic2012: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	e := &example{out: out}
	flags := flag.NewFlagSet("bpic2012", flag.ContinueOnError)
	flags.StringVar(&e.data, "data", "", "the folder that holds "+casesFile+" and "+eventsFile)
	flags.StringVar(&e.dir, "out", "build/bpic2012", "the folder to work in; what an earlier time left there is replaced")
	flags.StringVar(&e.scored, "scored", "bin/scored", "the binary of scored")
	flags.StringVar(&e.until, "until", end, "the last morning to be scored; a label looks 30 days beyond it")
	flags.StringVar(&e.python, "python", ".venv/bin/python", "a Python that has scored-export")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if e.data == "" || flags.NArg() > 0 {
		return errors.New("-data names the folder of the data set, and there are no other arguments")
	}
	if err := e.prepare(); err != nil {
		return err
	}
	return errors.Join(e.steps(ctx), e.close())
}

// example is the data set on its way.
type example struct {
	data, dir, until string
	scored, python   string // programs
	out              io.Writer
	warehouse        *pgtest.Cluster
	org              *org
}

// prepare puts the config, the scripts and an empty state folder into the folder to work in.
func (e *example) prepare() error {
	for _, path := range []*string{&e.data, &e.dir, &e.scored, &e.python} {
		var err error
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	state := filepath.Join(e.dir, "state")
	if err := errors.Join(os.RemoveAll(state), os.MkdirAll(state, 0o700)); err != nil {
		return err
	}
	entries, err := files.ReadDir(".")
	if err != nil {
		return err
	}
	for _, f := range entries {
		text, err := files.ReadFile(f.Name())
		if err == nil {
			err = os.WriteFile(filepath.Join(e.dir, f.Name()), text, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *example) steps(ctx context.Context) error {
	if err := e.load(ctx); err != nil {
		return fmt.Errorf("load the data set: %w", err)
	}
	if err := e.train(ctx); err != nil {
		return err
	}
	if err := e.goLive(ctx); err != nil {
		return err
	}
	return e.evaluate(ctx)
}

// train makes the bundle out of what was known when the model went live.
func (e *example) train(ctx context.Context) error {
	err := e.call(ctx, e.scored, "dataset", job, "--from", begin, "--to", labelled, "--labels", "labels.sql", "--out", "training.csv")
	if err != nil {
		return err
	}
	if err := e.call(ctx, e.scored, "dataset", job, "--from", labelled, "--to", live, "--out", "reference.csv"); err != nil {
		return err
	}
	return e.call(ctx, e.python, "train.py", "training.csv", "reference.csv", "bundle", "model.joblib")
}

// goLive scores what is open on every morning into the org, and notes what stands in it and in the history afterwards.
func (e *example) goLive(ctx context.Context) error {
	if err := e.startOrg(ctx); err != nil {
		return fmt.Errorf("start the org: %w", err)
	}
	if err := e.call(ctx, e.scored, "check"); err != nil {
		return err
	}
	mornings, err := mornings(e.until)
	if err != nil {
		return err
	}
	seen, err := newSightings(filepath.Join(e.dir, "org.csv"))
	if err != nil {
		return err
	}
	for _, asOf := range mornings {
		if err := e.call(ctx, e.scored, "run", job, "--as-of", asOf.Format(time.RFC3339)); err != nil {
			return errors.Join(err, seen.close())
		}
		seen.note(asOf, e.org)
	}
	return errors.Join(seen.close(), e.saveHistory(ctx))
}

// mornings are the instants that scored dataset --from live --to until --step 1d gives, too.
func mornings(until string) ([]time.Time, error) {
	first, err1 := time.Parse(time.RFC3339, live)
	last, err2 := time.Parse(time.RFC3339, until)
	var list []time.Time
	for at := first.Add(day); !at.After(last); at = at.Add(day) {
		list = append(list, at)
	}
	return list, errors.Join(err1, err2)
}

// evaluate compares the org with scikit-learn, when what became of the applications is known.
func (e *example) evaluate(ctx context.Context) error {
	err := e.call(ctx, e.scored, "dataset", job, "--from", live, "--to", e.until, "--labels", "labels.sql", "--out", "live.csv")
	if err != nil {
		return err
	}
	return e.call(ctx, e.python, "evaluate.py")
}

// call runs a command in the folder, and shows it with what it prints. Its log is shown if it fails.
func (e *example) call(ctx context.Context, name string, args ...string) error {
	fmt.Fprintf(e.out, "\n$ %s %s\n", filepath.Base(name), strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	cmd.Dir = e.dir
	cmd.Env = append(os.Environ(), "SCORED_CONFIG=scored.yaml", "SCORED_WAREHOUSE_URL="+e.warehouse.URL())
	if e.org != nil {
		cmd.Env = append(cmd.Env, "SCORED_SALESFORCE_LOGIN_URL="+e.org.url)
	}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = e.out, &log
	if err := cmd.Run(); err != nil {
		fmt.Fprintf(e.out, "%s", log.Bytes())
		return fmt.Errorf("%s %s: %w", filepath.Base(name), args[0], err)
	}
	return nil
}

func (e *example) close() error {
	var errs []error
	if e.org != nil {
		errs = append(errs, e.org.close())
	}
	if e.warehouse != nil {
		errs = append(errs, e.warehouse.Stop())
	}
	return errors.Join(errs...)
}
