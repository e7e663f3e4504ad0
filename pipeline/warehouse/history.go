package warehouse

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"scored/pipeline"
)

const (
	// maxParameters is how many a statement may have on Redshift.
	maxParameters = 32_767
	// historyAttempts is higher than a script's: jobs that end at the same time append to the same table.
	historyAttempts = 6
	// When a run is told to stop, the statement on its way may end by itself this long. Then it is canceled, and what
	// the server says to that is waited for, and in the end the session's farewell.
	defaultPatience = time.Second
	defaultAnswer   = 2 * time.Second
	historyFarewell = 2 * time.Second
)

// History appends runs and changed scores to tables in the warehouse; it is a [pipeline.History]. Each call works on a
// connection of its own. The tables, and their schema, are created when a statement finds them missing.
type History struct {
	schema           string
	connector        connector
	parameters       int           // the most that a statement has
	patience, answer time.Duration // see their defaults
	calls            atomic.Int64
}

// NewHistory checks the config; it does not connect. Errors are of class Configuration.
func NewHistory(cfg Config, schema string) (*History, error) {
	if !regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`).MatchString(schema) {
		return nil, misconfigured("warehouse.history_schema is not a plain name",
			"Use lower-case letters, digits and underscores, a letter first: scored.")
	}
	cfg = cfg.withDefaults()
	driver, err := cfg.driver()
	if err != nil {
		return nil, err
	}
	h := &History{schema: schema, connector: newConnector(driver, cfg), parameters: maxParameters, patience: defaultPatience, answer: defaultAnswer}
	driver.BuildContextWatcherHandler = h.watcher
	h.connector.attempts, h.connector.farewell = historyAttempts, historyFarewell
	h.connector.backoff = spread
	return h, nil
}

// watcher says what happens to a statement on its way when its context ends.
func (h *History) watcher(conn *pgconn.PgConn) ctxwatch.Handler {
	return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, CancelRequestDelay: h.patience, DeadlineDelay: h.patience + h.answer}
}

// spread is exponential, less up to half of it, so that those who collided do not meet again.
func spread(attempt int) time.Duration {
	d := exponential(attempt)
	return d - rand.N(d/2)
}

// Name returns "history".
func (h *History) Name() string { return "history" }

// Preflight returns the same identity for every warehouse and does not connect: whether the tables can be written shows
// when they are, and a run without changes costs nothing. That the history is in another place than before is no reason
// to refuse to write there; see [History.Shape].
func (h *History) Preflight(context.Context) (pipeline.Ready, error) {
	return pipeline.Ready{Identity: h.Name()}, nil
}

// Shape tells one place of the history from another: in a new one, every score is to be appended again.
func (h *History) Shape() string {
	d := h.connector.driver
	return fmt.Sprintf("%s:%d/%s %s", d.Host, d.Port, d.Database, h.schema)
}

// Calls returns how many INSERT statements have brought scores to the server so far.
func (h *History) Calls() int { return int(h.calls.Load()) }

func (h *History) hints() hints {
	return hints{
		denied: fmt.Sprintf(`Let an administrator run: CREATE SCHEMA IF NOT EXISTS %[1]s; GRANT USAGE, CREATE ON SCHEMA %[1]s TO "%[2]s"; `+
			`and, for tables that another user made, GRANT SELECT, INSERT, DELETE ON ALL TABLES IN SCHEMA %[1]s TO "%[2]s". `+
			`Or keep no history: warehouse.history_schema: ""`, h.schema, h.connector.driver.User),
		mistake: fmt.Sprintf("A table in schema %s is not as this version makes it: rename that table, and run once with --full: a new one is made.", h.schema),
		data:    fmt.Sprintf("A value does not fit its column in schema %s: was the table made by hand?", h.schema),
	}
}

// restart is the connector's, with the history's hints.
func (h *History) restart(ctx context.Context, log *slog.Logger, attempt func() error) error {
	return h.connector.restart(ctx, log, h.hints(), attempt)
}

// log returns the logger for what is done for a run.
func (h *History) log(runID, job string) *slog.Logger {
	return h.connector.config.Log.With("run_id", runID, "job", job)
}

// historyStatement is an SQL statement for the history's session.
type historyStatement struct {
	place  string // for messages
	text   string
	values values
}

// exec runs a statement, labelled with what it is for, on the session. Its errors are *queryError.
func (h *History) exec(ctx context.Context, s *session, label string, st historyStatement) error {
	ctx, cancel := h.connector.statement(ctx)
	defer cancel()
	text := fmt.Sprintf("/* scored %s history */ %s", plain(label), st.text)
	if _, err := s.conn.ExecParams(ctx, text, st.values, nil, nil, nil).Close(); err != nil {
		return newQueryError(ctx, st.place, err)
	}
	return nil
}

// create makes a table where it is missing, and the schema where that is missing: who may create tables in a schema may
// not be allowed to create schemas. Another run may do the same at the same time.
func (h *History) create(ctx context.Context, s *session, label string, r relation) error {
	table := historyStatement{
		place: fmt.Sprintf("create table %s.%s", h.schema, r.name),
		text:  strings.ReplaceAll(r.ddl, "{schema}", h.schema),
	}
	schema := historyStatement{place: "create schema " + h.schema, text: "CREATE SCHEMA IF NOT EXISTS " + h.schema}
	for attempt := 1; ; attempt++ {
		err := h.exec(ctx, s, label, table)
		if queryCode(err) == "3F000" {
			if err = h.exec(ctx, s, label, schema); err == nil {
				continue
			}
		}
		if err == nil {
			s.log.Info("history table created", "table", h.schema+"."+r.name)
			return nil
		}
		if attempt > 3 || !isRace(err) {
			return err
		}
	}
}

// isMissing says whether a statement failed for a table or a schema that does not exist.
func isMissing(err error) bool {
	code := queryCode(err)
	return code == "42P01" || code == "3F000"
}

// isRace says whether something could not be created because another session did so in between.
func isRace(err error) bool {
	switch queryCode(err) {
	case "23505", "42P06", "42P07", "42710":
		return true
	default:
		return false
	}
}

// relation is one of the history's tables.
type relation struct {
	name    string
	ddl     string
	shared  []column // those that have the same value in every row of an INSERT
	columns []column
}

// column is a column of a table with its type there. A value is cast to it, because without a length Redshift's VARCHAR
// is one of 256 bytes.
type column struct{ name, typ string }

// rows returns how many rows an INSERT of so many parameters has room for.
func (r relation) rows(parameters int) int { return (parameters - len(r.shared)) / len(r.columns) }

// insert renders the INSERT of so many rows. Its parameters are the shared values, then the rows.
func (r relation) insert(schema string, rows int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "INSERT INTO %s.%s (", schema, r.name)
	all := slices.Concat(r.shared, r.columns)
	for i, c := range all {
		b.WriteString(separator(i) + c.name)
	}
	b.WriteString(") VALUES ")
	next := len(r.shared)
	for row := range rows {
		b.WriteString(separator(row) + "(")
		for i, c := range all {
			parameter := i + 1
			if i >= len(r.shared) {
				next++
				parameter = next
			}
			fmt.Fprintf(&b, "%s$%d::%s", separator(i), parameter, c.typ)
		}
		b.WriteByte(')')
	}
	return b.String()
}

func separator(i int) string {
	if i == 0 {
		return ""
	}
	return ", "
}

var _ pipeline.History = (*History)(nil)
