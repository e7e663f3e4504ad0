package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"scored/pipeline"
)

// Confirm settles intents of the run, all of them or, if one of the keys has none, nothing. A write that was accepted
// becomes what the target confirmed, unless that is newer or was found in place by a newer sweep, settles the older open
// writes of its key with its own, and ends the key's quarantine. A refused one puts the key into quarantine, and one that
// is stale puts in doubt what the target confirmed.
func (l *Ledger) Confirm(ctx context.Context, run *pipeline.Run, target string, outcomes []pipeline.Outcome) error {
	err := l.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		s := settlement{tx: tx, version: run.Version, trigger: run.Trigger}
		var err error
		if s.run, s.target, err = numbers(ctx, tx, run, target); err != nil {
			return err
		}
		return s.settle(ctx, outcomes)
	})
	if err != nil {
		return fmt.Errorf("confirm %d outcomes of run %s at %s: %w", len(outcomes), run.ID, target, err)
	}
	return nil
}

// Settle is Confirm for a run that has ended, by its id. It passes over keys that have no open intent of that run: what
// became of those is known, or no longer matters.
func (l *Ledger) Settle(ctx context.Context, run, target string, outcomes []pipeline.Outcome) error {
	err := l.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		s := settlement{tx: tx, late: true}
		err := tx.QueryRowContext(ctx, `SELECT runs.number, version, cause, targets.number FROM runs JOIN targets USING (job)
			WHERE id = ? AND ended IS NOT NULL AND name = ?`, run, target).Scan(&s.run, &s.version, &s.trigger, &s.target)
		if errors.Is(err, sql.ErrNoRows) {
			return errors.New("no such run has ended, or its target is not bound")
		}
		if err != nil {
			return err
		}
		return s.settle(ctx, outcomes)
	})
	if err != nil {
		return fmt.Errorf("settle %d outcomes of run %s at %s: %w", len(outcomes), run, target, err)
	}
	return nil
}

// settlement gives intents of one run at one target their ends.
type settlement struct {
	tx          *sql.Tx
	target, run int64
	version     int64
	trigger     pipeline.Trigger
	late        bool // the run has ended

	past    bool  // a newer run has looked at the target
	keeps   bool  // what the run replaced is kept
	started int64 // when the run began
}

// settledAtOnce is how many outcomes a statement takes: what they need beside the ledger stays small.
const settledAtOnce = 10_000

// listedAtOnce is how many keys a statement names.
const listedAtOnce = 100

