package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"scored/pipeline"
)

// Begin opens a run at the request's as-of under the next free attempt. It refuses one of a job whose gate this ledger
// does not hold.
func (l *Ledger) Begin(ctx context.Context, job string, req pipeline.Request) (*pipeline.Run, error) {
	var run *pipeline.Run
	err := l.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if !l.entered(job) {
			return errors.New("the job was not entered: another run of it may be on its way")
		}
		var attempt int
		err := tx.QueryRowContext(ctx, `SELECT ifnull(max(attempt) + 1, 0) FROM runs WHERE job = ? AND as_of = ?`,
			job, millis(req.AsOf.Truncate(time.Second))).Scan(&attempt)
		if err != nil {
			return err
		}
		if run, err = pipeline.NewRun(job, req, attempt, time.Now()); err != nil {
			return &pipeline.Problem{Err: err,
				Hint: "choose another as-of: this one has had all the runs that a version has room for"}
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO runs (id, job, cause, slot, as_of, attempt, version, started, wrote)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)`, run.ID, run.Job, string(run.Trigger), optional(run.Slot), millis(run.AsOf),
			run.Attempt, run.Version, millis(run.Started))
		if err != nil {
			return err
		}
		if err := tx.QueryRowContext(ctx, behind, run.ID).Scan(&run.Behind); err != nil {
			return err
		}
		return errors.Join(dropOvertaken(ctx, tx, job), dropUnasked(ctx, tx, job))
	})
	if err != nil {
		return nil, fmt.Errorf("begin run of %s as of %s: %w", job, req.AsOf.UTC().Format(time.RFC3339), err)
	}
	return run, nil
}

// Finish records the run's summary, its rows and its log. A run is finished once. What older runs of the job left and is not
// kept any more is marked for [Ledger.Tidy].
func (l *Ledger) Finish(
	ctx context.Context, s *pipeline.Summary, rejected []pipeline.Rejection, refused []pipeline.RefusedRow, log []string,
) error {
	summary, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("finish run %s: %w", s.ID, err)
	}
	err = l.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		cut := max(0, len(rejected)-maxKeptRows) + max(0, len(refused)-maxKeptRows) + s.Cut
		var number int64
		var job string
		var live bool
		err := tx.QueryRowContext(ctx, `UPDATE runs SET ended = ?, outcome = ?, reason = ?, summary = ?, cut = ?, kept = 1
			WHERE id = ? AND ended IS NULL RETURNING number, job, cause IN ('schedule', 'manual')`,
			millis(time.Now()), string(s.End), s.Reason, string(summary), cut, s.ID).Scan(&number, &job, &live)
		if errors.Is(err, sql.ErrNoRows) {
			return errors.New("no such run is open")
		}
		if err != nil {
			return err
		}
		if err := keepProfile(ctx, tx, number, s, job); err != nil {
			return err
		}
		if err := keepRejected(ctx, tx, number, rejected[:min(len(rejected), maxKeptRows)]); err != nil {
			return err
		}
		if err := keepRefused(ctx, tx, number, refused[:min(len(refused), maxKeptRows)]); err != nil {
			return err
		}
		if err := keepLines(ctx, tx, number, log); err != nil {
			return err
		}
		return errors.Join(dropRows(ctx, tx, job, live), dropReplaced(ctx, tx, job))
	})
	if err != nil {
		return fmt.Errorf("finish run %s: %w", s.ID, err)
	}
	return nil
}

// Published notes that the runs are in the warehouse's run log.
func (l *Ledger) Published(ctx context.Context, ids []string) error {
	err := l.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		mark, err := tx.PrepareContext(ctx, `UPDATE runs SET published = 1 WHERE id = ? AND ended IS NOT NULL`)
		if err != nil {
			return err
		}
		defer mark.Close()
		for _, id := range ids {
			done, err := mark.ExecContext(ctx, id)
			if err := one(done, err, "%q is no run that has ended", id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note %d runs as published: %w", len(ids), err)
	}
	return nil
}
