// Package warehouse is where scored meets Redshift: it parses and judges dataprep scripts, runs them as of an instant over
// a connection of their own and hands the rows on as columns, and it appends runs and changed scores to tables there.
// PostgreSQL may stand in for Redshift.
package warehouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"

	"scored/pipeline"
)

// Source runs one script; it is a [pipeline.Source].
type Source struct {
	script    *Script
	key       string
	connector connector
	formats   []int16 // the result's format: text, as Redshift sends it, or binary for all columns
}

// NewSource checks the config and the script; it does not connect. The key names the result's column that identifies a
// row. Errors are of class Configuration.
func NewSource(cfg Config, script *Script, key string) (*Source, error) {
	cfg = cfg.withDefaults()
	driver, err := cfg.driver()
	if err != nil {
		return nil, err
	}
	if err := script.check(cfg.Log); err != nil {
		return nil, err
	}
	return &Source{
		script:    script,
		key:       key,
		connector: newConnector(driver, cfg),
	}, nil
}

// Digest returns the hex SHA-256 of the script's bytes.
func (s *Source) Digest() string { return s.script.Digest() }

// Read runs the script as of run.AsOf on a new connection and gives rows the result in batches of 8,192. It begins
// again, twice at most, where the warehouse reports a conflict with other transactions or the connection is lost. A
// statement that gets no answer ends it, half a minute after the statement's timeout. When ctx ends, the statement is
// canceled on the server before Read returns, unless the server does not answer that within seconds.
func (s *Source) Read(ctx context.Context, run *pipeline.Run, rows pipeline.Rows) error {
	log := s.connector.config.Log.With("run_id", run.ID, "job", run.Job)
	return s.connector.restart(ctx, log, scriptHints, func() error { return s.attempt(ctx, log, run, rows) })
}

// attempt runs the script once. Errors of the server come as *queryError.
func (s *Source) attempt(ctx context.Context, log *slog.Logger, run *pipeline.Run, rows pipeline.Rows) error {
	session, err := s.connector.open(ctx, log)
	if err != nil {
		return err
	}
	defer session.close()
	if err := s.prepare(ctx, session, run.ID, run.AsOf); err != nil {
		return err
	}
	ctx, cancel := s.connector.statement(ctx)
	defer cancel()
	q := s.script.query(len(s.script.statements)-1, run.ID, run.AsOf)
	reader := session.conn.ExecParams(ctx, q.text, nil, nil, nil, s.formats)
	count, err := q.drain(ctx, reader, s.key, rows)
	if err != nil {
		cancel() // a consumer's error ends the statement on the server, too
		_, _ = reader.Close()
		return err
	}
	session.log.Info("dataprep result drained", "rows_read", count)
	return nil
}

// Columns runs the script as of an instant, but for the rows of its result, and returns the result's columns beside the
// key.
func (s *Source) Columns(ctx context.Context, asOf time.Time) ([]pipeline.Column, error) {
	columns, err := s.columns(ctx, asOf)
	query, ok := errors.AsType[*queryError](err)
	switch {
	case err == nil:
		return columns, nil
	case ctx.Err() != nil:
		err = ctx.Err()
	case ok:
		err = query.problem(scriptHints)
	}
	return nil, fmt.Errorf("read dataprep columns: %w", err)
}

func (s *Source) columns(ctx context.Context, asOf time.Time) ([]pipeline.Column, error) {
	session, err := s.connector.open(ctx, s.connector.config.Log)
	if err != nil {
		return nil, err
	}
	defer session.close()
	if err := s.prepare(ctx, session, "check", asOf); err != nil {
		return nil, err
	}
	q := s.script.query(len(s.script.statements)-1, "check", asOf).within("SELECT * FROM (", ") AS dataprep LIMIT 0")
	ctx, cancel := s.connector.statement(ctx)
	defer cancel()
	reader := session.conn.ExecParams(ctx, q.text, nil, nil, nil, s.formats)
	if _, err := reader.Close(); err != nil {
		return nil, q.failed(ctx, err)
	}
	l, err := newLayout(reader.FieldDescriptions(), s.key)
	if err != nil {
		return nil, err
	}
	return l.columns(), nil
}

// prepare runs every statement but the last.
func (s *Source) prepare(ctx context.Context, session *session, id string, asOf time.Time) error {
	for i := range s.script.statements[:len(s.script.statements)-1] {
		start := time.Now()
		q := s.script.query(i, id, asOf)
		if err := s.run(ctx, session, q); err != nil {
			return err
		}
		session.log.Debug("dataprep statement ran", "statement", i+1, "line", q.statement.line, "dur_ms", time.Since(start).Milliseconds())
	}
	return nil
}

// run executes a statement whose result does not matter.
func (s *Source) run(ctx context.Context, session *session, q query) error {
	ctx, cancel := s.connector.statement(ctx)
	defer cancel()
	if _, err := session.conn.ExecParams(ctx, q.text, nil, nil, nil, nil).Close(); err != nil {
		return q.failed(ctx, err)
	}
	return nil
}

// query is a statement as it is sent.
type query struct {
	script    *Script
	statement statement
	number    int
	text      string
	before    int // characters that stand before the statement's own
}

// query renders the script's statement i, labelled with what it is for.
func (s *Script) query(i int, id string, asOf time.Time) query {
	st := s.statements[i]
	q := query{script: s, statement: st, number: i + 1, text: s.render(st, asOf)}
	return q.within(fmt.Sprintf("/* scored %s %s:%d */ ", plain(id), plain(s.Name), st.line), "")
}

func (q query) within(before, after string) query {
	q.before += utf8.RuneCountInString(before)
	q.text = before + q.text + after
	return q
}

// failed tells where in the script a statement failed: at the server's position if it gave one.
func (q query) failed(ctx context.Context, err error) error {
	place := fmt.Sprintf("script %s:%d: statement %d", q.script.Name, q.statement.line, q.number)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && int(pg.Position) > q.before {
		line, column := q.script.place(q.script.origin(q.statement, int(pg.Position)-1-q.before))
		place = fmt.Sprintf("script %s:%d:%d: statement %d (from line %d)", q.script.Name, line, column, q.number, q.statement.line)
	}
	return newQueryError(ctx, place, err)
}

// plain makes text fit for an SQL comment.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && (isDigit(byte(r)) || isNameStart(byte(r)) || strings.ContainsRune("-.", r)) {
			return r
		}
		return '_'
	}, text)
}
