package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"scored/pipeline"
)

// Intend records what is about to be sent. A key that still has an open intent of an earlier run keeps that one beside
// the new: whatever becomes of the new write, the old one may have arrived. What was confirmed before is kept for an undo
// once the write is confirmed: until then it stays what is confirmed.
func (l *Ledger) Intend(ctx context.Context, run *pipeline.Run, target, model string, changes []pipeline.Change) error {
	err := l.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		runNumber, targetNumber, err := numbers(ctx, tx, run, target)
		if err != nil {
			return err
		}
		insert, err := tx.PrepareContext(ctx, `INSERT INTO intents
			(target, key, run, score, grade, model, version, at, probability, reasons, scored_at, cleared, filled, origin)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`)
		if err != nil {
			return err
		}
		defer insert.Close()
		now := millis(time.Now())
		for i := range changes {
			c := &changes[i]
			o := origin(c, run, model)
			if o.model == "" {
				return errors.New("the model has no name") // an entry without a model is one that nothing was confirmed of
			}
			done, err := insert.ExecContext(ctx, targetNumber, c.Key, runNumber, c.Score.Score, c.Grade, o.model, run.Version, now,
				known(c), c.Reasons, o.scoredAt, c.Clear, o.filled, o.version)
			if err := one(done, err, "%q already has an open intent of this run", c.Key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("intend %d changes of run %s at %s: %w", len(changes), run.ID, target, err)
	}
	return nil
}

// source is whose score a change brings.
type source struct {
	model             string
	scoredAt, version sql.NullInt64 // NULL: the run's own
	filled            bool
}

// origin says whose score the change brings: the run's, unless an undo brings an earlier one back.
func origin(c *pipeline.Change, run *pipeline.Run, model string) source {
	switch o := c.Origin; {
	case o == nil:
		return source{model: model, filled: run.Trigger == pipeline.Fill}
	case o.Model == "": // nothing was confirmed, and nothing is brought back
		return source{model: model, filled: o.Filled}
	default:
		return source{o.Model, optional(o.ScoredAt), sql.NullInt64{Int64: o.Version, Valid: o.Version > 0}, o.Filled}
	}
}

// known is NULL for a probability that is not known.
func known(c *pipeline.Change) sql.NullFloat64 {
	return sql.NullFloat64{Float64: c.Probability, Valid: !c.Clear && !math.IsNaN(c.Probability)}
}

// Withdraw ends intents of the run that were never sent, all of them or none. Each slice of unsent is in ascending order of key,
// and between its first key and its last the run has no other open intent: an answer that is still awaited would be forgotten.
func (l *Ledger) Withdraw(ctx context.Context, run *pipeline.Run, target string, unsent iter.Seq[[]pipeline.Change]) error {
	err := l.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		runNumber, targetNumber, err := numbers(ctx, tx, run, target)
		if err != nil {
			return err
		}
		for changes := range unsent {
			for some := range slices.Chunk(changes, settledAtOnce) {
				if err := withdraw(ctx, tx, targetNumber, runNumber, some); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("withdraw what run %s did not send to %s: %w", run.ID, target, err)
	}
	return nil
}

// withdraw ends the intents of a range of keys: to name every key takes several times as long, and a run that is told to stop is
// waited for.
func withdraw(ctx context.Context, tx *sql.Tx, target, run int64, unsent []pipeline.Change) error {
	first, last, ended := unsent[0].Key, unsent[len(unsent)-1].Key, 0
	err := count(&ended)(tx.ExecContext(ctx, `DELETE FROM intents WHERE target = ? AND run = ? AND key BETWEEN ? AND ?`,
		target, run, first, last))
	if err == nil && (ended != len(unsent) || !slices.IsSortedFunc(unsent, byKey)) {
		err = fmt.Errorf("%d changes from %q to %q are not all that this run has open there", len(unsent), first, last)
	}
	return err
}

func byKey(a, b pipeline.Change) int { return strings.Compare(a.Key, b.Key) }

// Doubt makes everything that the target confirmed due again, and what it refused, but for what it refused for good.
func (l *Ledger) Doubt(ctx context.Context, job, target string) error {
	err := l.update(ctx, func(ctx context.Context, tx *sql.Tx) error { return doubt(ctx, tx, job, target) })
	if err != nil {
		return fmt.Errorf("doubt what %s confirmed: %w", target, err)
	}
	return nil
}

func doubt(ctx context.Context, tx *sql.Tx, job, target string) error {
	_, err := tx.ExecContext(ctx, `UPDATE confirmed SET doubted = 1
		WHERE target = (SELECT number FROM targets WHERE job = ? AND name = ?)`, job, target)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, lift+`next IS NOT NULL
		AND target = (SELECT number FROM targets WHERE job = ? AND name = ?)`, job, target)
	return err
}

// dropOvertaken drops open intents that a later one of the same key makes redundant, as it is newer in version and in
// time and can't be withdrawn any more: its run has ended, and left nothing at the target of which it may still be heard
// that it did nothing. It bounds what a target that never answers costs.
func dropOvertaken(ctx context.Context, tx *sql.Tx, job string) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM intents
		WHERE target IN (SELECT number FROM targets WHERE job = ?) AND EXISTS (
		SELECT 1 FROM intents later JOIN runs ON runs.number = later.run
		WHERE later.target = intents.target AND later.key = intents.key AND later.run > intents.run
		AND later.version >= intents.version AND later.at >= intents.at AND runs.ended IS NOT NULL
		AND NOT EXISTS (SELECT 1 FROM remote_jobs r WHERE r.target = later.target AND r.run = later.run))`, job)
	return err
}

// one checks that a statement changed a row.
func one(done sql.Result, err error, format, key string) error {
	if err != nil {
		return err
	}
	n, err := done.RowsAffected()
	if err == nil && n != 1 {
		err = fmt.Errorf(format, key)
	}
	return err
}
