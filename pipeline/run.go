package pipeline

import (
	"fmt"
	"time"
)

// MaxAttempt is the last attempt at one as-of that a version has room for.
const MaxAttempt = 999

// Trigger says what a run is made for.
type Trigger string

// The triggers of runs.
const (
	Scheduled Trigger = "schedule" // for a slot, by the daemon
	Manual    Trigger = "manual"   // by hand
	Fill      Trigger = "fill"     // for a backfill window: history, and leads without a live score
	Backfill  Trigger = "backfill" // for a backfill window, delivered like any other run
	Undo      Trigger = "undo"     // by hand: brings back what another run replaced
)

// Run is the identity of one attempt at a slot.
type Run struct {
	ID      string
	Job     string
	Trigger Trigger
	Slot    time.Time // the schedule's instant; zero for a run that is not Scheduled
	AsOf    time.Time // UTC, whole seconds: what the dataprep script sees as now
	Attempt int       // 0 for the first run at this as-of
	Version int64     // newer beats older
	Started time.Time
	Behind  bool // as of an earlier instant than a live run before it: no measure for the next ones
}

// live says whether the run is for the scores of its moment, and not one of a backfill's or an undo.
func (r *Run) live() bool { return r.Trigger == Scheduled || r.Trigger == Manual }

// precedes says whether the run is as of an earlier instant than one before it. What is as of a time to come was so by a clock
// that was ahead.
func (r *Run) precedes(asOf time.Time) bool { return r.AsOf.Before(asOf) && !asOf.After(r.Started) }

// backfills says whether the run is one of a backfill's.
func (r *Run) backfills() bool { return r.Trigger == Fill || r.Trigger == Backfill }

// Request says which run is wanted.
type Request struct {
	Trigger Trigger
	Slot    time.Time // of a Scheduled run
	AsOf    time.Time
	Full    bool // send every score, changed or not
}

// NewRun names the attempt at the request's as-of, which loses its fraction of a second. The version is the as-of in Unix
// milliseconds x 1000 + attempt: below 2^53 until the year 2255, so that Salesforce, which holds numbers as doubles, keeps
// it exactly.
func NewRun(job string, req Request, attempt int, started time.Time) (*Run, error) {
	asOf := req.AsOf.UTC().Truncate(time.Second)
	if attempt < 0 || attempt > MaxAttempt {
		return nil, fmt.Errorf("run %s as of %s: attempt %d is outside 0-%d", job, asOf.Format(time.RFC3339), attempt, MaxAttempt)
	}
	return &Run{
		ID:      fmt.Sprintf("%s-%s-%d", job, asOf.Format("20060102T150405Z"), attempt),
		Job:     job,
		Trigger: req.Trigger,
		Slot:    req.Slot,
		AsOf:    asOf,
		Attempt: attempt,
		Version: asOf.UnixMilli()*1000 + int64(attempt),
		Started: started.UTC(),
	}, nil
}
