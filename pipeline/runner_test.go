package pipeline_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"scored/pipeline"
)

var asOf = time.Date(2026, 11, 22, 13, 15, 0, 0, time.UTC)

func runner(source pipeline.Source, ledger pipeline.Ledger, sinks ...pipeline.Sink) *pipeline.Runner {
	r := &pipeline.Runner{
		Job: "lead_scoring", Source: source, Model: identity{}, Decide: everything, Ledger: ledger,
		Log: slog.New(slog.DiscardHandler),
	}
	for _, s := range sinks {
		r.Targets = append(r.Targets, pipeline.Target{Sink: s, Settle: 30 * time.Second})
	}
	return r
}

func five() *table {
	return &table{rows: []row{{"e", 50}, {"a", 10}, {"c", 30}, {"b", 20}, {"d", 40}}}
}

func TestRunEnds(t *testing.T) {
	down := &pipeline.Problem{Class: pipeline.TryAgain, Err: errors.New("503")}
	refuse := func(keys string) func(string) pipeline.Outcome {
		return func(key string) pipeline.Outcome {
			if strings.Contains(keys, key) {
				return pipeline.Outcome{Key: key, Status: pipeline.Refused, Code: "FIELD_CUSTOM_VALIDATION_EXCEPTION"}
			}
			return pipeline.Outcome{Key: key, Status: pipeline.Accepted}
		}
	}
	tests := []struct {
		name   string
		source *table
		org    *org
		end    pipeline.End
		reason string // part of it
		counts pipeline.Delivery
	}{
		{"all accepted", five(), &org{}, pipeline.OK, "",
			pipeline.Delivery{Changes: 5, Sent: 5, Accepted: 5, APICalls: 3}},
		{"a row rejected by the contract", &table{rows: []row{{"a", 10}, {"b", math.NaN()}}}, &org{}, pipeline.Partial, "1 of 2 rows could not be scored",
			pipeline.Delivery{Changes: 1, Sent: 1, Accepted: 1, APICalls: 1}},
		{"a row refused by the target", five(), &org{answer: refuse("b")}, pipeline.Partial, "1 of 5 changes were not accepted",
			pipeline.Delivery{Changes: 5, Sent: 5, Accepted: 4, Refused: 1, APICalls: 3}},
		{"a first delivery of which every row is refused is no success", five(), &org{answer: refuse("abcde")}, pipeline.Failed, "5 of 5 changes were not accepted",
			pipeline.Delivery{Changes: 5, Sent: 5, Refused: 5, APICalls: 3}},
		{"the target goes down half-way", five(), &org{err: down, failAfter: 1}, pipeline.Partial, "deliver to org: 503",
			pipeline.Delivery{Changes: 5, Sent: 2, Accepted: 2, NotSent: 3, APICalls: 1}},
		{"the target is down", five(), &org{err: down}, pipeline.Failed, "deliver to org: 503",
			pipeline.Delivery{Changes: 5, NotSent: 5}},
		{"preflight refuses", five(), &org{preflight: down}, pipeline.Failed, "deliver to org: 503", pipeline.Delivery{}},
		{"no rows", &table{}, &org{}, pipeline.Failed, "returned no rows", pipeline.Delivery{}},
		{"no row can be scored", &table{rows: []row{{"a", math.NaN()}}}, &org{}, pipeline.Failed, "all 1 rows were rejected", pipeline.Delivery{}},
		{"the source fails after some rows", &table{rows: five().rows, err: errors.New("reset")}, &org{}, pipeline.Failed, "read dataprep result: reset", pipeline.Delivery{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ledger := newMemory()
			s, err := runner(tt.source, ledger, tt.org).Run(t.Context(), pipeline.Request{AsOf: asOf})
			if s.End != tt.end || !strings.Contains(s.Reason, tt.reason) || (tt.reason == "") != (s.Reason == "") {
				t.Errorf("ended %s because %q, want %s because %q", s.End, s.Reason, tt.end, tt.reason)
			}
			if !reflect.DeepEqual(s.Delivery, tt.counts) {
				t.Errorf("counts\n got %+v\nwant %+v", s.Delivery, tt.counts)
			}
			if s.Changes != s.Sent+s.NotSent || s.Sent != s.Accepted+s.Refused+s.Unknown {
				t.Errorf("counts do not add up: %+v", s.Delivery)
			}
			if ledger.summary != s {
				t.Error("the ledger has another summary")
			}
			if len(ledger.intents) != 0 {
				t.Errorf("intents left open: %v", ledger.intents)
			}
			if tt.end == pipeline.OK && err != nil {
				t.Error(err)
			}
		})
	}
}

