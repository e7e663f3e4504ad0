package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// End is how a run ended.
type End string

// The ends of a run.
const (
	OK          End = "ok"          // every row was scored and every change accepted
	Partial     End = "partial"     // some rows were rejected, or some changes not accepted
	Failed      End = "failed"      // nothing was delivered
	Interrupted End = "interrupted" // stopped by a signal, or found open after a crash
)

// Delivery counts what became of a run's scores at a target. Changes = Deferred + Sent + NotSent;
// Sent = Accepted + Refused + Stale + Unprocessed + Unknown.
type Delivery struct {
	Unchanged   int `json:"rows_unchanged"`
	Superseded  int `json:"rows_superseded"`  // the target holds, or may hold, a newer version
	Ahead       int `json:"rows_ahead"`       // of those: a version of a time that has not come yet
	Kept        int `json:"rows_kept"`        // a backfill's: the target holds an older score, which only --deliver would replace
	Quarantined int `json:"rows_quarantined"` // they differ, and wait because the target refused the key lately
	Changes     int `json:"rows_changed"`
	Cleared     int `json:"rows_cleared"`  // of Changes: of leads that left the result
	Deferred    int `json:"rows_deferred"` // of Changes: left for a later run, as the target's daily budget is short
	Sent        int `json:"rows_sent"`
	Accepted    int `json:"rows_accepted"`
	Refused     int `json:"rows_refused"`     // those that may be sent again at once, but failed to the end, among them
	Stale       int `json:"rows_stale"`       // the target holds something newer
	Unprocessed int `json:"rows_unprocessed"` // taken in and given back undone
	Unknown     int `json:"rows_unknown"`
	NotSent     int `json:"rows_not_sent"`
	Created     int `json:"rows_created"` // of Accepted: upserts that inserted a record, an incident
	APICalls    int `json:"api_calls"`
}

func (d *Delivery) add(o Delivery) {
	d.Unchanged += o.Unchanged
	d.Superseded += o.Superseded
	d.Ahead += o.Ahead
	d.Kept += o.Kept
	d.Quarantined += o.Quarantined
	d.Cleared += o.Cleared
	d.Deferred += o.Deferred
	d.Changes += o.Changes
	d.Sent += o.Sent
	d.Accepted += o.Accepted
	d.Refused += o.Refused
	d.Stale += o.Stale
	d.Unprocessed += o.Unprocessed
	d.Unknown += o.Unknown
	d.NotSent += o.NotSent
	d.Created += o.Created
	d.APICalls += o.APICalls
}

// count records one outcome as the target gave it.
func (d *Delivery) count(o Outcome) {
	switch o.Status {
	case Accepted:
		d.Sent++
		d.Accepted++
	case Refused, Retry:
		d.Sent++
		d.Refused++
	case Stale:
		d.Sent++
		d.Stale++
	case Unprocessed:
		d.Sent++
		d.Unprocessed++
	case Unknown:
		d.Sent++
		d.Unknown++
	case NotSent:
		d.NotSent++
	}
	if o.Created {
		d.Created++
	}
}

// TargetSummary is one target's part of a run.
type TargetSummary struct {
	Target string `json:"target"`
	Delivery
	Classes  map[string]int `json:"err_classes,omitempty"` // rows that were not accepted, by the word of their [Class]
	Error    string         `json:"error,omitempty"`
	ErrClass string         `json:"err_class,omitempty"` // of Error: the word of its [Class]
}

// Stages holds the duration of each stage in milliseconds. Rows are scored while the next ones are read: Score is what that
// adds.
type Stages struct {
	Read    int64 `json:"read"`  // until the last row was received, but for Score
	Score   int64 `json:"score"` // while reading waited for scoring, and what was left to score and sort after the last row
	Decide  int64 `json:"decide"`
	Deliver int64 `json:"deliver"`
	History int64 `json:"history"`
}

