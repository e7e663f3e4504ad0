package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/policy"
)

// suspicious is a guard that has two things against every run.
func suspicious(_, _ *pipeline.Profile, _ []pipeline.Profile) pipeline.Verdict {
	return pipeline.Verdict{
		Findings:   []pipeline.Finding{{Check: "rows", Text: "5 rows, and 900 in the runs before"}, {Check: "top", Text: "nobody stays"}},
		Difference: pipeline.Difference{Changed: 0.9},
	}
}

// untouched is a target that fails the test when it is asked for anything.
func untouched(t *testing.T) *mute {
	t.Helper()
	return &mute{org: &org{}, t: t}
}

type mute struct {
	*org
	t *testing.T
}

func (m *mute) Preflight(ctx context.Context) (pipeline.Ready, error) {
	m.t.Error("the target was asked to prepare")
	return m.org.Preflight(ctx)
}

func (m *mute) Write(
	ctx context.Context, run *pipeline.Run, model string, changes []pipeline.Change, confirm func([]pipeline.Outcome) error,
) error {
	m.t.Errorf("the target was given %d changes", len(changes))
	return m.org.Write(ctx, run, model, changes, confirm)
}

func TestAHeldRunAsksNoTargetAndRecordsNothingButItself(t *testing.T) {
	var log bytes.Buffer
	ledger, sink := newMemory(), untouched(t)
	r := runner(five(), ledger, sink)
	history := newHistory()
	r.Keep = &pipeline.Keep{History: history, Decide: policy.Delta}
	r.Targets[0] = whole(sink.org)
	r.Targets[0].Sink = sink
	r.Log, r.Guard = slog.New(slog.NewJSONHandler(&log, nil)), suspicious
	s, err := r.Run(t.Context(), live())
	const why = "5 rows, and 900 in the runs before; nobody stays"
	if s.End != pipeline.Held || s.Reason != why || err == nil || err.Error() != why || pipeline.ClassOf(err) != 0 {
		t.Errorf("ended %s because %q, %v", s.End, s.Reason, err)
	}
	for _, said := range []string{"nothing was sent", "scored release " + s.ID, "scored discard " + s.ID} {
		if !strings.Contains(s.Hint, said) {
			t.Errorf("the hint lacks %q: %s", said, s.Hint)
		}
	}
	if want := []string{"begin", "finish held"}; !slices.Equal(ledger.calls, want) || len(ledger.intents)+len(ledger.confirmed) > 0 || ledger.swept != 0 {
		t.Errorf("the ledger was called %v, want %v", ledger.calls, want)
	}
	if sink.calls > 0 || len(history.written) > 0 {
		t.Errorf("%d requests to the target, and the history got %v", sink.calls, history.written)
	}
	if len(history.runs) != 1 || history.runs[0].End != pipeline.Held {
		t.Errorf("the run log got %+v", history.runs)
	}
	if s.Delivered() || len(s.Findings) != 2 || s.Profile == nil || s.Profile.Difference.Changed != 0.9 || s.Profile.Read != 5 {
		t.Errorf("the summary has %+v and %+v", s.Findings, s.Profile)
	}
	for _, line := range []string{`"level":"ERROR","msg":"the guard has something against the run"`, `"check":"top","finding":"nobody stays"`,
		`"level":"ERROR","msg":"run ended"`, `"findings":[{"check":"rows"`} {
		if !strings.Contains(log.String(), line) {
			t.Errorf("the log lacks %s:\n%s", line, log.String())
		}
	}
}

// What an earlier run left at a target belongs to what is compared, so that it ends first, also where the run is then held.
func TestWhatAnEarlierRunLeftIsFinishedBeforeTheVerdict(t *testing.T) {
	ledger, sink, r := dead(t, pipeline.Accepted)
	var held int
	r.Guard = func(now, reference *pipeline.Profile, before []pipeline.Profile) pipeline.Verdict {
		held = now.Targets[0].Held
		return suspicious(now, reference, before)
	}
	s, _ := r.Run(t.Context(), live())
	if s.End != pipeline.Held || held != 5 || len(sink.left) != 0 || len(sink.written) != 0 {
		t.Errorf("ended %s, compared with %d, left %v, wrote %v; the ledger has %+v", s.End, held, sink.left, sink.written, ledger.confirmed)
	}
}