func TestIntentsComeBeforeTheFirstRequestAndConfirmationsAfterEach(t *testing.T) {
	ledger := newMemory()
	sink := &org{}
	sink.onRequest = func() { ledger.calls = append(ledger.calls, "request") }
	if _, err := runner(five(), ledger, sink).Run(t.Context(), pipeline.Request{AsOf: asOf}); err != nil {
		t.Fatal(err)
	}
	want := []string{"begin", "bind 00D", "sweep", "intend 5", "request", "confirm 2", "request", "confirm 2", "request", "confirm 1", "finish ok"}
	if !slices.Equal(ledger.calls, want) {
		t.Errorf("got  %v\nwant %v", ledger.calls, want)
	}
}

func TestOnlyChangesAreSent(t *testing.T) {
	ledger, source, sink := newMemory(), five(), &org{}
	r := runner(source, ledger, sink)
	for _, step := range []struct {
		name string
		do   func()
		full bool
		want []string
	}{
		{"first run", func() {}, false, []string{"a", "b", "c", "d", "e"}},
		{"nothing changed", func() {}, false, nil},
		{"one lead changed", func() { source.rows[2].value = 31 }, false, []string{"c"}},
		{"full", func() {}, true, []string{"a", "b", "c", "d", "e"}},
	} {
		step.do()
		sink.written = nil
		if _, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf, Full: step.full}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(sink.written, step.want) {
			t.Errorf("%s: sent %v, want %v", step.name, sink.written, step.want)
		}
	}
}

func TestEveryRowOfADuplicatedKeyIsRejected(t *testing.T) {
	ledger, sink := newMemory(), &org{}
	source := &table{rows: []row{{"b", 20}, {"a", 10}, {"b", 90}, {"c", 30}, {"b", 20}}}
	s, _ := runner(source, ledger, sink).Run(t.Context(), pipeline.Request{AsOf: asOf})
	if !slices.Equal(sink.written, []string{"a", "c"}) || s.Rejected != 3 || s.Scored != 2 {
		t.Errorf("sent %v, rejected %d, scored %d", sink.written, s.Rejected, s.Scored)
	}
	for _, r := range ledger.rejected {
		if r.Key != "b" || r.Reason != "duplicate key: 3 rows have it" {
			t.Errorf("rejected %+v", r)
		}
	}
}

func TestAKeyWithARejectedAndAScoredRowIsRejected(t *testing.T) {
	sink := &org{}
	source := &table{rows: []row{{"a", 10}, {"b", math.NaN()}, {"b", 90}}}
	s, _ := runner(source, newMemory(), sink).Run(t.Context(), pipeline.Request{AsOf: asOf})
	if !slices.Equal(sink.written, []string{"a"}) || s.Rejected != 2 || s.Scored != 1 || s.Read != 3 {
		t.Errorf("sent %v, read %d, rejected %d, scored %d", sink.written, s.Read, s.Rejected, s.Scored)
	}
}

func TestAFullRunThatIsCutShortIsFinishedByTheNext(t *testing.T) {
	ledger, sink := newMemory(), &org{}
	r := runner(five(), ledger, sink)
	run := func(full bool) *pipeline.Summary {
		s, _ := r.Run(t.Context(), pipeline.Request{AsOf: asOf, Full: full})
		return s
	}
	run(false)
	sink.err, sink.failAfter = &pipeline.Problem{Class: pipeline.TryAgain, Err: errors.New("limit")}, sink.calls+1
	if s := run(true); s.Accepted != 2 || s.NotSent != 3 {
		t.Errorf("full run: %+v", s.Delivery)
	}
	sink.err = nil
	if s := run(false); s.Accepted != 3 || s.Unchanged != 2 {
		t.Errorf("next run: %+v", s.Delivery)
	}
}

func TestStandingRefusalsDoNotMakeALaterRunAFailure(t *testing.T) {
	sink := &org{answer: func(key string) pipeline.Outcome {
		if key == "b" {
			return pipeline.Outcome{Key: key, Status: pipeline.Refused, Code: "FIELD_CUSTOM_VALIDATION_EXCEPTION"}
		}
		return pipeline.Outcome{Key: key, Status: pipeline.Accepted}
	}}
	r := runner(five(), newMemory(), sink)
	for range 2 {
		if s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf}); err != nil || s.End != pipeline.Partial {
			t.Errorf("ended %s, %v", s.End, err)
		}
	}
}

