package ledger

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"scored/pipeline"
)

// Trace is how much of one kind the ledger holds of a key.
type Trace struct {
	Job  string
	What string // for people, in the plural
	Rows int
}

// Where a key stands. Of the parameters ?1 is the job, ?2 the key, ?3 and ?4 how the key stands in a log line: as the
// attribute of that name, and quoted in an error's text.
const (
	atTargets = ` WHERE key = ?2 AND target IN (SELECT number FROM targets WHERE job = ?1)`
	ofRuns    = ` WHERE key = ?2 AND run IN (SELECT number FROM runs WHERE job = ?1)`
)

// Unanswered is the kind of trace of writes that no target ever answered: it may hold them.
const Unanswered = "writes whose outcome is not known"

var traces = []struct{ what, from string }{
	{"confirmed scores", "confirmed" + atTargets},
	{"details of confirmed scores", "details" + atTargets},
	{"scores kept for an undo", "replaced" + atTargets},
	{Unanswered, "intents" + atTargets},
	{"entries in quarantine", "quarantine" + atTargets},
	{"rows that targets did not accept", "refused" + ofRuns},
	{"rows that the contract rejected", "rejected" + ofRuns},
	{"log lines", "lines WHERE run IN (SELECT number FROM runs WHERE job = ?1) AND (instr(line, ?3) OR instr(line, ?4))"},
}

// forgotten stands where a text named the key.
const forgotten = `(forgotten)`

// Traces counts what the ledger holds of a key under the jobs, without what it has none of, and says with a
// [pipeline.TryAgain] problem why Forget would not erase that now; it changes nothing.
func (l *Ledger) Traces(ctx context.Context, jobs []string, key string, late time.Duration) (found []Trace, err error) {
	if l.read == nil {
		return nil, nil
	}
	tx, err := l.read.BeginTx(ctx, nil) // all is read as of one commit
	if err != nil {
		return nil, fmt.Errorf("look for a key: %w", l.explain(err))
	}
	defer func() { _ = tx.Rollback() }()
	var waits error
	for _, job := range jobs {
		some, err := eachTrace(job, key, func(from string, arguments []any) (rows int, err error) {
			err = tx.QueryRowContext(ctx, `SELECT count(*) FROM `+from, arguments...).Scan(&rows)
			return rows, err
		})
		if err != nil {
			return nil, fmt.Errorf("look for a key: %w", l.explain(err))
		}
		found = append(found, some...)
		if waits == nil {
			waits = awaited(ctx, tx, job, key, late)
		}
	}
	return found, l.explain(waits)
}

// Forget erases a key from what the ledger holds under the jobs, which must have been entered, all of it or nothing, and
// returns what that was. What was deleted is gone from the file after [Ledger.Scrub].
//
// It is a [pipeline.TryAgain] problem if a write of the key may still arrive at a target: one that went on there by itself
// and is not settled, or one without an answer that left less than late ago.
func (l *Ledger) Forget(ctx context.Context, jobs []string, key string, late time.Duration) (gone []Trace, err error) {
	err = l.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		gone = nil
		for _, job := range jobs {
			if !l.entered(job) {
				return fmt.Errorf("job %s was not entered: a run of it may be on its way", job)
			}
			some, err := forget(ctx, tx, job, key, late)
			if err != nil {
				return err
			}
			gone = append(gone, some...)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("forget a key: %w", err)
	}
	return gone, nil
}

func forget(ctx context.Context, tx *sql.Tx, job, key string, late time.Duration) ([]Trace, error) {
	if err := awaited(ctx, tx, job, key, late); err != nil {
		return nil, err
	}
	_, err := tx.ExecContext(ctx, `UPDATE runs SET wrote = wrote - (SELECT count(*) FROM replaced WHERE run = number AND key = ?2)
		WHERE job = ?1 AND wrote > 0`, job, key)
	if err != nil {
		return nil, err
	}
	gone, err := eachTrace(job, key, func(from string, arguments []any) (deleted int, err error) {
		err = count(&deleted)(tx.ExecContext(ctx, `DELETE FROM `+from, arguments...))
		return deleted, err
	})
	if err != nil {
		return nil, err
	}
	return gone, errors.Join(unquote(ctx, tx, job, key), silence(ctx, tx, job, key))
}