func TestARunWithoutScoresIsHeldAndCantBeReleased(t *testing.T) {
	for _, tt := range []struct {
		name   string
		source *table
		why    string
		hint   string
	}{
		{"no rows", &table{}, "the dataprep script returned no rows", "the source tables are loaded"},
		{"no row that can be scored", &table{rows: []row{{"a", math.NaN()}, {"b", math.NaN()}}}, "all 2 rows were rejected, the first because: x: missing", "the model's contract"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := runner(tt.source, newMemory(), untouched(t))
			r.Guard = func(*pipeline.Profile, *pipeline.Profile, []pipeline.Profile) pipeline.Verdict {
				t.Error("the guard was asked of a result without scores")
				return pipeline.Verdict{}
			}
			s, err := r.Run(t.Context(), live())
			if s.End != pipeline.Held || err == nil || !strings.Contains(s.Reason, tt.why) || !strings.Contains(s.Hint, tt.hint) ||
				strings.Contains(s.Hint, "release") || len(s.Findings) != 1 || s.Findings[0].Text != err.Error() {
				t.Errorf("ended %s because %q, %v; the hint: %s", s.End, s.Reason, err, s.Hint)
			}
			for _, trigger := range []pipeline.Trigger{pipeline.Fill, pipeline.Backfill} {
				if s, _ := r.Run(t.Context(), pipeline.Request{Trigger: trigger, AsOf: asOf}); s.End != pipeline.Failed || !strings.Contains(s.Reason, tt.why) {
					t.Errorf("%s: ended %s because %q", trigger, s.End, s.Reason)
				}
			}
		})
	}
}

// What a window of a backfill is compared with depends on what it may replace, and no later run is compared with it.
func TestLiveRunsAndBackfillsAreJudged(t *testing.T) {
	for _, tt := range []struct {
		trigger            pipeline.Trigger
		live               bool
		before, held, left int
		hint               string
	}{
		{pipeline.Scheduled, true, 1, 2, 1, "scored release"}, {pipeline.Manual, true, 1, 2, 1, "scored release"},
		{pipeline.Fill, false, 0, 0, 0, "give the same command again"}, {pipeline.Backfill, false, 1, 2, 0, "give the same command again"},
	} {
		ledger := newMemory()
		ledger.baseline = []pipeline.Profile{{Read: 7}}
		for _, key := range []string{"a", "z"} {
			ledger.confirmed[key] = pipeline.Confirmed{Key: key, Model: "identity@00000000", Version: 1}
		}
		r := runner(five(), ledger, untouched(t))
		r.Targets[0].Clear = true
		r.Guard = func(now, reference *pipeline.Profile, before []pipeline.Profile) pipeline.Verdict {
			held, left := 0, 0
			for i := range now.Targets {
				held, left = held+now.Targets[i].Held, left+now.Targets[i].Left
			}
			if len(before) != tt.before || held != tt.held || left != tt.left || now.Past == tt.live {
				t.Errorf("%s: compared with %d runs, with %d leads of which %d left; past %t", tt.trigger, len(before), held, left, now.Past)
			}
			return suspicious(now, reference, before)
		}
		s, _ := r.Run(t.Context(), pipeline.Request{Trigger: tt.trigger, Slot: asOf, AsOf: asOf})
		if s.End != pipeline.Held || (s.Profile != nil) != tt.live || !strings.Contains(s.Hint, tt.hint) {
			t.Errorf("%s: ended %s; the profile is %+v, the hint %q", tt.trigger, s.End, s.Profile, s.Hint)
		}
	}
}

// A run as of an instant before the newest good one is of the past; one before an instant that is still to come is not. Neither it
// nor one that is behind any other, as one that was held, can be released.
func TestARunBeforeTheNewestGoodOneIsOfThePast(t *testing.T) {
	for _, tt := range []struct {
		before       time.Time
		behind, past bool
	}{{asOf.Add(-time.Second), false, false}, {asOf, false, false}, {asOf.Add(time.Second), false, true}, {time.Now().Add(time.Hour), false, false},
		{asOf.Add(-time.Second), true, false}} {
		ledger := newMemory()
		ledger.behind = tt.behind
		ledger.baseline = []pipeline.Profile{{AsOf: tt.before}}
		r := runner(five(), ledger, untouched(t))
		r.Guard = func(now, reference *pipeline.Profile, before []pipeline.Profile) pipeline.Verdict {
			if now.Past != tt.past || !now.AsOf.Equal(asOf) {
				t.Errorf("before %s: past %t, as of %s", tt.before, now.Past, now.AsOf)
			}
			return suspicious(now, reference, before)
		}
		s, _ := r.Run(t.Context(), pipeline.Request{Trigger: pipeline.Manual, AsOf: asOf})
		if barred := tt.behind || tt.past; (s.Profile == nil) != barred || strings.Contains(s.Hint, "scored release") == barred {
			t.Errorf("before %s, behind %t: the profile is %+v, the hint %q", tt.before, tt.behind, s.Profile, s.Hint)
		}
	}
}

