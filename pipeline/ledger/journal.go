package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"scored/pipeline"
)

// Journal remembers what one job's runs handed to one target, where it goes on by itself, until its outcomes are confirmed.
type Journal struct {
	ledger      *Ledger
	job, target string
}

// Journal returns the journal of a job's target.
func (l *Ledger) Journal(job, target string) *Journal {
	return &Journal{ledger: l, job: job, target: target}
}

// Creating notes that the open run is about to create a job at the target. It fails if a creation by the run is not settled.
func (j *Journal) Creating(ctx context.Context, run string) error {
	return j.note(ctx, "is about to create a job", run, func(ctx context.Context, tx *sql.Tx) (sql.Result, error) {
		target, number, err := j.numbers(ctx, tx, run)
		if err != nil {
			return nil, err
		}
		return tx.ExecContext(ctx, `INSERT INTO remote_jobs (target, run, id, since)
			SELECT ?, number, '', ? FROM runs WHERE number = ? AND ended IS NULL ON CONFLICT DO NOTHING`,
			target, millis(time.Now()), number)
	}, "the run has ended, or its last creation is still open")
}

// Created notes the id of the job whose creation is open.
func (j *Journal) Created(ctx context.Context, run, id string) error {
	return j.note(ctx, fmt.Sprintf("created job %q", id), run, func(ctx context.Context, tx *sql.Tx) (sql.Result, error) {
		target, number, err := j.numbers(ctx, tx, run)
		if err != nil {
			return nil, err
		}
		if id == "" {
			return nil, errors.New("it has no id")
		}
		return tx.ExecContext(ctx, `UPDATE remote_jobs SET id = ? WHERE target = ? AND run = ? AND id = ''`, id, target, number)
	}, "no creation is open")
}

// Closed notes that the outcomes of the job are confirmed, or that it was called off. Without an id that is the creation
// that is open: it led to nothing.
func (j *Journal) Closed(ctx context.Context, run, id string) error {
	return j.note(ctx, fmt.Sprintf("is done with job %q", id), run, func(ctx context.Context, tx *sql.Tx) (sql.Result, error) {
		target, number, err := j.numbers(ctx, tx, run)
		if err != nil {
			return nil, err
		}
		return tx.ExecContext(ctx, `DELETE FROM remote_jobs WHERE target = ? AND run = ? AND id = ?`, target, number, id)
	}, "no such job is open")
}

// note makes one change of one entry; missing says why if there is none.
func (j *Journal) note(
	ctx context.Context, what, run string, change func(context.Context, *sql.Tx) (sql.Result, error), missing string,
) error {
	err := j.ledger.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		done, err := change(ctx, tx)
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		if err == nil && n != 1 {
			err = errors.New(missing)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("note that run %s %s at %s: %w", run, what, j.target, err)
	}
	return nil
}

// numbers finds the rows of the target and of the job's run, be that open or not.
func (j *Journal) numbers(ctx context.Context, tx *sql.Tx, run string) (target, number int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT targets.number, runs.number FROM targets JOIN runs USING (job)
		WHERE job = ? AND name = ? AND id = ?`, j.job, j.target, run).Scan(&target, &number)
	if errors.Is(err, sql.ErrNoRows) {
		err = errors.New("there is no such run of the job, or the target is not bound")
	}
	return target, number, err
}

// Open returns what was created, or was about to be, and is not closed, oldest first.
func (j *Journal) Open(ctx context.Context) ([]pipeline.RemoteJob, error) {
	open, err := list(ctx, j.ledger, func(rows *sql.Rows) (r pipeline.RemoteJob, err error) {
		var since int64
		err = rows.Scan(&r.Run, &r.ID, &since)
		r.Since = instant(since)
		return r, err
	}, `SELECT runs.id, remote_jobs.id, since FROM remote_jobs
		JOIN targets ON targets.number = target JOIN runs ON runs.number = run
		WHERE targets.job = ? AND name = ? ORDER BY since, run, remote_jobs.id`, j.job, j.target)
	if err != nil {
		return nil, fmt.Errorf("read what is open at %s: %w", j.target, err)
	}
	return open, nil
}
