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

// maxKeptRows is how many rejected, and how many refused, rows of a run the ledger keeps: enough to find what went
// wrong. [Record.Cut] counts the rest.
const maxKeptRows = 10_000

// keptRuns is how many runs, of all jobs together, keep their rows: five days of one job every 15 minutes. The runs
// themselves, with their summaries, stay.
const keptRuns = 500

// orphaned is the reason given to a run whose process died.
const orphaned = "the process ended before the run did"

// Begin opens a run at asOf under the next free attempt.
func (l *Ledger) Begin(ctx context.Context, job string, slot, asOf time.Time) (*pipeline.Run, error) {
	var run *pipeline.Run
	err := l.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var attempt int
		err := tx.QueryRowContext(ctx, `SELECT ifnull(max(attempt) + 1, 0) FROM runs WHERE job = ? AND as_of = ?`,
			job, millis(asOf.Truncate(time.Second))).Scan(&attempt)
		if err != nil {
			return err
		}
		if run, err = pipeline.NewRun(job, slot, asOf, attempt, time.Now()); err != nil {
			return &pipeline.Problem{Err: err,
				Hint: "choose another as-of: this one has had all the runs that a version has room for"}
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO runs (id, job, slot, as_of, attempt, version, started)
			VALUES (?, ?, ?, ?, ?, ?, ?)`,
			run.ID, run.Job, slotMillis(slot), millis(run.AsOf), run.Attempt, run.Version, millis(run.Started)); err != nil {
			return err
		}
		return dropOvertaken(ctx, tx, job)
	})
	if err != nil {
		return nil, fmt.Errorf("begin run of %s as of %s: %w", job, asOf.UTC().Format(time.RFC3339), err)
	}
	return run, nil
}

func slotMillis(slot time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: millis(slot), Valid: !slot.IsZero()}
}

// Finish records the run's summary and its rows. A run is finished once.
func (l *Ledger) Finish(
	ctx context.Context, s *pipeline.Summary, rejected []pipeline.Rejection, refused []pipeline.RefusedRow,
) error {
	summary, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("finish run %s: %w", s.ID, err)
	}
	err = l.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		cut := max(0, len(rejected)-maxKeptRows) + max(0, len(refused)-maxKeptRows)
		var number int64
		err := tx.QueryRowContext(ctx, `UPDATE runs SET ended = ?, outcome = ?, reason = ?, summary = ?, cut = ?
			WHERE id = ? AND ended IS NULL RETURNING number`,
			millis(time.Now()), string(s.End), s.Reason, string(summary), cut, s.ID).Scan(&number)
		if errors.Is(err, sql.ErrNoRows) {
			return errors.New("no such run is open")
		}
		if err != nil {
			return err
		}
		if err := keepRejected(ctx, tx, number, rejected[:min(len(rejected), maxKeptRows)]); err != nil {
			return err
		}
		if err := keepRefused(ctx, tx, number, refused[:min(len(refused), maxKeptRows)]); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM rejected WHERE run <= ?1; DELETE FROM refused WHERE run <= ?1`,
			number-keptRuns)
		return err
	})
	if err != nil {
		return fmt.Errorf("finish run %s: %w", s.ID, err)
	}
	return nil
}

func keepRejected(ctx context.Context, tx *sql.Tx, run int64, rows []pipeline.Rejection) error {
	insert, err := tx.PrepareContext(ctx, `INSERT INTO rejected (run, row, key, reason) VALUES (?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	for i, r := range rows {
		if _, err := insert.ExecContext(ctx, run, i+1, r.Key, r.Reason); err != nil {
			return err
		}
	}
	return nil
}

func keepRefused(ctx context.Context, tx *sql.Tx, run int64, rows []pipeline.RefusedRow) error {
	insert, err := tx.PrepareContext(ctx, `INSERT INTO refused
		(run, row, target, key, outcome, code, fields, message, created)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	for i, r := range rows {
		fields, err := json.Marshal(append([]string{}, r.Fields...))
		if err != nil {
			return err
		}
		_, err = insert.ExecContext(ctx, run, i+1, r.Target, r.Key,
			r.Status.String(), r.Code, string(fields), r.Message, r.Created)
		if err != nil {
			return err
		}
	}
	return nil
}

// interruptOpen ends the runs of a process that died. Nothing of theirs was sent after this instant.
func (l *Ledger) interruptOpen(ctx context.Context) error {
	return l.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE runs SET ended = ?, outcome = ?, reason = ? WHERE ended IS NULL`,
			millis(time.Now()), string(pipeline.Interrupted), orphaned)
		return err
	})
}
