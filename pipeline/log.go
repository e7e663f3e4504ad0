package pipeline

import (
	"log/slog"
)

// logRows writes a line per row that did not make it: an operator finds the lead by its key, and the reason beside it.
func logRows(log *slog.Logger, rejected []Rejection, refused []RefusedRow) {
	for _, r := range rejected {
		log.Warn("row rejected", "key", r.Key, "reason", r.Reason)
	}
	for _, r := range refused {
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
		"end", s.End, "slot", s.Slot, "as_of", s.AsOf, "model", s.Model, "model_digest", s.ModelDigest, "sql_digest", s.SQLDigest,
		"rows_read", s.Read, "rows_scored", s.Scored, "rows_rejected", s.Rejected,
		"rows_unchanged", s.Unchanged, "rows_superseded", s.Superseded, "rows_sent", s.Sent,
		"rows_accepted", s.Accepted, "rows_refused", s.Refused, "rows_unknown", s.Unknown, "rows_not_sent", s.NotSent,
		"rows_created", s.Created, "api_calls", s.APICalls, "stages_ms", s.Stages, "dur_ms", s.Duration,
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
