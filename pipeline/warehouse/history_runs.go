package warehouse

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"scored/pipeline"
	"scored/sql/history"
)

// maxReason is how many bytes of a reason the run log has room for.
const maxReason = 4096

// runLog is the table of runs; addRun fills its columns in this order.
func runLog() relation {
	r := relation{name: "runs", ddl: history.Runs, columns: []column{
		{"run_id", "VARCHAR(128)"}, {"job", "VARCHAR(64)"}, {"run_trigger", "VARCHAR(16)"}, {"slot", "TIMESTAMP"}, {"as_of", "TIMESTAMP"},
		{"attempt", "INTEGER"}, {"version", "BIGINT"}, {"started", "TIMESTAMP"}, {"ended", "TIMESTAMP"},
		{"outcome", "VARCHAR(16)"}, {"reason", fmt.Sprintf("VARCHAR(%d)", maxReason)},
		{"model", "VARCHAR(128)"}, {"model_digest", "VARCHAR(64)"}, {"sql_digest", "VARCHAR(64)"},
	}}
	for _, name := range []string{
		"rows_read", "rows_scored", "rows_rejected", "rows_unchanged", "rows_superseded", "rows_ahead", "rows_kept", "rows_changed",
		"rows_sent", "rows_accepted", "rows_refused", "rows_unknown", "rows_not_sent", "rows_created", "api_calls",
	} {
		r.columns = append(r.columns, column{name, "INTEGER"})
	}
	for _, name := range []string{"read_ms", "score_ms", "decide_ms", "deliver_ms", "history_ms", "dur_ms"} {
		r.columns = append(r.columns, column{name, "BIGINT"})
	}
	return r
}

func (v *values) addRun(r *pipeline.Record) {
	v.text(r.ID)
	v.text(r.Job)
	v.optional(string(r.Trigger))
	v.instant(r.Slot)
	v.instant(r.AsOf)
	v.integer(int64(r.Attempt))
	v.integer(r.Version)
	v.instant(r.Started)
	v.instant(r.Ended)
	v.optional(string(r.End))
	v.optional(cut(r.Reason, maxReason))
	v.addSummary(r.Summary)
}

// addSummary fills the columns from model on; a run whose process died has no summary.
func (v *values) addSummary(s *pipeline.Summary) {
	if s == nil {
		const columns = 3 + 15 + 6
		for range columns {
			v.null()
		}
		return
	}
	v.text(s.Model)
	v.text(s.ModelDigest)
	v.text(s.SQLDigest)
	for _, n := range []int{
		s.Read, s.Scored, s.Rejected, s.Unchanged, s.Superseded, s.Ahead, s.Kept, s.Changes,
		s.Sent, s.Accepted, s.Refused, s.Unknown, s.NotSent, s.Created, s.APICalls,
	} {
		v.integer(int64(n))
	}
	for _, ms := range []int64{s.Stages.Read, s.Stages.Score, s.Stages.Decide, s.Stages.Deliver, s.Stages.History, s.Duration} {
		v.integer(ms)
	}
}

// AppendRuns replaces the runs' rows in one transaction, which begins again after a conflict or a lost connection.
func (h *History) AppendRuns(ctx context.Context, runs []pipeline.Record) error {
	if len(runs) == 0 {
		return nil
	}
	last := runs[len(runs)-1]
	log := h.log(last.ID, last.Job)
	return h.restart(ctx, log, func() error { return h.appendRuns(ctx, log, last.ID, runs) })
}

func (h *History) appendRuns(ctx context.Context, log *slog.Logger, label string, runs []pipeline.Record) error {
	s, err := h.connector.open(ctx, log)
	if err != nil {
		return err
	}
	defer s.close()
	table := runLog()
	err = h.replaceRuns(ctx, s, label, table, runs)
	if isMissing(err) {
		if err = h.create(ctx, s, label, table); err == nil {
			err = h.replaceRuns(ctx, s, label, table, runs)
		}
	}
	if err == nil {
		s.log.Debug("runs appended", "rows", len(runs))
	}
	return err
}

// replaceRuns does not leave it to the server's default how the transaction is isolated: one of an earlier attempt, whose
// connection was lost, may still be about to end.
func (h *History) replaceRuns(ctx context.Context, s *session, label string, table relation, runs []pipeline.Record) error {
	statements := []historyStatement{{place: "begin", text: "BEGIN ISOLATION LEVEL SERIALIZABLE"}}
	for batch := range slices.Chunk(runs, table.rows(h.parameters)) {
		statements = append(statements, h.deleteRuns(table, batch), h.insertRuns(table, batch))
	}
	statements = append(statements, historyStatement{place: fmt.Sprintf("commit to %s.%s", h.schema, table.name), text: "COMMIT"})
	for _, st := range statements {
		if err := h.exec(ctx, s, label, st); err != nil {
			_ = h.exec(ctx, s, label, historyStatement{place: "roll back", text: "ROLLBACK"}) // or the session's end does it
			return err
		}
	}
	return nil
}

func (h *History) deleteRuns(table relation, batch []pipeline.Record) historyStatement {
	st := historyStatement{place: fmt.Sprintf("delete from %s.%s", h.schema, table.name)}
	var b strings.Builder
	fmt.Fprintf(&b, "DELETE FROM %s.%s WHERE run_id IN (", h.schema, table.name)
	for i, r := range batch {
		fmt.Fprintf(&b, "%s$%d::%s", separator(i), i+1, table.columns[0].typ)
		st.values.text(r.ID)
	}
	b.WriteByte(')')
	st.text = b.String()
	return st
}

func (h *History) insertRuns(table relation, batch []pipeline.Record) historyStatement {
	st := historyStatement{place: fmt.Sprintf("insert into %s.%s", h.schema, table.name), text: table.insert(h.schema, len(batch))}
	for i := range batch {
		st.values.addRun(&batch[i])
	}
	return st
}
