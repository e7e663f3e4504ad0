package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"time"

	"scored/pipeline"
)

// Confirmed yields what the target confirmed or may have received, and the keys in quarantine, in ascending order of key (by
// bytes), as it stood when the iteration began. It holds no lock: writes may come between. An entry without a model is one of
// which nothing was confirmed yet; one that has no more than a key was refused, and is due. After an error it ends.
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
	SELECT key, doubted + 2 * filled + 4 * cleared, score, grade, model, iif(filled OR sweep = ?2, version, max(version, ?2))
	FROM confirmed WHERE target = ?1 ORDER BY key`

const openOf = `SELECT key, max(version) FROM intents WHERE target = ? GROUP BY key ORDER BY key`

// Of a key that is due, next is 0. A clock that was set back must not make one wait for a time that may never come.
const quarantineOf = `SELECT key, iif(next IS NULL OR next > ?2 AND last <= ?2, next, 0)
	FROM quarantine WHERE target = ?1 ORDER BY key`

// eachConfirmed merges what was confirmed with the open intents and the quarantine, key by key. Go does that at two thirds of
// the price of one statement, for in nearly every run hardly an intent is open. It returns the errors that were not yielded.
func (l *Ledger) eachConfirmed(
	ctx context.Context, job, target string, yield func(pipeline.Confirmed, error) bool,
) error {
	tx, err := l.read.BeginTx(ctx, nil) // all is read as of one commit
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var number, swept int64
	err = tx.QueryRowContext(ctx, `SELECT number, swept FROM targets WHERE job = ? AND name = ?`, job, target).
		Scan(&number, &swept)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	m := merge{{scan: scanConfirmed()}, {scan: scanOpen}, {scan: scanUntil}}
	defer m.close()
	for i, query := range []struct {
		text     string
		argument int64
	}{{confirmedOf, swept}, {openOf, 0}, {quarantineOf, millis(time.Now())}} {
		arguments := []any{number, query.argument}
		if err := m[i].query(ctx, tx, query.text, arguments...); err != nil {
			return err
		}
	}
	for last := ""; ; {
		entry, ok, err := m.next()
		if err == nil && ok && entry.Key <= last && last != "" {
			err = outOfOrder
		}
		if err != nil || !ok || !yield(entry, nil) {
			return err
		}
		last = entry.Key
	}
}

// scanConfirmed reads numbers into variables that stay, of the type that SQLite gives: others cost a conversion each.
func scanConfirmed() func(*sql.Rows, *pipeline.Confirmed) error {
	var flags, score int64
	return func(rows *sql.Rows, c *pipeline.Confirmed) error {
		err := rows.Scan(&c.Key, &flags, &score, &c.Grade, &c.Model, &c.Version)
		c.Unsure, c.Filled, c.Cleared, c.Score = flags&1 > 0, flags&2 > 0, flags&4 > 0, int(score)
		return err
	}
}

func scanOpen(rows *sql.Rows, c *pipeline.Confirmed) error { return rows.Scan(&c.Key, &c.Version) }

func scanUntil(rows *sql.Rows, c *pipeline.Confirmed) error {
	var next sql.NullInt64
	err := rows.Scan(&c.Key, &next)
	if c.Until = until(next); next.Valid && next.Int64 == 0 {
		c.Until = time.Time{}
	}
	return err
}

// merge reads what was confirmed, what is open and what is in quarantine side by side.
type merge [3]entries

// next puts together what the three have of the lowest key.
func (m *merge) next() (c pipeline.Confirmed, ok bool, err error) {
	confirmed, open, quarantine := &m[0], &m[1], &m[2]
	for i := range m {
		if m[i].more && (!ok || m[i].entry.Key < c.Key) {
			c.Key, ok = m[i].entry.Key, true
		}
	}
	key := c.Key
	if confirmed.at(key) {
		c = confirmed.entry
		if err = confirmed.next(); err != nil {
			return c, false, err
		}
	}
	if open.at(key) {
		c.Unsure, c.Version = true, max(c.Version, open.entry.Version)
		if err = open.next(); err != nil {
			return c, false, err
		}
	}
	if quarantine.at(key) {
		c.Until = quarantine.entry.Until
		err = quarantine.next()
	}
	return c, ok && err == nil, err
}

func (m *merge) close() {
	for i := range m {
		m[i].close()
	}
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

// at says whether the row that was read last is of the key.
func (e *entries) at(key string) bool { return e.more && e.entry.Key == key }

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
