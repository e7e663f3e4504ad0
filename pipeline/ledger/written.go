package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"

	"scored/pipeline"
)

// Written yields, in ascending order of key (by bytes), what the target accepted of the run, with what it had confirmed
// before, and what it never answered, with what is confirmed. A probability that the ledger was never told is NaN. It is an
// error if what the run replaced is not kept any more. After an error it ends.
func (l *Ledger) Written(ctx context.Context, run, target string) iter.Seq2[pipeline.Written, error] {
	return func(yield func(pipeline.Written, error) bool) {
		if err := l.eachWritten(ctx, run, target, yield); err != nil {
			yield(pipeline.Written{}, fmt.Errorf("read what run %s wrote to %s: %w", run, target, l.explain(err)))
		}
	}
}

// writtenBy asks for what the run ?1 of version ?3 wrote to the target ?2. The last column is a JSON list of pipeline.Stand.
const writtenBy = `
	WITH written AS (
		SELECT key, 0 AS open, ` + beforeColumns + ` FROM replaced WHERE run = ?1 AND target = ?2
		UNION ALL
		SELECT intents.key, 1, ` + before + ` FROM intents
		LEFT JOIN confirmed ON confirmed.target = ?2 AND confirmed.key = intents.key AND confirmed.model <> ''
			AND confirmed.version <> ?3 -- what was read back from the target is the run's own, and nothing of before
		LEFT JOIN details ON details.target = ?2 AND details.key = confirmed.key
		WHERE intents.target = ?2 AND intents.run = ?1
			AND NOT EXISTS (SELECT 1 FROM replaced WHERE run = ?1 AND target = ?2 AND key = intents.key))
	SELECT key, open, ` + beforeColumns + `, (
		SELECT json_group_array(json_object('Version', version, 'Empty', json(iif(cleared, 'true', 'false')), 'Score', score,
			'Grade', grade, 'Model', model, 'Reasons', reasons)) FROM (
			SELECT version, cleared, score, grade, model, reasons FROM confirmed LEFT JOIN details USING (target, key)
			WHERE target = ?2 AND key = written.key AND (version = ?3 OR origin = ?3)
			UNION ALL
			SELECT version, cleared, score, grade, model, iif(origin IS NULL AND probability IS NULL, NULL, reasons)
			FROM intents WHERE target = ?2 AND key = written.key AND (run = ?1 OR origin = ?3)))
	FROM written ORDER BY key`

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
	var at sql.NullInt64
	var kept, filled bool
	err = tx.QueryRowContext(ctx, `SELECT number, version, wrote IS NOT NULL, cause = 'fill',
		(SELECT number FROM targets WHERE job = runs.job AND name = ?) FROM runs WHERE id = ?`, target, run).
		Scan(&number, &version, &kept, &filled, &at)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return errors.New("no such run")
	case err != nil:
		return err
	case !kept:
		return &pipeline.Problem{Err: errors.New("what it replaced is not kept any more"),
			Hint: "only newer runs can be undone; the job's next run sends whatever differs from its scores"}
	}
	rows, err := tx.QueryContext(ctx, writtenBy, number, at, version)
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
		if w.Origin == nil && filled { // what was only filled leaves no more than there was: the next fill may be older
			w.Origin = &pipeline.Origin{Filled: true}
		}
		if !yield(w, nil) {
			return nil
		}
	}
	return rows.Err()
}

func scanWritten(rows *sql.Rows) (w pipeline.Written, err error) {
	var score, scoredAt, origin sql.NullInt64
	var grade, model, reasons sql.NullString
	var standing string
	var filled, cleared sql.NullBool
	var probability sql.NullFloat64
	err = rows.Scan(&w.Key, &w.Open, &score, &grade, &model, &origin, &filled, &cleared, &probability, &reasons, &scoredAt, &standing)
	if err != nil {
		return w, err
	}
	if err := json.Unmarshal([]byte(standing), &w.Stands); err != nil {
		return w, err
	}
	if !score.Valid {
		return w, nil
	}
	w.Origin = &pipeline.Origin{Model: model.String, ScoredAt: instant(scoredAt.Int64), Version: origin.Int64, Filled: filled.Bool}
	if cleared.Bool {
		return w, nil
	}
	w.Before = &pipeline.Score{Key: w.Key, Score: int(score.Int64), Grade: grade.String, Reasons: reasons.String,
		Probability: probability.Float64}
	if !probability.Valid {
		w.Before.Probability = math.NaN()
	}
	return w, nil
}

// Standing returns the newest version under which a target may hold what the run wrote: its own, or that of an undo which
// brought it back.
func (l *Ledger) Standing(ctx context.Context, run string) (version int64, err error) {
	if l.read == nil {
		return 0, errors.New("no such run")
	}
	err = l.read.QueryRowContext(ctx, `SELECT max(version,
		ifnull((SELECT max(c.version) FROM confirmed c WHERE c.origin = runs.version
			AND target IN (SELECT number FROM targets WHERE job = runs.job)), 0),
		ifnull((SELECT max(i.version) FROM intents i WHERE i.origin = runs.version
			AND target IN (SELECT number FROM targets WHERE job = runs.job)), 0))
		FROM runs WHERE id = ?`, run).Scan(&version)
	if err != nil {
		return 0, fmt.Errorf("read under which version the scores of run %s stand: %w", run, l.explain(err))
	}
	return version, nil
}