func TestAVerdictThatCantBeReachedKeepsTheRunFromItsTargets(t *testing.T) {
	for name, spoil := range map[string]func(*pipeline.Runner, *memory){
		"the runs before can't be read": func(_ *pipeline.Runner, m *memory) { m.baselineErr = errors.New("disk I/O error") },
		"the guard panics": func(r *pipeline.Runner, _ *memory) {
			r.Guard = func(*pipeline.Profile, *pipeline.Profile, []pipeline.Profile) pipeline.Verdict {
				panic("disk I/O error")
			}
		},
	} {
		ledger := newMemory()
		r := runner(five(), ledger, untouched(t))
		r.Guard = func(*pipeline.Profile, *pipeline.Profile, []pipeline.Profile) pipeline.Verdict {
			return pipeline.Verdict{}
		}
		spoil(r, ledger)
		s, err := r.Run(t.Context(), live())
		if s.End != pipeline.Failed || err == nil || !strings.Contains(s.Reason, "disk I/O error") {
			t.Errorf("%s: ended %s because %q, %v", name, s.End, s.Reason, err)
		}
	}
}

func TestADryRunSaysThatTheRunWouldBeHeld(t *testing.T) {
	ledger := newMemory()
	r := runner(five(), ledger, untouched(t))
	r.Guard = suspicious
	plan, err := r.DryRun(t.Context(), live())
	if err != nil || len(plan.Findings) != 2 || len(plan.Targets) != 1 || len(plan.Targets[0].Changes) != 5 || len(ledger.calls) != 0 {
		t.Errorf("%+v, %v; the ledger was called %v", plan, err, ledger.calls)
	}
	r.Source = &table{}
	if plan, err := r.DryRun(t.Context(), live()); err != nil || len(plan.Findings) != 1 {
		t.Errorf("of no rows: %+v, %v", plan, err)
	}
	r.Source = five()
	ledger.baselineErr = errors.New("disk I/O error")
	if plan, err := r.DryRun(t.Context(), live()); err == nil {
		t.Errorf("without the runs before: %+v", plan)
	}
}

// The guard is given the runs before as the ledger has them, and the bundle's figures.
func TestAGuardIsGivenTheRunsBefore(t *testing.T) {
	ledger := newMemory()
	ledger.baseline = []pipeline.Profile{{Read: 7}, {Read: 8, Released: true}}
	r := runner(five(), ledger, &org{})
	var before []pipeline.Profile
	var reference *pipeline.Profile
	r.Guard = func(_, ref *pipeline.Profile, b []pipeline.Profile) pipeline.Verdict {
		before, reference = b, ref
		return pipeline.Verdict{Allowed: pipeline.Difference{Left: 0.5}}
	}
	s, err := r.Run(t.Context(), live())
	if err != nil || !reflect.DeepEqual(before, ledger.baseline) || reference == nil {
		t.Errorf("given %+v and %+v, %v", before, reference, err)
	}
	if s.Profile.Allowed.Left != 0.5 || s.Profile.Due || s.Profile.Model != "identity@00000000" {
		t.Errorf("the profile is %+v", s.Profile)
	}
}

