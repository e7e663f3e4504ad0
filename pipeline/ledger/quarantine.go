package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"scored/pipeline"
)

// A key that was refused is offered again after firstWait, which doubles with every refusal up to longestWait. A run offers
// what is due when it begins, and is a while on its way before it is refused: as the first wait is shorter than the quarter
// of an hour between most runs, the next one offers the key, and not the one after that.
const (
	firstWait   = 14 * time.Minute
	longestWait = 24 * time.Hour
)

// unasked is how long a key may stay in quarantine without being offered again. It was due long before: it left the result,
// or the target has what it should. A key that the target refused for good stays.
const unasked = 30 * 24 * time.Hour

// lift makes entries due. Their attempts are counted from there.
const lift = `UPDATE quarantine SET next = last, attempts = 0 WHERE `

// Quarantined is a key that a target refused.
type Quarantined struct {
	Job, Target, Key  string
	Class             pipeline.Class
	Code              string    // the target's
	Fields            []string  // those that the target named
	Message           string    // the target's own words; may hold personal data
	Attempts          int       // that were refused, since the key was last lifted; 0 from then until it is refused again
	First, Last, Next time.Time // Next: it is not offered before; [pipeline.Never] for good
}

// quarantine puts those of the refused keys that are listed into quarantine, or lets them stay there longer. A fault that is
// not the row's own, such as a permission that is missing, puts no row there: all of them are due once it is mended.
func (s *settlement) quarantine(ctx context.Context, outcomes []*pipeline.Outcome) error {
	// The shift is bounded, as a long one overflows.
	add, err := s.tx.PrepareContext(ctx, `INSERT INTO quarantine
		(target, key, attempts, first, last, next, class, code, fields, message)
		SELECT ?1, key, 1, ?3, ?3, ?3 + ?4, ?5, ?6, ?7, ?8 FROM temp.settled WHERE key = ?2
		ON CONFLICT DO UPDATE SET attempts = attempts + 1, last = excluded.last,
			next = excluded.last + min(?4 << min(attempts, 10), ?9),
			class = excluded.class, code = excluded.code, fields = excluded.fields, message = excluded.message`)
	if err != nil {
		return err
	}
	defer add.Close()
	now := millis(time.Now())
	for _, o := range outcomes {
		if o.Class == pipeline.Configuration || o.Class == pipeline.Exhausted || o.Class == pipeline.Expired {
			continue
		}
		fields, err := json.Marshal(append([]string{}, o.Fields...))
		if err != nil {
			return err
		}
		wait := sql.NullInt64{Int64: firstWait.Milliseconds(), Valid: o.Class != pipeline.Terminal} // NULL makes next NULL
		_, err = add.ExecContext(ctx, s.target, o.Key, now, wait, o.Class.String(), o.Code, string(fields), o.Message,
			longestWait.Milliseconds())
		if err != nil {
			return err
		}
	}
	return nil
}

// dropUnasked drops the job's entries that were not offered for long.
func dropUnasked(ctx context.Context, tx *sql.Tx, job string) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM quarantine WHERE target IN (SELECT number FROM targets WHERE job = ?)
		AND next IS NOT NULL AND last < ?`, job, millis(time.Now().Add(-unasked)))
	return err
}

// Quarantine returns the keys that targets refused and have not accepted since, in order of job, target and key (by bytes).
// An empty job or target stands for all.
func (l *Ledger) Quarantine(ctx context.Context, job, target string) ([]Quarantined, error) {
	found, err := list(ctx, l, scanQuarantined, `SELECT job, name, key, class, code, fields, message, attempts, first, last, next
		FROM quarantine JOIN targets ON number = target
		WHERE ?1 IN ('', job) AND ?2 IN ('', name) ORDER BY job, name, key`, job, target)
	if err != nil {
		return nil, fmt.Errorf("read what is in quarantine: %w", err)
	}
	return found, nil
}

// Waiting is how many keys of one class are in quarantine at a target.
type Waiting struct {
	Target string
	Class  pipeline.Class
	Keys   int
}

// Waiting counts the job's keys that are in quarantine.
func (l *Ledger) Waiting(ctx context.Context, job string) ([]Waiting, error) {
	counts, err := list(ctx, l, func(rows *sql.Rows) (w Waiting, err error) {
		var class string
		if err = rows.Scan(&w.Target, &class, &w.Keys); err == nil {
			w.Class, err = pipeline.ParseClass(class)
		}
		return w, err
	}, `SELECT name, class, count(*) FROM quarantine JOIN targets ON number = target WHERE job = ? GROUP BY name, class`, job)
	if err != nil {
		return nil, fmt.Errorf("count what is in quarantine: %w", err)
	}
	return counts, nil
}

func scanQuarantined(rows *sql.Rows) (q Quarantined, err error) {
	var class string
	var fields []byte
	var first, last int64
	var next sql.NullInt64
	err = rows.Scan(&q.Job, &q.Target, &q.Key, &class, &q.Code, &fields, &q.Message, &q.Attempts, &first, &last, &next)
	if err != nil {
		return q, err
	}
	if q.Class, err = pipeline.ParseClass(class); err != nil {
		return q, err
	}
	q.First, q.Last, q.Next = instant(first), instant(last), until(next)
	return q, json.Unmarshal(fields, &q.Fields)
}

// until is [pipeline.Never] for NULL.
func until(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return pipeline.Never
	}
	return instant(ms.Int64)
}

// Lift makes keys in quarantine due at once, those that the target refused for good among them, and returns how many there
// are. Nil stands for all keys, an empty job or target for all of them.
func (l *Ledger) Lift(ctx context.Context, job, target string, keys []string) (lifted int, err error) {
	const which = lift + `target IN (SELECT number FROM targets WHERE ?1 IN ('', job) AND ?2 IN ('', name))`
	err = l.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if keys == nil {
			return count(&lifted)(tx.ExecContext(ctx, which, job, target))
		}
		one, err := tx.PrepareContext(ctx, which+` AND key = ?3`)
		if err != nil {
			return err
		}
		defer one.Close()
		for _, key := range keys {
			if err := count(&lifted)(one.ExecContext(ctx, job, target, key)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("lift the quarantine: %w", err)
	}
	return lifted, nil
}

// count adds how many rows a statement changed.
func count(sum *int) func(sql.Result, error) error {
	return func(done sql.Result, err error) error {
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		*sum += int(n)
		return err
	}
}
