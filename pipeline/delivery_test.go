package pipeline_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"scored/pipeline"
	"scored/pipeline/policy"
)

// each answers every key with the same status and class.
func each(status pipeline.Status, class pipeline.Class) func(string) pipeline.Outcome {
	return func(key string) pipeline.Outcome {
		return pipeline.Outcome{Key: key, Status: status, Class: class, Code: "X"}
	}
}

func TestEveryStatusHasItsCountAndItsEnd(t *testing.T) {
	one := func(status pipeline.Status, class pipeline.Class) func(string) pipeline.Outcome {
		return func(key string) pipeline.Outcome {
			if key == "c" {
				return each(status, class)(key)
			}
			return pipeline.Outcome{Key: key, Status: pipeline.Accepted}
		}
	}
	tests := []struct {
		name    string
		answer  func(string) pipeline.Outcome
		end     pipeline.End
		counts  pipeline.Delivery
		classes map[string]int
	}{
		{"a newer version is there: as it should be", one(pipeline.Stale, pipeline.Outdated), pipeline.OK,
			pipeline.Delivery{Accepted: 4, Stale: 1}, map[string]int{"stale": 1}},
		{"nothing but newer versions", each(pipeline.Stale, pipeline.Outdated), pipeline.OK,
			pipeline.Delivery{Stale: 5}, map[string]int{"stale": 5}},
		{"given back undone", one(pipeline.Unprocessed, pipeline.TryAgain), pipeline.Partial,
			pipeline.Delivery{Accepted: 4, Unprocessed: 1}, map[string]int{"transient": 1}},
		{"all given back undone", each(pipeline.Unprocessed, 0), pipeline.Failed, pipeline.Delivery{Unprocessed: 5}, nil},
		{"locked to the end", one(pipeline.Retry, pipeline.TryAgain), pipeline.Partial,
			pipeline.Delivery{Accepted: 4, Refused: 1}, map[string]int{"transient": 1}},
		{"a converted lead", one(pipeline.Refused, pipeline.Terminal), pipeline.Partial,
			pipeline.Delivery{Accepted: 4, Refused: 1}, map[string]int{"terminal": 1}},
		{"no answer", one(pipeline.Unknown, 0), pipeline.Partial, pipeline.Delivery{Accepted: 4, Unknown: 1}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := runner(five(), newMemory(), &org{answer: tt.answer}).Run(t.Context(), pipeline.Request{AsOf: asOf})
			if err != nil || s.End != tt.end {
				t.Errorf("ended %s because %q, %v; want %s", s.End, s.Reason, err, tt.end)
			}
			want := tt.counts
			want.Changes, want.Sent, want.APICalls = 5, 5, 3
			if s.Delivery != want {
				t.Errorf("counts\n got %+v\nwant %+v", s.Delivery, want)
			}
			if !reflect.DeepEqual(s.Targets[0].Classes, tt.classes) {
				t.Errorf("classes %v, want %v", s.Targets[0].Classes, tt.classes)
			}
		})
	}
}

// lying are sinks whose report of a request is not one of what they were given.
var lying = []struct {
	name   string
	report func([]pipeline.Outcome) []pipeline.Outcome
	says   string
}{
	{"twice in a report", func(o []pipeline.Outcome) []pipeline.Outcome { return append(o, o[0]) }, "twice"},
	{"in a second report", func(o []pipeline.Outcome) []pipeline.Outcome {
		if o[0].Key == "c" {
			o[0].Key = "a"
		}
		return o
	}, `"a" twice`},
	{"a foreign key", func(o []pipeline.Outcome) []pipeline.Outcome {
		return append(o, pipeline.Outcome{Key: "cc", Status: pipeline.Accepted})
	}, `"cc" unasked`},
	{"no status", func(o []pipeline.Outcome) []pipeline.Outcome {
		o[len(o)-1].Status = 0
		return o
	}, "with status 0"},
	{"a status that does not exist", func(o []pipeline.Outcome) []pipeline.Outcome {
		o[0].Status = pipeline.NotSent + 1
		return o
	}, "with status 8"},
}

