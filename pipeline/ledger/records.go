package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"scored/pipeline"
)

const record = `SELECT id, job, cause, slot, as_of, attempt, version, started, ended,
	ifnull(outcome, ''), ifnull(reason, ''), cut, ifnull(ruling, ''), ruled, summary FROM runs `

// Runs returns the newest runs of the job, or of every job if it is "", newest first.
func (l *Ledger) Runs(ctx context.Context, job string, limit int) ([]pipeline.Record, error) {
	return l.records(ctx, record+`WHERE ?1 IN ('', job) ORDER BY number DESC LIMIT ?2`, job, limit)
}

// Run returns the run with the id, if there is one.
func (l *Ledger) Run(ctx context.Context, id string) (pipeline.Record, bool, error) {
	found, err := l.records(ctx, record+`WHERE id = ?`, id)
	if err != nil || len(found) == 0 {
		return pipeline.Record{}, false, err
	}
	return found[0], true, nil
}

// Find returns the newest runs whose id begins with the prefix, newest first.
func (l *Ledger) Find(ctx context.Context, prefix string, limit int) ([]pipeline.Record, error) {
	return l.records(ctx, record+`WHERE id >= ?1 AND id < ?1 || char(0x10ffff) ORDER BY number DESC LIMIT ?2`, prefix, limit)
}

// Unpublished returns runs of the job that have ended, orphans among them, and are not in the warehouse's run log, oldest
// first.
func (l *Ledger) Unpublished(ctx context.Context, job string, limit int) ([]pipeline.Record, error) {
	return l.records(ctx, record+`WHERE job = ? AND ended IS NOT NULL AND published = 0 ORDER BY number LIMIT ?`, job, limit)
}

// EndsBetween returns the runs of the job as of an instant after from and up to to, in order of as-of and attempt, without
// their summaries.
func (l *Ledger) EndsBetween(ctx context.Context, job string, from, to time.Time) ([]pipeline.Record, error) {
	return l.records(ctx, `SELECT id, job, cause, slot, as_of, attempt, version, started, ended,
		ifnull(outcome, ''), ifnull(reason, ''), cut, '', NULL, NULL FROM runs
		WHERE job = ? AND as_of > ? AND as_of <= ? ORDER BY as_of, attempt`, job, millis(from), millis(to))
}

func (l *Ledger) records(ctx context.Context, query string, arguments ...any) ([]pipeline.Record, error) {
	records, err := list(ctx, l, scanRecord, query, arguments...)
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	return records, nil
}

func scanRecord(rows *sql.Rows) (r pipeline.Record, err error) {
	var slot, ended, ruled sql.NullInt64
	var asOf, started int64
	var summary []byte
	err = rows.Scan(&r.ID, &r.Job, &r.Trigger, &slot, &asOf, &r.Attempt, &r.Version, &started, &ended,
		&r.End, &r.Reason, &r.Cut, &r.Ruling, &ruled, &summary)
	if err != nil {
		return r, err
	}
	r.AsOf, r.Started = instant(asOf), instant(started)
	r.Slot, r.Ended, r.Ruled = optionalInstant(slot), optionalInstant(ended), optionalInstant(ruled)
	if summary != nil {
		r.Summary = new(pipeline.Summary)
		err = json.Unmarshal(summary, r.Summary)
	}
	return r, err
}

// list reads every row of a query; of a ledger that does not exist yet, none.
func list[T any](ctx context.Context, l *Ledger, scan func(*sql.Rows) (T, error), query string, arguments ...any) ([]T, error) {
	if l.read == nil {
		return nil, nil
	}
	rows, err := l.read.QueryContext(ctx, query, arguments...)
	if err != nil {
		return nil, l.explain(err)
	}
	found, err := drain(rows, scan)
	return found, l.explain(err)
}

// drain reads what is left of the rows and closes them.
func drain[T any](rows *sql.Rows, scan func(*sql.Rows) (T, error)) (found []T, err error) {
	defer rows.Close()
	for rows.Next() {
		row, err := scan(rows)
		if err != nil {
			return nil, err
		}
		found = append(found, row)
	}
	return found, rows.Err()
}

func scanText(rows *sql.Rows) (text string, err error) {
	err = rows.Scan(&text)
	return text, err
}
