package pipeline_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
)

// history is a History in memory: an org with scores as of then, and a run log.
type history struct {
	org
	shape    string
	newest   []pipeline.Confirmed
	below    int64
	runs     []pipeline.Record
	refuses  error // what AppendRuns returns
	onAppend func()
}

func newHistory() *history { return &history{org: org{name: "history"}} }

func (h *history) Newest(_ context.Context, _ string, below int64) iter.Seq2[pipeline.Confirmed, error] {
	h.below = below
	return func(yield func(pipeline.Confirmed, error) bool) {
		for _, c := range h.newest {
			if !yield(c, nil) {
				return
			}
		}
	}
}

func (h *history) Check(context.Context) (string, error) { return "", nil }

func (h *history) Shape() string { return h.shape }

func (h *history) AppendRuns(_ context.Context, runs []pipeline.Record) error {
	if h.onAppend != nil {
		h.onAppend()
	}
	if h.refuses != nil {
		return h.refuses
	}
	h.runs = append(h.runs, runs...)
	return nil
}

func keeping(h *history, ledger pipeline.Ledger, sinks ...pipeline.Sink) *pipeline.Runner {
	r := runner(five(), ledger, sinks...)
	r.Keep = &pipeline.Keep{History: h, Decide: everything}
	return r
}

func TestChangedScoresAndTheRunGoIntoTheHistory(t *testing.T) {
	h, ledger, target := newHistory(), newMemory(), &org{}
	ledger.unpublished = []pipeline.Record{{Run: pipeline.Run{ID: "an earlier run"}}}
	s, err := keeping(h, ledger, target).Run(t.Context(), pipeline.Request{Trigger: pipeline.Scheduled, Slot: asOf, AsOf: asOf})
	if err != nil || s.End != pipeline.OK {
		t.Fatal(s, err)
	}
	if !slices.Equal(h.written, []string{"a", "b", "c", "d", "e"}) || s.History.Accepted != 5 {
		t.Errorf("the history got %v, and the summary says %+v", h.written, s.History)
	}
	if s.Accepted != 5 || s.APICalls != 3 {
		t.Errorf("the history is counted as a target: %+v", s.Delivery)
	}
	if len(h.runs) != 2 || h.runs[0].ID != "an earlier run" || h.runs[1].ID != s.ID || h.runs[1].End != pipeline.OK || h.runs[1].Summary.Accepted != 5 {
		t.Errorf("the run log got %+v", h.runs)
	}
	if !slices.Equal(ledger.published, []string{"an earlier run", s.ID}) {
		t.Errorf("published: %v", ledger.published)
	}
}

func TestAHistoryThatMovedGetsEverythingOnceMore(t *testing.T) {
	h, ledger := newHistory(), newMemory()
	for _, step := range []struct {
		shape string
		rows  int
	}{{"here", 5}, {"here", 0}, {"there", 5}} {
		h.written = nil
		h.shape = step.shape
		r := keeping(h, ledger)
		if _, err := r.Run(t.Context(), pipeline.Request{Trigger: pipeline.Scheduled, Slot: asOf, AsOf: asOf}); err != nil {
			t.Fatal(err)
		}
		if len(h.written) != step.rows {
			t.Errorf("%s: %d rows appended, want %d", step.shape, len(h.written), step.rows)
		}
	}
}

func TestAHistoryThatFailsMakesTheRunPartialAndKeepsNobodyFromTheirScores(t *testing.T) {
	gone := &pipeline.Problem{Class: pipeline.TryAgain, Err: errors.New("connection reset"), Hint: "wait"}
	for name, breaks := range map[string]func(*history){
		"scores":  func(h *history) { h.err = gone },
		"run log": func(h *history) { h.refuses = gone },
	} {
		t.Run(name, func(t *testing.T) {
			h, ledger, target := newHistory(), newMemory(), &org{}
			breaks(h)
			s, err := keeping(h, ledger, target).Run(t.Context(), pipeline.Request{Trigger: pipeline.Manual, AsOf: asOf})
			if s.End != pipeline.Partial || !strings.Contains(s.Reason, "connection reset") || pipeline.ClassOf(err) != pipeline.TryAgain {
				t.Errorf("ended %s because %q, error %v", s.End, s.Reason, err)
			}
			if len(target.written) != 5 || ledger.summary.End != pipeline.Partial {
				t.Errorf("the target got %v, the ledger %+v", target.written, ledger.summary)
			}
			if name == "run log" && len(ledger.published) > 0 {
				t.Errorf("noted as published: %v", ledger.published)
			}
		})
	}
}

func TestABackfillIsHeldAgainstTheHistoryAsOfThen(t *testing.T) {
	h, ledger := newHistory(), newMemory()
	h.newest = []pipeline.Confirmed{{Key: "a", Score: 10}, {Key: "b", Score: 99}}
	ledger.confirmed["c"] = pipeline.Confirmed{Key: "c", Score: 30} // what a live run put there later
	s, err := keeping(h, ledger).Run(t.Context(), pipeline.Request{Trigger: pipeline.Fill, AsOf: asOf})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(h.written, []string{"b", "c", "d", "e"}) || h.below != s.Version {
		t.Errorf("the history got %v of the scores below version %d", h.written, h.below)
	}
}

func TestARunWithoutARead(t *testing.T) {
	h := newHistory()
	r := keeping(h, newMemory())
	r.Source = &table{err: errors.New("warehouse down")}
	if _, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf}); err == nil {
		t.Fatal("no error")
	}
	if len(h.runs) != 0 {
		t.Error("the warehouse is down, and the run waited for it a second time")
	}
}