func TestAReportThatCannotBeTrueEndsTheDeliveryAndNothingOfItIsConfirmed(t *testing.T) {
	for _, tt := range lying {
		for _, deaf := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, deaf %t", tt.name, deaf), func(t *testing.T) {
				ledger, sink := newMemory(), &org{deaf: deaf}
				truthful := 0
				sink.report = func(o []pipeline.Outcome) []pipeline.Outcome {
					if sink.calls == 1 {
						truthful = len(o)
						return o
					}
					return tt.report(o)
				}
				s, err := runner(five(), ledger, sink).Run(t.Context(), pipeline.Request{AsOf: asOf})
				if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(pipeline.HintOf(err), "bug") {
					t.Errorf("%v, hint %q", err, pipeline.HintOf(err))
				}
				if strings.Count(err.Error(), tt.says) != 1 {
					t.Errorf("said more than once: %v", err)
				}
				if len(ledger.confirmed) != truthful || s.Accepted != truthful {
					t.Errorf("confirmed %d, counted %d, want the %d of the truthful report", len(ledger.confirmed), s.Accepted, truthful)
				}
				if len(ledger.intents) != 5-truthful || s.Unknown != 5-truthful || s.NotSent != 0 {
					t.Errorf("%d intents open, %d unknown: what was not confirmed may have been applied", len(ledger.intents), s.Unknown)
				}
				if !deaf && len(sink.written) != 4 {
					t.Errorf("sent %v: a sink that hears the error stops", sink.written)
				}
			})
		}
	}
}

func TestReportsMayComeInAnyOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		n := 1 + random.IntN(300)
		var reported []pipeline.Outcome
		sink := &org{report: func([]pipeline.Outcome) []pipeline.Outcome { return nil }}
		source := &table{}
		for i := range n {
			source.rows = append(source.rows, row{fmt.Sprintf("k%03d", i), 1})
			if random.IntN(5) > 0 {
				reported = append(reported, pipeline.Outcome{Key: fmt.Sprintf("k%03d", i), Status: pipeline.Accepted})
			}
		}
		random.Shuffle(len(reported), func(i, j int) { reported[i], reported[j] = reported[j], reported[i] })
		all := len(reported)
		sink.report = func([]pipeline.Outcome) []pipeline.Outcome {
			some := reported[:min(len(reported), random.IntN(9))]
			reported = reported[len(some):]
			if sink.calls == (n+1)/2 {
				some, reported = slices.Concat(some, reported), nil
			}
			return some
		}
		ledger := newMemory()
		s, err := runner(source, ledger, sink).Run(t.Context(), pipeline.Request{AsOf: asOf})
		if err != nil || s.Accepted != all || s.NotSent != n-all || len(ledger.confirmed) != all || len(ledger.intents) != 0 {
			t.Fatalf("of %d changes %d were reported; %+v, %d confirmed, %v", n, all, s.Delivery, len(ledger.confirmed), err)
		}
	}
}

func TestCountsThatDoNotAddUpAreNoticed(t *testing.T) {
	whole := pipeline.Delivery{Changes: 20, Deferred: 3, NotSent: 2, Sent: 15, Accepted: 10, Refused: 2, Stale: 1, Unprocessed: 1, Unknown: 1}
	if err := whole.Check(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*pipeline.Delivery){
		"a change without an end": func(d *pipeline.Delivery) { d.Changes++ },
		"deferred and sent":       func(d *pipeline.Delivery) { d.Deferred++ },
		"sent without an end":     func(d *pipeline.Delivery) { d.Sent, d.NotSent = d.Sent+1, d.NotSent-1 },
		"stale and accepted":      func(d *pipeline.Delivery) { d.Stale++ },
	} {
		d := whole
		spoil(&d)
		if err := d.Check(); err == nil || !strings.Contains(pipeline.HintOf(err), "bug") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAGuardedTargetIsNotWaitedFor(t *testing.T) {
	for _, guarded := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			ledger, sink := newMemory(), &org{guarded: guarded}
			ledger.unsettled = time.Now()
			start := time.Now()
			if s, err := runner(five(), ledger, sink).Run(t.Context(), pipeline.Request{AsOf: asOf}); err != nil || s.Accepted != 5 {
				t.Fatal(s, err)
			}
			want := 30 * time.Second
			if guarded {
				want = 0
			}
			if got := time.Since(start); got != want {
				t.Errorf("guarded %t: waited %s, want %s", guarded, got, want)
			}
		})
	}
}

func TestALongDeliveryTellsHowFarItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		r := runner(many(20), newMemory(), &org{onRequest: func() { time.Sleep(25 * time.Second) }})
		r.Log = slog.New(slog.NewJSONHandler(&log, nil))
		if _, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf}); err != nil {
			t.Fatal(err)
		}
		var told []string
		for line := range strings.Lines(log.String()) {
			if _, rest, found := strings.Cut(line, `"msg":"delivering",`); found {
				told = append(told, rest)
			}
		}
		want := []string{
			`"run_id":"lead_scoring-20261122T131500Z-0","job":"lead_scoring","target":"org","done":6,"changes":18,"api_calls":3}` + "\n",
			`"run_id":"lead_scoring-20261122T131500Z-0","job":"lead_scoring","target":"org","done":12,"changes":18,"api_calls":6}` + "\n",
			`"run_id":"lead_scoring-20261122T131500Z-0","job":"lead_scoring","target":"org","done":18,"changes":18,"api_calls":9}` + "\n",
		}
		if !slices.Equal(told, want) {
			t.Errorf("got %s", told)
		}
	})
}

func TestWhatIsInQuarantineIsNeitherSentNorAFaultOfTheRun(t *testing.T) {
	ledger, sink := newMemory(), &org{}
	r := runner(five(), ledger, sink)
	r.Decide = policy.Delta
	for key, until := range map[string]time.Time{"b": pipeline.Never, "c": time.Now().Add(time.Hour), "d": time.Now().Add(-time.Hour)} {
		ledger.confirmed[key] = pipeline.Confirmed{Key: key, Score: 1, Grade: "A", Model: "m", Until: until}
	}
	s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf})
	if err != nil || s.End != pipeline.OK || s.Quarantined != 2 || !slices.Equal(sink.written, []string{"a", "d", "e"}) {
		t.Errorf("ended %s, %d in quarantine, sent %v, %v", s.End, s.Quarantined, sink.written, err)
	}
	for key, c := range ledger.confirmed {
		c.Until, c.Score = pipeline.Never, 1
		ledger.confirmed[key] = c
	}
	s, _ = r.Run(t.Context(), pipeline.Request{AsOf: asOf.Add(time.Hour)})
	if s.End != pipeline.Failed || s.Reason != "the targets take none of the scores: all 5 are in quarantine" {
		t.Errorf("ended %s because %q: nothing was delivered", s.End, s.Reason)
	}
	s, _ = r.Run(t.Context(), pipeline.Request{AsOf: asOf.Add(2 * time.Hour), Full: true})
	if s.Quarantined != 5 {
		t.Errorf("a full run sent what is never to be: %+v", s.Delivery)
	}
}

func TestAFullRunSendsWhatWaitsInQuarantine(t *testing.T) {
	ledger, sink := newMemory(), &org{}
	ledger.confirmed["c"] = pipeline.Confirmed{Key: "c", Score: 1, Grade: "A", Model: "m", Until: time.Now().Add(time.Hour)}
	r := runner(five(), ledger, sink)
	r.Decide = policy.Delta
	if s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf, Full: true}); err != nil || s.Accepted != 5 || s.Quarantined != 0 {
		t.Errorf("%+v, %v", s.Delivery, err)
	}
}

