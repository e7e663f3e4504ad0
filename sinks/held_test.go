package sinks_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"scored/pipeline"
	"scored/sinks"
)

// flaky is a target that settles one more row in every try and does not answer for the others: without a bound, each row
// that is settled would have all the others sent again.
type flaky struct {
	sinkFunc
	sent, tries int
}

func (f *flaky) Write(_ context.Context, _ *pipeline.Run, _ string, changes []pipeline.Change, confirm func([]pipeline.Outcome) error) error {
	f.tries++
	f.sent += len(changes)
	outcomes := make([]pipeline.Outcome, len(changes))
	for i, c := range changes {
		outcomes[i] = pipeline.Outcome{Key: c.Key, Status: pipeline.Unknown}
	}
	outcomes[0].Status = pipeline.Accepted
	return errors.Join(confirm(outcomes), busy)
}

func TestSlowProgressDoesNotSendEverythingOverAndOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rows = 200
		target := &flaky{}
		reported := map[string]int{}
		err := sinks.Retry(target, backoff, slog.New(slog.DiscardHandler)).Write(t.Context(), &pipeline.Run{}, "m@1", many(rows),
			func(outcomes []pipeline.Outcome) error {
				for _, o := range outcomes {
					reported[o.Key]++
				}
				return nil
			})
		if !errors.Is(err, busy) || target.sent > (backoff.Tries+1)*rows {
			t.Errorf("%d rows in %d tries for %d changes, error %v", target.sent, target.tries, rows, err)
		}
		if len(reported) != rows || slices.Max(slices.Collect(maps.Values(reported))) != 1 {
			t.Errorf("%d rows were reported, or one twice", len(reported))
		}
	})
}

func many(rows int) []pipeline.Change {
	changes := make([]pipeline.Change, rows)
	for i := range changes {
		changes[i].Key = fmt.Sprintf("L%08d", i)
	}
	return changes
}

// dice answers each row by chance, in any order, and says nothing of some.
type dice struct {
	sinkFunc
	*rand.Rand
	order bool // the keys came in order, each once, in every try
}

func (d *dice) Write(_ context.Context, _ *pipeline.Run, _ string, changes []pipeline.Change, confirm func([]pipeline.Outcome) error) error {
	d.order = d.order && slices.IsSortedFunc(changes, func(a, b pipeline.Change) int { return strings.Compare(a.Key, b.Key) })
	for _, i := range d.Perm(len(changes)) {
		status := pipeline.Status(d.IntN(int(pipeline.NotSent)))
		if status == 0 {
			continue
		}
		if err := confirm([]pipeline.Outcome{{Key: changes[i].Key, Status: status}}); err != nil {
			return err
		}
	}
	return busy
}

// Whatever comes back, in whatever order: no row twice, none Accepted, Refused or Stale is sent again, and the changes
// themselves stay as they were.
func TestAnyOutcomesInAnyOrder(t *testing.T) {
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) {
			target := &dice{Rand: rand.New(rand.NewPCG(seed, 1)), order: true}
			changes, seen := many(50), map[string]bool{}
			err := sinks.Retry(target, backoff, slog.New(slog.DiscardHandler)).Write(t.Context(), &pipeline.Run{}, "m@1", changes,
				func(outcomes []pipeline.Outcome) error {
					for _, o := range outcomes {
						if seen[o.Key] {
							return errors.New(o.Key + " was reported twice")
						}
						seen[o.Key] = true
					}
					return nil
				})
			if err != nil && !errors.Is(err, busy) || !target.order {
				t.Errorf("seed %d: error %v, in order %t", seed, err, target.order)
			}
			for i, c := range many(50) {
				if changes[i].Key != c.Key {
					t.Fatalf("seed %d: the changes were moved", seed)
				}
			}
		})
	}
}

func TestChangesOutOfOrderAreRefused(t *testing.T) {
	changes := many(3)
	slices.Reverse(changes)
	inner := &target{}
	err := sinks.Retry(inner, backoff, slog.New(slog.DiscardHandler)).Write(t.Context(), &pipeline.Run{}, "m@1", changes, nil)
	if err == nil || len(inner.got) != 0 {
		t.Errorf("error is %v after %d tries", err, len(inner.got))
	}
}

// whole is a target that answers in requests of 10,000 and keeps nothing: at first it answers for no row but the locked,
// of which there are 1,000, then for all.
type whole struct {
	sinkFunc
	tries int
	peak  uint64
}

func (w *whole) Write(_ context.Context, _ *pipeline.Run, _ string, changes []pipeline.Change, confirm func([]pipeline.Outcome) error) error {
	w.tries++
	outcomes := make([]pipeline.Outcome, 0, 10_000)
	for block := range slices.Chunk(changes, cap(outcomes)) {
		outcomes = outcomes[:0]
		for i, c := range block {
			switch o := (pipeline.Outcome{Key: c.Key, Status: pipeline.Accepted}); {
			case w.tries == 2 && i%1000 == 0:
				outcomes = append(outcomes, pipeline.Outcome{Key: c.Key, Status: pipeline.Retry, Code: "UNABLE_TO_LOCK_ROW"})
			case w.tries == 1:
				o.Status = pipeline.Unknown
				fallthrough
			default:
				outcomes = append(outcomes, o)
			}
		}
		if err := confirm(outcomes); err != nil {
			return err
		}
	}
	w.look()
	return nil
}

// look measures what is held.
func (w *whole) look() { w.peak = max(w.peak, heap()) }

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestAMillionChangesTakeLittleMemory(t *testing.T) {
	changes := many(1_000_000)
	before, confirms := heap(), 0
	target := &whole{}
	b := sinks.Backoff{Tries: 3, First: time.Nanosecond, Max: time.Nanosecond}
	err := sinks.Retry(target, b, slog.New(slog.DiscardHandler)).Write(t.Context(), &pipeline.Run{}, "m@1", changes,
		func([]pipeline.Outcome) error {
			if confirms++; confirms%50 == 0 {
				target.look()
			}
			return nil
		})
	if grown := target.peak - before; err != nil || target.tries != 3 || grown > 16<<20 {
		t.Errorf("%d tries took %d MB beside the changes, error %v", target.tries, grown>>20, err)
	}
	runtime.KeepAlive(changes)
}
