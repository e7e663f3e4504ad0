package ledger_test

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

func version(minute int) int64 { return slot(minute).UnixMilli() * 1000 }

func whole(key string, minute, score int) pipeline.Holding {
	return pipeline.Holding{Key: key, Score: score, Grade: "A", Model: model, Version: version(minute), Whole: true}
}

// records yields them and then, if there is one, the error.
func records(err error, list ...pipeline.Holding) iter.Seq2[pipeline.Holding, error] {
	return func(yield func(pipeline.Holding, error) bool) {
		for _, h := range list {
			if !yield(h, nil) {
				return
			}
		}
		if err != nil {
			yield(pipeline.Holding{}, err)
		}
	}
}

const shape = "Lead: score, grade, model"

func rebuild(t *testing.T, l *ledger.Ledger, held ...pipeline.Holding) int {
	t.Helper()
	n, err := l.Rebuild(t.Context(), job, target, org, shape, records(nil, held...))
	check(t, err)
	return n
}

// What rides along with a score comes back with it: an undo after a rebuild brings back all of it.
func TestARebuiltLedgerHasWhatRidesAlong(t *testing.T) {
	l := open(t, newPath(t))
	enter(t, l, job)
	known, unknown := whole("a", -30, 10), whole("b", -30, 20)
	known.Probability, known.Reasons, known.ScoredAt = 0.25, "Up: a visit.", slot(-29)
	unknown.Probability = math.NaN()
	rebuild(t, l, known, unknown)
	run := begin(t, l, -5)
	intend(t, l, run, change("a", 11), change("b", 21))
	confirm(t, l, run, pipeline.Accepted, "a", "b")
	got := written(t, l, run.ID)
	if a := got[0]; a.Before.Probability != 0.25 || a.Before.Reasons != "Up: a visit." || !a.Origin.ScoredAt.Equal(slot(-29)) {
		t.Errorf("before a: %+v, %+v", a.Before, a.Origin)
	}
	if b := got[1]; !math.IsNaN(b.Before.Probability) || b.Before.Reasons != "" || !b.Origin.ScoredAt.Equal(slot(-30)) {
		t.Errorf("before b: %+v, %+v", b.Before, b.Origin)
	}
}

func TestALedgerIsRebuiltFromWhatTheTargetHolds(t *testing.T) {
	l := open(t, newPath(t))
	enter(t, l, job)
	part := pipeline.Holding{Key: "b", Score: 9, Grade: "?", Version: version(-20)}
	for range 2 { // again changes nothing
		n := rebuild(t, l, whole("c", -10, 30), part, whole("a", -30, 10))
		want := []pipeline.Confirmed{
			{Key: "a", Score: 10, Grade: "A", Model: model, Version: version(-10)},
			{Key: "b", Version: version(-10), Unsure: true},
			{Key: "c", Score: 30, Grade: "A", Model: model, Version: version(-10)},
		}
		if got := confirmed(t, l); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v: protected by what the newest run looked at", got, want)
		}
		if n != 3 && n != 0 {
			t.Errorf("%d were taken", n)
		}
	}
	if differs, err := l.Shaped(t.Context(), job, target, shape+", reasons"); err != nil || !differs {
		t.Errorf("its shape was not recorded (%v)", err)
	}
	if err := l.CheckBound(t.Context(), job, target, "00D000000000002"); pipeline.ClassOf(err) != pipeline.Configuration {
		t.Errorf("it was not bound (%v)", err)
	}
	run := begin(t, l, -5)
	intend(t, l, run, change("a", 11), change("b", 21))
	confirm(t, l, run, pipeline.Accepted, "a", "b")
	got := written(t, l, run.ID)
	if len(got) != 2 || got[0].Before.Score != 10 || !got[0].Origin.ScoredAt.Equal(slot(-30)) || got[1].Before != nil {
		t.Errorf("it replaced %+v", got)
	}
}

func TestARebuiltLedgerGivesWayToNothingOlder(t *testing.T) {
	l := open(t, newPath(t))
	enter(t, l, job)
	rebuild(t, l, whole("a", -30, 10), whole("b", -10, 20))
	run := request(t, l, pipeline.Request{Trigger: pipeline.Backfill, AsOf: slot(-20)})
	check(t, l.Sweep(t.Context(), run, target))
	intend(t, l, run, change("a", 99))
	confirm(t, l, run, pipeline.Accepted, "a")
	if got := confirmed(t, l)[0]; got.Score != 10 || !got.Unsure {
		t.Errorf("got %+v: the next run puts it right", got)
	}
}

func TestAVersionOfATimeToComeKeepsOnlyItsOwnKey(t *testing.T) {
	l := open(t, newPath(t))
	enter(t, l, job)
	ahead := whole("z", 0, 50)
	ahead.Version = time.Now().Add(24*time.Hour).UnixMilli() * 1000
	rebuild(t, l, whole("a", -10, 10), ahead)
	if got := confirmed(t, l); got[0].Version != version(-10) || got[1].Version != ahead.Version {
		t.Errorf("got %+v", got)
	}
	if got := swept(t, l, job, target); got != version(-10) {
		t.Errorf("swept up to %d", got)
	}
}

