package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"scored/pipeline"
	"scored/pipeline/ledger"
	"scored/pipeline/model"
	"scored/pipeline/policy"
	"scored/pipeline/warehouse"
	"scored/pipeline/warehouse/pgtest"
)

const (
	job   = "bench"
	key   = "lead_key"
	query = "SELECT * FROM leads"
	seed  = 20261122
	// oneIn of the keys is new, and as many have changed: 5 % in all.
	oneIn = 40
)

var asOf = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// request is the run that is measured; what is confirmed is an hour older.
func request() pipeline.Request { return pipeline.Request{Trigger: pipeline.Manual, AsOf: asOf} }

// world is PostgreSQL with a table, and a ledger that has confirmed nearly all of it.
type world struct {
	cluster       *pgtest.Cluster
	bundle        *model.Bundle
	dir           string
	ledgerPath    string
	confirmedPath string // what the ledger has, as CSV
	runner        *pipeline.Runner
	store         *ledger.Ledger
}

func newWorld(ctx context.Context, s settings) (_ *world, err error) {
	w := &world{}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.dir, err = os.MkdirTemp("", "scored-bench-"); err != nil {
		return nil, err
	}
	w.ledgerPath, w.confirmedPath = filepath.Join(w.dir, "ledger.db"), filepath.Join(w.dir, "confirmed.csv")
	if w.bundle, err = model.Load(os.DirFS(s.bundle)); err != nil {
		return nil, fmt.Errorf("bundle %s: %w", s.bundle, err)
	}
	if w.cluster, err = pgtest.Start(ctx, pgtest.Options{}); err != nil {
		return nil, err
	}
	fmt.Fprintf(s.log, "making a table of %d rows\n", s.rows)
	if err := w.makeTable(ctx, s); err != nil {
		return nil, fmt.Errorf("make the table: %w", err)
	}
	if w.runner, w.store, err = newRunner(w.cluster.DirectURL(), s.bundle, w.ledgerPath); err != nil {
		return nil, err
	}
	fmt.Fprintln(s.log, "making a ledger that has confirmed 95 % of it")
	if err := w.makeLedger(ctx); err != nil {
		return nil, fmt.Errorf("make the ledger: %w", err)
	}
	return w, nil
}

func (w *world) close() error {
	var errs []error
	if w.store != nil {
		errs = append(errs, w.store.Close())
	}
	if w.cluster != nil {
		errs = append(errs, w.cluster.Stop())
	}
	return errors.Join(append(errs, os.RemoveAll(w.dir))...)
}

// newRunner wires a run as the daemon does, to a target that nothing is sent to.
func newRunner(url, bundlePath, ledgerPath string) (*pipeline.Runner, *ledger.Ledger, error) {
	bundle, err := model.Load(os.DirFS(bundlePath))
	if err != nil {
		return nil, nil, err
	}
	script, err := warehouse.ParseScript("bench.sql", []byte(query+" -- as of :as_of\n"))
	if err != nil {
		return nil, nil, err
	}
	source, err := warehouse.NewSource(warehouse.Config{URL: url}, script, key)
	if err != nil {
		return nil, nil, err
	}
	store, err := ledger.Open(ledgerPath)
	if err != nil {
		return nil, nil, err
	}
	return &pipeline.Runner{
		Job: job, Source: source, Model: bundle, Decide: policy.Delta, Ledger: store, Log: slog.New(slog.DiscardHandler),
		Targets: []pipeline.Target{{Sink: nowhere{}, Shape: "bench", Reasons: true}},
	}, store, nil
}

// nowhere is a target that is only decided for.
type nowhere struct{}

func (nowhere) Name() string { return "nowhere" }
func (nowhere) Calls() int   { return 0 }

func (nowhere) Preflight(context.Context) (pipeline.Ready, error) {
	return pipeline.Ready{Identity: "nowhere"}, nil
}

func (nowhere) Write(context.Context, *pipeline.Run, string, []pipeline.Change, func([]pipeline.Outcome) error) error {
	return errors.New("the benchmark sends nothing")
}

// column is a column of the table: its type, and the texts of its values as COPY takes them.
type column struct {
	name, sql string
	values    []string
}

// makeTable fills a table with rows in no order of key, each value drawn from those of its column in the CSV.
func (w *world) makeTable(ctx context.Context, s settings) error {
	columns, err := readValues(s.values, w.bundle)
	if err != nil {
		return err
	}
	var create strings.Builder
	fmt.Fprintf(&create, "CREATE TABLE leads (%s varchar(18) NOT NULL", key)
	for _, c := range columns {
		fmt.Fprintf(&create, ", %q %s", c.name, c.sql)
	}
	if err := w.cluster.Exec(ctx, create.String()+")"); err != nil {
		return err
	}
	in, out := io.Pipe()
	go func() { out.CloseWithError(writeRows(out, columns, s.rows)) }()
	if err := w.cluster.Copy(ctx, "COPY leads FROM STDIN", in); err != nil {
		in.CloseWithError(err)
		return err
	}
	return w.cluster.Exec(ctx, "VACUUM ANALYZE leads")
}