// Summary is the record of a run: one log line, and the ledger's row.
type Summary struct {
	ID          string          `json:"run_id"`
	Job         string          `json:"job"`
	Trigger     Trigger         `json:"trigger"`
	Slot        string          `json:"slot,omitempty"` // RFC 3339, of a scheduled run
	AsOf        time.Time       `json:"as_of"`
	Attempt     int             `json:"attempt"`
	Version     int64           `json:"version"`
	Started     time.Time       `json:"started"`
	Model       string          `json:"model"`
	ModelDigest string          `json:"model_digest"`
	SQLDigest   string          `json:"sql_digest"`
	Read        int             `json:"rows_read"`
	Scored      int             `json:"rows_scored"`
	Rejected    int             `json:"rows_rejected"`
	Delivery                    // the sum over the targets
	Targets     []TargetSummary `json:"targets"`
	History     *TargetSummary  `json:"history,omitempty"` // not in the sum
	Stages      Stages          `json:"stages_ms"`
	Duration    int64           `json:"dur_ms"`
	End         End             `json:"end"`
	Reason      string          `json:"reason,omitempty"`
	Hint        string          `json:"hint,omitempty"` // what the operator can do
}

// end derives how the run ended. One that ran into its deadline was not interrupted: it failed.
func (s *Summary) end(ctx context.Context, err error) End {
	switch {
	case err != nil && errors.Is(ctx.Err(), context.Canceled):
		return Interrupted
	case err != nil && s.Accepted == 0 && !s.reached(), s.Sent > 0 && s.Accepted == 0 && s.Unchanged == 0:
		return Failed
	case err != nil, s.Rejected > 0, s.Accepted < s.Changes, s.Created > 0, s.Ahead > 0, s.unkept() > 0:
		return Partial
	default:
		return OK
	}
}

// Delivered says whether the run was a success as freshness counts it: a complete one, and live. A backfill makes nothing
// fresher.
func (s *Summary) Delivered() bool {
	return s.Complete() && (s.Trigger == Scheduled || s.Trigger == Manual)
}

// Complete says whether the run did for every target, and for the history, what it was made for, but for single rows. A nil
// summary is of a run that did not.
func (s *Summary) Complete() bool {
	if s == nil || s.End != OK && s.End != Partial {
		return false
	}
	failed := func(t TargetSummary) bool { return t.Error != "" }
	return !slices.ContainsFunc(s.Targets, failed) && (s.History == nil || !failed(*s.History))
}

// reached says whether some target was brought up to date, be it by finding nothing to send.
func (s *Summary) reached() bool {
	return slices.ContainsFunc(s.Targets, func(t TargetSummary) bool { return t.Error == "" })
}

// unkept is how many changed scores the history did not take.
func (s *Summary) unkept() int {
	if s.History == nil {
		return 0
	}
	return s.History.Changes - s.History.Accepted
}

// spoil adds a fault to a summary whose end was settled without it.
func (s *Summary) spoil(err error) {
	if s.Reason != "" {
		s.Reason += "; "
	}
	s.Reason += err.Error()
	if s.End == OK {
		s.End = Partial
	}
}

// reason says why the run did not end ok; "" if it did.
func (s *Summary) reason(ctx context.Context, err error) string {
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Sprintf("stopped (%v): %v", context.Cause(ctx), err)
	case err != nil:
		return err.Error()
	case s.Accepted < s.Changes:
		return fmt.Sprintf("%d of %d changes were not accepted", s.Changes-s.Accepted, s.Changes)
	case s.Ahead > 0:
		return fmt.Sprintf("%d leads hold a version that is newer than now: was this machine's clock ahead once?", s.Ahead)
	case s.Created > 0:
		return fmt.Sprintf("%d records were created that were not in the org", s.Created)
	case s.unkept() > 0:
		return fmt.Sprintf("the history did not take %d of %d changed scores", s.unkept(), s.History.Changes)
	case s.Rejected > 0:
		return fmt.Sprintf("%d of %d rows could not be scored", s.Rejected, s.Read)
	default:
		return ""
	}
}
