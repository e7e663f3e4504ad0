package pipeline

import (
	"context"
	"time"
)

// Computed is what a run as of an instant would make of the dataprep result.
type Computed struct {
	Read     int
	Scores   []Score // in ascending order of key
	Rejected []Rejection
}

// Compute reads as of an instant and scores, and asks no target and no ledger. What it needs of the Runner are Source and
// Model.
func (r *Runner) Compute(ctx context.Context, asOf time.Time) (*Computed, error) {
	run, err := NewRun(r.Job, Request{Trigger: Manual, AsOf: asOf}, MaxAttempt, time.Now())
	if err != nil {
		return nil, err
	}
	alone := &Runner{Job: r.Job, Source: r.Source, Model: r.Model, Log: r.Log, Progress: r.Progress}
	recall := alone.recall(ctx, false)
	defer recall.end()
	s := newSummary(run)
	got, err := alone.score(ctx, run, recall, s)
	if err != nil {
		return nil, err
	}
	return &Computed{Read: s.Read, Scores: got.scores, Rejected: got.rejected}, nil
}