func writeRows(out io.Writer, columns []column, rows int) error {
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	random := rand.New(rand.NewPCG(seed, 0))
	b := bufio.NewWriterSize(out, 1<<20)
	var line []byte
	for range rows {
		line = append(line[:0], "00Q"...) // as keys of Salesforce's leads begin
		for range 15 {
			line = append(line, letters[random.IntN(len(letters))])
		}
		for i := range columns {
			line = append(line, '\t')
			line = append(line, columns[i].values[random.IntN(len(columns[i].values))]...)
		}
		if _, err := b.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return b.Flush()
}

// readValues reads the CSV's columns that the bundle's contract has. Whole numbers become integers.
func readValues(path string, bundle *model.Bundle) ([]column, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	places := map[string]int{}
	for i, name := range records[0] {
		places[name] = i
	}
	var columns []column
	for _, c := range bundle.Manifest().Contract {
		at, ok := places[c.Name]
		if !ok {
			return nil, fmt.Errorf("%s has no column %s", path, c.Name)
		}
		out := column{name: c.Name, sql: "varchar(255)"}
		for _, record := range records[1:] {
			out.values = append(out.values, record[at])
		}
		if c.Kind() == pipeline.Number {
			if err := out.numbers(); err != nil {
				return nil, fmt.Errorf("%s: column %s: %w", path, c.Name, err)
			}
		}
		for i, v := range out.values {
			if v == "" {
				out.values[i] = `\N`
			}
		}
		columns = append(columns, out)
	}
	return columns, nil
}

// numbers makes the column one of numbers, whole ones if all are.
func (c *column) numbers() error {
	whole := true
	for _, text := range c.values {
		if text == "" {
			continue
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return err
		}
		whole = whole && v == math.Trunc(v) && math.Abs(v) < math.MaxInt32
	}
	c.sql = "double precision"
	if whole {
		c.sql = "integer"
		for i, text := range c.values {
			c.values[i], _, _ = strings.Cut(text, ".")
		}
	}
	return nil
}

// makeLedger confirms the scores of all keys but some, and other scores of as many.
func (w *world) makeLedger(ctx context.Context) (err error) {
	first := *w.runner
	first.Targets = []pipeline.Target{{Sink: nowhere{}}}
	plan, err := first.DryRun(ctx, request())
	if err != nil {
		return err
	}
	var confirmed []pipeline.Change
	for i, c := range plan.Targets[0].Changes {
		switch i % oneIn {
		case 0:
			continue
		case 1:
			c.Score.Score = (c.Score.Score + 1) % 101
		}
		confirmed = append(confirmed, c)
	}
	if err := w.confirm(ctx, confirmed); err != nil {
		return err
	}
	quantiles, err := json.Marshal(w.bundle.Manifest().Reference.Quantiles)
	if err != nil {
		return err
	}
	var text strings.Builder
	text.WriteString("key,score\n")
	for _, c := range confirmed {
		fmt.Fprintf(&text, "%s,%d\n", c.Key, c.Score.Score)
	}
	return errors.Join(
		os.WriteFile(w.confirmedPath, []byte(text.String()), 0o600),
		os.WriteFile(strings.TrimSuffix(w.confirmedPath, ".csv")+".json", quantiles, 0o600))
}

func (w *world) confirm(ctx context.Context, changes []pipeline.Change) (err error) {
	if _, err := w.store.Enter(ctx, job, func(string) {}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.store.Leave(job)) }()
	earlier := request()
	earlier.AsOf = earlier.AsOf.Add(-time.Hour)
	run, err := w.store.Begin(ctx, job, earlier)
	if err != nil {
		return err
	}
	target := nowhere{}.Name()
	if err := w.store.Bind(ctx, job, target, target); err != nil {
		return err
	}
	if _, err := w.store.Shape(ctx, job, target, "bench"); err != nil {
		return err
	}
	outcomes := make([]pipeline.Outcome, len(changes))
	for i, c := range changes {
		outcomes[i] = pipeline.Outcome{Key: c.Key, Status: pipeline.Accepted}
	}
	if err := w.store.Intend(ctx, run, target, w.bundle.Name(), changes); err != nil {
		return err
	}
	if err := w.store.Confirm(ctx, run, target, outcomes); err != nil {
		return err
	}
	if err := w.store.Sweep(ctx, run, target); err != nil {
		return err
	}
	summary := &pipeline.Summary{ID: run.ID, Job: job, AsOf: run.AsOf, Version: run.Version, Started: run.Started, End: pipeline.OK}
	return w.store.Finish(ctx, summary, nil, nil, nil)
}
