package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"scored/pipeline"
	"scored/pipeline/policy"
)

// dead is a ledger and an org whose run died after it had handed all of [five] over.
func dead(t *testing.T, status pipeline.Status) (*memory, *org, *pipeline.Runner) {
	t.Helper()
	ledger, sink := newMemory(), &org{left: map[string][]pipeline.Outcome{}}
	r := runner(five(), ledger)
	r.Targets = []pipeline.Target{whole(sink)}
	run, err := ledger.Begin(t.Context(), r.Job, pipeline.Request{AsOf: asOf})
	if err != nil {
		t.Fatal(err)
	}
	var changes []pipeline.Change
	for _, row := range five().rows {
		changes = append(changes, pipeline.Change{Score: pipeline.Score{Key: row.key, Score: int(row.value), Grade: "A"}})
		sink.left[run.ID] = append(sink.left[run.ID], pipeline.Outcome{Key: row.key, Status: status})
	}
	if err := ledger.Intend(t.Context(), run, "org", identity{}.Name(), changes); err != nil {
		t.Fatal(err)
	}
	ledger.calls = nil
	return ledger, sink, r
}

func TestWhatADeadRunLeftIsSettledBeforeScoresAreCompared(t *testing.T) {
	for _, decide := range []pipeline.Decide{everything, policy.Delta} {
		var log bytes.Buffer
		ledger, sink, r := dead(t, pipeline.Accepted)
		r.Decide = decide
		r.Log = slog.New(slog.NewJSONHandler(&log, nil))
		s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf})
		if err != nil || s.End != pipeline.OK || s.Unchanged != 5 || len(sink.written) != 0 {
			t.Errorf("ended %s with %d unchanged, sent %v, %v", s.End, s.Unchanged, sink.written, err)
		}
		if s.APICalls != 1 || s.Accepted != 0 {
			t.Errorf("the dead run's outcomes are counted as this run's, or the request for them is not: %+v", s.Delivery)
		}
		if want := []string{"begin", "settle 5 of lead_scoring-20261122T131500Z-0", "bind 00D", "sweep", "finish ok"}; !slices.Equal(ledger.calls, want) {
			t.Errorf("got  %v\nwant %v", ledger.calls, want)
		}
		if !strings.Contains(log.String(), `"run_id":"lead_scoring-20261122T131500Z-1","job":"lead_scoring","target":"org",`+
			`"of_run":"lead_scoring-20261122T131500Z-0","rows_accepted":5,"rows_refused":0`) {
			t.Errorf("the log: %s", log.String())
		}
	}
}

func TestNothingIsFinishedInAnotherOrg(t *testing.T) {
	ledger, sink, r := dead(t, pipeline.Accepted)
	ledger.foreign = &pipeline.Problem{Class: pipeline.Configuration, Err: errors.New("bound elsewhere")}
	s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf})
	if pipeline.ClassOf(err) != pipeline.Configuration || s.End != pipeline.Failed || len(sink.left) != 1 || len(sink.written) != 0 {
		t.Errorf("ended %s, %d runs left, sent %v, %v", s.End, len(sink.left), sink.written, err)
	}
}

func TestWhatADeadRunLeftUndoneIsSentAgain(t *testing.T) {
	_, sink, r := dead(t, pipeline.Unprocessed)
	s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf})
	if err != nil || s.End != pipeline.OK || s.Accepted != 5 || len(sink.written) != 5 || s.Unprocessed != 0 {
		t.Errorf("ended %s, sent %v, %+v, %v", s.End, sink.written, s.Delivery, err)
	}
}

func TestATargetThatCannotResumeGetsNothingElseAndTheOthersDo(t *testing.T) {
	ledger, sink, r := dead(t, pipeline.Accepted)
	sink.leftErr = &pipeline.Problem{Class: pipeline.TryAgain, Err: errors.New("the job does not end")}
	other := &org{name: "other"}
	h := newHistory()
	r.Targets = append(r.Targets, whole(other))
	r.Keep = &pipeline.Keep{History: h, Decide: everything}
	delete(ledger.intents, "a") // so that there is something to send
	s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf})
	if pipeline.ClassOf(err) != pipeline.TryAgain || s.End != pipeline.Partial ||
		!strings.Contains(s.Reason, "deliver to org: finish what an earlier run left: the job does not end") {
		t.Errorf("ended %s because %q, %v", s.End, s.Reason, err)
	}
	if len(sink.written) != 0 || slices.Contains(ledger.calls, "bind") || s.Targets[0].ErrClass != "transient" {
		t.Errorf("sent %v; the ledger was called %v; %+v", sink.written, ledger.calls, s.Targets[0])
	}
	if s.Targets[1].Error != "" || len(h.written) != 5 {
		t.Errorf("the other target %+v, the history %v", s.Targets[1], h.written)
	}
}

