package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"scored/pipeline"
)

// rebuiltAtOnce is how many records a transaction takes: other processes write in between, while the target sends the next.
const rebuiltAtOnce = 5_000

// Rebuild takes what a target's records hold for what the target confirmed, and returns how many entries that gave or
// replaced. Nothing newer is replaced: where the ledger has a newer version than the record, or the record is not whole, the
// key is due again, and without a score to go by it counts as one of which nothing was confirmed. The target is bound to the
// identity, and its shape recorded, as Bind and Shape do. The job must have been entered, and none of its runs be open.
//
// It is made in steps, each of which stays: after an error, to do it again finishes it.
func (l *Ledger) Rebuild(
	ctx context.Context, job, target, identity, shape string, held iter.Seq2[pipeline.Holding, error],
) (taken int, err error) {
	r := rebuilding{Ledger: l, job: job, target: target}
	err = r.step(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if identity == "" {
			return errors.New("the target has no identity")
		}
		if err := bind(ctx, tx, job, target, identity); err != nil {
			return err
		}
		_, err := reshape(ctx, tx, job, target, shape)
		return err
	})
	if err == nil {
		err = r.all(ctx, held)
	}
	if err != nil {
		return r.taken, fmt.Errorf("rebuild what %s of job %s confirmed: %w", target, job, err)
	}
	return r.taken, nil
}

type rebuilding struct {
	*Ledger
	job, target string
	taken       int
}

// step runs one transaction while no run of the job is open.
func (r *rebuilding) step(ctx context.Context, do func(context.Context, *sql.Tx) error) error {
	return r.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if !r.entered(r.job) {
			return errors.New("the job was not entered: a run of it may be on its way")
		}
		var open bool
		err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM runs WHERE job = ? AND ended IS NULL)`, r.job).Scan(&open)
		if err == nil && open {
			err = errors.New("a run of the job is open")
		}
		if err != nil {
			return err
		}
		return do(ctx, tx)
	})
}

func (r *rebuilding) all(ctx context.Context, held iter.Seq2[pipeline.Holding, error]) error {
	var some []pipeline.Holding
	for h, err := range held {
		if err != nil {
			return err
		}
		if h.Version <= 0 {
			return fmt.Errorf("a record has version %d", h.Version)
		}
		if some = append(some, h); len(some) == rebuiltAtOnce {
			if err := r.take(ctx, some); err != nil {
				return err
			}
			some = some[:0]
		}
	}
	return r.take(ctx, some)
}

func (r *rebuilding) take(ctx context.Context, some []pipeline.Holding) error {
	taken := 0
	err := r.step(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var number int64
		err := tx.QueryRowContext(ctx, `SELECT number FROM targets WHERE job = ? AND name = ?`, r.job, r.target).Scan(&number)
		if err != nil {
			return err
		}
		t := &taking{tx: tx, target: number}
		defer t.close()
		if err := t.prepare(ctx); err != nil {
			return err
		}
		now := millis(time.Now())
		newest := int64(0)
		for _, h := range some {
			if err := t.take(ctx, h); err != nil {
				return err
			}
			if h.Version/1000 <= now {
				newest = max(newest, h.Version)
			}
		}
		taken = t.taken
		// What is there was found in place by the run that wrote the newest of it, so that no older run replaces it. A version
		// of a time to come, as a wrong clock makes it, must not keep every key from every run until then.
		_, err = tx.ExecContext(ctx, `UPDATE targets SET swept = max(swept, ?) WHERE number = ?`, newest, number)
		return err
	})
	if err == nil {
		r.taken += taken
	}
	return err
}

// taking is one step's statements.
type taking struct {
	tx          *sql.Tx
	target      int64
	whole, part *sql.Stmt // records that are whole, and those that are not
	behind      *sql.Stmt
	forget      *sql.Stmt
	details     *sql.Stmt
	taken       int
}

func (t *taking) prepare(ctx context.Context) error {
	for _, p := range []struct {
		stmt **sql.Stmt
		text string
	}{
		// Its sweep is none, so that every one protects it.
		{&t.whole, `INSERT INTO confirmed (target, key, score, grade, model, version) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET score = excluded.score, grade = excluded.grade, model = excluded.model,
				version = excluded.version, doubted = 0, filled = 0, sweep = 0, cleared = 0, origin = NULL
			WHERE excluded.version > version`},
		{&t.part, `INSERT INTO confirmed (target, key, score, grade, model, version, doubted) VALUES (?, ?, 0, '', '', ?, 1)
			ON CONFLICT DO UPDATE SET score = 0, grade = '', model = '',
				version = excluded.version, doubted = 1, filled = 0, sweep = 0, cleared = 0, origin = NULL
			WHERE excluded.version > version`},
		{&t.behind, `UPDATE confirmed SET doubted = 1 WHERE target = ? AND key = ? AND version > ?`},
		{&t.forget, `DELETE FROM details WHERE target = ? AND key = ?`},
		{&t.details, `INSERT INTO details (target, key, probability, reasons, scored_at) VALUES (?, ?, ?, ?, ifnull(?, ?))`},
	} {
		var err error
		//nolint:sqlclosecheck // close closes all of them together
		if *p.stmt, err = t.tx.PrepareContext(ctx, p.text); err != nil {
			return err
		}
	}
	return nil
}

func (t *taking) close() {
	for _, stmt := range []*sql.Stmt{t.whole, t.part, t.behind, t.forget, t.details} {
		if stmt != nil {
			stmt.Close()
		}
	}
}

func (t *taking) take(ctx context.Context, h pipeline.Holding) error {
	rows := 0
	var err error
	if h.Whole {
		err = count(&rows)(t.whole.ExecContext(ctx, t.target, h.Key, h.Score, h.Grade, h.Model, h.Version))
	} else {
		err = count(&rows)(t.part.ExecContext(ctx, t.target, h.Key, h.Version))
	}
	if err != nil {
		return err
	}
	t.taken += rows
	if rows == 0 {
		_, err = t.behind.ExecContext(ctx, t.target, h.Key, h.Version)
		return err
	}
	if _, err = t.forget.ExecContext(ctx, t.target, h.Key); err != nil || !h.Whole {
		return err
	}
	probability := sql.NullFloat64{Float64: h.Probability, Valid: !math.IsNaN(h.Probability)}
	_, err = t.details.ExecContext(ctx, t.target, h.Key, probability, h.Reasons, optional(h.ScoredAt), h.Version/1000)
	return err
}
