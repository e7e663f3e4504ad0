package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// tidiedAtOnce is how many rows of a table a transaction deletes: other processes write in between.
const tidiedAtOnce = 50_000

// Tidy deletes what the job's old runs left and is not kept any more. It is made in steps, each of which stays: when it is
// stopped, the next one goes on.
func (l *Ledger) Tidy(ctx context.Context, job string) error {
	for more := true; more; {
		var err error
		if more, err = l.tidyStep(ctx, job); err != nil {
			return fmt.Errorf("delete what old runs of %s left: %w", job, err)
		}
	}
	return nil
}

// tidyStep is one transaction. It says whether there may be more to do.
func (l *Ledger) tidyStep(ctx context.Context, job string) (more bool, err error) {
	err = l.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var run int64
		err := tx.QueryRowContext(ctx, `SELECT number FROM runs WHERE untidy = 1 AND job = ? ORDER BY number LIMIT 1`, job).Scan(&run)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		more = true
		return tidyRun(ctx, tx, run)
	})
	return more, err
}

// tidyRun deletes some of what a run left, or notes that nothing is left to delete.
func tidyRun(ctx context.Context, tx *sql.Tx, run int64) error {
	deleted := 0
	for _, statement := range []string{
		`DELETE FROM replaced WHERE (run, target, key) IN (SELECT run, target, key FROM replaced
			WHERE run = (SELECT number FROM runs WHERE number = ?1 AND wrote IS NULL) LIMIT ?2)`,
		`DELETE FROM rejected WHERE (run, row) IN (SELECT run, row FROM rejected
			WHERE run = (SELECT number FROM runs WHERE number = ?1 AND NOT kept) LIMIT ?2)`,
		`DELETE FROM refused WHERE (run, row) IN (SELECT run, row FROM refused
			WHERE run = (SELECT number FROM runs WHERE number = ?1 AND NOT kept) LIMIT ?2)`,
		`DELETE FROM lines WHERE (run, row) IN (SELECT run, row FROM lines
			WHERE run = (SELECT number FROM runs WHERE number = ?1 AND NOT kept) LIMIT ?2)`,
	} {
		if err := count(&deleted)(tx.ExecContext(ctx, statement, run, tidiedAtOnce)); err != nil {
			return err
		}
	}
	if deleted > 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, `UPDATE runs SET untidy = 0 WHERE number = ?`, run)
	return err
}
