package main

import (
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"scored/pipeline/warehouse/pgtest"
)

const (
	casesFile  = "bpic2012_cases.csv"
	eventsFile = "bpic2012_events.csv.gz"
)

// load starts the warehouse and brings the files into it. On Redshift, COPY from S3 takes the place of the two copies.
func (e *example) load(ctx context.Context) (err error) {
	if e.warehouse, err = pgtest.Start(ctx, pgtest.Options{}); err != nil {
		return err
	}
	if err := e.script(ctx, "raw.sql"); err != nil {
		return err
	}
	if err := e.copy(ctx, "raw.cases", casesFile, plain); err != nil {
		return err
	}
	if err := e.copy(ctx, "raw.events", eventsFile, unzipped); err != nil {
		return err
	}
	if err := e.script(ctx, "load.sql"); err != nil {
		return err
	}
	counts, err := e.warehouse.Query(ctx, `SELECT (SELECT COUNT(*) FROM raw.cases), (SELECT COUNT(*) FROM raw.events),
		(SELECT COUNT(*) FROM bank.applications), (SELECT COUNT(*) FROM bank.events),
		(SELECT COUNT(*) FROM bank.applications a JOIN bank.decisions d ON d.application_key = a.application_key
			AND d.decided_at < a.submitted_at + INTERVAL '1 hour')`)
	if err != nil {
		return err
	}
	c := counts[0]
	fmt.Fprintf(e.out, "read    %s cases with %s events\nloaded  %s decided ones with %s events before their decision; %s were decided within an hour\n",
		c[0], c[1], c[2], c[3], c[4])
	return nil
}

func (e *example) script(ctx context.Context, name string) error {
	text, err := files.ReadFile(name)
	if err != nil {
		return err
	}
	if err := e.warehouse.Exec(ctx, string(text)); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (e *example) copy(ctx context.Context, table, name string, open func(io.Reader) (io.Reader, error)) error {
	f, err := os.Open(filepath.Join(e.data, name))
	if err != nil {
		return err
	}
	defer f.Close()
	rows, err := open(f)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if err := e.warehouse.Copy(ctx, "COPY "+table+" FROM STDIN WITH (FORMAT csv, HEADER)", rows); err != nil {
		return fmt.Errorf("copy %s: %w", name, err)
	}
	return nil
}

func plain(r io.Reader) (io.Reader, error) { return r, nil }

func unzipped(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }

// saveHistory writes the probabilities that the runs appended to the warehouse, as text that gives the same double again.
func (e *example) saveHistory(ctx context.Context) error {
	rows, err := e.warehouse.Query(ctx, `SELECT as_of, score_key, probability FROM scored.scores ORDER BY version, score_key`)
	if err != nil {
		return fmt.Errorf("read the history: %w", err)
	}
	f, err := os.Create(filepath.Join(e.dir, "history.csv"))
	if err != nil {
		return err
	}
	w := csv.NewWriter(f)
	err = w.Write([]string{"as_of", "application_key", "probability"})
	return errors.Join(err, w.WriteAll(rows), f.Close())
}
