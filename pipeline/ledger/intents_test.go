package ledger_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

// A step is one run's write of the key k, and its end; 0 stands for a run that ends without a word.
type step struct {
	minute int // orders versions; steps happen in the order they stand
	score  int
	end    pipeline.Status
}

func TestWhatIsKnownOfAKey(t *testing.T) {
	const accepted, refused, retry, unknown, notSent = pipeline.Accepted, pipeline.Refused, pipeline.Retry, pipeline.Unknown, pipeline.NotSent
	const stale, unprocessed = pipeline.Stale, pipeline.Unprocessed
	type known struct {
		score, minute int
		unsure        bool
	}
	nothing := (*known)(nil)
	tests := []struct {
		name  string
		steps []step
		want  *known // score -1: nothing was ever confirmed
	}{
		{"accepted is confirmed", []step{{1, 50, accepted}}, &known{50, 1, false}},
		{"accepted again", []step{{1, 50, accepted}, {2, 51, accepted}}, &known{51, 2, false}},
		{"an older version accepted later doesn't replace a newer one", []step{{2, 50, accepted}, {1, 40, accepted}}, &known{50, 2, false}},
		{"refused at first", []step{{1, 50, refused}}, nothing},
		{"not sent at first", []step{{1, 50, notSent}}, nothing},
		{"stale at first", []step{{1, 50, stale}}, nothing},
		{"given back undone at first", []step{{1, 50, unprocessed}}, nothing},
		{"stale is a doubt about what was confirmed", []step{{1, 50, accepted}, {2, 51, stale}}, &known{50, 1, true}},
		{"which acceptance lifts", []step{{1, 50, accepted}, {2, 51, stale}, {3, 52, accepted}}, &known{52, 3, false}},
		{"stale doesn't lift the doubt", []step{{1, 50, unknown}, {2, 51, stale}}, &known{-1, 1, true}},
		{"given back undone leaves what was confirmed", []step{{1, 50, accepted}, {2, 51, unprocessed}}, &known{50, 1, false}},
		{"given back undone doesn't lift the doubt", []step{{1, 50, unknown}, {2, 51, unprocessed}}, &known{-1, 1, true}},
		{"refused leaves what was confirmed", []step{{1, 50, accepted}, {2, 51, refused}}, &known{50, 1, false}},
		{"retry leaves what was confirmed", []step{{1, 50, accepted}, {2, 51, retry}}, &known{50, 1, false}},
		{"not sent leaves what was confirmed", []step{{1, 50, accepted}, {2, 51, notSent}}, &known{50, 1, false}},
		{"no answer leaves a doubt", []step{{1, 50, accepted}, {2, 51, unknown}}, &known{50, 2, true}},
		{"no answer to the first write", []step{{1, 50, unknown}}, &known{-1, 1, true}},
		{"a run that ends in between leaves a doubt", []step{{1, 50, accepted}, {2, 51, 0}}, &known{50, 2, true}},
		{"a refusal doesn't lift the doubt", []step{{1, 50, accepted}, {2, 51, unknown}, {3, 52, refused}}, &known{50, 2, true}},
		{"a retry doesn't lift the doubt", []step{{1, 50, unknown}, {2, 51, retry}}, &known{-1, 1, true}},
		{"a write that never left doesn't lift the doubt", []step{{1, 50, 0}, {2, 51, notSent}}, &known{-1, 1, true}},
		{"an older write that never left doesn't lift the doubt", []step{{2, 50, 0}, {1, 51, notSent}}, &known{-1, 2, true}},
		{"acceptance lifts the doubt", []step{{1, 50, accepted}, {2, 51, unknown}, {3, 52, accepted}}, &known{52, 3, false}},
		{"acceptance lifts every older doubt", []step{{1, 50, unknown}, {2, 51, 0}, {3, 52, accepted}}, &known{52, 3, false}},
		{"acceptance of an older version doesn't lift the doubt", []step{{3, 50, unknown}, {2, 51, accepted}}, &known{51, 3, true}},
		{"of two doubts the newer version counts", []step{{1, 50, unknown}, {2, 51, unknown}, {3, 52, refused}}, &known{-1, 2, true}},
		{"also if it was written first", []step{{2, 50, unknown}, {1, 51, unknown}, {3, 52, refused}}, &known{-1, 2, true}},
		{"a doubt older than what was confirmed", []step{{2, 50, accepted}, {1, 51, unknown}}, &known{50, 2, true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := fresh(t)
			for _, s := range tt.steps {
				run := begin(t, l, s.minute)
				intend(t, l, run, change("k", s.score))
				if s.end != 0 {
					confirm(t, l, run, s.end, "k")
				}
				finish(t, l, run)
			}
			var want []pipeline.Confirmed
			if tt.want != nil {
				want = []pipeline.Confirmed{{Key: "k", Unsure: tt.want.unsure, Version: asOf.UnixMilli()*1000 + int64(tt.want.minute)*60_000_000}}
				if tt.want.score >= 0 {
					want[0].Score, want[0].Grade, want[0].Model = tt.want.score, "B", model
				}
			}
			if got := arrived(t, l); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestARequestThatWasNeverAnsweredIsRememberedAfterItsRowsWereAccepted(t *testing.T) {
	l := fresh(t)
	unsettled := func() time.Time {
		at, err := l.Unsettled(t.Context(), job, target)
		check(t, err)
		return at
	}
	first := begin(t, l, 0)
	intend(t, l, first, change("k", 1))
	confirm(t, l, first, pipeline.Accepted, "k")
	if at := unsettled(); !at.IsZero() {
		t.Errorf("unsettled since %v, want never", at)
	}
	second := begin(t, l, 1)
	intend(t, l, second, change("k", 2))
	start := time.Now().Add(-time.Second)
	check(t, l.Confirm(t.Context(), second, target, []pipeline.Outcome{{Key: "k", Status: pipeline.Accepted, Late: true}}))
	if at := unsettled(); at.Before(start) {
		t.Errorf("unsettled since %v, want now", at)
	}
	check(t, l.Bind(t.Context(), job, "other", org))
	if at, err := l.Unsettled(t.Context(), job, "other"); err != nil || !at.IsZero() {
		t.Errorf("another target is unsettled since %v, %v", at, err)
	}
}

func TestAClockThatWasAheadOnceDoesNotMakeEveryRunWait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l := open(t, path)
	check(t, l.Bind(t.Context(), job, target, org))
	db, err := sql.Open("sqlite", path)
	check(t, err)
	defer db.Close()
	_, err = db.Exec("UPDATE targets SET late = ?", time.Now().Add(time.Hour).UnixMilli())
	check(t, err)
	if at, err := l.Unsettled(t.Context(), job, target); err != nil || !at.IsZero() {
		t.Errorf("unsettled since %v, %v", at, err)
	}
}

func TestCheckBoundSaysWhatBindWould(t *testing.T) {
	l := fresh(t)
	check(t, l.CheckBound(t.Context(), job, target, org))
	check(t, l.CheckBound(t.Context(), job, "unheard of", "another"))
	err := l.CheckBound(t.Context(), job, target, "00D000000000002")
	if pipeline.ClassOf(err) != pipeline.Configuration || err.Error() == "" || pipeline.HintOf(err) == "" {
		t.Errorf("class %d, %v", pipeline.ClassOf(err), err)
	}
	check(t, l.CheckBound(t.Context(), job, target, org))
}

func TestAnotherShapeIsADoubtAboutEverything(t *testing.T) {
	l := fresh(t)
	run := begin(t, l, 0)
	intend(t, l, run, change("k", 1))
	confirm(t, l, run, pipeline.Accepted, "k")
	for _, step := range []struct {
		shape           string
		changed, unsure bool
	}{{"Lead: score", false, false}, {"Lead: score", false, false}, {"Lead: score, grade", true, true}, {"Lead: score, grade", false, true}} {
		changed, err := l.Shape(t.Context(), job, target, step.shape)
		check(t, err)
		if got := confirmed(t, l)[0].Unsure; changed != step.changed || got != step.unsure {
			t.Errorf("%s: changed %t, unsure %t, want %t and %t", step.shape, changed, got, step.changed, step.unsure)
		}
	}
}

func TestADoubtLastsUntilTheKeyIsConfirmedAgain(t *testing.T) {
	l := fresh(t)
	first := begin(t, l, 0)
	intend(t, l, first, change("a", 1), change("b", 2), change("c", 3))
	confirm(t, l, first, pipeline.Accepted, "a", "b", "c")
	check(t, l.Bind(t.Context(), job, "other", org))
	check(t, l.Doubt(t.Context(), job, "other"))
	if got := confirmed(t, l); got[0].Unsure {
		t.Error("a doubt about another target is none about this one")
	}
	check(t, l.Doubt(t.Context(), job, target))
	second := begin(t, l, 1)
	intend(t, l, second, change("a", 1), change("b", 2))
	confirm(t, l, second, pipeline.Accepted, "a")
	confirm(t, l, second, pipeline.NotSent, "b")
	want := []pipeline.Confirmed{
		{Key: "a", Score: 1, Grade: "B", Model: model, Version: second.Version},
		{Key: "b", Score: 2, Grade: "B", Model: model, Version: first.Version, Unsure: true},
		{Key: "c", Score: 3, Grade: "B", Model: model, Version: first.Version, Unsure: true},
	}
	if got := confirmed(t, l); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestAnIntentIsADoubtUntilItIsSettled(t *testing.T) {
	l := fresh(t)
	run := begin(t, l, 0)
	intend(t, l, run, change("a", 1), change("b", 2))
	confirm(t, l, run, pipeline.Unknown, "a")
	confirm(t, l, run, pipeline.Accepted, "a") // the sink found out after all
	want := []pipeline.Confirmed{
		{Key: "a", Score: 1, Grade: "B", Model: model, Version: run.Version},
		{Key: "b", Version: run.Version, Unsure: true},
	}
	if got := confirmed(t, l); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestTargetsAndJobsAreApart(t *testing.T) {
	l := fresh(t)
	check(t, l.Bind(t.Context(), job, "other", org))
	check(t, l.Bind(t.Context(), "other", target, org))
	run := begin(t, l, 0)
	intend(t, l, run, change("k", 1))
	check(t, l.Intend(t.Context(), run, "other", model, []pipeline.Change{change("k", 1)}))
	confirm(t, l, run, pipeline.Accepted, "k")
	for _, at := range [][2]string{{job, "other"}, {"other", target}, {job, "nowhere"}} {
		for c, err := range l.Confirmed(t.Context(), at[0], at[1]) {
			if err != nil || !c.Unsure {
				t.Errorf("%v: got %+v, %v; what another target confirmed is not confirmed here", at, c, err)
			}
		}
	}
}

// ledgerAndRuns is a ledger with a run that ended and left the key "old" open, and a run now that intends "a" and "b".
type ledgerAndRuns struct {
	*ledger.Ledger
	ended, now *pipeline.Run
}

func TestMisuseChangesNothing(t *testing.T) {
	tests := []struct {
		name string
		do   func(*testing.T, ledgerAndRuns) error
		want string
	}{
		{"confirm what was never intended", func(_ *testing.T, f ledgerAndRuns) error {
			return f.Confirm(context.Background(), f.now, target, outcomes(pipeline.Accepted, "a", "stranger"))
		}, `"stranger" has no open intent of this run`},
		{"confirm another run's intent", func(_ *testing.T, f ledgerAndRuns) error {
			return f.Confirm(context.Background(), f.now, target, outcomes(pipeline.NotSent, "a", "old"))
		}, `"old" has no open intent of this run`},
		{"confirm a key twice", func(_ *testing.T, f ledgerAndRuns) error {
			return f.Confirm(context.Background(), f.now, target, outcomes(pipeline.Refused, "a", "a"))
		}, "the same key"},
		{"call unknown what was never intended", func(_ *testing.T, f ledgerAndRuns) error {
			return f.Confirm(context.Background(), f.now, target, outcomes(pipeline.Unknown, "stranger"))
		}, `"stranger" has no open intent of this run`},
		{"an outcome that is none", func(_ *testing.T, f ledgerAndRuns) error {
			return f.Confirm(context.Background(), f.now, target, outcomes(pipeline.Status(0), "a"))
		}, "outcome that is none"},
		{"intend a key twice", func(_ *testing.T, f ledgerAndRuns) error {
			return f.Intend(context.Background(), f.now, target, model, []pipeline.Change{change("new", 1), change("a", 9)})
		}, `"a" already has an open intent of this run`},
		{"intend without a model", func(_ *testing.T, f ledgerAndRuns) error {
			return f.Intend(context.Background(), f.now, target, "", []pipeline.Change{change("new", 1)})
		}, "no name"},
		{"intend for a target that is not bound", func(_ *testing.T, f ledgerAndRuns) error {
			return f.Intend(context.Background(), f.now, "elsewhere", model, []pipeline.Change{change("new", 1)})
		}, "not bound"},
		{"intend in a run that has ended", func(_ *testing.T, f ledgerAndRuns) error {
			return f.Intend(context.Background(), f.ended, target, model, []pipeline.Change{change("new", 1)})
		}, "no such run is open"},
		{"a context that has ended", func(t *testing.T, f ledgerAndRuns) error {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return f.Intend(ctx, f.now, target, model, []pipeline.Change{change("new", 1)})
		}, "context canceled"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := ledgerAndRuns{Ledger: fresh(t)}
			f.ended = begin(t, f.Ledger, 0)
			intend(t, f.Ledger, f.ended, change("old", 1))
			finish(t, f.Ledger, f.ended)
			f.now = begin(t, f.Ledger, 1)
			intend(t, f.Ledger, f.now, change("a", 1), change("b", 1))
			before := confirmed(t, f.Ledger)

			if err := tt.do(t, f); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
			if after := confirmed(t, f.Ledger); !reflect.DeepEqual(after, before) {
				t.Errorf("got  %+v\nwant %+v", after, before)
			}
		})
	}
}

func TestATargetThatNeverAnswersCostsOneIntentPerKey(t *testing.T) {
	l := fresh(t)
	for minute := range 30 {
		run := begin(t, l, minute)
		intend(t, l, run, change("k", 1))
		confirm(t, l, run, pipeline.Unknown, "k")
		finish(t, l, run)
	}
	last := begin(t, l, 30)
	if n := count(t, l, "intents"); n != 1 {
		t.Errorf("got %d intents, want one", n)
	}
	want := []pipeline.Confirmed{{Key: "k", Unsure: true, Version: last.Version - 60_000_000}}
	if got := confirmed(t, l); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestAnIntentOfAnOpenRunOvertakesNothing(t *testing.T) {
	l := fresh(t)
	first := begin(t, l, 1)
	intend(t, l, first, change("k", 1))
	finish(t, l, first)
	second := begin(t, l, 2)
	intend(t, l, second, change("k", 2))
	begin(t, l, 3)
	confirm(t, l, second, pipeline.NotSent, "k")
	want := fmt.Sprint([]pipeline.Confirmed{{Key: "k", Unsure: true, Version: first.Version}})
	if got := fmt.Sprint(confirmed(t, l)); got != want {
		t.Errorf("got %s, want %s: the first write may still have arrived", got, want)
	}
}

// What is open at the target may still turn out to have done nothing, and then what was sent before it counts again.
func TestAnIntentThatCanStillBeSettledOvertakesNothing(t *testing.T) {
	for _, end := range []pipeline.Status{pipeline.NotSent, pipeline.Unprocessed, pipeline.Refused} {
		l := fresh(t)
		first := begin(t, l, 1)
		intend(t, l, first, change("k", 1))
		finish(t, l, first)
		second := begin(t, l, 2)
		intend(t, l, second, change("k", 2))
		j := l.Journal(job, target)
		check(t, j.Creating(t.Context(), second.ID))
		finish(t, l, second)
		begin(t, l, 3)
		check(t, l.Settle(t.Context(), second.ID, target, outcomes(end, "k")))
		want := fmt.Sprint([]pipeline.Confirmed{{Key: "k", Unsure: true, Version: first.Version}})
		if got := fmt.Sprint(arrived(t, l)); got != want {
			t.Errorf("%s: got %s, want %s: the first write may have arrived", end, got, want)
		}
		check(t, j.Closed(t.Context(), second.ID, ""))
	}
}
