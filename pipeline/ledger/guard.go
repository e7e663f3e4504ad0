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

// baselineRuns is how many runs a guard compares with: at a slot each quarter of an hour, those of five hours.
const baselineRuns = 20

// keptProfiles is of how many good runs the profile is kept: more than are compared with, for some may be undone. Of those before
// a release, as many are kept as are compared with if it is taken back.
const keptProfiles = 3 * baselineRuns

// released is the number of the job's last run that was released, 0 if there is none: nothing before it is compared with.
const released = `(SELECT ifnull(max(number), 0) FROM runs WHERE job = ?1 AND outcome = 'held' AND ruling = 'released')`

// good are the live runs that ended well, and were not undone.
const good = `job = ?1 AND cause IN ('schedule', 'manual') AND outcome IN ('ok', 'partial') AND id NOT IN (
	SELECT ifnull(json_extract(summary, '$.undone'), '') FROM runs WHERE job = ?1 AND cause = 'undo' AND outcome IN ('ok', 'partial'))`

// Baseline returns the profiles of the job's newest live runs that ended ok or partial and were not undone, the newest first,
// and behind them that of the last run that was released, with which they begin anew.
func (l *Ledger) Baseline(ctx context.Context, job string) ([]pipeline.Profile, error) {
	profiles, err := list(ctx, l, scanProfile, `SELECT profile, ruling IS NOT NULL FROM runs
		WHERE job = ?1 AND profile IS NOT NULL AND number >= `+released+` AND (`+good+` OR ruling = 'released')
		ORDER BY number DESC LIMIT ?2`, job, baselineRuns)
	if err != nil {
		return nil, fmt.Errorf("read the profiles of %s: %w", job, err)
	}
	return profiles, nil
}

func scanProfile(rows *sql.Rows) (p pipeline.Profile, err error) {
	var text []byte
	var released bool
	if err = rows.Scan(&text, &released); err != nil {
		return p, err
	}
	err = json.Unmarshal(text, &p)
	p.Released = released
	return p, err
}

// newer are the live runs of a job as of a later instant than the held one's, or of a later attempt at it; but for those that
// were made before it as of a time to come, by a clock that was ahead. (The instant is in the index, the version is not.)
const newer = `FROM runs AS later WHERE later.job = held.job AND later.as_of >= held.as_of AND later.version > held.version
	AND (later.number > held.number OR later.as_of <= held.started) AND later.cause IN ('schedule', 'manual')`

// behind says whether some of them have a verdict: none before them is a measure for the next runs.
const behind = `SELECT EXISTS (SELECT 1 ` + newer + ` AND later.outcome IN ('ok', 'partial', 'held')) FROM runs AS held WHERE id = ?`

// followed are those that end the waiting of a held run: a person ruled on them, or they were good.
const followed = newer + ` AND (later.ruling IS NOT NULL OR later.outcome IN ('ok', 'partial'))`

// waits are the held runs of a job that wait for a ruling.
const waits = `outcome = 'held' AND cause IN ('schedule', 'manual') AND ruling IS NULL AND NOT EXISTS (SELECT 1 ` + followed + `)`

// Held returns the job's newest held run that waits for a ruling, if there is one.
func (l *Ledger) Held(ctx context.Context, job string) (pipeline.Record, bool, error) {
	found, err := l.records(ctx, record+`AS held WHERE job = ? AND `+waits+` ORDER BY number DESC LIMIT 1`, job)
	if err != nil || len(found) == 0 {
		return pipeline.Record{}, false, err
	}
	return found[0], true, nil
}

// RulingError says why a run can't be ruled on. Nothing was changed.
type RulingError struct {
	Run    string
	Ruling pipeline.Ruling
	Why    string
}

// Error returns it as a sentence.
func (e *RulingError) Error() string {
	return fmt.Sprintf("run %s can't be %s: %s", e.Run, e.Ruling, e.Why)
}

// Rule records a ruling on a held run that waits for one; the error is a [RulingError] if it does not. The last run that was
// released may be discarded after all.
func (l *Ledger) Rule(ctx context.Context, run string, ruling pipeline.Ruling) error {
	err := l.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		why, err := barred(ctx, tx, run, ruling)
		if err != nil {
			return err
		}
		if why != "" {
			return &RulingError{run, ruling, why}
		}
		done, err := tx.ExecContext(ctx, `UPDATE runs SET ruling = ?, ruled = ? WHERE id = ?`,
			string(ruling), millis(time.Now()), run)
		if err := one(done, err, "there is no run %s", run); err != nil || ruling != pipeline.Discarded {
			return err
		}
		return forgetSince(ctx, tx, run)
	})
	if err != nil {
		return fmt.Errorf("rule on a held run: %w", err)
	}
	return nil
}

