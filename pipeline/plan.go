package pipeline

import (
	"context"
	"fmt"
	"time"
)

// Plan is what a run would send.
type Plan struct {
	Read, Scored int
	Rejected     []Rejection
	Findings     []Finding // for which the run would be held
	Targets      []TargetPlan
}

// TargetPlan is what a run would send to one target.
type TargetPlan struct {
	Target string
	Decision
}

// DryRun reads, scores and decides as [Runner.Run] does, and writes nothing: not to the targets, not to the ledger.
func (r *Runner) DryRun(ctx context.Context, req Request) (*Plan, error) {
	// The last attempt of the as-of: a real run would be newer than those before it, and so is this one.
	run, err := NewRun(r.Job, req, MaxAttempt, time.Now())
	if err != nil {
		return nil, err
	}
	s := newSummary(run)
	recall := r.recall(ctx, req.Full)
	defer recall.end()
	got, err := r.score(ctx, run, recall, s)
	if err != nil {
		return nil, err
	}
	verdict, err := r.judge(ctx, run, s, got, recall)
	if err != nil {
		return nil, err
	}
	plan := &Plan{Read: s.Read, Scored: s.Scored, Rejected: got.rejected, Findings: verdict.Findings}
	if err := got.empty(); err != nil && len(plan.Findings) == 0 {
		return nil, err
	}
	found := r.found(got)
	for i, t := range r.Targets {
		name := t.Sink.Name()
		found.Clear = t.Clear
		decision, err := r.Decide(run, r.Model.Name(), found, recall.of(i, recall.targets[i].doubtful))
		if err != nil {
			return nil, fmt.Errorf("compare with what %s confirmed: %w", name, err)
		}
		plan.Targets = append(plan.Targets, TargetPlan{Target: name, Decision: decision})
	}
	return plan, nil
}
