package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"scored/pipeline"
)

// Cursor returns where the job's schedule stands; nothing at all of a job that had no turn yet. Tried is the slot of the
// newest scheduled run, and Tries how many such runs in a row were begun for it, but for those that were told to stop: they
// ended as interrupted and could still say so, unlike one whose process died. TriedRun may be one of those.
func (l *Ledger) Cursor(ctx context.Context, job string) (c pipeline.Cursor, err error) {
	if l.read == nil {
		return c, nil
	}
	if err := l.inPlace(); err != nil {
		return c, err
	}
	var accounted, paused sql.NullInt64
	err = l.read.QueryRowContext(ctx, `SELECT accounted, paused, paused_why, seen FROM jobs WHERE name = ?`, job).
		Scan(&accounted, &paused, &c.PausedWhy, &c.Seen)
	if err == nil || errors.Is(err, sql.ErrNoRows) {
		c.Accounted, c.Paused = optionalInstant(accounted), optionalInstant(paused)
		err = l.tried(ctx, job, &c)
	}
	if err != nil {
		return pipeline.Cursor{}, fmt.Errorf("read where the schedule of job %s stands: %w", job, l.explain(err))
	}
	return c, nil
}

// tried fills in the newest slot of which a run was begun.
func (l *Ledger) tried(ctx context.Context, job string, c *pipeline.Cursor) error {
	rows, err := l.read.QueryContext(ctx, `SELECT id, slot, ifnull(outcome, '') = 'interrupted' AND summary IS NOT NULL
		FROM runs WHERE job = ? AND cause = 'schedule' ORDER BY number DESC`, job)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var ms int64
		var stopped bool
		if err := rows.Scan(&id, &ms, &stopped); err != nil {
			return err
		}
		if c.TriedRun == "" {
			c.TriedRun, c.Tried = id, instant(ms)
		}
		if !instant(ms).Equal(c.Tried) {
			break
		}
		if !stopped {
			c.Tries++
		}
	}
	return rows.Err()
}

// Account records what became of slots and sets the cursor, both or neither. The cursor may go back, as a clock does that
// was ahead; without spans this is a job's first turn.
func (l *Ledger) Account(ctx context.Context, job string, accounted time.Time, spans []pipeline.Span) error {
	err := l.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		now := millis(time.Now())
		for _, s := range spans {
			_, err := tx.ExecContext(ctx, `INSERT INTO slots (job, first, last, count, fate, reason, run, at)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
				job, millis(s.First), millis(s.Last), s.Count, string(s.Fate), s.Reason, s.RunID, now)
			if err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO jobs (name, accounted) VALUES (?, ?)
			ON CONFLICT DO UPDATE SET accounted = excluded.accounted`, job, optional(accounted))
		return err
	})
	if err != nil {
		return fmt.Errorf("account for slots of job %s up to %s: %w", job, accounted.UTC().Format(time.RFC3339), err)
	}
	return nil
}

// Saw records the value of the job's condition that is being acted on.
func (l *Ledger) Saw(ctx context.Context, job, value string) error {
	_, err := l.change(ctx, `INSERT INTO jobs (name, seen) VALUES (?, ?) ON CONFLICT DO UPDATE SET seen = excluded.seen`, job, value)
	if err != nil {
		return fmt.Errorf("record what the condition of job %s gave: %w", job, err)
	}
	return nil
}

// Pause stops the job's schedule from making runs. A job that is paused already stays so since then, for the new reason.
func (l *Ledger) Pause(ctx context.Context, job, why string) error {
	_, err := l.change(ctx, `INSERT INTO jobs (name, paused, paused_why) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET paused = ifnull(paused, excluded.paused), paused_why = excluded.paused_why`,
		job, millis(time.Now()), why)
	if err != nil {
		return fmt.Errorf("pause job %s: %w", job, err)
	}
	return nil
}

// Resume ends the pause and says whether there was one.
func (l *Ledger) Resume(ctx context.Context, job string) (was bool, err error) {
	n, err := l.change(ctx, `UPDATE jobs SET paused = NULL, paused_why = '' WHERE name = ? AND paused IS NOT NULL`, job)
	if err != nil {
		return false, fmt.Errorf("resume job %s: %w", job, err)
	}
	return n > 0, nil
}

// change runs one statement and returns how many rows it changed.
func (l *Ledger) change(ctx context.Context, statement string, arguments ...any) (n int64, err error) {
	err = l.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, statement, arguments...)
		if err != nil {
			return err
		}
		n, err = done.RowsAffected()
		return err
	})
	return n, err
}

// SlotRecord is a slot, or a stretch of slots, as the ledger keeps it.
type SlotRecord struct {
	pipeline.Span
	At time.Time // when its fate was recorded
}

// Slots returns what became of the job's newest slots, those recorded last first. It leaves out what ends before since.
func (l *Ledger) Slots(ctx context.Context, job string, since time.Time, limit int) ([]SlotRecord, error) {
	return l.slots(ctx, `job = ? AND last >= ?`, job, since, limit)
}

// Lost returns those of the job's newest slots that no run was made for, in the same order.
func (l *Ledger) Lost(ctx context.Context, job string, since time.Time, limit int) ([]SlotRecord, error) {
	return l.slots(ctx, `job = ? AND last >= ? AND fate <> 'run'`, job, since, limit)
}

func (l *Ledger) slots(ctx context.Context, which, job string, since time.Time, limit int) ([]SlotRecord, error) {
	found, err := list(ctx, l, scanSlot, `SELECT first, last, count, fate, reason, run, at FROM slots
		WHERE `+which+` ORDER BY number DESC LIMIT ?`, job, millis(since), limit)
	if err != nil {
		return nil, fmt.Errorf("read slots of job %s: %w", job, err)
	}
	return found, nil
}

func scanSlot(rows *sql.Rows) (s SlotRecord, err error) {
	var first, last, at int64
	err = rows.Scan(&first, &last, &s.Count, &s.Fate, &s.Reason, &s.RunID, &at)
	s.First, s.Last, s.At = instant(first), instant(last), instant(at)
	return s, err
}

// SlotTotals counts the job's slots by fate, from since until, and not with, until. A stretch of slots belongs to where it
// ends.
func (l *Ledger) SlotTotals(ctx context.Context, job string, since, until time.Time) (map[pipeline.Fate]int, error) {
	type total struct {
		fate  pipeline.Fate
		count int
	}
	found, err := list(ctx, l, func(rows *sql.Rows) (t total, err error) {
		err = rows.Scan(&t.fate, &t.count)
		return t, err
	}, `SELECT fate, sum(count) FROM slots WHERE job = ? AND last >= ? AND last < ? GROUP BY fate`, job, millis(since), millis(until))
	if err != nil {
		return nil, fmt.Errorf("count slots of job %s: %w", job, err)
	}
	totals := map[pipeline.Fate]int{}
	for _, t := range found {
		totals[t.fate] = t.count
	}
	return totals, nil
}