func TestAProfileTellsWhetherTheTargetsTookAll(t *testing.T) {
	down := &pipeline.Problem{Class: pipeline.TryAgain, Err: errors.New("503")}
	for name, tt := range map[string]struct {
		org  *org
		due  bool
		open float64 // share of the leads: no more can be new to the next run
	}{
		"all": {&org{}, false, 0}, "some": {&org{err: down, failAfter: 1}, true, 0.6}, "nothing": {&org{preflight: down}, true, 1},
		"all but a row in five": {&org{answer: without("b")}, true, 0.2}, "all but a row in ten": {&org{answer: without("k")}, false, 0.1},
	} {
		source := five()
		if strings.HasSuffix(name, "ten") {
			source.rows = append(source.rows, row{"f", 1}, row{"g", 1}, row{"h", 1}, row{"i", 1}, row{"k", 1})
		}
		r := runner(source, newMemory(), tt.org)
		r.Guard = func(*pipeline.Profile, *pipeline.Profile, []pipeline.Profile) pipeline.Verdict {
			return pipeline.Verdict{Difference: pipeline.Difference{New: 1}}
		}
		if s, _ := r.Run(t.Context(), live()); s.Profile == nil || s.Profile.Due != tt.due || s.Profile.Difference.New != tt.open {
			t.Errorf("%s: %+v, want %+v", name, s.Profile, tt)
		}
	}
}

// without refuses a row.
func without(refused string) func(string) pipeline.Outcome {
	return func(key string) pipeline.Outcome {
		if key == refused {
			return pipeline.Outcome{Key: key, Status: pipeline.Refused}
		}
		return pipeline.Outcome{Key: key, Status: pipeline.Accepted}
	}
}

func TestAProfileComparesWithWhatTheTargetHolds(t *testing.T) {
	const own, old = "identity@00000000", "old@1"
	newest, before, after := asOf.UnixMilli()*1000-1, int64(1), asOf.UnixMilli()*1000+5000
	ledger := newMemory()
	for _, c := range []pipeline.Confirmed{
		{Key: "a", Score: 10, Model: own, Version: newest},  // stays
		{Key: "b", Score: 99, Model: own, Version: before},  // changes to 20
		{Key: "c", Score: 98, Model: old, Version: before},  // another model's, to 30
		{Key: "c1", Score: 97, Model: old, Version: before}, // left
		{Key: "c2", Score: 1, Model: own, Version: before},  // its row is rejected: it did not leave
		{Key: "d", Score: 96, Model: own, Version: before, Unsure: true},
		{Key: "e", Score: 95, Model: own, Version: before, Cleared: true},
		{Key: "f", Score: 94, Version: before, Unsure: true}, // nothing was confirmed, and it left
		{Key: "f1", Score: 94, Version: before},              // was never sent
		{Key: "f2", Model: own, Version: before, Cleared: true, Unsure: true},
		{Key: "f3"}, // was refused, which is over; its lead left
		{Key: "g", Score: 93, Model: own, Version: before, Filled: true},
		{Key: "h", Score: 92, Model: own, Version: after},
		{Key: "h2"}, // was refused, and is due
		{Key: "i", Score: 91, Model: own, Version: before, Until: pipeline.Never},
		{Key: "j", Score: 150, Model: own, Version: before}, // typed by a person
		{Key: "k", Score: -1, Model: own, Version: before},
		{Key: "z", Score: 90, Model: own, Version: before, Until: time.Unix(1, 0)}, // left, and its quarantine is over
	} {
		ledger.confirmed[c.Key] = c
	}
	source := &table{rows: append(five().rows, row{"c2", math.NaN()}, row{"b2", 5}, row{"j", 3}, row{"h", 3}, row{"h2", 3})}
	for _, clears := range []bool{true, false} {
		r := runner(source, ledger, untouched(t))
		r.Targets[0].Clear = clears
		var got pipeline.Crossing
		r.Guard = func(now, ref *pipeline.Profile, b []pipeline.Profile) pipeline.Verdict {
			got = now.Targets[0]
			return suspicious(now, ref, b)
		}
		if s, _ := r.Run(t.Context(), live()); s.End != pipeline.Held {
			t.Fatal(s.End)
		}
		want := pipeline.Crossing{Target: "org", Held: 11, New: 1} // b2
		want.Own[10][10], want.Own[99][20], want.Own[96][40], want.Other[98][30] = 1, 1, 1, 1
		if clears {
			want.Left = 5 // c1, f, f2, k and z
		}
		if got != want {
			t.Errorf("clears %t: held %d, left %d, new %d, own %v, other %v", clears, got.Held, got.Left, got.New, moves(&got.Own), moves(&got.Other))
		}
	}
}

// moves lists a table's numbers that are not 0.
func moves(t *pipeline.Table) (list [][3]int) {
	for from := range t {
		for to, n := range t[from] {
			if n != 0 {
				list = append(list, [3]int{from, to, int(n)})
			}
		}
	}
	return list
}
