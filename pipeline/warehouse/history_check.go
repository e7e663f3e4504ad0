package warehouse

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"scored/pipeline"
)

// Check asks, without writing, whether runs could append to the history, and says what they will find there. What is
// missing is a Configuration problem with the GRANT that mends it.
func (h *History) Check(ctx context.Context) (found string, err error) {
	log := h.connector.config.Log
	err = h.restart(ctx, log, func() error {
		s, err := h.connector.open(ctx, log)
		if err != nil {
			return err
		}
		defer s.close()
		found, err = h.look(ctx, s)
		return err
	})
	return found, err
}

func (h *History) look(ctx context.Context, s *session) (string, error) {
	schema, err := h.truth(ctx, s, "SELECT COUNT(*) > 0 FROM pg_namespace WHERE nspname = '{schema}'")
	if err != nil {
		return "", err
	}
	if !schema {
		return h.allowed(ctx, s, "its schema and tables will be made", "SELECT has_database_privilege(current_database(), 'CREATE')")
	}
	tables, err := h.truth(ctx, s, "SELECT COUNT(*) = 2 FROM pg_tables WHERE schemaname = '{schema}' AND tablename IN ('runs', 'scores')")
	if err != nil {
		return "", err
	}
	if !tables {
		return h.allowed(ctx, s, "its tables will be made",
			"SELECT has_schema_privilege('{schema}', 'USAGE') AND has_schema_privilege('{schema}', 'CREATE')")
	}
	return h.allowed(ctx, s, "its tables can be written", `SELECT has_schema_privilege('{schema}', 'USAGE')
    AND has_table_privilege('{schema}.scores', 'SELECT') AND has_table_privilege('{schema}.scores', 'INSERT')
    AND has_table_privilege('{schema}.runs', 'SELECT') AND has_table_privilege('{schema}.runs', 'INSERT')
    AND has_table_privilege('{schema}.runs', 'DELETE')`)
}

// allowed returns found if the question about rights is answered with yes.
func (h *History) allowed(ctx context.Context, s *session, found, question string) (string, error) {
	yes, err := h.truth(ctx, s, question)
	if err == nil && !yes {
		err = &pipeline.Problem{Class: pipeline.Configuration,
			Err: fmt.Errorf("the warehouse's user may not write the history in schema %s", h.schema), Hint: h.hints().denied}
	}
	return found, err
}

// truth asks a question whose answer is a boolean; the schema's name is a plain one, and so safe in it.
func (h *History) truth(ctx context.Context, s *session, question string) (bool, error) {
	ctx, cancel := h.connector.statement(ctx)
	defer cancel()
	const place = "ask for the rights on the history"
	results, err := s.exec(ctx, strings.ReplaceAll(question, "{schema}", h.schema))
	if err != nil {
		return false, newQueryError(ctx, place, err)
	}
	if len(results) != 1 || len(results[0].Rows) != 1 {
		return false, errors.New(place + ": it gave no row")
	}
	return string(results[0].Rows[0][0]) == "t", nil
}
