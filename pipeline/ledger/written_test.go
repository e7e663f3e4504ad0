package ledger_test

import (
	"strings"
	"testing"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

// wroteAll is a run that wrote changes, each of which was accepted.
func wroteAll(t *testing.T, l *ledger.Ledger, trigger pipeline.Trigger, minute int, changes ...pipeline.Change) *pipeline.Run {
	t.Helper()
	run := request(t, l, pipeline.Request{Trigger: trigger, AsOf: slot(minute)})
	intend(t, l, run, changes...)
	for _, c := range changes {
		confirm(t, l, run, pipeline.Accepted, c.Key)
	}
	finish(t, l, run)
	return run
}

// undone is an undo of what a run wrote, under the newest version of which that stands.
func undone(t *testing.T, l *ledger.Ledger, run *pipeline.Run) *pipeline.Run {
	t.Helper()
	standing, err := l.Standing(t.Context(), run.ID)
	check(t, err)
	var changes []pipeline.Change
	for _, w := range written(t, l, run.ID) {
		c := pipeline.Change{Score: pipeline.Score{Key: w.Key}, Clear: w.Before == nil, Origin: w.Origin}
		if w.Before != nil {
			c.Score = *w.Before
		}
		changes = append(changes, c)
	}
	return wroteAll(t, l, pipeline.Undo, int((standing/1000-asOf.UnixMilli())/60_000), changes...)
}

// stands says whether what a run wrote may be there under that version alone, as that score.
func stands(w pipeline.Written, score int, version int64) bool {
	return len(w.Stands) == 1 && w.Stands[0].Version == version && w.Stands[0].Score == score && w.Stands[0].Model == model
}

func TestWhatAnUndoBroughtBackIsStillItsRuns(t *testing.T) {
	l := fresh(t)
	good := wroteAll(t, l, pipeline.Manual, 1, change("k", 10), change("other", 1))
	bad := wroteAll(t, l, pipeline.Manual, 2, change("k", 90))
	worse := wroteAll(t, l, pipeline.Manual, 3, change("k", 95))
	first := undone(t, l, worse)
	if got := written(t, l, bad.ID)[0]; got.Version != bad.Version || !stands(got, 90, first.Version) || got.Before.Score != 10 {
		t.Errorf("got %+v, want it to stand again under %d", got, first.Version)
	}
	if got := written(t, l, worse.ID)[0]; len(got.Stands) != 0 {
		t.Errorf("got %+v, and nobody brought it back", got)
	}
	first = undone(t, l, wroteAll(t, l, pipeline.Manual, 4, change("k", 97))) // which brings back what was brought back
	if got := written(t, l, bad.ID)[0]; !stands(got, 90, first.Version) {
		t.Errorf("got %+v, want it to stand again under %d", got, first.Version)
	}
	second := undone(t, l, bad)
	if got := confirmed(t, l)[0]; second.Version <= first.Version || got.Score != 10 || got.Version != second.Version {
		t.Errorf("got %+v under %d, want the first score", got, second.Version)
	}
	if got := written(t, l, good.ID); !stands(got[0], 10, second.Version) || !stands(got[1], 1, good.Version) {
		t.Errorf("got %+v, want what the second undo brought back to be of the first run", got)
	}
	third := request(t, l, pipeline.Request{Trigger: pipeline.Undo, AsOf: slot(4)}) // undoes the undo, and is never answered
	intend(t, l, third, pipeline.Change{Score: pipeline.Score{Key: "k", Score: 90}, Origin: &pipeline.Origin{Model: model, Version: bad.Version}})
	if got := written(t, l, bad.ID)[0]; !stands(got, 90, third.Version) {
		t.Errorf("got %+v, want that it may stand under %d", got, third.Version)
	}
	if standing, err := l.Standing(t.Context(), bad.ID); err != nil || standing != third.Version {
		t.Errorf("it stands under %d, %v; want %d", standing, err, third.Version)
	}
	confirm(t, l, third, pipeline.Accepted, "k")
	finish(t, l, third)
	_, err := l.Rebuild(t.Context(), job, target, org, "", records(nil, pipeline.Holding{Key: "k", Score: 3, Grade: "B", Model: model, Version: third.Version + 1, Whole: true}))
	if got := written(t, l, bad.ID)[0]; err != nil || len(got.Stands) != 0 {
		t.Errorf("got %+v, %v; the record has somebody else's score", got, err)
	}
	if _, err := l.Standing(t.Context(), "unheard of"); err == nil || !strings.Contains(err.Error(), "unheard of") {
		t.Errorf("got %v", err)
	}
}

func TestWhatWasNeverAnsweredMayBeWritten(t *testing.T) {
	l := fresh(t)
	good := wroteAll(t, l, pipeline.Manual, 1, change("a", 10))
	dead := begin(t, l, 2)
	intend(t, l, dead, change("a", 90), change("b", 91), change("c", 92))
	confirm(t, l, dead, pipeline.NotSent, "c")
	got := written(t, l, dead.ID)
	if len(got) != 2 || !got[0].Open || got[0].Before.Score != 10 || got[0].Origin.Version != good.Version || !got[1].Open || got[1].Origin != nil {
		t.Fatalf("got %+v, want what is confirmed to be what was before", got)
	}
	finish(t, l, dead)
	check(t, l.Settle(t.Context(), dead.ID, target, outcomes(pipeline.Accepted, "a"))) // the target shows it
	if got := written(t, l, dead.ID); len(got) != 2 || got[0].Open || got[0].Before.Score != 10 || !got[1].Open {
		t.Errorf("got %+v", got)
	}
}

// What was read back after a loss is the run's own, too, where it arrived.
func TestWhatARebuildFoundOfTheRunItselfIsNothingOfBefore(t *testing.T) {
	l := fresh(t)
	dead := begin(t, l, 2)
	intend(t, l, dead, change("a", 90))
	finish(t, l, dead)
	found := pipeline.Holding{Key: "a", Score: 90, Grade: "B", Model: model, Version: dead.Version, Whole: true}
	_, err := l.Rebuild(t.Context(), job, target, org, "", records(nil, found))
	check(t, err)
	for _, w := range written(t, l, dead.ID) {
		if w.Before != nil || w.Origin != nil && w.Origin.Model != "" {
			t.Errorf("got %+v of %+v: an undo would bring back what it undoes", w.Before, w.Origin)
		}
	}
}

// What a fill gave may be replaced by the next one, and so may what an undo of a fill leaves.
func TestAnUndoRestoresWhetherAScoreWasFilled(t *testing.T) {
	l := fresh(t)
	wroteAll(t, l, pipeline.Fill, 5, change("a", 50))
	over := wroteAll(t, l, pipeline.Fill, 6, change("a", 60), change("b", 61))
	undo := undone(t, l, over)
	check(t, l.Sweep(t.Context(), begin(t, l, 9), target))
	got := confirmed(t, l)
	if a := got[0]; a.Score != 50 || !a.Filled || a.Version != undo.Version {
		t.Errorf("got %+v, want a score that was filled", a)
	}
	if b := got[1]; !b.Cleared || !b.Filled || b.Version != undo.Version {
		t.Errorf("got %+v, want nothing that keeps a fill away", b)
	}
	wroteAll(t, l, pipeline.Fill, 6, change("a", 70), change("b", 71))
	if got := confirmed(t, l); got[0].Score != 70 || got[1].Score != 71 || got[1].Cleared || got[0].Unsure || got[1].Unsure {
		t.Errorf("got %+v, want what the mended fill gave", got)
	}
	first := wroteAll(t, l, pipeline.Manual, 10, change("c", 1))
	undo = undone(t, l, wroteAll(t, l, pipeline.Fill, 11, change("c", 2)))
	if c := confirmed(t, l)[2]; c.Filled || c.Score != 1 || c.Version != undo.Version {
		t.Errorf("got %+v, want a live score", c)
	}
	undone(t, l, first)
	if c := confirmed(t, l)[2]; !c.Cleared || c.Filled {
		t.Errorf("got %+v, want what the undo of a live run leaves", c)
	}
}
