package pipeline

import (
	"log/slog"
)

// maxRowLines bounds the lines about single rows of one kind: when every row is bad, the first thousand say so.
const maxRowLines = 1000

// logRows writes a line per row that did not make it: an operator finds the lead by its key, and the reason beside it.
func logRows(log *slog.Logger, rejected []Rejection, refused []RefusedRow) {
	if more := max(len(rejected)-maxRowLines, 0) + max(len(refused)-maxRowLines, 0); more > 0 {
		log.Warn("more rows did not make it than are logged one by one", "rows_not_logged", more)
	}
	for _, r := range rejected[:min(len(rejected), maxRowLines)] {
		log.Warn("row rejected", "key", r.Key, "reason", r.Reason)
	}
	for _, r := range refused[:min(len(refused), maxRowLines)] {
		if r.Created {
			log.Error("a record was created that nobody asked for: the lead was not in the org", "target", r.Target, "key", r.Key)
		} else {
			log.Warn("row not accepted", "target", r.Target, "key", r.Key, "outcome", r.Status.String(), "code", r.Code, "fields", r.Fields)
		}
	}
}

// logSummary writes the run's one summary line.
func logSummary(log *slog.Logger, s *Summary, err error) {
	attrs := []any{
		"end", s.End, "trigger", s.Trigger, "as_of", s.AsOf, "model", s.Model, "model_digest", s.ModelDigest, "sql_digest", s.SQLDigest,
		"rows_read", s.Read, "rows_scored", s.Scored, "rows_rejected", s.Rejected,
		"rows_unchanged", s.Unchanged, "rows_superseded", s.Superseded, "rows_ahead", s.Ahead, "rows_kept", s.Kept, "rows_sent", s.Sent,
		"rows_accepted", s.Accepted, "rows_refused", s.Refused, "rows_unknown", s.Unknown, "rows_not_sent", s.NotSent,
		"rows_created", s.Created, "api_calls", s.APICalls, "stages_ms", s.Stages, "dur_ms", s.Duration,
	}
	if s.Slot != "" {
		attrs = append(attrs, "slot", s.Slot)
	}
	if s.History != nil {
		attrs = append(attrs, "history", s.History)
	}
	if s.Reason != "" {
		attrs = append(attrs, "reason", s.Reason)
	}
	if hint := HintOf(err); hint != "" {
		attrs = append(attrs, "hint", hint)
	}
	switch s.End {
	case OK:
		log.Info("run ended", attrs...)
	case Partial:
		log.Warn("run ended", attrs...)
	default:
		log.Error("run ended", attrs...)
	}
}