// awaited refuses while a write of the key may still arrive.
func awaited(ctx context.Context, tx *sql.Tx, job, key string, late time.Duration) error {
	var target, run string
	var left int64
	var works bool
	err := tx.QueryRowContext(ctx, `SELECT name, runs.id, max(at, ifnull(ended, at)) AS left,
			EXISTS (SELECT 1 FROM remote_jobs r WHERE r.target = intents.target AND r.run = intents.run) AS works
		FROM intents JOIN targets ON targets.number = target JOIN runs ON runs.number = run
		WHERE targets.job = ? AND key = ? ORDER BY works DESC, left DESC LIMIT 1`, job, key).Scan(&target, &run, &left, &works)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	problem := &pipeline.Problem{Class: pipeline.TryAgain}
	switch until := instant(left).Add(late); {
	case works:
		problem.Err = fmt.Errorf("what run %s handed to %s is not settled, and the key is in it", run, target)
		problem.Hint = "let the next run of " + job + " finish it (`scored run " + job + "`), then try again"
	case time.Now().Before(until):
		problem.Err = fmt.Errorf("run %s sent the key to %s and got no answer: the write may still arrive", run, target)
		problem.Hint = "try again after " + until.Format(time.RFC3339)
	default:
		return nil
	}
	return problem
}

// eachTrace calls do for every place where the key may stand, and returns what it gives, without zeros.
func eachTrace(job, key string, do func(from string, arguments []any) (rows int, err error)) (found []Trace, err error) {
	quoted := asJSON(strconv.Quote(key), false)
	arguments := []any{job, key, `"key":` + asJSON(key, false), quoted[1 : len(quoted)-1]}
	for _, t := range traces {
		rows, err := do(t.from, arguments)
		if err != nil {
			return nil, err
		}
		if rows > 0 {
			found = append(found, Trace{job, t.what, rows})
		}
	}
	return found, nil
}

// asJSON writes a text as summaries do, with what is special in HTML escaped, or as log lines do.
func asJSON(text string, html bool) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(html)
	_ = encoder.Encode(text) // a text always can be
	return strings.TrimSuffix(b.String(), "\n")
}

// unquote takes the key out of the texts of runs and slots, where errors name it in quotes.
func unquote(ctx context.Context, tx *sql.Tx, job, key string) error {
	quoted := strconv.Quote(key)
	written := asJSON(quoted, true)
	written = written[1 : len(written)-1]
	_, err := tx.ExecContext(ctx, `UPDATE runs SET reason = replace(reason, ?2, ?3), summary = replace(summary, ?4, ?3)
		WHERE job = ?1 AND (instr(reason, ?2) OR instr(summary, ?4))`, job, quoted, forgotten, written)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE slots SET reason = replace(reason, ?2, ?3) WHERE job = ?1 AND instr(reason, ?2)`,
		job, quoted, forgotten)
	return err
}

// silence empties what targets said of other rows where they named the key, as of a duplicate.
func silence(ctx context.Context, tx *sql.Tx, job, key string) error {
	for _, table := range []struct{ read, write string }{
		{`SELECT run, row, message FROM refused WHERE run IN (SELECT number FROM runs WHERE job = ?1) AND instr(message, ?2)`,
			`UPDATE refused SET message = '' WHERE run = ? AND row = ?`},
		{`SELECT target, key, message FROM quarantine WHERE target IN (SELECT number FROM targets WHERE job = ?1)
			AND instr(message, ?2)`, `UPDATE quarantine SET message = '' WHERE target = ? AND key = ?`},
	} {
		rows, err := tx.QueryContext(ctx, table.read, job, key)
		if err != nil {
			return err
		}
		telling, err := drain(rows, scanMessage)
		if err != nil {
			return err
		}
		for _, m := range telling {
			if !names(m.text, key) {
				continue
			}
			if _, err := tx.ExecContext(ctx, table.write, m.id...); err != nil {
				return err
			}
		}
	}
	return nil
}

// message is a target's words about a row.
type message struct {
	id   []any
	text string
}

func scanMessage(rows *sql.Rows) (m message, err error) {
	m.id = make([]any, 2)
	err = rows.Scan(&m.id[0], &m.id[1], &m.text)
	return m, err
}

// names says whether the key stands in a text by itself: L1 does not stand in L10.
func names(text, key string) bool {
	part := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	for at := 0; ; {
		next := strings.Index(text[at:], key)
		if next < 0 {
			return false
		}
		start := at + next
		before, _ := utf8.DecodeLastRuneInString(text[:start])
		after, _ := utf8.DecodeRuneInString(text[start+len(key):])
		if !part(before) && !part(after) {
			return true
		}
		at = start + 1
	}
}

// Jobs returns the names of the jobs that the ledger has records of, in order, be they in the config or not.
func (l *Ledger) Jobs(ctx context.Context) ([]string, error) {
	jobs, err := list(ctx, l, scanText, `SELECT job FROM runs UNION SELECT job FROM targets UNION SELECT name FROM jobs`)
	if err != nil {
		return nil, fmt.Errorf("read whose records the ledger has: %w", err)
	}
	slices.Sort(jobs)
	return jobs, nil
}
