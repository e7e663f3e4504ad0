package pipeline

import (
	"context"
	"log/slog"
)

const (
	// maxRowLines bounds the lines about single rows: when every row is bad, the first thousand say so.
	maxRowLines = 1000
	// maxAlike bounds those about rows of which a target said the same.
	maxAlike = 10
)

// answer is what a target said of rows.
type answer struct {
	target string
	status Status
	class  Class
	code   string
}

// logRows writes a line per row that did not make it: an operator finds the lead by its key, and the reason beside it. So
// many more were refused as cut says.
func logRows(log *slog.Logger, rejected []Rejection, refused []RefusedRow, cut int) {
	for _, r := range rejected[:min(len(rejected), maxRowLines)] {
		log.Warn("row rejected", "key", r.Key, "reason", r.Reason)
	}
	created, rows := 0, map[answer]int{}
	var answers []answer // in the order in which they came
	for i := range refused {
		r := &refused[i]
		if r.Created {
			if created++; created <= maxRowLines {
				log.Error("a record was created that nobody asked for: the lead was not in the org", "target", r.Target, "key", r.Key)
			}
			continue
		}
		a := answer{r.Target, r.Status, r.Class, r.Code}
		if rows[a]++; rows[a] == 1 {
			answers = append(answers, a)
		}
		if rows[a] <= maxAlike {
			log.Log(context.Background(), levelOf(r.Status), "row not accepted", a.attributes("key", r.Key, "fields", r.Fields)...)
		}
	}
	for _, a := range answers {
		if rows[a] > maxAlike {
			log.Log(context.Background(), levelOf(a.status), "more rows had the same answer than are logged one by one",
				a.attributes("rows", rows[a])...)
		}
	}
	if more := max(len(rejected)-maxRowLines, 0) + max(created-maxRowLines, 0) + cut; more > 0 {
		log.Warn("more rows did not make it than are logged one by one", "rows_not_logged", more)
	}
}

// attributes are those of a line about the answer, and more.
func (a answer) attributes(more ...any) []any {
	attrs := []any{"target", a.target, "outcome", a.status.String(), "code", a.code}
	if a.class != 0 {
		attrs = append(attrs, "err_class", a.class.String())
	}
	return append(attrs, more...)
}

// levelOf is the level of a row's line: that the target holds something newer is no fault.
func levelOf(s Status) slog.Level {
	if s == Stale {
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

// logSummary writes the run's one summary line.
func logSummary(log *slog.Logger, s *Summary, err error) {
	attrs := []any{
		"end", s.End, "trigger", s.Trigger, "as_of", s.AsOf, "model", s.Model, "model_digest", s.ModelDigest, "sql_digest", s.SQLDigest,
		"rows_read", s.Read, "rows_scored", s.Scored, "rows_rejected", s.Rejected,
		"rows_unchanged", s.Unchanged, "rows_superseded", s.Superseded, "rows_ahead", s.Ahead, "rows_kept", s.Kept,
		"rows_quarantined", s.Quarantined, "rows_changed", s.Changes, "rows_cleared", s.Cleared, "rows_deferred", s.Deferred,
		"rows_sent", s.Sent, "rows_accepted", s.Accepted, "rows_refused", s.Refused, "rows_stale", s.Stale,
		"rows_unprocessed", s.Unprocessed, "rows_unknown", s.Unknown, "rows_not_sent", s.NotSent, "rows_created", s.Created,
		"api_calls", s.APICalls, "stages_ms", s.Stages, "dur_ms", s.Duration,
	}
	if s.Slot != "" {
		attrs = append(attrs, "slot", s.Slot)
	}
	if s.Undone != "" {
		attrs = append(attrs, "undone", s.Undone)
	}
	if s.History != nil {
		attrs = append(attrs, "history", s.History)
	}
	if len(s.Findings) > 0 {
		attrs = append(attrs, "findings", s.Findings)
	}
	if s.Reason != "" {
		attrs = append(attrs, "reason", s.Reason)
	}
	if class := ClassOf(err); class != 0 {
		attrs = append(attrs, "err_class", class.String())
	}
	if hint := s.hint(err); hint != "" {
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
