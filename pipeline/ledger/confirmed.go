package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"time"

	"scored/pipeline"
)

// Confirmed yields what the target confirmed or may have received, in ascending order of key (by bytes), as it stood
// when the iteration began. It holds no lock: writes may come between. An entry without a model is one of which nothing
// was confirmed yet. After an error it ends.
func (l *Ledger) Confirmed(ctx context.Context, job, target string) iter.Seq2[pipeline.Confirmed, error] {
	return func(yield func(pipeline.Confirmed, error) bool) {
		if l.read == nil {
			return
		}
		if err := l.eachConfirmed(ctx, job, target, yield); err != nil {
			yield(pipeline.Confirmed{}, fmt.Errorf("read what %s confirmed: %w", target, l.explain(err)))
		}
	}
}

// What a sweep found unchanged is as new as the sweep.
const confirmedOf = `
	SELECT key, doubted, score, grade, model, iif(filled OR sweep = ?2, version, max(version, ?2)) AS version, filled
	FROM confirmed WHERE target = ?1 ORDER BY key`

const openOf = `SELECT key, max(version) FROM intents WHERE target = ? GROUP BY key ORDER BY key`

// eachConfirmed merges what was confirmed with the open intents, key by key. Go does that at two thirds of the price of one
// statement, for in nearly every run hardly an intent is open. It returns the errors that were not yielded.
func (l *Ledger) eachConfirmed(
	ctx context.Context, job, target string, yield func(pipeline.Confirmed, error) bool,
) error {
	tx, err := l.read.BeginTx(ctx, nil) // all is read as of one commit
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var number, swept int64
	err = tx.QueryRowContext(ctx, `SELECT number, swept FROM targets WHERE job = ? AND name = ?`, job, target).Scan(&number, &swept)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	confirmed := entries{scan: func(rows *sql.Rows, c *pipeline.Confirmed) error {
		return rows.Scan(&c.Key, &c.Unsure, &c.Score, &c.Grade, &c.Model, &c.Version, &c.Filled)
	}}
	defer confirmed.close()
	open := entries{scan: func(rows *sql.Rows, c *pipeline.Confirmed) error { return rows.Scan(&c.Key, &c.Version) }}
	defer open.close()
	if err := confirmed.query(ctx, tx, confirmedOf, number, swept); err != nil {
		return err
	}
	if err := open.query(ctx, tx, openOf, number); err != nil {
		return err
	}
	for confirmed.more || open.more {
		order := open.compare(&confirmed)
		entry := confirmed.entry
		if order < 0 {
			entry = pipeline.Confirmed{Key: open.entry.Key}
		}
		if order <= 0 {
			entry.Unsure, entry.Version = true, max(entry.Version, open.entry.Version)
			err = open.next()
		}
		if order >= 0 && err == nil {
			err = confirmed.next()
		}
		if err != nil {
			return err
		}
		if !yield(entry, nil) {
			return nil
		}
	}
	return nil
}

// entries reads the rows of a statement one by one.
type entries struct {
	scan  func(*sql.Rows, *pipeline.Confirmed) error
	rows  *sql.Rows
	entry pipeline.Confirmed // the row that was read last
	more  bool               // there is one
}

// query runs the statement and reads its first row.
func (e *entries) query(ctx context.Context, tx *sql.Tx, text string, arguments ...any) (err error) {
	if e.rows, err = tx.QueryContext(ctx, text, arguments...); err != nil { //nolint:rowserrcheck // next does
		return err
	}
	return e.next()
}

func (e *entries) next() error {
	if e.more = e.rows.Next(); !e.more {
		return e.rows.Err()
	}
	return e.scan(e.rows, &e.entry)
}

// compare says which of the two is at the lower key; one that has ended is behind all.
func (e *entries) compare(o *entries) int {
	switch {
	case !e.more:
		return 1
	case !o.more:
		return -1
	default:
		return cmp.Compare(e.entry.Key, o.entry.Key)
	}
}

func (e *entries) close() {
	if e.rows != nil {
		_ = e.rows.Close()
	}
}

// Unsettled returns an instant after which no write without an answer was sent; the zero time if there is no such
// write. That is the end of the newest run that has one: its intents are older than its requests. A run whose process
// died ended, at the latest, when its job was entered again. Writes that were sent again, and then answered, count too.
func (l *Ledger) Unsettled(ctx context.Context, job, target string) (time.Time, error) {
	if l.read == nil {
		return time.Time{}, nil
	}
	var last sql.NullInt64
	err := l.read.QueryRowContext(ctx, `SELECT max(at) FROM (
		SELECT max(at, ifnull(ended, at)) AS at FROM intents JOIN runs ON runs.number = intents.run
			WHERE target = (SELECT number FROM targets WHERE job = ?1 AND name = ?2)
		UNION ALL SELECT late FROM targets WHERE job = ?1 AND name = ?2 AND late <= ?3)`, job, target, millis(time.Now())).Scan(&last)
	if err != nil || !last.Valid {
		return time.Time{}, l.explain(err)
	}
	// A clock that was set back must not make a delivery wait for a time that may never come.
	return instant(min(last.Int64, millis(time.Now()))), nil
}
