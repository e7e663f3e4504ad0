package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"scored/pipeline"
)

// Record is a run as the ledger keeps it.
type Record struct {
	pipeline.Run
	Ended   time.Time    // zero while the run is open
	End     pipeline.End // "" while the run is open
	Reason  string
	Summary *pipeline.Summary // nil while the run is open, and if its process died
	Cut     int               // rejected and refused rows that were not kept
}

// Runs returns the newest runs of the job, or of every job if it is "", newest first.
func (l *Ledger) Runs(ctx context.Context, job string, limit int) ([]Record, error) {
	if l.read == nil {
		return nil, nil
	}
	rows, err := l.read.QueryContext(ctx, `SELECT id, job, slot, as_of, attempt, version, started, ended,
		ifnull(outcome, ''), ifnull(reason, ''), summary, cut
		FROM runs WHERE ?1 IN ('', job) ORDER BY number DESC LIMIT ?2`, job, limit)
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", l.explain(err))
	}
	defer rows.Close()
	var records []Record
	for rows.Next() {
		r, err := scanRecord(rows)
		if err != nil {
			return nil, fmt.Errorf("read runs: %w", l.explain(err))
		}
		records = append(records, r)
	}
	return records, l.explain(rows.Err())
}

func scanRecord(rows *sql.Rows) (r Record, err error) {
	var slot, ended sql.NullInt64
	var asOf, started int64
	var summary []byte
	err = rows.Scan(&r.ID, &r.Job, &slot, &asOf, &r.Attempt, &r.Version, &started, &ended,
		&r.End, &r.Reason, &summary, &r.Cut)
	if err != nil {
		return r, err
	}
	r.AsOf, r.Started = instant(asOf), instant(started)
	if slot.Valid {
		r.Slot = instant(slot.Int64)
	}
	if ended.Valid {
		r.Ended = instant(ended.Int64)
	}
	if summary != nil {
		r.Summary = new(pipeline.Summary)
		err = json.Unmarshal(summary, r.Summary)
	}
	return r, err
}
