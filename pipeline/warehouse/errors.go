package warehouse

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"scored/pipeline"
)

// queryError is what the server said to a statement, or that it said nothing. It does not unwrap to the driver's error,
// whose text may quote data.
type queryError struct {
	place    string // what was being done, or where in which script
	cause    error
	doubtful bool // it may have been done all the same: to ask again could do it twice
}

// newQueryError tells why a statement failed. What the server said stands; what the driver says once a limit of this
// side's has ended ctx is the limit's doing.
func newQueryError(ctx context.Context, place string, err error) *queryError {
	silence, ended := errors.AsType[*unanswered](context.Cause(ctx))
	if _, answered := errors.AsType[*pgconn.PgError](err); ended && !answered {
		err = silence
	}
	return &queryError{place: place, cause: err}
}

// unanswered is a limit of this side's that passed before the server had said all.
type unanswered struct{ limit time.Duration }

func (e *unanswered) Error() string {
	return fmt.Sprintf("the warehouse did not answer to the end within %s", e.limit)
}

// timedOut says whether a limit of this side's is the reason.
func (e *queryError) timedOut() bool {
	_, ok := errors.AsType[*unanswered](e.cause)
	return ok
}

func (e *queryError) Error() string { return e.place + ": " + describe(e.cause) }

// describe returns the text of an error of the driver without the data that the server may have quoted.
func describe(err error) string {
	if silence, ok := errors.AsType[*unanswered](err); ok {
		return silence.Error()
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return "the connection was lost: " + err.Error()
	}
	message := pg.Message
	if !namesSchemaOnly(pg) {
		message = withoutValues(message)
	}
	return fmt.Sprintf("%s (SQLSTATE %s)", message, pg.Code)
}

// namesSchemaOnly says whether messages of this class quote the script and the catalog, and never rows.
func namesSchemaOnly(pg *pgconn.PgError) bool {
	if len(pg.Code) != 5 {
		return false
	}
	switch pg.Code[:2] {
	case "08", "0A", "25", "26", "28", "34", "3D", "3F", "40", "42", "53", "54", "55", "57", "58":
		return true
	default:
		return pg.Message == "1023"
	}
}

// withoutValues cuts a message where a value may begin: at a quote, a colon, a bracket or a digit.
func withoutValues(message string) string {
	if i := strings.IndexAny(message, `"':;([{0123456789`); i >= 0 {
		return strings.TrimSpace(message[:i]) + " ... (the rest is withheld, it may quote data)"
	}
	return message
}

// restartable says whether all may begin again at once on a new connection.
func (e *queryError) restartable() bool { return e.passing() && !e.doubtful }

// passing says whether the same may succeed at once on a new connection. A silent server has had its time.
func (e *queryError) passing() bool {
	if e.timedOut() {
		return false
	}
	pg, ok := errors.AsType[*pgconn.PgError](e.cause)
	if !ok {
		return true // the connection was lost
	}
	switch {
	case pg.Code == "XX000" && pg.Message == "1023", // Redshift's serializable isolation violation
		pg.Code == "40P01", pg.Code == "40001",
		strings.HasPrefix(pg.Code, "08"),
		pg.Code == "57P01", pg.Code == "57P02", pg.Code == "57P03",
		strings.Contains(pg.Message, "conflict with concurrent transaction"),
		strings.Contains(pg.Message, "could not open relation with OID"):
		return true
	default:
		return false
	}
}

// hints are what the operator can do about errors that depend on what was asked of the server.
type hints struct {
	denied  string // the user lacks a right
	mistake string // the statement does not fit the warehouse
	data    string // a value does not fit the statement
}

var scriptHints = hints{
	denied:  "Grant the warehouse's user the right to read this.",
	mistake: "Edit the script at this place.",
	data:    "A row holds a value that the expression cannot take: guard it with CASE or NULLIF.",
}

// problem gives the error its class. Data that a statement cannot digest (22xxx) has none: tomorrow's rows may pass, and
// nothing but the script or the data can mend today's.
func (e *queryError) problem(h hints) error {
	if e.passing() {
		return &pipeline.Problem{Class: pipeline.TryAgain, Err: e, Hint: "The warehouse was busy or gone; the next slot tries again."}
	}
	if e.timedOut() {
		return &pipeline.Problem{Class: pipeline.TryAgain, Err: e,
			Hint: "The cluster hangs, or the network lost the connection without a word: look at the cluster's state and " +
				"for a firewall that drops idle connections; the next slot tries again."}
	}
	code := e.code()
	switch {
	case code == "57014":
		return &pipeline.Problem{Class: pipeline.TryAgain, Err: e, Hint: "The statement ran, or queued, for longer than warehouse.statement_timeout, " +
			"or was canceled: look at the WLM queue, or raise the timeout."}
	case code == "42501":
		return &pipeline.Problem{Class: pipeline.Configuration, Err: e, Hint: h.denied}
	case strings.HasPrefix(code, "28"), strings.HasPrefix(code, "3D"):
		return &pipeline.Problem{Class: pipeline.Configuration, Err: e,
			Hint: "Check user, password and database in warehouse.url."}
	case strings.HasPrefix(code, "42"), strings.HasPrefix(code, "0A"), strings.HasPrefix(code, "3F"):
		return &pipeline.Problem{Class: pipeline.Configuration, Err: e, Hint: h.mistake}
	case strings.HasPrefix(code, "22"):
		return &pipeline.Problem{Err: e, Hint: h.data}
	default:
		return e
	}
}

// code returns the server's SQLSTATE, "" if the server said nothing.
func (e *queryError) code() string { return sqlState(e.cause) }

// queryCode returns the SQLSTATE of a statement's error, "" for others.
func queryCode(err error) string {
	if query, ok := errors.AsType[*queryError](err); ok {
		return query.code()
	}
	return ""
}

func sqlState(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}

// isUndefined says whether the server does not know what was named.
func isUndefined(err error) bool { return sqlState(err) == "42704" }
