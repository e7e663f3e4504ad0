package main

import (
	"context"
	"fmt"
	"time"

	"scored/pipeline"
	"scored/pipeline/policy"
)

// percent is a share of the time.
type percent int

// after returns how long to rest after work so that no more than the share is worked.
func (p percent) after(worked time.Duration) time.Duration {
	return worked * time.Duration(100-p) / time.Duration(p)
}

// rest lets others have the warehouse after a window. What is being read ahead is read to its end before, and counts as work.
func (b *backfill) rest(ctx context.Context, s *pipeline.Summary) {
	if b.duty >= 100 || s == nil {
		return
	}
	worked := time.Duration(s.Duration) * time.Millisecond
	start := time.Now()
	b.ahead.pause()
	defer b.ahead.resume()
	rest := b.duty.after(worked + time.Since(start))
	b.job.console.windows(b.begun, len(b.todo), "resting until "+time.Now().Add(rest).Format(time.TimeOnly))
	timer := time.NewTimer(rest)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// short says when the backfill may go on that had more to send than the API budget leaves it.
func (b *backfill) short(ctx context.Context, s *pipeline.Summary) string {
	const goOn = "the same command goes on"
	at, err := b.reopens(ctx, s)
	switch {
	case err != nil: // how it stands can be asked for
		return "the API budget leaves nothing more to a backfill: `scored budget` shows it; " + goOn
	case at.IsZero():
		return "the API budget leaves nothing to a backfill while others and live runs use what they use: `scored budget` shows it; " + goOn
	default:
		return fmt.Sprintf("the API budget leaves nothing to a backfill before %s: what live runs usually take in 24 hours is theirs; %s",
			at.UTC().Add(time.Minute-1).Truncate(time.Minute).Format("2006-01-02 15:04 UTC"), goOn)
	}
}

// reopens returns when there is a request again for the first target that lacked some, the zero time if that can't be foreseen.
func (b *backfill) reopens(ctx context.Context, s *pipeline.Summary) (at time.Time, err error) {
	for i, t := range s.Targets {
		if t.Deferred == 0 {
			continue
		}
		meter := b.job.runner.Targets[i].Meter
		budget, err := readBudget(ctx, b.path, b.cfg, b.job.ledger, meter)
		if err != nil {
			return at, err
		}
		spent, err := b.job.ledger.Spent(ctx, time.Now().Add(-24*time.Hour))
		if err != nil {
			return at, err
		}
		return policy.Reopens(budget, spent.Extras, b.cfg.Salesforce.APIReserve, meter.Cost(1)), nil
	}
	return at, nil
}