func TestAShortBudgetDefersTheSmallestChanges(t *testing.T) {
	var log bytes.Buffer
	ledger, sink := newMemory(), &org{usage: pipeline.Usage{Used: 790, Limit: 1000}}
	ledger.spent = pipeline.Spent{Calls: 90, Typical: 3, Extras: []pipeline.Expense{{Calls: 30}, {Calls: 5}}}
	r := runner(five(), ledger)
	r.Targets = []pipeline.Target{whole(sink)}
	r.Log = slog.New(slog.NewJSONHandler(&log, nil))
	var budget pipeline.Budget
	var asked time.Time
	r.RunsADay = func(now time.Time) int { asked = now; return 96 }
	r.Ration = func(b pipeline.Budget, cost func(int) int, changes []pipeline.Change) []pipeline.Change {
		budget = b
		if cost(5) != 3 || len(changes) != 5 {
			t.Errorf("5 changes cost %d, and %d are to be sent", cost(5), len(changes))
		}
		return changes[3:]
	}
	s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf})
	if asked.Before(s.Started) || asked.After(time.Now()) {
		t.Errorf("the runs to come were counted from %s, and the run began at %s", asked, s.Started)
	}
	want := pipeline.Budget{Usage: sink.usage, Own: 91, Extra: 35, Typical: 3, Runs: 96} // with the request that asked for the usage
	if budget != want {
		t.Errorf("budget %+v, want %+v", budget, want)
	}
	if err != nil || s.End != pipeline.Partial || s.Reason != "3 of 5 changes were deferred: the budget of requests is short" ||
		!strings.Contains(s.Hint, "scored budget") {
		t.Errorf("ended %s because %q, hint %q, %v", s.End, s.Reason, s.Hint, err)
	}
	if counts := (pipeline.Delivery{Changes: 5, Deferred: 3, Sent: 2, Accepted: 2, APICalls: 2}); s.Delivery != counts {
		t.Errorf("counts %+v", s.Delivery)
	}
	if !slices.Equal(sink.written, []string{"d", "e"}) || slices.Contains(ledger.calls, "intend 5") {
		t.Errorf("sent %v; the ledger was called %v", sink.written, ledger.calls)
	}
	if !strings.Contains(log.String(), `"deferred":3,"used":790,"limit":1000,"own":91,"typical":3,"runs":96`) {
		t.Errorf("the log does not say it: %s", log.String())
	}
	r.Ration = nil
	if s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf}); err != nil || s.Accepted != 3 || s.Unchanged != 2 || s.End != pipeline.OK {
		t.Errorf("what was deferred is due: %+v, %v", s.Delivery, err)
	}
}

// The target counts for all of the org's, and the ledger knows of the run when it has ended.
func TestTheBudgetKnowsWhatTheRunTookAtEarlierTargets(t *testing.T) {
	first, second, uncounted := &org{name: "first"}, &org{name: "second"}, &org{name: "uncounted"}
	first.left = map[string][]pipeline.Outcome{"dead": nil} // one request more
	ledger := newMemory()
	ledger.spent.Calls = 90
	r := runner(five(), ledger)
	r.Targets = []pipeline.Target{{Sink: uncounted}, whole(first), whole(second)}
	r.RunsADay = func(time.Time) int { return 96 }
	var own []int
	r.Ration = func(b pipeline.Budget, _ func(int) int, changes []pipeline.Change) []pipeline.Change {
		own = append(own, b.Own)
		return changes
	}
	for i, want := range [][]int{{90 + 2, 90 + 5 + 1}, {90 + 1, 90 + 4 + 1}} { // what was left and the usage; 3 deliver 5 changes
		own, ledger.confirmed = nil, map[string]pipeline.Confirmed{}
		if s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf}); err != nil || !slices.Equal(own, want) {
			t.Errorf("run %d: own %v, want %v; %+v, %v", i, own, want, s.Delivery, err)
		}
	}
}