func TestAChangedMappingMakesEveryScoreDue(t *testing.T) {
	sink := &org{}
	r := runner(five(), newMemory(), sink)
	r.Targets[0].Shape = "Lead: score"
	for _, step := range []struct {
		shape string
		sent  int
	}{{"Lead: score", 5}, {"Lead: score", 0}, {"Lead: score, grade", 5}, {"Lead: score, grade", 0}} {
		r.Targets[0].Shape = step.shape
		if s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf}); err != nil || s.Sent != step.sent {
			t.Errorf("%s: sent %d, want %d; %v", step.shape, s.Sent, step.sent, err)
		}
	}
}

func TestVersionsFromTheFutureAreNoQuietSuccess(t *testing.T) {
	for _, tt := range []struct {
		decision pipeline.Decision
		end      pipeline.End
		reason   string
	}{
		{pipeline.Decision{Superseded: 5}, pipeline.OK, ""},
		{pipeline.Decision{Superseded: 5, Ahead: 2}, pipeline.Partial, "2 leads hold a version that is newer than now"},
	} {
		r := runner(five(), newMemory(), &org{})
		r.Decide = func(*pipeline.Run, string, pipeline.Found, iter.Seq2[pipeline.Confirmed, error]) (pipeline.Decision, error) {
			return tt.decision, nil
		}
		if s, _ := r.Run(t.Context(), pipeline.Request{AsOf: asOf}); s.End != tt.end || !strings.Contains(s.Reason, tt.reason) {
			t.Errorf("%+v: ended %s because %q", tt.decision, s.End, s.Reason)
		}
	}
}

func TestACreatedRecordIsAnIncident(t *testing.T) {
	sink := &org{answer: func(key string) pipeline.Outcome {
		return pipeline.Outcome{Key: key, Status: pipeline.Accepted, Created: key == "c"}
	}}
	s, err := runner(five(), newMemory(), sink).Run(t.Context(), pipeline.Request{AsOf: asOf})
	if err != nil || s.End != pipeline.Partial || s.Created != 1 || s.Reason != "1 records were created that were not in the org" {
		t.Errorf("ended %s because %q, created %d, %v", s.End, s.Reason, s.Created, err)
	}
}

func TestARunThatCannotBeRecordedDidNotEndWell(t *testing.T) {
	var log bytes.Buffer
	ledger := newMemory()
	ledger.finish = errors.New("disk full")
	r := runner(five(), ledger, &org{})
	r.Log = slog.New(slog.NewJSONHandler(&log, nil))
	s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf})
	if err == nil || s.End != pipeline.Partial || !strings.Contains(log.String(), `"end":"partial"`) || !strings.Contains(log.String(), "disk full") {
		t.Errorf("ended %s, %v\n%s", s.End, err, log.String())
	}
	r.Source = &table{rows: []row{{"a", 10}, {"b", math.NaN()}}}
	if s, _ := r.Run(t.Context(), pipeline.Request{AsOf: asOf}); s.Reason != "1 of 2 rows could not be scored; record run in ledger: disk full" {
		t.Errorf("reason %q", s.Reason)
	}
}

// That takes as long as it takes, so it is no part of the run.
func TestTheLedgerIsTidiedWhenTheRunIsRecorded(t *testing.T) {
	var log bytes.Buffer
	ledger := newMemory()
	ledger.tidy = errors.New("disk full")
	r := runner(five(), ledger, &org{})
	r.Log = slog.New(slog.NewJSONHandler(&log, nil))
	s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf})
	if err != nil || s.End != pipeline.OK || !slices.Equal(ledger.tidied, []bool{false}) || !strings.Contains(log.String(), "tries again to delete it") {
		t.Errorf("ended %s, %v; tidied %v\n%s", s.End, err, ledger.tidied, log.String())
	}
}

func TestTheClassOfJoinedErrorsIsTheOneAPersonMustMend(t *testing.T) {
	again := &pipeline.Problem{Class: pipeline.TryAgain, Err: errors.New("503"), Hint: "wait"}
	edit := &pipeline.Problem{Class: pipeline.Configuration, Err: errors.New("no such field"), Hint: "edit"}
	both := fmt.Errorf("deliver: %w", errors.Join(errors.New("x"), again, fmt.Errorf("b: %w", edit)))
	if pipeline.ClassOf(both) != pipeline.Configuration || pipeline.HintOf(both) != "edit" {
		t.Errorf("class %d, hint %q", pipeline.ClassOf(both), pipeline.HintOf(both))
	}
	if pipeline.ClassOf(errors.Join(again)) != pipeline.TryAgain || pipeline.ClassOf(errors.New("x")) != 0 || pipeline.ClassOf(nil) != 0 {
		t.Error("a single class is lost")
	}
}