func TestOutcomesOfADeadRunThatCannotBeRecordedStopTheTarget(t *testing.T) {
	ledger, sink, r := dead(t, pipeline.Accepted)
	r.Ledger = &unsettling{ledger}
	s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf})
	if err == nil || s.End != pipeline.Failed || len(sink.written) != 0 || !strings.Contains(s.Reason, "record outcomes of run lead_scoring-20261122T131500Z-0: disk full") {
		t.Errorf("ended %s because %q, sent %v, %v", s.End, s.Reason, sink.written, err)
	}
}

// unsettling is a Ledger that can't settle.
type unsettling struct{ *memory }

func (*unsettling) Settle(context.Context, string, string, []pipeline.Outcome) error {
	return errors.New("disk full")
}

func TestAnOutcomeOfADeadRunIsRecordedEvenIfThisOneIsToStop(t *testing.T) {
	ledger, _, r := dead(t, pipeline.Accepted)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Run(ctx, pipeline.Request{AsOf: asOf}); len(ledger.confirmed) != 5 {
		t.Errorf("confirmed %d, %v", len(ledger.confirmed), err)
	}
}

func TestARecordThatADeadRunCreatedIsAnIncidentOfTheRunThatLearnsOfIt(t *testing.T) {
	ledger, sink, r := dead(t, pipeline.Accepted)
	for _, outcomes := range sink.left {
		outcomes[1].Created = true
		outcomes[2] = pipeline.Outcome{Key: "c", Status: pipeline.Refused, Class: pipeline.Terminal}
	}
	s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf})
	if err != nil || s.End != pipeline.Partial || s.Created != 1 || s.Refused != 0 {
		t.Errorf("ended %s because %q, %+v, %v", s.End, s.Reason, s.Delivery, err)
	}
	if len(ledger.refused) != 2 || !ledger.refused[0].Created || ledger.refused[1].Class != pipeline.Terminal {
		t.Errorf("the ledger has %+v", ledger.refused)
	}
}

func TestADryRunLeavesAtTheTargetWhatIsThere(t *testing.T) {
	ledger, sink, r := dead(t, pipeline.Accepted)
	if _, err := r.DryRun(t.Context(), pipeline.Request{AsOf: asOf}); err != nil || len(sink.left) != 1 || len(ledger.calls) != 0 {
		t.Errorf("left %v, the ledger was called %v, %v", sink.left, ledger.calls, err)
	}
}

// slow is an org that finishes what was left after some time.
type slow struct {
	*org
	takes time.Duration
}

func (s *slow) Resume(
	ctx context.Context, check func(string) error, confirm func(run string, outcomes []pipeline.Outcome) error,
) error {
	if err := check("00D"); err != nil {
		return err
	}
	select {
	case <-time.After(s.takes):
		return s.org.Resume(ctx, func(string) error { return nil }, confirm)
	case <-ctx.Done():
		return ctx.Err()
	}
}

const waiting = `"msg":"waiting for what an earlier run left at the target"`

func TestARunSaysThatItWaitsForWhatAnEarlierOneLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		_, sink, r := dead(t, pipeline.Accepted)
		r.Log = slog.New(slog.NewJSONHandler(&log, nil))
		r.Targets[0].Resumer = &slow{sink, 150 * time.Second}
		var stages []int
		r.Progress = func(stage string, done, _ int) {
			if stage == "finish what was left at org" {
				stages = append(stages, done)
			}
		}
		if s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf}); err != nil || s.End != pipeline.OK {
			t.Errorf("ended %s, %v", s.End, err)
		}
		if n := strings.Count(log.String(), waiting); n != 1 || !slices.Equal(stages, []int{0, 5}) {
			t.Errorf("said %d times; the progress was %v", n, stages)
		}
		log.Reset()
		r.Targets[0].Resumer = sink
		if _, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf}); err != nil || strings.Contains(log.String(), waiting) {
			t.Errorf("nothing was left, %v, and the log has\n%s", err, log.String())
		}
	})
}

func TestARunWhoseTimeIsOverWhileItWaitsSaysWhatItWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, sink, r := dead(t, pipeline.Accepted)
		r.Targets[0].Resumer = &slow{sink, time.Hour}
		ctx, cancel := context.WithTimeoutCause(t.Context(), 14*time.Minute, errors.New("the run deadline of 14m0s passed"))
		defer cancel()
		s, err := r.Run(ctx, pipeline.Request{AsOf: asOf})
		const why = "stopped (the run deadline of 14m0s passed): deliver to org: finish what an earlier run left: context deadline exceeded"
		if s.End != pipeline.Failed || s.Reason != why || pipeline.ClassOf(err) != pipeline.TryAgain {
			t.Errorf("ended %s because %q, %v", s.End, s.Reason, err)
		}
		if s.Read != 0 || len(sink.written) != 0 || !strings.Contains(s.Hint, "the next run goes on waiting") {
			t.Errorf("%d rows were read and %v sent; the hint: %s", s.Read, sink.written, s.Hint)
		}
	})
}