// What a run of a backfill takes is no live run's, and it is planned with as one that has what those leave.
func TestTheBudgetKnowsTheRunsOfABackfill(t *testing.T) {
	for trigger, want := range map[pipeline.Trigger]pipeline.Budget{
		pipeline.Scheduled: {Own: 91, Extra: 30, Runs: 96}, pipeline.Manual: {Own: 91, Extra: 30, Runs: 96},
		pipeline.Fill: {Own: 91, Extra: 31, Runs: 96, Leftover: true}, pipeline.Backfill: {Own: 91, Extra: 31, Runs: 96, Leftover: true},
	} {
		ledger := newMemory()
		ledger.spent = pipeline.Spent{Calls: 90, Extras: []pipeline.Expense{{Calls: 30}}}
		r := runner(five(), ledger)
		r.Targets, r.RunsADay = []pipeline.Target{whole(&org{})}, func(time.Time) int { return 96 }
		var got pipeline.Budget
		r.Ration = func(b pipeline.Budget, _ func(int) int, changes []pipeline.Change) []pipeline.Change {
			got = b
			return changes
		}
		if _, err := r.Run(t.Context(), pipeline.Request{Trigger: trigger, AsOf: asOf}); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", trigger, got, err, want)
		}
	}
}

func TestWhatWasNotSentIsCountedEvenIfItCannotBeRecorded(t *testing.T) {
	ledger, sink := newMemory(), &org{err: errors.New("503")}
	ledger.confirms = []error{errors.New("disk full")}
	s, err := runner(five(), ledger, sink).Run(t.Context(), pipeline.Request{AsOf: asOf})
	if s.NotSent != 5 || !strings.Contains(err.Error(), "record what was not sent: disk full") || strings.Contains(err.Error(), "add up") {
		t.Errorf("%d not sent, %v", s.NotSent, err)
	}
	if len(ledger.intents) != 5 {
		t.Errorf("%d intents are open, want all 5", len(ledger.intents))
	}
}

func TestWhatWasNotSentIsWithdrawnAndWhatWasNotAnsweredStaysOpen(t *testing.T) {
	ledger := newMemory()
	sink := &org{err: errors.New("503"), failAfter: 2}
	sink.answer = func(key string) pipeline.Outcome {
		if key == "a" {
			return pipeline.Outcome{Key: key, Status: pipeline.Accepted}
		}
		return pipeline.Outcome{Key: key, Status: pipeline.Unknown}
	}
	var given []pipeline.Outcome
	sink.report = func(o []pipeline.Outcome) []pipeline.Outcome { // "c" was not put on the wire
		given = slices.DeleteFunc(o, func(o pipeline.Outcome) bool { return o.Key == "c" })
		return given
	}
	s, err := runner(five(), ledger, sink).Run(t.Context(), pipeline.Request{AsOf: asOf})
	want := pipeline.Delivery{Changes: 5, Sent: 3, Accepted: 1, Unknown: 2, NotSent: 2, APICalls: 2}
	if err == nil || s.Delivery != want {
		t.Errorf("%+v, %v", s.Delivery, err)
	}
	if open := slices.Sorted(maps.Keys(ledger.intents)); !slices.Equal(open, []string{"b", "d"}) {
		t.Errorf("%v are open", open)
	}
	if len(given) != 1 || given[0].Key != "d" {
		t.Errorf("the sink has %+v of its last request", given)
	}
	if calls := []string{"confirm 1", "withdraw 2", "finish partial"}; !slices.Equal(ledger.calls[4:], calls) {
		t.Errorf("the ledger was called %v, want it to be told nothing of what is unknown", ledger.calls)
	}
}