func TestAReadThatStartsAgainCountsItsRowsOnce(t *testing.T) {
	source, sink := five(), &org{}
	source.again = true
	s, err := runner(source, newMemory(), sink).Run(t.Context(), pipeline.Request{AsOf: asOf})
	if err != nil || s.Read != 5 || len(sink.written) != 5 {
		t.Errorf("read %d, sent %v, %v", s.Read, sink.written, err)
	}
}

func TestAContractMismatchStopsBeforeAnyRow(t *testing.T) {
	sink := &org{}
	r := runner(five(), newMemory(), sink)
	r.Model = identity{bindErr: &pipeline.Problem{Class: pipeline.Configuration, Err: errors.New("missing column y")}}
	s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf})
	if s.End != pipeline.Failed || s.Read != 0 || len(sink.written) != 0 || pipeline.ClassOf(err) != pipeline.Configuration {
		t.Errorf("ended %s, read %d, sent %v, class %d", s.End, s.Read, sink.written, pipeline.ClassOf(err))
	}
}

func TestATargetThatIsDownDoesNotHoldUpTheOther(t *testing.T) {
	down := &org{name: "down", preflight: &pipeline.Problem{Class: pipeline.TryAgain, Err: errors.New("refused")}}
	up := &org{name: "up"}
	s, err := runner(five(), newMemory(), down, up).Run(t.Context(), pipeline.Request{AsOf: asOf})
	if len(up.written) != 5 || s.End != pipeline.Partial || pipeline.ClassOf(err) != pipeline.TryAgain {
		t.Errorf("sent %v, ended %s, %v", up.written, s.End, err)
	}
}

func TestAnUnknownOutcomeKeepsItsIntentOpen(t *testing.T) {
	ledger := newMemory()
	sink := &org{answer: func(key string) pipeline.Outcome {
		return pipeline.Outcome{Key: key, Status: pipeline.Unknown}
	}}
	s, _ := runner(five(), ledger, sink).Run(t.Context(), pipeline.Request{AsOf: asOf})
	if len(ledger.intents) != 5 || s.Unknown != 5 || len(ledger.confirmed) != 0 {
		t.Errorf("intents %d, unknown %d, confirmed %d", len(ledger.intents), s.Unknown, len(ledger.confirmed))
	}
}

func TestASignalStopsAtTheNextRequestAndEverythingIsRecorded(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	ledger := newMemory()
	sink := &org{onRequest: func() { cancel(errors.New("terminated signal received")) }}
	s, err := runner(five(), ledger, sink).Run(ctx, pipeline.Request{AsOf: asOf})
	if s.End != pipeline.Interrupted || !errors.Is(err, context.Canceled) || !strings.Contains(s.Reason, "stopped (terminated signal received)") {
		t.Errorf("ended %s because %q, %v", s.End, s.Reason, err)
	}
	if s.Accepted != 2 || s.NotSent != 3 || len(ledger.confirmed) != 2 || len(ledger.intents) != 0 {
		t.Errorf("accepted %d, not sent %d, confirmed %d, intents %d", s.Accepted, s.NotSent, len(ledger.confirmed), len(ledger.intents))
	}
}

func TestALedgerThatCannotConfirmEndsTheDelivery(t *testing.T) {
	ledger, sink := newMemory(), &org{}
	ledger.confirms = []error{errors.New("disk full")}
	s, err := runner(five(), ledger, sink).Run(t.Context(), pipeline.Request{AsOf: asOf})
	if len(sink.written) != 2 || err == nil || s.End != pipeline.Partial || s.Accepted != 2 || s.Unknown != 3 || s.NotSent != 0 {
		t.Errorf("sent %v, ended %s, accepted %d, unknown %d, not sent %d, %v", sink.written, s.End, s.Accepted, s.Unknown, s.NotSent, err)
	}
	if len(ledger.intents) != 5 {
		t.Errorf("%d intents are open, want all 5: the sink was cut short, and may have sent more than it could report", len(ledger.intents))
	}
}

func TestARunWaitsUntilALateRequestCanNoLongerArrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, sink := newMemory(), &org{}
		ledger.unsettled = time.Now().Add(-10 * time.Second)
		var sent time.Time
		sink.onRequest = func() {
			if sent.IsZero() {
				sent = time.Now()
			}
		}
		start := time.Now()
		if _, err := runner(five(), ledger, sink).Run(t.Context(), pipeline.Request{AsOf: asOf}); err != nil {
			t.Fatal(err)
		}
		if got := sent.Sub(start); got != 20*time.Second {
			t.Errorf("first request after %s, want 20 s: 30 s after the open intent", got)
		}
	})
}

