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
	Held        End = "held"        // the guard found it suspicious: nothing was sent, and a person is waited for
	Failed      End = "failed"      // nothing was delivered
	Interrupted End = "interrupted" // stopped by a signal, or found open after a crash
)

// TargetSummary is one target's part of a run.
type TargetSummary struct {
	Target string `json:"target"`
	Delivery
	Classes  map[string]int `json:"err_classes,omitempty"` // rows that were not accepted, by the word of their [Class]
	Error    string         `json:"error,omitempty"`
	ErrClass string         `json:"err_class,omitempty"` // of Error: the word of its [Class]
}

func (t *TargetSummary) fail(err error) { t.Error, t.ErrClass = err.Error(), ClassOf(err).String() }

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
	Undone      string          `json:"undone,omitempty"` // the run that an undo took back
	Model       string          `json:"model"`
	ModelDigest string          `json:"model_digest"`
	SQLDigest   string          `json:"sql_digest"`
	Read        int             `json:"rows_read"`
	Scored      int             `json:"rows_scored"`
	Rejected    int             `json:"rows_rejected"`
	Delivery                    // the sum over the targets
	Targets     []TargetSummary `json:"targets"`
	History     *TargetSummary  `json:"history,omitempty"`  // not in the sum
	Findings    []Finding       `json:"findings,omitempty"` // of the guard, for which it is held
	Profile     *Profile        `json:"-"`                  // of a run that was judged
	Cut         int             `json:"-"`                  // rows that were not accepted and are not even given to the ledger
	Stages      Stages          `json:"stages_ms"`
	Duration    int64           `json:"dur_ms"`
	End         End             `json:"end"`
	Reason      string          `json:"reason,omitempty"`
	Hint        string          `json:"hint,omitempty"` // what the operator can do
}

func newSummary(run *Run) *Summary {
	slot := ""
	if !run.Slot.IsZero() {
		slot = run.Slot.UTC().Format(time.RFC3339)
	}
	return &Summary{
		ID: run.ID, Job: run.Job, Trigger: run.Trigger, Slot: slot, AsOf: run.AsOf, Attempt: run.Attempt, Version: run.Version,
		Started: run.Started,
	}
}

// end derives how the run ended. One that ran into its deadline was not interrupted: it failed. Changes that were deferred
// make it partial, for reps see old scores meanwhile. What a target holds in a newer version is as it should be, and a key
// in quarantine was told when it was refused; but where that is all there is, nothing was delivered.
func (s *Summary) end(ctx context.Context, err error) End {
	switch {
	case len(s.Findings) > 0:
		return Held
	case err != nil && errors.Is(ctx.Err(), context.Canceled):
		return Interrupted
	case err != nil && s.Accepted == 0 && !s.reached(), s.Sent+s.Quarantined > 0 && !s.stands():
		return Failed
	case err != nil, s.Rejected > 0, s.missing() > 0, s.Deferred > 0, s.Created > 0, s.Ahead > 0, s.unkept() > 0:
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

// stands says whether the targets took a change, or hold what they should.
func (s *Summary) stands() bool { return s.Accepted+s.Stale+s.Unchanged+s.Superseded+s.Kept > 0 }

// missing is how many changes should have been accepted and were not.
func (s *Summary) missing() int { return s.Changes - s.Deferred - s.Accepted - s.Stale }

// due says whether a target was not brought up to date, but for a tenth of what was to change at most.
func (s *Summary) due() bool {
	return slices.ContainsFunc(s.Targets, func(t TargetSummary) bool {
		return t.Error != "" || 10*(t.Changes-t.Accepted-t.Stale) > t.Changes
	})
}

// open is the largest share of the scored leads that a target did not take: all of them where it did not come to a decision.
func (s *Summary) open() (share float64) {
	for _, t := range s.Targets {
		if t.Error != "" && t.Changes == 0 {
			return 1
		}
		share = max(share, float64(t.Changes-t.Accepted-t.Stale)/float64(max(1, s.Scored)))
	}
	return share
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
	case s.missing() > 0:
		return fmt.Sprintf("%d of %d changes were not accepted", s.missing(), s.Changes)
	case s.Sent == 0 && s.Quarantined > 0 && !s.stands():
		return fmt.Sprintf("the targets take none of the scores: all %d are in quarantine", s.Quarantined)
	case s.Deferred > 0:
		return fmt.Sprintf("%d of %d changes were deferred: the budget of requests is short", s.Deferred, s.Changes)
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

// hint says what the operator can do; "" if nothing.
func (s *Summary) hint(err error) string {
	if hint := HintOf(err); hint != "" || s.Deferred == 0 {
		return hint
	}
	return "the largest changes went first, the rest is sent as the budget allows; see what uses it: scored budget"
}
