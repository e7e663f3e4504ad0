package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"scored/pipeline"
)

// Intend records what is about to be sent. A key that still has an open intent of an earlier run keeps that one beside
// the new: whatever becomes of the new write, the old one may have arrived.
func (l *Ledger) Intend(ctx context.Context, run *pipeline.Run, target, model string, changes []pipeline.Change) error {
	err := l.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if model == "" {
			return errors.New("the model has no name") // an entry without a model is one that nothing was confirmed of
		}
		runNumber, targetNumber, err := numbers(ctx, tx, run, target)
		if err != nil {
			return err
		}
		insert, err := tx.PrepareContext(ctx, `INSERT INTO intents (target, key, run, score, grade, model, version, at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`)
		if err != nil {
			return err
		}
		defer insert.Close()
		now := millis(time.Now())
		for _, c := range changes {
			done, err := insert.ExecContext(ctx, targetNumber, c.Key, runNumber, c.Score.Score, c.Grade, model, run.Version, now)
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

// Doubt makes everything that the target confirmed due again.
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
	return err
}

// Confirm settles intents of the run, all of them or, if one of the keys has none, nothing. A write that was accepted, or
// refused for good, becomes what the target confirmed, unless that is newer or was found in place by a newer sweep, and
// settles the older open writes of its key with its own.
func (l *Ledger) Confirm(ctx context.Context, run *pipeline.Run, target string, outcomes []pipeline.Outcome) error {
	err := l.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		runNumber, targetNumber, err := numbers(ctx, tx, run, target)
		if err != nil {
			return err
		}
		s, err := newSettler(ctx, tx, targetNumber, runNumber, run)
		if err != nil {
			return err
		}
		defer s.close()
		for _, o := range outcomes {
			if err := s.settle(ctx, o); err != nil {
				return err
			}
		}
		if slices.ContainsFunc(outcomes, func(o pipeline.Outcome) bool { return o.Late }) {
			_, err = tx.ExecContext(ctx, `UPDATE targets SET late = ? WHERE number = ?`, millis(time.Now()), targetNumber)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("confirm %d outcomes of run %s at %s: %w", len(outcomes), run.ID, target, err)
	}
	return nil
}

// settler holds the statements of one Confirm.
type settler struct {
	target, run, version            int64
	past                            bool // a newer run has looked at the target
	find, advance, remove, overtake *sql.Stmt
	doubt                           *sql.Stmt
}

func newSettler(ctx context.Context, tx *sql.Tx, target, number int64, run *pipeline.Run) (*settler, error) {
	s := &settler{target: target, run: number, version: run.Version}
	err := tx.QueryRowContext(ctx, `SELECT swept > ? FROM targets WHERE number = ?`, run.Version, target).Scan(&s.past)
	if err != nil {
		return nil, err
	}
	filled := "0"
	if run.Trigger == pipeline.Fill {
		filled = "1"
	}
	for _, p := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&s.find, `SELECT count(*) FROM intents WHERE target = ? AND key = ? AND run = ?`},
		// What a sweep found in place gives way to that sweep's run and to later ones only.
		{&s.advance, `INSERT INTO confirmed (target, key, score, grade, model, version, filled, sweep)
			SELECT target, key, score, grade, model, version, ` + filled + `, swept
			FROM intents JOIN targets ON number = target WHERE target = ? AND key = ? AND run = ?
			ON CONFLICT DO UPDATE SET score = excluded.score, grade = excluded.grade, model = excluded.model,
				version = excluded.version, filled = excluded.filled, sweep = excluded.sweep, doubted = 0
			WHERE excluded.version > version AND (filled OR sweep = excluded.sweep OR excluded.version >= excluded.sweep)`},
		{&s.remove, `DELETE FROM intents WHERE target = ? AND key = ? AND run = ?`},
		{&s.overtake, `DELETE FROM intents WHERE target = ? AND key = ? AND version <= ?`},
		// What is filled is sent again anyway.
		{&s.doubt, `UPDATE confirmed SET doubted = 1 WHERE target = ? AND key = ? AND NOT filled`},
	} {
		var err error
		//nolint:sqlclosecheck // the settler closes all of them together
		if *p.stmt, err = tx.PrepareContext(ctx, p.text); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

func (s *settler) close() {
	for _, stmt := range []*sql.Stmt{s.find, s.advance, s.remove, s.overtake, s.doubt} {
		if stmt != nil {
			stmt.Close()
		}
	}
}

func (s *settler) settle(ctx context.Context, o pipeline.Outcome) error {
	const unintended = "%q has no open intent of this run"
	switch {
	case o.Status == pipeline.Accepted, o.Status == pipeline.Refused && o.Final:
		if _, err := s.advance.ExecContext(ctx, s.target, o.Key, s.run); err != nil {
			return err
		}
		done, err := s.remove.ExecContext(ctx, s.target, o.Key, s.run)
		if err := one(done, err, unintended, o.Key); err != nil {
			return err
		}
		if _, err = s.overtake.ExecContext(ctx, s.target, o.Key, s.version); err != nil || !s.past {
			return err
		}
		// What was written behind the back of a newer run is put right by the next one.
		_, err = s.doubt.ExecContext(ctx, s.target, o.Key)
		return err
	case o.Status == pipeline.Refused, o.Status == pipeline.Retry, o.Status == pipeline.NotSent:
		done, err := s.remove.ExecContext(ctx, s.target, o.Key, s.run)
		return one(done, err, unintended, o.Key)
	case o.Status == pipeline.Unknown:
		var open int
		if err := s.find.QueryRowContext(ctx, s.target, o.Key, s.run).Scan(&open); err != nil {
			return err
		}
		if open == 0 {
			return fmt.Errorf(unintended, o.Key)
		}
		return nil
	default:
		return fmt.Errorf("%q has an outcome that is none: status %d", o.Key, o.Status)
	}
}

// dropOvertaken drops open intents that a later one of the same key makes redundant, as it is newer in version and in
// time and its run has ended, so that it can't be withdrawn any more. It bounds what a target that never answers costs.
func dropOvertaken(ctx context.Context, tx *sql.Tx, job string) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM intents
		WHERE target IN (SELECT number FROM targets WHERE job = ?) AND EXISTS (
		SELECT 1 FROM intents later JOIN runs ON runs.number = later.run
		WHERE later.target = intents.target AND later.key = intents.key AND later.run > intents.run
		AND later.version >= intents.version AND later.at >= intents.at AND runs.ended IS NOT NULL)`, job)
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