func TestAPanicEndsItsRunOnly(t *testing.T) {
	ledger := newMemory()
	r := runner(five(), ledger, &org{onRequest: func() { panic("index out of range") }})
	s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf})
	if err == nil || s.End != pipeline.Failed || !strings.Contains(s.Reason, "panic: index out of range") || pipeline.HintOf(err) == "" {
		t.Errorf("ended %s because %q, error %v", s.End, s.Reason, err)
	}
	if ledger.summary == nil || ledger.summary.End != pipeline.Failed {
		t.Error("the ledger was not told")
	}
}

func TestADeadlineIsAFailureAndASignalIsNot(t *testing.T) {
	tests := []struct {
		name string
		ctx  func(context.Context) (context.Context, context.CancelFunc)
		end  pipeline.End
	}{
		{"deadline", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithDeadlineCause(ctx, time.Unix(0, 0), errors.New("the run deadline of 14m0s passed"))
		}, pipeline.Failed},
		{"signal", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			cancel(errors.New("terminated"))
			return ctx, func() {}
		}, pipeline.Interrupted},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := tt.ctx(t.Context())
			defer cancel()
			s, err := runner(five(), newMemory(), &org{}).Run(ctx, pipeline.Request{AsOf: asOf})
			if err == nil || s.End != tt.end || !strings.Contains(s.Reason, context.Cause(ctx).Error()) {
				t.Errorf("ended %s because %q", s.End, s.Reason)
			}
		})
	}
}

// A run that finds nothing to send has brought its targets up to date, and a history that fails does not change that.
func TestAHistoryThatFailsIsNoFailureOfARunWithoutChanges(t *testing.T) {
	h, ledger := newHistory(), newMemory()
	r := keeping(h, ledger, &org{})
	if _, err := r.Run(t.Context(), pipeline.Request{Trigger: pipeline.Scheduled, Slot: asOf, AsOf: asOf}); err != nil {
		t.Fatal(err)
	}
	h.refuses = &pipeline.Problem{Class: pipeline.Configuration, Err: errors.New("permission denied for schema scored")}
	h.preflight = h.refuses
	s, err := r.Run(t.Context(), pipeline.Request{Trigger: pipeline.Scheduled, Slot: asOf.Add(time.Minute), AsOf: asOf.Add(time.Minute)})
	if err == nil || s.End != pipeline.Partial || s.Unchanged != 5 || s.Complete() {
		t.Errorf("ended %s because %q, with %d unchanged", s.End, s.Reason, s.Unchanged)
	}
}

func TestARunInThePastIsHeldAgainstTheHistoryOfThen(t *testing.T) {
	h, ledger := newHistory(), newMemory()
	r := keeping(h, ledger)
	for _, at := range []time.Time{asOf, asOf.Add(-time.Hour)} {
		h.written = nil
		s, err := r.Run(t.Context(), pipeline.Request{Trigger: pipeline.Manual, AsOf: at})
		if err != nil || len(h.written) != 5 {
			t.Errorf("as of %s the history got %v, %v", at, h.written, err)
		}
		if at.Before(asOf) && h.below != s.Version {
			t.Errorf("it was held against the scores below version %d", h.below)
		}
	}
}

func TestWhatTheHistoryRefusesIsTold(t *testing.T) {
	h, ledger := newHistory(), newMemory()
	h.answer = func(key string) pipeline.Outcome {
		if key == "c" {
			return pipeline.Outcome{Key: key, Status: pipeline.Refused, Code: "KEY_UNFIT", Class: pipeline.Terminal}
		}
		return pipeline.Outcome{Key: key, Status: pipeline.Accepted}
	}
	s, err := keeping(h, ledger, &org{}).Run(t.Context(), pipeline.Request{Trigger: pipeline.Scheduled, Slot: asOf, AsOf: asOf})
	if err != nil || s.End != pipeline.Partial || !strings.Contains(s.Reason, "1 of 5 changed scores") {
		t.Errorf("ended %s because %q, error %v", s.End, s.Reason, err)
	}
	if len(ledger.refused) != 1 || ledger.refused[0].Target != "history" || ledger.refused[0].Key != "c" {
		t.Errorf("the ledger has %+v", ledger.refused)
	}
}

func TestAPanicAfterTheDeliveryLeavesNoRunOpen(t *testing.T) {
	h, ledger := newHistory(), newMemory()
	h.onAppend = func() { panic("nil map") }
	s, err := keeping(h, ledger, &org{}).Run(t.Context(), pipeline.Request{Trigger: pipeline.Scheduled, Slot: asOf, AsOf: asOf})
	if err == nil || s.End != pipeline.Partial || !strings.Contains(s.Reason, "panic: nil map") {
		t.Errorf("ended %s because %q, error %v", s.End, s.Reason, err)
	}
	if ledger.summary == nil {
		t.Error("the ledger was not told")
	}
}

// What a backfill appends between two runs depends on the later one: the history must have been told of it.
func TestABackfillPublishesEarlierRunsFirst(t *testing.T) {
	h, ledger := newHistory(), newMemory()
	ledger.unpublished = []pipeline.Record{{Run: pipeline.Run{ID: "an earlier run"}}}
	published := 0
	h.onRequest = func() { published = len(h.runs) }
	if _, err := keeping(h, ledger).Run(t.Context(), pipeline.Request{Trigger: pipeline.Fill, AsOf: asOf}); err != nil {
		t.Fatal(err)
	}
	if published != 1 || !slices.Contains(ledger.published, "an earlier run") {
		t.Errorf("%d runs were published before the first score", published)
	}
}
