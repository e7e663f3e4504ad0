package ledger_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"scored/pipeline"
)

// What a run handed over is confirmed by a later one: it counts as the first run's.
func TestARunThatDiedIsSettledByItsID(t *testing.T) {
	path := newPath(t)
	l := opened(t, path)
	dead := begin(t, l, 0)
	intend(t, l, dead, change("a", 1), change("b", 2), change("c", 3))
	check(t, l.Close())
	l = opened(t, path)
	before := confirmed(t, l)
	next := begin(t, l, 30)
	list := append(outcomes(pipeline.Accepted, "b", "never sent"), refusal("c", pipeline.Terminal, "T"), refusal("x", pipeline.Rejected, "X"))
	check(t, l.Settle(t.Context(), dead.ID, target, list))
	got := confirmed(t, l)
	for i, c := range got {
		switch c.Key {
		case "b":
			if c.Unsure || c.Version != dead.Version {
				t.Errorf("got %+v", c)
			}
		case "c":
			if !c.Until.Equal(pipeline.Never) {
				t.Errorf("got %+v", c)
			}
		default:
			if !reflect.DeepEqual(c, before[i]) {
				t.Errorf("got %+v, and it was %+v", c, before[i])
			}
		}
	}
	if w := written(t, l, dead.ID); len(w) != 2 || !w[0].Open || w[1].Key != "b" || w[1].Version != dead.Version || w[1].Open {
		t.Errorf("it wrote %+v", w)
	}
	check(t, l.Settle(t.Context(), dead.ID, target, list)) // again says nothing
	if again := confirmed(t, l); !reflect.DeepEqual(again, got) || len(written(t, l, dead.ID)) != 2 {
		t.Errorf("got  %+v\nwant %+v", again, got)
	}
	for _, tt := range []struct{ run, target string }{{next.ID, target}, {"unheard of", target}, {dead.ID, "elsewhere"}} {
		if err := l.Settle(t.Context(), tt.run, tt.target, list); err == nil || !strings.Contains(err.Error(), "no such run has ended") {
			t.Errorf("%s at %s: got %v", tt.run, tt.target, err)
		}
	}
}

func TestASettledRunIsWhatItWasMadeFor(t *testing.T) {
	for trigger, want := range map[pipeline.Trigger]pipeline.Confirmed{
		pipeline.Fill:     {Filled: true},
		pipeline.Backfill: {Unsure: true}, // written behind a newer look's back
		pipeline.Undo:     {},
	} {
		l := fresh(t)
		run := request(t, l, pipeline.Request{Trigger: trigger, AsOf: slot(1)})
		intend(t, l, run, change("k", 7))
		finish(t, l, run)
		check(t, l.Sweep(t.Context(), begin(t, l, 5), target))
		check(t, l.Settle(t.Context(), run.ID, target, outcomes(pipeline.Accepted, "k")))
		want.Key, want.Score, want.Grade, want.Model, want.Version = "k", 7, "B", model, run.Version
		if got := confirmed(t, l); len(got) != 1 || got[0] != want {
			t.Errorf("%s: got %+v, want %+v", trigger, got, want)
		}
	}
}

// As of a run that is alive: leads leave because they were converted or deleted, and then there is nothing left to clear.
func TestALeadThatLeftAndTakesNothingAnyMoreIsSettledAsCleared(t *testing.T) {
	for _, tt := range []struct {
		name    string
		trigger pipeline.Trigger
		clear   bool
		class   pipeline.Class
		gone    bool
	}{
		{"it left", pipeline.Manual, true, pipeline.Terminal, true},
		{"it left, says a backfill", pipeline.Backfill, true, pipeline.Terminal, true},
		{"it left, and is refused as it is", pipeline.Manual, true, pipeline.Rejected, false},
		{"it has a score", pipeline.Manual, false, pipeline.Terminal, false},
		{"an undo is not let off", pipeline.Undo, true, pipeline.Terminal, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := fresh(t)
			wroteAll(t, l, pipeline.Manual, 0, change("k", 7), change("other", 8))
			run := request(t, l, pipeline.Request{Trigger: tt.trigger, AsOf: slot(1)})
			c := change("k", 9)
			if tt.clear {
				c = pipeline.Change{Score: pipeline.Score{Key: "k"}, Clear: true}
			}
			intend(t, l, run, c, change("other", 9))
			finish(t, l, run)
			list := []pipeline.Outcome{refusal("k", tt.class, "K"), refusal("other", pipeline.Terminal, "O"),
				refusal("never sent", pipeline.Terminal, "N")}
			given := slices.Clone(list)
			check(t, l.Settle(t.Context(), run.ID, target, list))
			got := confirmed(t, l)
			if len(got) != 2 || got[0].Cleared != tt.gone || got[0].Until.IsZero() != tt.gone || got[0].Unsure {
				t.Errorf("got %+v", got)
			}
			if !got[1].Until.Equal(pipeline.Never) || got[1].Score != 8 {
				t.Errorf("the other was not cleared, and has %+v", got[1])
			}
			if !reflect.DeepEqual(list, given) {
				t.Errorf("the caller's outcomes are %+v", list)
			}
		})
	}
}

// What comes when the run's share is long gone is confirmed, and not kept.
func TestALateAnswerDoesNotBringBackWhatWasDropped(t *testing.T) {
	l := fresh(t)
	run := begin(t, l, 0)
	intend(t, l, run, change("a", 1))
	finish(t, l, run)
	execute(t, l.Path(), `UPDATE runs SET wrote = NULL`)
	check(t, l.Settle(t.Context(), run.ID, target, outcomes(pipeline.Accepted, "a")))
	if got := confirmed(t, l); len(got) != 1 || got[0].Unsure || count(t, l, "replaced") != 0 {
		t.Errorf("got %+v, and %d are kept", got, count(t, l, "replaced"))
	}
}

func TestManyOutcomesAreOneStep(t *testing.T) {
	const n = 25_000
	l := fresh(t)
	changes, accepted := rows(n)
	run := begin(t, l, 0)
	intend(t, l, run, changes...)
	before := confirmed(t, l)
	broken := slices.Concat(accepted, outcomes(pipeline.Accepted, "stranger"))
	if err := l.Confirm(t.Context(), run, target, broken); err == nil || !strings.Contains(err.Error(), `"stranger"`) {
		t.Errorf("got %v", err)
	}
	if got := confirmed(t, l); !reflect.DeepEqual(got, before) || count(t, l, "replaced") != 0 {
		t.Error("a part of it was done")
	}
	check(t, l.Confirm(t.Context(), run, target, accepted))
	for i, c := range confirmed(t, l) {
		if c.Unsure || c.Key != changes[i].Key || c.Score != changes[i].Score.Score {
			t.Fatalf("got %+v", c)
		}
	}
	if got := len(written(t, l, run.ID)); got != n {
		t.Errorf("it wrote %d", got)
	}
}
