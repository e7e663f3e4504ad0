package pipeline

import (
	"fmt"
	"time"
)

// MaxAttempt is the last attempt at one as-of that a version has room for.
const MaxAttempt = 999

// Run is the identity of one attempt at a slot.
type Run struct {
	ID      string
	Job     string
	Slot    time.Time // the schedule's instant; zero for a run started by hand
	AsOf    time.Time // UTC, whole seconds: what the dataprep script sees as now
	Attempt int       // 0 for the first run at this as-of
	Version int64     // newer beats older
	Started time.Time
}

// NewRun names an attempt at asOf, which loses its fraction of a second. The version is asOf in Unix milliseconds x
// 1000 + attempt: below 2^53 until the year 2255, so that Salesforce, which holds numbers as doubles, keeps it exactly.
func NewRun(job string, slot, asOf time.Time, attempt int, started time.Time) (*Run, error) {
	asOf = asOf.UTC().Truncate(time.Second)
	if attempt < 0 || attempt > MaxAttempt {
		return nil, fmt.Errorf("run %s as of %s: attempt %d is outside 0-%d", job, asOf.Format(time.RFC3339), attempt, MaxAttempt)
	}
	return &Run{
		ID:      fmt.Sprintf("%s-%s-%d", job, asOf.Format("20060102T150405Z"), attempt),
		Job:     job,
		Slot:    slot,
		AsOf:    asOf,
		Attempt: attempt,
		Version: asOf.UnixMilli()*1000 + int64(attempt),
		Started: started.UTC(),
	}, nil
}
