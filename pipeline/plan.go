package pipeline

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// Plan is what a run would send.
type Plan struct {
	Read, Scored int
	Rejected     []Rejection
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
	s := r.summary(run)
	scores, rejected, err := r.score(ctx, run, req.Full, s)
	if err != nil {
		return nil, err
	}
	plan := &Plan{Read: s.Read, Scored: s.Scored, Rejected: rejected}
	for _, t := range r.Targets {
		name := t.Sink.Name()
		confirmed, _, err := r.foreseen(ctx, t, req.Full)
		if err != nil {
			return nil, err
		}
		decision, err := r.Decide(run, r.Model.Name(), scores, confirmed)
		if err != nil {
			return nil, fmt.Errorf("compare with what %s confirmed: %w", name, err)
		}
		plan.Targets = append(plan.Targets, TargetPlan{Target: name, Decision: decision})
	}
	return plan, nil
}

// doubted is what [Ledger.Doubt] would make of the entries.
func doubted(confirmed iter.Seq2[Confirmed, error]) iter.Seq2[Confirmed, error] {
	return func(yield func(Confirmed, error) bool) {
		for c, err := range confirmed {
			c.Unsure = true
			if !yield(c, err) {
				return
			}
		}
	}
}
