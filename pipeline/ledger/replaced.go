package ledger

import (
	"context"
	"database/sql"
)

// keptWrites is how many writes of a job's runs the ledger keeps what they replaced of, beyond those of its newest run: at
// some 250 bytes each, half a gigabyte at most.
const keptWrites = 2_000_000

// What is kept of a confirmed entry with its details. What was confirmed before there were details, or was read back, was made
// about as of its version.
const (
	beforeColumns = `score, grade, model, origin, filled, cleared, probability, reasons, scored_at`
	before        = `confirmed.score, confirmed.grade, confirmed.model, ifnull(confirmed.origin, confirmed.version),
		confirmed.filled, confirmed.cleared, details.probability,
		ifnull(details.reasons, ''), ifnull(details.scored_at, confirmed.version / 1000)`
)

// keepReplaced keeps what the target had confirmed of the listed keys, which it accepted.
func (s *settlement) keepReplaced(ctx context.Context) error {
	if !s.keeps {
		return nil
	}
	done, err := s.tx.ExecContext(ctx, `INSERT INTO replaced
			(run, target, key, `+beforeColumns+`)
		SELECT ?2, ?1, settled.key, `+before+`
		FROM temp.settled
		LEFT JOIN confirmed ON confirmed.target = ?1 AND confirmed.key = settled.key AND confirmed.model <> ''
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

// dropReplaced marks what all but the job's newest runs replaced, be those live or not, to be deleted. It can't be read any
// more from then on.
func dropReplaced(ctx context.Context, tx *sql.Tx, job string) error {
	_, err := tx.ExecContext(ctx, `UPDATE runs SET wrote = NULL, untidy = 1 WHERE number IN (
		SELECT number FROM (
			SELECT number, row_number() OVER same AS place, row_number() OVER newest AS among, sum(wrote) OVER newest AS writes
			FROM runs WHERE job = ?1 AND wrote > 0
			WINDOW newest AS (ORDER BY number DESC), same AS (PARTITION BY cause IN ('schedule', 'manual') ORDER BY number DESC))
		WHERE place > ?2 OR among > 1 AND writes > ?3)`, job, keptRuns, keptWrites)
	return err
}