func (s *settlement) settle(ctx context.Context, outcomes []pipeline.Outcome) error {
	err := s.tx.QueryRowContext(ctx, `SELECT swept > version, wrote IS NOT NULL, started
		FROM runs, targets WHERE runs.number = ? AND targets.number = ?`, s.run, s.target).Scan(&s.past, &s.keeps, &s.started)
	if err != nil {
		return err
	}
	// One statement for many keys costs a fraction of one for each. It reads this table's keys in their order.
	_, err = s.tx.ExecContext(ctx, `CREATE TEMP TABLE IF NOT EXISTS settled (key TEXT PRIMARY KEY, score INTEGER, grade TEXT,
		model TEXT, version INTEGER, probability REAL, reasons TEXT, scored_at INTEGER, cleared INTEGER,
		filled INTEGER, origin INTEGER) STRICT, WITHOUT ROWID`)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(outcomes, settledAtOnce) {
		if err := s.settleSome(ctx, some); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(outcomes, func(o pipeline.Outcome) bool { return o.Late }) {
		_, err = s.tx.ExecContext(ctx, `UPDATE targets SET late = ? WHERE number = ?`, millis(time.Now()), s.target)
	}
	return err
}

// settleSome goes through the outcomes status by status.
func (s *settlement) settleSome(ctx context.Context, outcomes []pipeline.Outcome) error {
	outcomes, err := s.letGo(ctx, outcomes)
	if err != nil {
		return err
	}
	byStatus := make([][]*pipeline.Outcome, pipeline.NotSent+1)
	for i := range outcomes {
		o := &outcomes[i]
		if o.Status == 0 || int(o.Status) >= len(byStatus) {
			return fmt.Errorf("%q has an outcome that is none: status %d", o.Key, o.Status)
		}
		byStatus[o.Status] = append(byStatus[o.Status], o)
	}
	for status, some := range byStatus {
		if len(some) == 0 {
			continue
		}
		if err := s.list(ctx, some); err != nil {
			return err
		}
		if err := s.end(ctx, pipeline.Status(status), some); err != nil {
			return err
		}
	}
	return nil
}

// letGo takes, in what a run that has ended left, a lead which was to be cleared, and whose record takes nothing any more, for
// cleared. Of a run that is alive the delivery does so, and says why.
func (s *settlement) letGo(ctx context.Context, outcomes []pipeline.Outcome) ([]pipeline.Outcome, error) {
	terminal := func(o pipeline.Outcome) bool { return o.Status == pipeline.Refused && o.Class == pipeline.Terminal }
	if !s.late || s.trigger == pipeline.Undo || !slices.ContainsFunc(outcomes, terminal) {
		return outcomes, nil
	}
	var refused []*pipeline.Outcome
	ends := slices.Clone(outcomes) // the outcomes are the caller's
	for i := range ends {
		if terminal(ends[i]) {
			refused = append(refused, &ends[i])
		}
	}
	if err := s.list(ctx, refused); err != nil {
		return nil, err
	}
	clears, err := s.tx.PrepareContext(ctx, `SELECT EXISTS (SELECT 1 FROM temp.settled WHERE key = ? AND cleared)`)
	if err != nil {
		return nil, err
	}
	defer clears.Close()
	for _, o := range refused {
		var gone bool
		if err := clears.QueryRowContext(ctx, o.Key).Scan(&gone); err != nil {
			return nil, err
		}
		if gone {
			*o = pipeline.Outcome{Key: o.Key, Status: pipeline.Accepted}
		}
	}
	return ends, nil
}

// list puts the intents of the outcomes into the table of those that are being settled.
func (s *settlement) list(ctx context.Context, outcomes []*pipeline.Outcome) error {
	if _, err := s.tx.ExecContext(ctx, `DELETE FROM temp.settled`); err != nil {
		return err
	}
	for some := range slices.Chunk(outcomes, listedAtOnce) {
		arguments := []any{s.target, s.run}
		for _, o := range some {
			arguments = append(arguments, o.Key)
		}
		done, err := s.tx.ExecContext(ctx, `INSERT INTO temp.settled
			SELECT key, score, grade, model, version, probability, reasons, scored_at, cleared, filled, origin FROM intents
			WHERE target = ? AND run = ? AND key IN (?`+strings.Repeat(", ?", len(some)-1)+`) ON CONFLICT DO NOTHING`, arguments...)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n != int64(len(some)) && !s.late {
			return errors.Join(err, s.unintended(ctx, some))
		}
	}
	return nil
}

// unintended says what is wrong about outcomes of which not each has an intent of its own.
func (s *settlement) unintended(ctx context.Context, outcomes []*pipeline.Outcome) error {
	for _, o := range outcomes {
		var open bool
		err := s.tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM intents WHERE target = ? AND key = ? AND run = ?)`,
			s.target, o.Key, s.run).Scan(&open)
		if err == nil && !open {
			err = fmt.Errorf("%q has no open intent of this run", o.Key)
		}
		if err != nil {
			return err
		}
	}
	return errors.New("two of them have the same key")
}

// end gives the listed intents their end.
func (s *settlement) end(ctx context.Context, status pipeline.Status, outcomes []*pipeline.Outcome) (err error) {
	switch status {
	case pipeline.Unknown:
		return nil
	case pipeline.Accepted:
		return s.accept(ctx)
	case pipeline.Refused:
		err = s.quarantine(ctx, outcomes)
	case pipeline.Stale:
		err = s.do(ctx, `UPDATE confirmed SET doubted = 1 WHERE target = ?1 AND key IN (SELECT key FROM temp.settled)`)
	}
	if err != nil {
		return err
	}
	return s.do(ctx, `DELETE FROM intents WHERE target = ?1 AND key IN (SELECT key FROM temp.settled) AND run = ?2`)
}

// do runs statements about the listed intents. Their parameters are the target, the run, the run's version and when it
// began.
func (s *settlement) do(ctx context.Context, statements ...string) error {
	for _, statement := range statements {
		if _, err := s.tx.ExecContext(ctx, statement, s.target, s.run, s.version, s.started); err != nil {
			return err
		}
	}
	return nil
}

func (s *settlement) accept(ctx context.Context) error {
	if err := s.keepReplaced(ctx); err != nil {
		return err
	}
	undoes := s.trigger == pipeline.Undo
	err := s.do(ctx,
		// What a sweep found in place gives way to that sweep's run and to later ones only, and to a person's undo.
		`INSERT INTO confirmed (target, key, score, grade, model, version, filled, sweep, cleared, origin)
			SELECT ?1, key, score, grade, model, version, filled, swept, cleared, origin
			FROM temp.settled CROSS JOIN targets WHERE number = ?1
			ON CONFLICT DO UPDATE SET score = excluded.score, grade = excluded.grade, model = excluded.model,
				version = excluded.version, filled = excluded.filled, sweep = excluded.sweep, cleared = excluded.cleared,
				origin = excluded.origin, doubted = 0
			WHERE excluded.version > version
				AND (`+digit(undoes)+` OR filled OR sweep = excluded.sweep OR excluded.version >= excluded.sweep)`,
		// What rode along with what is confirmed by now.
		`INSERT INTO details (target, key, probability, reasons, scored_at)
			SELECT ?1, settled.key, probability, reasons, ifnull(scored_at, ?4) FROM temp.settled
			CROSS JOIN confirmed ON target = ?1 AND confirmed.key = settled.key WHERE confirmed.version = ?3
			ON CONFLICT DO UPDATE SET probability = excluded.probability, reasons = excluded.reasons, scored_at = excluded.scored_at`,
		`DELETE FROM intents WHERE target = ?1 AND key IN (SELECT key FROM temp.settled) AND version <= ?3`,
		`DELETE FROM quarantine WHERE target = ?1 AND key IN (SELECT key FROM temp.settled)`)
	if err != nil || !s.past && !undoes {
		return err
	}
	if undoes {
		// The target took what is older than what it confirmed: then it does not hold that any more.
		return s.do(ctx, `UPDATE confirmed SET doubted = 1
			WHERE target = ?1 AND key IN (SELECT key FROM temp.settled) AND version > ?3`)
	}
	// What was written behind the back of a newer run is put right by the next one. What is filled is sent again anyway.
	return s.do(ctx, `UPDATE confirmed SET doubted = 1 WHERE target = ?1 AND key IN (SELECT key FROM temp.settled) AND NOT filled`)
}

// digit is a truth value in SQL.
func digit(yes bool) string {
	if yes {
		return "1"
	}
	return "0"
}
