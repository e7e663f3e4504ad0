package warehouse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"

	"scored/pipeline"
	"scored/sql/history"
)

// maxScoreKey is how many bytes of a key the history has room for. A key is never cut: it would become another's.
const maxScoreKey = 512

// scoreLog is the table of scores.
func scoreLog() relation {
	return relation{
		name: "scores", ddl: history.Scores,
		shared: []column{
			{"job", "VARCHAR(64)"}, {"model", "VARCHAR(128)"}, {"version", "BIGINT"}, {"as_of", "TIMESTAMP"}, {"run_id", "VARCHAR(128)"},
		},
		columns: []column{
			{"score_key", fmt.Sprintf("VARCHAR(%d)", maxScoreKey)}, {"score", "INTEGER"}, {"grade", "VARCHAR(256)"}, {"probability", "DOUBLE PRECISION"},
		},
	}
}

// Write appends the changes, a batch to an INSERT that commits by itself. A batch that met a conflict, or lost its
// connection before it left, is sent again, a bounded number of times. One whose answer was lost is Unknown and ends the
// delivery. So does any other error; its batch was not applied and is not reported. When ctx ends, Write returns within
// about five seconds.
func (h *History) Write(
	ctx context.Context, run *pipeline.Run, model string, changes []pipeline.Change, confirm func([]pipeline.Outcome) error,
) error {
	w := &scoreWriter{History: h, logger: h.log(run.ID, run.Job), run: run, model: model, table: scoreLog()}
	defer w.hangUp()
	for batch := range slices.Chunk(changes, w.table.rows(h.parameters)) {
		if err := w.deliver(ctx, batch, confirm); err != nil {
			return err
		}
	}
	return nil
}

// scoreWriter appends the scores of one run.
type scoreWriter struct {
	*History
	logger  *slog.Logger
	run     *pipeline.Run
	model   string
	table   relation
	session *session // nil until it is needed, and behind an error
}

func (w *scoreWriter) hangUp() {
	if w.session != nil {
		w.session.close()
		w.session = nil
	}
}

// deliver appends a batch and confirms what became of it.
func (w *scoreWriter) deliver(ctx context.Context, batch []pipeline.Change, confirm func([]pipeline.Outcome) error) error {
	fit, outcomes := sift(batch)
	var err error
	if len(fit) > 0 {
		status := pipeline.NotSent
		err = w.restart(ctx, w.logger, func() (err error) {
			status, err = w.append(ctx, fit)
			return err
		})
		if status != pipeline.NotSent {
			for _, c := range fit {
				outcomes = append(outcomes, pipeline.Outcome{Key: c.Key, Status: status})
			}
		}
	}
	if len(outcomes) > 0 {
		err = errors.Join(err, confirm(outcomes))
	}
	return err
}

// sift refuses the changes whose key the table cannot hold.
func sift(batch []pipeline.Change) (fit []pipeline.Change, refused []pipeline.Outcome) {
	unfit := func(c pipeline.Change) bool { return !fits(c.Key) }
	if !slices.ContainsFunc(batch, unfit) {
		return batch, nil
	}
	for _, c := range batch {
		if !unfit(c) {
			fit = append(fit, c)
			continue
		}
		refused = append(refused, pipeline.Outcome{
			Key: c.Key, Status: pipeline.Refused, Code: "KEY_UNFIT", Class: pipeline.Terminal,
			Message: fmt.Sprintf("the history takes keys of up to %d bytes of text", maxScoreKey),
		})
	}
	return fit, refused
}

// fits says whether the table has room for a key.
func fits(key string) bool {
	return len(key) <= maxScoreKey && !strings.ContainsRune(key, 0) && utf8.ValidString(key)
}

// append sends a batch once, or twice where the table had to be created. The status says what the server made of it:
// NotSent if nothing.
func (w *scoreWriter) append(ctx context.Context, batch []pipeline.Change) (status pipeline.Status, err error) {
	defer func() {
		if err != nil {
			w.hangUp()
		}
	}()
	if w.session == nil {
		if w.session, err = w.connector.open(ctx, w.logger); err != nil {
			return pipeline.NotSent, err
		}
	}
	if err = w.preserve(ctx, batch); err != nil {
		return pipeline.NotSent, err
	}
	statement := w.statement(batch)
	err = w.insert(ctx, statement)
	if isMissing(err) {
		if err = w.create(ctx, w.session, w.run.ID, w.table); err == nil {
			err = w.insert(ctx, statement)
		}
	}
	query, failed := errors.AsType[*queryError](err)
	switch {
	case !failed:
		w.session.log.Debug("scores appended", "rows", len(batch))
		return pipeline.Accepted, nil
	case query.doubtful:
		return pipeline.Unknown, err
	default:
		return pipeline.NotSent, err
	}
}

// insert sends an INSERT and notes where it may have been carried out in spite of its error.
func (w *scoreWriter) insert(ctx context.Context, st historyStatement) error {
	err := w.exec(ctx, w.session, w.run.ID, st)
	query, failed := errors.AsType[*queryError](err)
	if failed && pgconn.SafeToRetry(query.cause) {
		return err // it never left
	}
	w.calls.Add(1)
	if failed {
		query.doubtful = inDoubt(query.cause)
	}
	return err
}

