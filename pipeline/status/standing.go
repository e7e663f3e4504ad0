package status

import (
	"context"
	"fmt"
	"slices"
	"time"

	"scored/pipeline"
)

// How far back runs are searched for the last success: the far past only if the near one has none. A year of one job every
// 15 minutes is 35,000 runs.
const (
	firstLook = 100
	lastLook  = 100_000
)

// standing is where a job stands by its runs, whichever process made them.
type standing struct {
	success *pipeline.Record // the delivered run with the newest as-of; nil if there is none
	last    *pipeline.Record // the newest live run that ended; nil if there is none
	arrears []arrears        // in the order of the job's targets
}

// arrears is what a target has not got.
type arrears struct {
	target  string
	backlog int       // changes that are due to it, of the newest run that compared scores with what it holds
	since   time.Time // the end of the last run that left nothing unsent; zero if the newest run left nothing
}

// stand looks up where the job stands.
func stand(ctx context.Context, board Board, job Job) (standing, error) {
	for limit := firstLook; ; limit *= 10 {
		runs, err := board.Runs(ctx, job.Name, limit)
		if err != nil {
			return standing{}, fmt.Errorf("read the runs of %s: %w", job.Name, err)
		}
		s := standingOf(job, runs)
		if s.success != nil || len(runs) < limit || limit >= lastLook {
			return s, nil
		}
	}
}

// standingOf reads it off the runs, which come newest first. Backfills make nothing fresher, and what they leave unsent is
// older than what the next live run sends.
func standingOf(job Job, runs []pipeline.Record) standing {
	live := slices.DeleteFunc(slices.Clone(runs), func(r pipeline.Record) bool {
		return r.Ended.IsZero() || r.Trigger != pipeline.Scheduled && r.Trigger != pipeline.Manual
	})
	var s standing
	for i := range live {
		if r := &live[i]; r.Summary.Delivered() && (s.success == nil || r.AsOf.After(s.success.AsOf)) {
			s.success = r
		}
	}
	if len(live) > 0 {
		s.last = &live[0]
	}
	for _, target := range job.Targets {
		s.arrears = append(s.arrears, arrearsOf(target, live))
	}
	return s
}

// arrearsOf looks at one target's part of the runs. A run that ended before it came to the target says nothing.
func arrearsOf(target string, live []pipeline.Record) arrears {
	a := arrears{target: target}
	compared := false
	for _, r := range live {
		for _, t := range parts(r.Summary) {
			if t.Target != target {
				continue
			}
			if !compared && (t.Error == "" || t.Changes+t.Unchanged+t.Superseded+t.Kept+t.Quarantined > 0) {
				compared, a.backlog = true, t.Changes-t.Accepted-t.Stale
			}
			if t.Error != "" || unsent(t) {
				a.since = r.Started // at least; the run before may tell better
				continue
			}
			if !a.since.IsZero() {
				a.since = r.Ended
			}
			if compared {
				return a
			}
		}
	}
	return a
}

// unsent says whether the run left at the target what it should have sent. That the daily budget lets only the largest
// changes through is no fault, as long as it lets any.
func unsent(t pipeline.TargetSummary) bool {
	return t.NotSent+t.Unknown+t.Unprocessed > 0 || t.Deferred > 0 && t.Sent == 0
}

// parts are what went to the targets and to the history.
func parts(s *pipeline.Summary) []pipeline.TargetSummary {
	switch {
	case s == nil:
		return nil
	case s.History == nil:
		return s.Targets
	default:
		return append(slices.Clip(s.Targets), *s.History)
	}
}