func TestDryRunWritesNothing(t *testing.T) {
	ledger, sink := newMemory(), &org{}
	plan, err := runner(five(), ledger, sink).DryRun(t.Context(), pipeline.Request{AsOf: asOf})
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Targets) != 1 || len(plan.Targets[0].Changes) != 5 || plan.Read != 5 {
		t.Errorf("plan %+v", plan)
	}
	if len(ledger.calls) != 0 || sink.calls != 0 {
		t.Errorf("ledger calls %v, API calls %d", ledger.calls, sink.calls)
	}
}

func TestDryRunSeesWhatIsInDoubt(t *testing.T) {
	r := runner(five(), newMemory(), &org{})
	r.Targets[0].Shape = "Lead: score"
	if _, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, shape string
		full        bool
		want        int
	}{{"nothing new", "Lead: score", false, 0}, {"full", "Lead: score", true, 5}, {"another mapping", "Lead: score, grade", false, 5}} {
		r.Targets[0].Shape = tt.shape
		plan, err := r.DryRun(t.Context(), pipeline.Request{AsOf: asOf, Full: tt.full})
		if err != nil || len(plan.Targets[0].Changes) != tt.want {
			t.Errorf("%s: %d would change, want %d; %v", tt.name, len(plan.Targets[0].Changes), tt.want, err)
		}
	}
}

func TestSummaryLine(t *testing.T) {
	var log bytes.Buffer
	r := runner(&table{rows: []row{{"a", 10}, {"b", math.NaN()}}}, newMemory(), &org{})
	r.Log = slog.New(slog.NewJSONHandler(&log, nil))
	if _, err := r.Run(t.Context(), pipeline.Request{Trigger: pipeline.Manual, AsOf: asOf}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	var got map[string]any
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"msg": "run ended", "level": "WARN", "run_id": "lead_scoring-20261122T131500Z-0", "trigger": "manual", "as_of": "2026-11-22T13:15:00Z",
		"model_digest": "model", "sql_digest": "sql", "rows_read": 2.0, "rows_scored": 1.0, "rows_rejected": 1.0, "rows_unchanged": 0.0,
		"rows_sent": 1.0, "rows_accepted": 1.0, "rows_refused": 0.0, "api_calls": 1.0, "end": "partial", "reason": "1 of 2 rows could not be scored",
	} {
		if got[key] != want {
			t.Errorf("%s = %v, want %v", key, got[key], want)
		}
	}
	stages, _ := got["stages_ms"].(map[string]any)
	for _, stage := range []string{"read", "score", "decide", "deliver"} {
		if _, ok := stages[stage]; !ok {
			t.Errorf("stages_ms has no %s: %v", stage, stages)
		}
	}
	if !strings.Contains(log.String(), `"msg":"row rejected","run_id":"lead_scoring-20261122T131500Z-0","job":"lead_scoring","key":"b","reason":"x: missing"`) {
		t.Errorf("no line for the rejected row:\n%s", log.String())
	}
}

func TestVersionGrowsWithAsOfAndAttempt(t *testing.T) {
	version := func(asOf time.Time, attempt int) int64 {
		run, err := pipeline.NewRun("j", pipeline.Request{AsOf: asOf}, attempt, asOf)
		if err != nil {
			t.Fatal(err)
		}
		return run.Version
	}
	ascending := []int64{
		version(asOf, 0), version(asOf, 1), version(asOf, pipeline.MaxAttempt), version(asOf.Add(time.Second), 0), version(asOf.AddDate(200, 0, 0), 0),
	}
	if !slices.IsSorted(ascending) || ascending[0] != 1795353300000000 || ascending[4] >= 1<<53 {
		t.Errorf("versions %v", ascending)
	}
	if _, err := pipeline.NewRun("j", pipeline.Request{AsOf: asOf}, pipeline.MaxAttempt+1, asOf); err == nil {
		t.Error("attempt 1000 has no version")
	}
}

func TestSecretsPrintAsStars(t *testing.T) {
	var log bytes.Buffer
	secret := pipeline.Secret("hunter2")
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", secret, "in", struct{ S pipeline.Secret }{secret})
	text, _ := json.Marshal(secret)
	log.Write(text)
	if strings.Contains(log.String(), "hunter2") {
		t.Error(log.String())
	}
}