// inDoubt says whether a statement that left may have been carried out. Only an error of the statement, not of the
// connection or of the whole server, tells that it was not.
func inDoubt(err error) bool {
	pg, answered := errors.AsType[*pgconn.PgError](err)
	return !answered || pg.Severity != "ERROR" || strings.HasPrefix(pg.Code, "08") || pg.Code == "40003"
}

func (w *scoreWriter) statement(batch []pipeline.Change) historyStatement {
	st := historyStatement{place: fmt.Sprintf("insert into %s.%s", w.schema, w.table.name), text: w.table.insert(w.schema, len(batch))}
	v := &st.values
	*v = make(values, 0, len(w.table.shared)+len(batch)*len(w.table.columns))
	v.text(w.run.Job)
	v.text(w.model)
	v.integer(w.run.Version)
	v.instant(w.run.AsOf)
	v.text(w.run.ID)
	for _, c := range batch {
		v.text(c.Key)
		v.integer(int64(c.Score.Score))
		v.text(c.Grade)
		v.float(c.Probability)
	}
	return st
}

// Newest reads the newest score of each key before it yields the first: the server holds a slot until then, and its
// order of text need not be that of bytes. A history that does not exist is empty.
func (h *History) Newest(ctx context.Context, job string, below int64) iter.Seq2[pipeline.Confirmed, error] {
	return func(yield func(pipeline.Confirmed, error) bool) {
		newest, err := h.newest(ctx, job, below)
		if err != nil {
			yield(pipeline.Confirmed{}, err)
			return
		}
		for _, c := range newest {
			if !yield(c, nil) {
				return
			}
		}
	}
}

func (h *History) newest(ctx context.Context, job string, below int64) ([]pipeline.Confirmed, error) {
	newest, err := h.confirmed(ctx, job, h.selectNewest(job, below))
	slices.SortFunc(newest, func(a, b pipeline.Confirmed) int { return cmp.Compare(a.Key, b.Key) })
	return newest, err
}

// selectNewest partitions by the key's length, too: to Redshift, blanks at the end of a text make no difference.
func (h *History) selectNewest(job string, below int64) historyStatement {
	st := historyStatement{
		place: fmt.Sprintf("select from %s.scores", h.schema),
		text: fmt.Sprintf(`/* scored %s history */ SELECT score_key, score, grade, model, version FROM (
    SELECT score_key, score, grade, model, version,
        ROW_NUMBER() OVER (PARTITION BY score_key, LENGTH(score_key) ORDER BY version DESC, run_id DESC) AS recency
    FROM %s.scores WHERE job = $1::VARCHAR(64) AND version < $2::BIGINT) AS numbered
WHERE recency = 1`, plain(job), h.schema),
	}
	st.values.text(job)
	st.values.integer(below)
	return st
}

// confirmed reads all rows of a statement on a session of its own. A history that does not exist is empty.
func (h *History) confirmed(ctx context.Context, job string, st historyStatement) (all []pipeline.Confirmed, err error) {
	log := h.connector.config.Log.With("job", job)
	err = h.restart(ctx, log, func() error {
		s, err := h.connector.open(ctx, log)
		if err != nil {
			return err
		}
		defer s.close()
		all, err = h.readConfirmed(ctx, s, st)
		if isMissing(err) {
			return nil
		}
		return err
	})
	return all, err
}

// readConfirmed reads the rows of a statement: key, score, grade, model and version.
func (h *History) readConfirmed(ctx context.Context, s *session, st historyStatement) ([]pipeline.Confirmed, error) {
	ctx, cancel := h.connector.statement(ctx)
	defer cancel()
	reader := s.conn.ExecParams(ctx, st.text, st.values, nil, nil, nil)
	var all []pipeline.Confirmed
	texts := interned{}
	for reader.NextRow() {
		c, err := confirmedOf(reader.Values(), texts)
		if err != nil {
			cancel()
			_, _ = reader.Close()
			return nil, fmt.Errorf("%s: row %d: %w", st.place, len(all)+1, err)
		}
		all = append(all, c)
	}
	if _, err := reader.Close(); err != nil {
		return nil, newQueryError(ctx, st.place, err)
	}
	return all, nil
}

// interned keeps one string for all its copies: a million rows have a few grades and models.
type interned map[string]string

func (in interned) text(raw []byte) string {
	if s, ok := in[string(raw)]; ok {
		return s
	}
	s := string(raw)
	in[s] = s
	return s
}

func confirmedOf(row [][]byte, texts interned) (pipeline.Confirmed, error) {
	score, err := strconv.Atoi(string(row[1]))
	if err != nil {
		return pipeline.Confirmed{}, errUnreadable
	}
	version, err := strconv.ParseInt(string(row[4]), 10, 64)
	if err != nil {
		return pipeline.Confirmed{}, errUnreadable
	}
	return pipeline.Confirmed{
		Key: string(row[0]), Score: score, Grade: texts.text(row[2]), Model: texts.text(row[3]), Version: version,
	}, nil
}