func TestARebuildReplacesNothingNewer(t *testing.T) {
	for _, tt := range []struct {
		name  string
		held  pipeline.Holding
		taken int
		want  pipeline.Confirmed
	}{
		{"the same", whole("k", -20, 50), 0, pipeline.Confirmed{Score: 50, Grade: "B", Model: model, Version: version(-20)}},
		{"older at the target, which lost what it confirmed", whole("k", -30, 10), 0,
			pipeline.Confirmed{Score: 50, Grade: "B", Model: model, Version: version(-20), Unsure: true}},
		{"older and not whole", pipeline.Holding{Key: "k", Version: version(-30)}, 0,
			pipeline.Confirmed{Score: 50, Grade: "B", Model: model, Version: version(-20), Unsure: true}},
		{"newer", whole("k", -10, 60), 1, pipeline.Confirmed{Score: 60, Grade: "A", Model: model, Version: version(-10)}},
		{"newer and not whole", pipeline.Holding{Key: "k", Version: version(-10)}, 1, pipeline.Confirmed{Version: version(-10), Unsure: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := fresh(t)
			run := begin(t, l, -20)
			intend(t, l, run, scored("k", 50, 0.5, "Up: a call"))
			confirm(t, l, run, pipeline.Accepted, "k")
			finish(t, l, run)
			tt.want.Key = "k"
			for i := range 2 {
				if n := rebuild(t, l, tt.held); n != tt.taken*(1-i) {
					t.Errorf("%d were taken", n)
				}
				if got := confirmed(t, l); len(got) != 1 || got[0] != tt.want {
					t.Errorf("got %+v, want %+v", got, tt.want)
				}
			}
			next := begin(t, l, -5)
			intend(t, l, next, change("k", 70))
			confirm(t, l, next, pipeline.Accepted, "k")
			before := written(t, l, next.ID)[0].Before
			if kept := before != nil && before.Reasons != ""; kept != (tt.taken == 0) {
				t.Errorf("it replaced %+v: what rode along belongs to another score", before)
			}
		})
	}
}

func TestARebuildUnderAnotherMappingDoubtsWhatTheLedgerHas(t *testing.T) {
	l := fresh(t)
	_, err := l.Shape(t.Context(), job, target, "Lead: score")
	check(t, err)
	delivered(t, l, -20, pipeline.Outcome{Key: "a", Status: pipeline.Accepted})
	rebuild(t, l, whole("b", -10, 1))
	if got := confirmed(t, l); len(got) != 2 || !got[0].Unsure || got[1].Unsure {
		t.Errorf("got %+v", got)
	}
}

func TestARebuildIsRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		prepare  func(*testing.T, *ledger.Ledger)
		identity string
		held     iter.Seq2[pipeline.Holding, error]
		want     string
	}{
		"while a run is open":           {func(t *testing.T, l *ledger.Ledger) { begin(t, l, 0) }, org, records(nil, whole("k", 0, 1)), "a run of the job is open"},
		"without the job's gate":        {func(t *testing.T, l *ledger.Ledger) { check(t, l.Leave(job)) }, org, records(nil, whole("k", 0, 1)), "was not entered"},
		"of another org":                {nil, "00D000000000002", records(nil, whole("k", 0, 1)), "belongs to " + org},
		"of an unknown org":             {nil, "", records(nil, whole("k", 0, 1)), "no identity"},
		"of a record without a version": {nil, org, records(nil, pipeline.Holding{Key: "k"}), "version 0"},
	} {
		t.Run(name, func(t *testing.T) {
			l := fresh(t)
			if tt.prepare != nil {
				tt.prepare(t, l)
			}
			n, err := l.Rebuild(t.Context(), job, target, tt.identity, shape, tt.held)
			if n != 0 || err == nil || !strings.Contains(err.Error(), tt.want) || len(confirmed(t, l)) > 0 {
				t.Errorf("got %d, %v", n, err)
			}
		})
	}
}

func TestARebuildThatBreaksOffIsFinishedByAnother(t *testing.T) {
	l := open(t, newPath(t))
	enter(t, l, job)
	var held []pipeline.Holding
	for i := range 12_000 {
		held = append(held, whole(fmt.Sprintf("k%05d", i), -10, i%101))
	}
	broken := errors.New("503")
	n, err := l.Rebuild(t.Context(), job, target, org, shape, records(broken, held[:11_000]...))
	if !errors.Is(err, broken) || n != 10_000 || len(confirmed(t, l)) != n {
		t.Errorf("got %d, %v", n, err)
	}
	if n := rebuild(t, l, held...); n != 2_000 || len(confirmed(t, l)) != 12_000 {
		t.Errorf("%d were taken", n)
	}
	// A run that begins between two steps ends it.
	begun := false
	n, err = l.Rebuild(t.Context(), job, target, org, shape, func(yield func(pipeline.Holding, error) bool) {
		for i, h := range held {
			h.Version++
			if i == 6_000 {
				begun = begin(t, l, 0) != nil
			}
			if !yield(h, nil) {
				return
			}
		}
	})
	if err == nil || !begun || n != 5_000 {
		t.Errorf("got %d, %v", n, err)
	}
}
