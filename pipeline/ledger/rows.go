package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"scored/pipeline"
)

// maxKeptRows is how many rejected, and how many refused, rows of a run the ledger keeps. [pipeline.Record].Cut counts the
// rest.
const maxKeptRows = pipeline.MaxKeptRows

// keptRuns is how many live runs of a job, and how many of its backfills, keep their rows and their log: five days of one
// run every 15 minutes. The runs themselves, with their summaries, stay.
const keptRuns = 500

func keepRejected(ctx context.Context, tx *sql.Tx, run int64, rows []pipeline.Rejection) error {
	insert, err := tx.PrepareContext(ctx, `INSERT INTO rejected (run, row, key, reason) VALUES (?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	for i, r := range rows {
		if _, err := insert.ExecContext(ctx, run, i+1, r.Key, r.Reason); err != nil {
			return err
		}
	}
	return nil
}

func keepRefused(ctx context.Context, tx *sql.Tx, run int64, rows []pipeline.RefusedRow) error {
	insert, err := tx.PrepareContext(ctx, `INSERT INTO refused
		(run, row, target, key, outcome, class, code, fields, message, created)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	for i, r := range rows {
		fields, err := json.Marshal(append([]string{}, r.Fields...))
		if err != nil {
			return err
		}
		_, err = insert.ExecContext(ctx, run, i+1, r.Target, r.Key,
			r.Status.String(), r.Class.String(), r.Code, string(fields), r.Message, r.Created)
		if err != nil {
			return err
		}
	}
	return nil
}

func keepLines(ctx context.Context, tx *sql.Tx, run int64, lines []string) error {
	insert, err := tx.PrepareContext(ctx, `INSERT INTO lines (run, row, line) VALUES (?, ?, ?)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	for i, line := range lines {
		if _, err := insert.ExecContext(ctx, run, i+1, line); err != nil {
			return err
		}
	}
	return nil
}

// dropRows marks the rows and logs of all but the job's newest runs, be those live or backfills, to be deleted.
func dropRows(ctx context.Context, tx *sql.Tx, job string, live bool) error {
	_, err := tx.ExecContext(ctx, `UPDATE runs SET kept = 0, untidy = 1 WHERE number IN (
		SELECT number FROM runs WHERE kept = 1 AND job = ? AND cause IN ('schedule', 'manual') = ?
		ORDER BY number DESC LIMIT -1 OFFSET ?)`, job, live, keptRuns)
	return err
}

// Rejected returns the rows of the run that the contract rejected, as far as they were kept.
func (l *Ledger) Rejected(ctx context.Context, id string) ([]pipeline.Rejection, error) {
	return ofRun(ctx, l, id, `SELECT key, reason FROM rejected`, func(rows *sql.Rows) (r pipeline.Rejection, err error) {
		err = rows.Scan(&r.Key, &r.Reason)
		return r, err
	})
}

// Refused returns the run's outcomes that were not plainly accepted, as far as they were kept.
func (l *Ledger) Refused(ctx context.Context, id string) ([]pipeline.RefusedRow, error) {
	const query = `SELECT target, key, outcome, class, code, fields, message, created FROM refused`
	return ofRun(ctx, l, id, query, func(rows *sql.Rows) (r pipeline.RefusedRow, err error) {
		var outcome, class string
		var fields []byte
		if err = rows.Scan(&r.Target, &r.Key, &outcome, &class, &r.Code, &fields, &r.Message, &r.Created); err != nil {
			return r, err
		}
		if r.Status, err = status(outcome); err != nil {
			return r, err
		}
		if r.Class, err = pipeline.ParseClass(class); err != nil {
			return r, err
		}
		return r, json.Unmarshal(fields, &r.Fields)
	})
}

// Lines returns the run's log, as long as it is kept.
func (l *Ledger) Lines(ctx context.Context, id string) ([]string, error) {
	return ofRun(ctx, l, id, `SELECT line FROM lines`, scanText)
}

// ofRun reads what a table keeps of a run, in the order in which it came.
func ofRun[T any](ctx context.Context, l *Ledger, id, query string, scan func(*sql.Rows) (T, error)) ([]T, error) {
	list, err := list(ctx, l, scan, query+` WHERE run = (SELECT number FROM runs WHERE id = ?) ORDER BY row`, id)
	if err != nil {
		return nil, fmt.Errorf("read rows of run %s: %w", id, err)
	}
	return list, nil
}

// status is the opposite of [pipeline.Status.String].
func status(word string) (pipeline.Status, error) {
	for s := pipeline.Accepted; s <= pipeline.NotSent; s++ {
		if s.String() == word {
			return s, nil
		}
	}
	return 0, fmt.Errorf("%q is no outcome", word)
}
