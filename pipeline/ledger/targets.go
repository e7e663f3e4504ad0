package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"scored/pipeline"
)

// Bind ties the job's records of a target to the target's identity. It is a [pipeline.Configuration] problem if they
// belong to another: what one org confirmed says nothing of what another one holds.
func (l *Ledger) Bind(ctx context.Context, job, target, identity string) error {
	if identity == "" {
		return fmt.Errorf("bind %s of job %s: the target has no identity", target, job)
	}
	err := l.update(ctx, func(ctx context.Context, tx *sql.Tx) error { return bind(ctx, tx, job, target, identity) })
	if err != nil {
		return fmt.Errorf("bind %s of job %s: %w", target, job, err)
	}
	return nil
}

func bind(ctx context.Context, tx *sql.Tx, job, target, identity string) error {
	var bound string
	err := tx.QueryRowContext(ctx, `INSERT INTO targets (job, name, identity) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET identity = identity RETURNING identity`, job, target, identity).Scan(&bound)
	if err == nil && bound != identity {
		err = foreign(bound, identity)
	}
	return err
}

// CheckBound says whether Bind would refuse the identity; it changes nothing.
func (l *Ledger) CheckBound(ctx context.Context, job, target, identity string) error {
	if l.read == nil {
		return nil
	}
	var bound string
	err := l.read.QueryRowContext(ctx, `SELECT identity FROM targets WHERE job = ? AND name = ?`, job, target).Scan(&bound)
	switch {
	case errors.Is(err, sql.ErrNoRows), err == nil && bound == identity:
		return nil
	case err != nil:
		return fmt.Errorf("read whose records of %s the ledger has: %w", target, l.explain(err))
	default:
		return fmt.Errorf("ledger of %s of job %s: %w", target, job, foreign(bound, identity))
	}
}

// foreign is the problem of a target that is another than the ledger's records are of.
func foreign(bound, identity string) error {
	return &pipeline.Problem{Class: pipeline.Configuration,
		Err:  fmt.Errorf("it belongs to %s, and the config points at %s", bound, identity),
		Hint: "give each org its own state_dir, or point the config back at " + bound}
}

// Shaped says whether Shape would find that a target is written to in another way than before; it changes nothing.
func (l *Ledger) Shaped(ctx context.Context, job, target, shape string) (bool, error) {
	if l.read == nil {
		return false, nil
	}
	var before string
	err := l.read.QueryRowContext(ctx, `SELECT shape FROM targets WHERE job = ? AND name = ?`, job, target).Scan(&before)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, fmt.Errorf("read the shape of %s of job %s: %w", target, job, l.explain(err))
	}
	return before != "" && before != shape, nil
}

// Shape records how scores are written to a target. If that is new, all that the target confirmed is due again, as
// [Ledger.Doubt] has it.
func (l *Ledger) Shape(ctx context.Context, job, target, shape string) (changed bool, err error) {
	err = l.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		changed, err = reshape(ctx, tx, job, target, shape)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("record the shape of %s of job %s: %w", target, job, err)
	}
	return changed, nil
}

func reshape(ctx context.Context, tx *sql.Tx, job, target, shape string) (changed bool, err error) {
	var before string
	err = tx.QueryRowContext(ctx, `SELECT shape FROM targets WHERE job = ? AND name = ?`, job, target).Scan(&before)
	if err != nil || before == shape {
		return false, err
	}
	if _, err = tx.ExecContext(ctx, `UPDATE targets SET shape = ? WHERE job = ? AND name = ?`, shape, job, target); err != nil {
		return false, err
	}
	if before == "" {
		return false, nil
	}
	return true, doubt(ctx, tx, job, target)
}

// Sweep notes that the run compared all its scores with the target: whatever the target confirmed until now stays in place
// against older versions, changed or not. Only what a backfill filled does not.
func (l *Ledger) Sweep(ctx context.Context, run *pipeline.Run, target string) error {
	err := l.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, number, err := numbers(ctx, tx, run, target)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE targets SET swept = max(swept, ?) WHERE number = ?`, run.Version, number)
		return err
	})
	if err != nil {
		return fmt.Errorf("record that run %s compared its scores with %s: %w", run.ID, target, err)
	}
	return nil
}

// Swept returns the newest version that Sweep noted; 0 if there is none.
func (l *Ledger) Swept(ctx context.Context, job, target string) (version int64, err error) {
	if l.read == nil {
		return 0, nil
	}
	err = l.read.QueryRowContext(ctx, `SELECT swept FROM targets WHERE job = ? AND name = ?`, job, target).Scan(&version)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("read when %s of job %s was last compared: %w", target, job, l.explain(err))
	}
	return version, nil
}

// numbers finds the rows of a run and its target.
func numbers(ctx context.Context, tx *sql.Tx, run *pipeline.Run, target string) (inRun, atTarget int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT number FROM runs WHERE id = ? AND ended IS NULL`, run.ID).Scan(&inRun)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, 0, errors.New("no such run is open")
	}
	if err != nil {
		return 0, 0, err
	}
	err = tx.QueryRowContext(ctx, `SELECT number FROM targets WHERE job = ? AND name = ?`, run.Job, target).
		Scan(&atTarget)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, 0, errors.New("the target is not bound")
	}
	return inRun, atTarget, err
}
