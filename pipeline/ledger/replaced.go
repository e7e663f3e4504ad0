package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"

	"scored/pipeline"
)

// keptWrites is how many writes of a job's runs the ledger keeps what they replaced of, beyond those of its newest run: at
// some 250 bytes each, half a gigabyte at most.
const keptWrites = 2_000_000

// keepReplaced keeps what the target had confirmed of the listed keys, which it accepted. What was confirmed before there were
// details, or was read back, was made about as of its version.
func (s *settlement) keepReplaced(ctx context.Context) error {
	if !s.keeps {
		return nil
	}
	done, err := s.tx.ExecContext(ctx, `INSERT INTO replaced
			(run, target, key, score, grade, model, probability, reasons, scored_at)
		SELECT ?2, ?1, settled.key, confirmed.score, confirmed.grade, confirmed.model, details.probability,
			ifnull(details.reasons, ''), ifnull(details.scored_at, confirmed.version / 1000)
		FROM temp.settled
		LEFT JOIN confirmed ON confirmed.target = ?1 AND confirmed.key = settled.key
			AND NOT confirmed.cleared AND confirmed.model <> ''
		LEFT JOIN details ON details.target = ?1 AND details.key = confirmed.key
		WHERE true ON CONFLICT DO NOTHING`, s.target, s.run)
	if err != nil {
		return err
	}
	kept, err := done.RowsAffected()
	if err != nil {
		return err
	}
	_, err = s.tx.ExecContext(ctx, `UPDATE runs SET wrote = wrote + ? WHERE number = ?`, kept, s.run)
	return err
}

// dropReplaced drops what all but the job's newest runs replaced, be those live or not.
func dropReplaced(ctx context.Context, tx *sql.Tx, job string) error {
	rows, err := tx.QueryContext(ctx, `UPDATE runs SET wrote = NULL WHERE number IN (
		SELECT number FROM (
			SELECT number, row_number() OVER same AS place, row_number() OVER newest AS among, sum(wrote) OVER newest AS writes
			FROM runs WHERE job = ?1 AND wrote > 0
			WINDOW newest AS (ORDER BY number DESC), same AS (PARTITION BY cause IN ('schedule', 'manual') ORDER BY number DESC))
		WHERE place > ?2 OR among > 1 AND writes > ?3) RETURNING number`, job, keptRuns, keptWrites)
	if err != nil {
		return err
	}
	old, err := drain(rows, scanNumber)
	if err != nil {
		return err
	}
	for _, run := range old {
		if _, err := tx.ExecContext(ctx, `DELETE FROM replaced WHERE run = ?`, run); err != nil {
			return err
		}
	}
	return nil
}

// Written yields, in ascending order of key (by bytes), what the target accepted of the run, with what it had confirmed
// before. A probability that the ledger was never told is NaN. It is an error if what the run replaced is not kept any more.
// After an error it ends.
func (l *Ledger) Written(ctx context.Context, run, target string) iter.Seq2[pipeline.Written, error] {
	return func(yield func(pipeline.Written, error) bool) {
		if err := l.eachWritten(ctx, run, target, yield); err != nil {
			yield(pipeline.Written{}, fmt.Errorf("read what run %s wrote to %s: %w", run, target, l.explain(err)))
		}
	}
}

// eachWritten returns the errors that were not yielded.
func (l *Ledger) eachWritten(ctx context.Context, run, target string, yield func(pipeline.Written, error) bool) error {
	if l.read == nil {
		return errors.New("no such run")
	}
	tx, err := l.read.BeginTx(ctx, nil) // all is read as of one commit
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var number, version int64
	var kept bool
	err = tx.QueryRowContext(ctx, `SELECT number, version, wrote IS NOT NULL FROM runs WHERE id = ?`, run).
		Scan(&number, &version, &kept)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return errors.New("no such run")
	case err != nil:
		return err
	case !kept:
		return &pipeline.Problem{Err: errors.New("what it replaced is not kept any more"),
			Hint: "only newer runs can be undone; the job's next run sends whatever differs from its scores"}
	}
	rows, err := tx.QueryContext(ctx, `SELECT key, score, grade, model, probability, reasons, scored_at FROM replaced
		WHERE run = ? AND target = (SELECT targets.number FROM targets JOIN runs USING (job) WHERE runs.number = ?1 AND name = ?)
		ORDER BY key`, number, target)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		w, err := scanWritten(rows)
		if err != nil {
			return err
		}
		w.Version = version
		if !yield(w, nil) {
			return nil
		}
	}
	return rows.Err()
}

func scanWritten(rows *sql.Rows) (w pipeline.Written, err error) {
	var score, scoredAt sql.NullInt64
	var grade, model, reasons sql.NullString
	var probability sql.NullFloat64
	err = rows.Scan(&w.Key, &score, &grade, &model, &probability, &reasons, &scoredAt)
	if err != nil || !score.Valid {
		return w, err
	}
	w.Before = &pipeline.Score{Key: w.Key, Score: int(score.Int64), Grade: grade.String, Reasons: reasons.String,
		Probability: probability.Float64}
	if !probability.Valid {
		w.Before.Probability = math.NaN()
	}
	w.Origin = &pipeline.Origin{Model: model.String, ScoredAt: instant(scoredAt.Int64)}
	return w, nil
}
