package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

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
