package main

import (
	"context"
	"sync"
	"time"

	"scored/pipeline"
	"scored/pipeline/ledger"
	"scored/pipeline/schedule"
	"scored/pipeline/status"
)

// board shows the daemon to the status page: the generation in force, the scheduler, and the ledger.
type board struct {
	scheduler *schedule.Scheduler
	ledger    *ledger.Ledger

	mu      sync.Mutex
	process status.Process
	current *generation
}

// lostSince is how far back the page looks for slots that were skipped or missed.
const lostSince = 7 * 24 * time.Hour

var _ status.Board = (*board)(nil)

// use shows another generation, which was read just now.
func (b *board) use(g *generation) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.current, b.process.Refusal, b.process.Reloaded = g, "", time.Now()
}

// refuse shows why the config that was read just now is not in force.
func (b *board) refuse(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.process.Refusal, b.process.Reloaded = err.Error(), time.Now()
	if hint := pipeline.HintOf(err); hint != "" {
		b.process.Refusal += "\n" + hint
	}
}

func (b *board) generation() *generation {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.current
}

// Process implements [status.Board].
func (b *board) Process() status.Process {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.process
}

// Jobs implements [status.Board].
func (b *board) Jobs() []status.Job {
	states := map[string]schedule.JobState{}
	for _, s := range b.scheduler.Snapshot() {
		states[s.Name] = s
	}
	var jobs []status.Job
	for _, j := range b.generation().jobs {
		jobs = append(jobs, j.show(states[j.config.Name]))
	}
	return jobs
}

// show is the job as the page has it.
func (j *daemonJob) show(state schedule.JobState) status.Job {
	shown := status.Job{
		Name: j.config.Name, Schedule: j.policy.Spec.String(), Model: j.runner.Model.Name(), Digest: j.runner.Model.Digest(),
		Next: state.Next, Bound: j.bound(time.Now()), Paused: state.Paused, Why: state.PausedWhy, Trouble: state.Trouble,
	}
	for _, t := range j.runner.Targets {
		shown.Targets = append(shown.Targets, t.Sink.Name())
	}
	if j.runner.Keep != nil {
		shown.Targets = append(shown.Targets, j.runner.Keep.History.Name())
	}
	if !state.Slot.IsZero() {
		shown.Active = &status.Active{Slot: state.Slot, Stage: state.Stage, Since: state.Since}
		if stage := j.stage.Load(); stage != nil && state.Stage == "running" {
			shown.Active.Stage = *stage
		}
	}
	return shown
}

// bound is how old the newest success may be now. Two slots whose runs should have ended by now are one too many.
func (j *daemonJob) bound(now time.Time) time.Duration {
	return now.Sub(j.policy.Spec.Previous(now.Add(-j.runDeadline), 2))
}

// Quotas implements [status.Board].
func (b *board) Quotas() []status.Quota {
	var quotas []status.Quota
	for _, j := range b.generation().jobs {
		for _, org := range j.orgs {
			if u := org.LastUsage(); u.Limit > 0 {
				quotas = append(quotas, status.Quota{Target: org.Name(), Used: u.Used, Limit: u.Limit})
			}
		}
	}
	return quotas
}

// Guards implements [status.Board].
func (b *board) Guards() []status.Guard {
	var guards []status.Guard
	for _, j := range b.generation().jobs {
		for _, org := range j.orgs {
			if ready := org.ready.Load(); ready != nil {
				guards = append(guards, status.Guard{Target: org.Name(), Active: ready.Guarded})
			}
		}
	}
	return guards
}

// Quarantine implements [status.Board].
func (b *board) Quarantine(ctx context.Context, job string) ([]status.Waiting, error) {
	counts, err := b.ledger.Waiting(ctx, job)
	var waiting []status.Waiting
	for _, w := range counts {
		waiting = append(waiting, status.Waiting(w))
	}
	return waiting, err
}

// Runs implements [status.Board].
func (b *board) Runs(ctx context.Context, job string, limit int) ([]pipeline.Record, error) {
	return b.ledger.Runs(ctx, job, limit)
}

// Held implements [status.Board].
func (b *board) Held(ctx context.Context, job string) (*pipeline.Record, error) {
	r, found, err := b.ledger.Held(ctx, job)
	if err != nil || !found {
		return nil, err
	}
	return &r, nil
}

// Lost implements [status.Board].
func (b *board) Lost(ctx context.Context, job string, limit int) ([]pipeline.Span, error) {
	slots, err := b.ledger.Lost(ctx, job, time.Now().Add(-lostSince), limit)
	var lost []pipeline.Span
	for _, s := range slots {
		lost = append(lost, s.Span)
	}
	return lost, err
}
