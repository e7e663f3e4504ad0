package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"scored/pipeline"
)

// typicalRuns is how many live runs tell what one usually takes: a day of one every 15 minutes.
const typicalRuns = 96

// Spent returns how many requests the runs of all jobs took that began since then, and what a live run usually takes: the
// median of the newest that delivered, 0 if none did. What a run took whose process died is not known.
func (l *Ledger) Spent(ctx context.Context, since time.Time) (spent pipeline.Spent, err error) {
	if l.read == nil {
		return spent, nil
	}
	err = l.read.QueryRowContext(ctx, `SELECT ifnull(sum(summary ->> '$.api_calls'), 0) FROM runs WHERE started >= ?`,
		millis(since)).Scan(&spent.Calls)
	if err == nil {
		spent.Extras, err = list(ctx, l, scanExpense, `SELECT started, summary ->> '$.api_calls' FROM runs
			WHERE started >= ? AND cause NOT IN ('schedule', 'manual') AND summary ->> '$.api_calls' > 0 ORDER BY number`, millis(since))
	}
	if err == nil {
		spent.Typical, err = l.typical(ctx)
	}
	if err != nil {
		return pipeline.Spent{}, fmt.Errorf("read how many requests were made: %w", l.explain(err))
	}
	return spent, nil
}

func scanExpense(rows *sql.Rows) (e pipeline.Expense, err error) {
	var began int64
	err = rows.Scan(&began, &e.Calls)
	e.Began = instant(began)
	return e, err
}

// typical looks at runs whose rows are kept only: there is an index of those, however many runs there ever were.
func (l *Ledger) typical(ctx context.Context) (int, error) {
	rows, err := l.read.QueryContext(ctx, `SELECT summary FROM runs WHERE number IN (
			SELECT number FROM runs INDEXED BY runs_kept WHERE kept = 1 AND cause IN ('schedule', 'manual')
			ORDER BY number DESC LIMIT ?)
		AND summary IS NOT NULL ORDER BY number DESC`, keptRuns)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var calls []int
	for len(calls) < typicalRuns && rows.Next() {
		var text sql.RawBytes
		if err := rows.Scan(&text); err != nil {
			return 0, err
		}
		var s pipeline.Summary
		if err := json.Unmarshal(text, &s); err != nil {
			return 0, err
		}
		if s.Delivered() {
			calls = append(calls, s.APICalls)
		}
	}
	if err := rows.Err(); err != nil || len(calls) == 0 {
		return 0, err
	}
	slices.Sort(calls)
	return calls[len(calls)/2], nil
}