// forgetSince lets nothing be compared with the good runs after one that was discarded: they were compared with its figures.
func forgetSince(ctx context.Context, tx *sql.Tx, run string) error {
	_, err := tx.ExecContext(ctx, `UPDATE runs SET profile = NULL WHERE profile IS NOT NULL AND outcome IN ('ok', 'partial')
		AND job = (SELECT job FROM runs WHERE id = ?1) AND number > (SELECT number FROM runs WHERE id = ?1)`, run)
	return err
}

// barred says why a run can't be ruled on: because it waits for no ruling, or because there is nothing in it that a next run
// could be compared with; "" if it can.
func barred(ctx context.Context, tx *sql.Tx, run string, ruling pipeline.Ruling) (why string, err error) {
	var end, cause, ruled, later, release string
	var scored int
	var profile bool
	err = tx.QueryRowContext(ctx, `SELECT ifnull(outcome, ''), cause, ifnull(ruling, ''), profile IS NOT NULL,
		ifnull(json_extract(summary, '$.rows_scored'), 0),
		ifnull((SELECT id `+followed+` ORDER BY number DESC LIMIT 1), ''),
		ifnull((SELECT id `+newer+` AND later.ruling = 'released' ORDER BY number DESC LIMIT 1), '')
		FROM runs AS held WHERE id = ?`, run).Scan(&end, &cause, &ruled, &profile, &scored, &later, &release)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "there is no such run", nil
	case err != nil:
		return "", err
	case end == "":
		return "it has not ended", nil
	case end != string(pipeline.Held):
		return fmt.Sprintf("it ended %s, and only a held run waits for that", end), nil
	case cause != string(pipeline.Scheduled) && cause != string(pipeline.Manual):
		return "it is one of a backfill, which no run is compared with", nil
	case ruled == string(pipeline.Released) && ruling == pipeline.Discarded && release != "":
		return fmt.Sprintf("%s was released after it", release), nil
	case ruled == string(pipeline.Released) && ruling == pipeline.Discarded:
		return "", nil
	case ruled != "":
		return fmt.Sprintf("it is %s already; `scored run` makes a fresh run", ruled), nil
	case later != "":
		return fmt.Sprintf("it does not wait any more, as %s came after it", later), nil
	case ruling == pipeline.Released && scored == 0:
		return "no row of it was scored, so the next run would have nothing to send either", nil
	case ruling == pipeline.Released && !profile:
		return "it is as of an earlier instant than the newest run, so the next one is not compared with it", nil
	}
	return "", nil
}

// voidRelease discards the release that an undone run rests on, unless a good run that was not undone lies between: what was
// released would else stay what runs are compared with.
func voidRelease(ctx context.Context, tx *sql.Tx, job, undone string) error {
	var run string
	err := tx.QueryRowContext(ctx, `UPDATE runs SET ruling = 'discarded', ruled = ?3 WHERE number = `+released+`
		AND number < (SELECT number FROM runs WHERE id = ?2)
		AND NOT EXISTS (SELECT 1 FROM runs WHERE `+good+` AND number > `+released+` AND number < (SELECT number FROM runs WHERE id = ?2))
		RETURNING id`, job, undone, millis(time.Now())).Scan(&run)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return forgetSince(ctx, tx, run)
}

// keepProfile records what the guard went by, and forgets what nothing is compared with any more: of good runs beyond the
// newest, and, once a run was good, of those held before it.
func keepProfile(ctx context.Context, tx *sql.Tx, number int64, s *pipeline.Summary, job string) error {
	ended := s.End == pipeline.OK || s.End == pipeline.Partial
	if s.Undone != "" && ended {
		return voidRelease(ctx, tx, job, s.Undone)
	}
	if s.Profile == nil {
		return nil
	}
	text, err := json.Marshal(s.Profile)
	if err != nil {
		return err
	}
	if _, err = tx.ExecContext(ctx, `UPDATE runs SET profile = ? WHERE number = ?`, string(text), number); err != nil {
		return err
	}
	if !ended {
		return nil
	}
	_, err = tx.ExecContext(ctx, `UPDATE runs SET profile = NULL WHERE job = ?1 AND profile IS NOT NULL AND number < ?2
		AND (outcome NOT IN ('ok', 'partial') AND ruling IS NOT 'released'
			OR number <= ifnull((SELECT number FROM runs WHERE job = ?1 AND profile IS NOT NULL AND outcome IN ('ok', 'partial')
				ORDER BY number DESC LIMIT 1 OFFSET ?3), 0)
			AND (number >= `+released+` OR number <= ifnull((SELECT number FROM runs WHERE job = ?1 AND profile IS NOT NULL
				AND outcome IN ('ok', 'partial') AND number < `+released+` ORDER BY number DESC LIMIT 1 OFFSET ?4), 0)))`,
		job, number, keptProfiles, baselineRuns)
	return err
}