func TestRowsThatWereNotAcceptedAreListedUpToALimit(t *testing.T) {
	var log bytes.Buffer
	ledger, sink := newMemory(), &org{answer: each(pipeline.Refused, pipeline.Rejected)}
	source := &table{size: 1000}
	var left []pipeline.Outcome
	for i := range pipeline.MaxKeptRows + 3 {
		key := fmt.Sprintf("k%05d", i)
		source.rows = append(source.rows, row{key, 1})
		left = append(left, each(pipeline.Refused, pipeline.Rejected)(key))
	}
	r := runner(source, ledger)
	r.Targets = []pipeline.Target{whole(sink)}
	r.Log = slog.New(slog.NewJSONHandler(&log, nil))
	s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf})
	if err != nil || s.Refused != pipeline.MaxKeptRows+3 || s.Targets[0].Classes["rejected"] != pipeline.MaxKeptRows+3 {
		t.Errorf("%+v, classes %v, %v", s.Delivery, s.Targets[0].Classes, err)
	}
	if len(ledger.refused) != pipeline.MaxKeptRows || s.Cut != 3 || !strings.Contains(log.String(), `"rows_not_logged":3`) {
		t.Errorf("%d rows listed, %d counted", len(ledger.refused), s.Cut)
	}
	source.rows, sink.answer = five().rows, nil
	sink.left = map[string][]pipeline.Outcome{"dead": left}
	if s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf}); err != nil || len(ledger.refused) != pipeline.MaxKeptRows || s.Cut != 3 {
		t.Errorf("%d rows of an earlier run listed, %d counted, %v", len(ledger.refused), s.Cut, err)
	}
}

func TestThatATargetHoldsSomethingNewerIsNoWarning(t *testing.T) {
	for status, level := range map[pipeline.Status]string{pipeline.Stale: "INFO", pipeline.Refused: "WARN"} {
		var log bytes.Buffer
		r := runner(five(), newMemory(), &org{answer: each(status, 0)})
		r.Log = slog.New(slog.NewJSONHandler(&log, nil))
		if _, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf}); err != nil || strings.Count(log.String(), `"level":"`+level+`","msg":"row not accepted"`) != 5 {
			t.Errorf("%s: %v\n%s", status, err, log.String())
		}
	}
}

func TestABudgetThatCannotBeReadStopsTheDelivery(t *testing.T) {
	sink := &org{usageErr: &pipeline.Problem{Class: pipeline.Exhausted, Err: errors.New("403")}}
	r := runner(five(), newMemory())
	r.Targets, r.Ration = []pipeline.Target{whole(sink)}, policy.NewRation(20)
	r.RunsADay = func(time.Time) int { return 96 }
	s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf})
	if pipeline.ClassOf(err) != pipeline.Exhausted || len(sink.written) != 0 || s.Targets[0].ErrClass != "exhausted" || s.NotSent != 5 {
		t.Errorf("sent %v, %v, %+v", sink.written, err, s.Targets)
	}
}

func TestARunWithoutChangesDoesNotAskForTheBudget(t *testing.T) {
	sink, ledger := &org{}, newMemory()
	r := runner(five(), ledger)
	r.Targets, r.Ration = []pipeline.Target{whole(sink)}, policy.NewRation(20)
	r.RunsADay = func(time.Time) int { return 96 }
	for _, calls := range []int{4, 4} {
		if _, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf}); err != nil || sink.calls != calls {
			t.Errorf("%d requests, want %d; %v", sink.calls, calls, err)
		}
	}
}

func TestTheLogSaysWhatMendsAnError(t *testing.T) {
	var log bytes.Buffer
	sink := &org{answer: each(pipeline.Refused, pipeline.Rejected)}
	down := &org{name: "down", preflight: &pipeline.Problem{Class: pipeline.Exhausted, Err: errors.New("403"), Hint: "wait"}}
	r := runner(five(), newMemory(), sink, down)
	r.Log = slog.New(slog.NewJSONHandler(&log, nil))
	if _, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf}); err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`"msg":"row not accepted","run_id":"lead_scoring-20261122T131500Z-0","job":"lead_scoring","target":"org","outcome":"refused","code":"X","err_class":"rejected","key":"a","fields":null`,
		`"msg":"the delivery did not end well","run_id":"lead_scoring-20261122T131500Z-0","job":"lead_scoring","target":"down","error":"403","err_class":"exhausted","hint":"wait"`,
		`"err_class":"exhausted","hint":"wait"}`,
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %s in\n%s", want, log.String())
		}
	}
}
