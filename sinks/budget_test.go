package sinks_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"

	"scored/pipeline"
	"scored/sinks"
)

// outage is a target that fails as a whole while it is down, and takes one row a request.
type outage struct {
	sinkFunc
	down     bool
	requests int
}

func (o *outage) Write(_ context.Context, _ *pipeline.Run, _ string, changes []pipeline.Change,
	confirm func([]pipeline.Outcome) error) error {
	for _, c := range changes {
		o.requests++
		if o.down {
			return errors.Join(confirm([]pipeline.Outcome{{Key: c.Key, Status: pipeline.Unknown}}), busy)
		}
		if err := confirm([]pipeline.Outcome{{Key: c.Key, Status: pipeline.Accepted}}); err != nil {
			return err
		}
	}
	return nil
}

// Of 20 deliveries to a target that is down, two tries more are made than there are deliveries; what goes well afterwards pays
// for others.
func TestABudgetBoundsWhatIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			budget *sinks.Budget
			want   int
		}{"with a budget": {new(sinks.Budget), 22}, "without": {nil, 20 * backoff.Tries}} {
			target := &outage{down: true}
			patience := backoff
			patience.Budget = c.budget
			sink := sinks.Retry(target, patience, slog.New(slog.DiscardHandler))
			write := func(rows int) error {
				return sink.Write(t.Context(), &pipeline.Run{}, "m@1", many(rows), func([]pipeline.Outcome) error { return nil })
			}
			for range 20 {
				if err := write(5); !errors.Is(err, busy) || pipeline.Later(err) != (c.budget != nil) {
					t.Errorf("%s: error %v, left to the next slot: %t", name, err, pipeline.Later(err))
				}
			}
			if target.requests != c.want {
				t.Errorf("%s: %d requests for 20 deliveries, want %d", name, target.requests, c.want)
			}
			target.down = false
			if err := write(10); err != nil {
				t.Fatal(err)
			}
			target.down, target.requests = true, 0
			if err := write(5); !errors.Is(err, busy) || c.budget != nil && target.requests != 2 {
				t.Errorf("%s: after 10 good requests %d tries, error %v", name, target.requests, err)
			}
		}
	})
}
