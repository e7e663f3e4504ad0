package status_test

import (
	"context"
	"os"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/status"
)

func TestShots(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	slot := now.Truncate(15 * time.Minute)
	mk := func(state string) *board {
		b := quarters(now)
		b.quotas = []status.Quota{{Target: "salesforce", Used: 1234, Limit: 100000}}
		for i := 40; i >= 0; i-- {
			at := slot.Add(-time.Duration(i) * 15 * time.Minute)
			switch {
			case state == "stale" && i < 5:
				b.ended(at, pipeline.Failed, func(s *pipeline.Summary) {
					s.Targets, s.Stages = nil, pipeline.Stages{}
					s.Scored, s.Read, s.Duration = 0, 0, 30512
					s.Reason = "read dataprep result: connect to warehouse redshift.example.com:5439: dial tcp 10.1.2.3:5439: connect: connection refused (4 attempts in 30s)"
				})
			case state == "behind" && i < 2:
				b.ended(at, pipeline.Failed, func(s *pipeline.Summary) {
					down(s)
					s.Targets[0].Changes, s.Targets[0].NotSent, s.Targets[0].Unchanged = 5301, 5301, 36000
					s.Reason = "deliver to salesforce: POST /services/data/v66.0/composite/sobjects: 503 Service Unavailable after 4 tries"
				})
			case i == 9:
				b.ended(at, pipeline.Partial, func(s *pipeline.Summary) {
					s.Targets[0].Accepted, s.Targets[0].Refused = 988, 12
					s.Reason = "12 of 1000 changes were not accepted"
				})
			case i == 14:
				b.ended(at, pipeline.Interrupted, func(s *pipeline.Summary) {
					s.Reason = "stopped (terminated): deliver to salesforce: context canceled"
				})
			case i == 17:
				b.ended(at, pipeline.OK, by(pipeline.Manual), func(s *pipeline.Summary) { s.Duration = 2345 })
			default:
				b.ended(at, pipeline.OK, func(s *pipeline.Summary) { s.Targets[0].Sent = 100 + i*37; s.Targets[0].Accepted = s.Targets[0].Sent })
			}
		}
		b.lost = []pipeline.Span{
			{First: slot.Add(-5 * time.Hour), Last: slot.Add(-5 * time.Hour), Count: 1, Fate: pipeline.Skipped, Reason: "the run before was still going"},
			{First: slot.Add(-26 * time.Hour), Last: slot.Add(-16 * time.Hour), Count: 41, Fate: pipeline.Missed, Reason: "the daemon was not running"},
		}
		switch state {
		case "paused":
			b.jobs[0].Paused, b.jobs[0].Why = now.Add(-3*time.Hour), "undo of lead_scoring-20261122T131500Z-0: the campaign flag was wrong, ask Petra before resuming"
		case "running":
			b.jobs[0].Active = &status.Active{Slot: slot, Stage: "deliver to salesforce", Since: now.Add(-83 * time.Second)}
			b.runs[len(b.runs)-1].Ended = time.Time{}
			b.runs[len(b.runs)-1].End = ""
			b.runs[len(b.runs)-1].Summary = nil
			second := b.jobs[0]
			second.Name, second.Active = "churn", nil
			b.jobs = append(b.jobs, second)
			b.lost = nil
		case "refused":
			b.process.Reloaded = now.Add(-4 * time.Minute)
			b.process.Refusal = "/etc/scored/scored.yaml:47: unknown key jobs[0].targets[0].externalid\n  -> the key is external_id; `scored check` reads the file as the daemon does"
		case "empty":
			b.runs, b.lost = nil, nil
			b.process.Started = now.Add(-40 * time.Second)
		}
		return b
	}
	for _, state := range []string{"fresh", "stale", "paused", "running", "refused", "empty", "behind"} {
		body := get(status.New(mk(state), quiet()), "/").body
		check(t, os.WriteFile("/tmp/status-shots/"+state+".html", []byte(body), 0o644))
	}
	if os.Getenv("SERVE") == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Second)
	defer cancel()
	done := make(chan error)
	states := []string{"fresh", "stale", "paused", "running", "refused", "empty", "behind"}
	for i, state := range states {
		l, err := status.Listen("127.0.0.1:1946" + string(rune('0'+i)))
		check(t, err)
		go func() { done <- status.New(mk(state), quiet()).Serve(ctx, l) }()
	}
	for range states {
		check(t, <-done)
	}
}
