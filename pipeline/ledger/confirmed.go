package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"time"

	"scored/pipeline"
)

// Confirmed yields what the target confirmed or may have received, in ascending order of key (by bytes), as it stood
// when the iteration began. It holds no lock: writes may come between. An entry without a model is one of which nothing
// was confirmed yet. After an error it ends.
func (l *Ledger) Confirmed(ctx context.Context, job, target string) iter.Seq2[pipeline.Confirmed, error] {
	return func(yield func(pipeline.Confirmed, error) bool) {
		if l.read == nil {
			return
		}
		if err := l.eachConfirmed(ctx, job, target, yield); err != nil {
			yield(pipeline.Confirmed{}, fmt.Errorf("read what %s confirmed: %w", target, l.explain(err)))
		}
	}
}

// The two halves are read in order of key side by side: SQLite merges them without sorting. The confirmed row of a key
// comes before its intents. What a sweep found unchanged is as new as the sweep.
const confirmedAndOpen = `
	SELECT key, 0 AS half, doubted, score, grade, model,
		iif(filled OR sweep = swept, version, max(version, swept)) AS version, filled
	FROM confirmed JOIN targets ON number = target WHERE job = ?1 AND name = ?2
	UNION ALL
	SELECT key, 1 AS half, 1, 0, '', '', max(version), 0 FROM intents
	WHERE target = (SELECT number FROM targets WHERE job = ?1 AND name = ?2) GROUP BY key
	ORDER BY key, half`

// eachConfirmed folds the rows of a key into one entry. It returns the errors that were not yielded.
func (l *Ledger) eachConfirmed(
	ctx context.Context, job, target string, yield func(pipeline.Confirmed, error) bool,
) error {
	rows, err := l.read.QueryContext(ctx, confirmedAndOpen, job, target)
	if err != nil {
		return err
	}
	defer rows.Close()
	var entry pipeline.Confirmed
	pending := false
	for rows.Next() {
		var row pipeline.Confirmed
		var half int
		err := rows.Scan(&row.Key, &half, &row.Unsure, &row.Score, &row.Grade, &row.Model, &row.Version, &row.Filled)
		if err != nil {
			return err
		}
		if pending && row.Key == entry.Key {
			entry.Unsure, entry.Version = true, max(entry.Version, row.Version)
			continue
		}
		if pending && !yield(entry, nil) {
			return nil
		}
		entry, pending = row, true
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if pending {
		yield(entry, nil)
	}
	return nil
}

// Unsettled returns an instant after which no write without an answer was sent; the zero time if there is no such
// write. That is the end of the newest run that has one: its intents are older than its requests. A run whose process
// died ended, at the latest, when its job was entered again. Writes that were sent again, and then answered, count too.
func (l *Ledger) Unsettled(ctx context.Context, job, target string) (time.Time, error) {
	if l.read == nil {
		return time.Time{}, nil
	}
	var last sql.NullInt64
	err := l.read.QueryRowContext(ctx, `SELECT max(at) FROM (
		SELECT max(at, ifnull(ended, at)) AS at FROM intents JOIN runs ON runs.number = intents.run
			WHERE target = (SELECT number FROM targets WHERE job = ?1 AND name = ?2)
		UNION ALL SELECT late FROM targets WHERE job = ?1 AND name = ?2 AND late <= ?3)`, job, target, millis(time.Now())).Scan(&last)
	if err != nil || !last.Valid {
		return time.Time{}, l.explain(err)
	}
	// A clock that was set back must not make a delivery wait for a time that may never come.
	return instant(min(last.Int64, millis(time.Now()))), nil
}
