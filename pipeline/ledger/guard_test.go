package ledger_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

// judged makes a run that a guard looked at, with so many rows, and ends it.
func judged(t *testing.T, l *ledger.Ledger, trigger pipeline.Trigger, rows int, end pipeline.End) *pipeline.Run {
	t.Helper()
	req := pipeline.Request{Trigger: trigger, AsOf: asOf}
	if trigger == pipeline.Scheduled {
		req.Slot = asOf
	}
	run := request(t, l, req)
	s := &pipeline.Summary{ID: run.ID, Job: job, Trigger: trigger, End: end, Scored: rows, Profile: &pipeline.Profile{Read: rows}}
	if end == pipeline.Held {
		s.Findings = []pipeline.Finding{{Check: "rows", Text: "too few"}}
	}
	check(t, l.Finish(t.Context(), s, nil, nil, nil))
	return run
}

// compared lists the rows of the runs that a next one is compared with, and a * at one that was released.
func compared(t *testing.T, l *ledger.Ledger) string {
	t.Helper()
	profiles, err := l.Baseline(t.Context(), job)
	check(t, err)
	var words []string
	for _, p := range profiles {
		word := fmt.Sprint(p.Read)
		if p.Released {
			word += "*"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func TestARunIsComparedWithTheGoodOnesBefore(t *testing.T) {
	l := fresh(t)
	if got := compared(t, l); got != "" {
		t.Errorf("a first run is compared with %q", got)
	}
	judged(t, l, pipeline.Scheduled, 1, pipeline.OK)
	judged(t, l, pipeline.Manual, 2, pipeline.Partial)
	judged(t, l, pipeline.Scheduled, 3, pipeline.Failed)
	judged(t, l, pipeline.Scheduled, 4, pipeline.Interrupted)
	judged(t, l, pipeline.Scheduled, 5, pipeline.Held)
	finish(t, l, request(t, l, pipeline.Request{Trigger: pipeline.Backfill, AsOf: asOf})) // no guard looked at it
	enter(t, l, "other")
	other, err := l.Begin(t.Context(), "other", pipeline.Request{Trigger: pipeline.Manual, AsOf: asOf})
	check(t, err)
	check(t, l.Finish(t.Context(), &pipeline.Summary{ID: other.ID, End: pipeline.OK, Profile: &pipeline.Profile{Read: 99}}, nil, nil, nil))
	if got := compared(t, l); got != "2 1" {
		t.Errorf("compared with %q, want the good ones of the job, the newest first", got)
	}
	for rows := 6; rows <= 30; rows++ {
		judged(t, l, pipeline.Scheduled, rows, pipeline.OK)
	}
	if got := compared(t, l); got != "30 29 28 27 26 25 24 23 22 21 20 19 18 17 16 15 14 13 12 11" {
		t.Errorf("compared with %q, want the newest twenty", got)
	}
}

func TestAProfileIsKeptWhole(t *testing.T) {
	l := fresh(t)
	want := pipeline.Profile{
		Model: "m@1", AsOf: time.Unix(1_800_000_000, 0).UTC(), Read: 100, Rejected: 3, Columns: []pipeline.ColumnProfile{{Name: "x", Missing: 2, Varied: 1}, {Name: "y"}},
		Difference: pipeline.Difference{Changed: 0.1, Left: 0.2, Moved: 0.3, Shift: 4}, Allowed: pipeline.Difference{Left: 1}, Due: true,
	}
	want.Scores[0], want.Scores[100] = 1, 96
	run := begin(t, l, 0)
	check(t, l.Finish(t.Context(), &pipeline.Summary{ID: run.ID, End: pipeline.OK, Profile: &want}, nil, nil, nil))
	got, err := l.Baseline(t.Context(), job)
	if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestARunThatWasUndoneIsNoGoodOne(t *testing.T) {
	l := fresh(t)
	judged(t, l, pipeline.Scheduled, 1, pipeline.OK)
	bad := judged(t, l, pipeline.Scheduled, 2, pipeline.OK)
	judged(t, l, pipeline.Scheduled, 3, pipeline.OK)
	undo := request(t, l, pipeline.Request{Trigger: pipeline.Undo, AsOf: asOf})
	check(t, l.Finish(t.Context(), &pipeline.Summary{ID: undo.ID, Undone: bad.ID, End: pipeline.Partial}, nil, nil, nil))
	if got := compared(t, l); got != "3 1" {
		t.Errorf("compared with %q", got)
	}
}

func TestAfterAReleaseTheComparisonBeginsAnew(t *testing.T) {
	l := fresh(t)
	judged(t, l, pipeline.Scheduled, 1, pipeline.OK)
	first := judged(t, l, pipeline.Scheduled, 2, pipeline.Held)
	second := judged(t, l, pipeline.Scheduled, 3, pipeline.Held)
	check(t, l.Rule(t.Context(), first.ID, pipeline.Released))
	if got := compared(t, l); got != "2*" {
		t.Errorf("after the release, compared with %q", got)
	}
	check(t, l.Rule(t.Context(), second.ID, pipeline.Released))
	if got := compared(t, l); got != "3*" {
		t.Errorf("after the release of a later one, compared with %q", got)
	}
	judged(t, l, pipeline.Manual, 4, pipeline.Failed)
	if got := compared(t, l); got != "3*" {
		t.Errorf("after a run that failed, compared with %q", got)
	}
	judged(t, l, pipeline.Manual, 5, pipeline.OK)
	judged(t, l, pipeline.Scheduled, 6, pipeline.Held)
	if got := compared(t, l); got != "5 3*" {
		t.Errorf("after a good run, compared with %q", got)
	}
	for range 100 {
		judged(t, l, pipeline.Scheduled, 7, pipeline.OK)
	}
	if got := compared(t, l); strings.Contains(got, "*") || len(strings.Fields(got)) != 20 {
		t.Errorf("long after, compared with %q", got)
	}
}

func TestAReleaseCanBeTakenBack(t *testing.T) {
	l := fresh(t)
	for rows := 1; rows <= 30; rows++ {
		judged(t, l, pipeline.Scheduled, rows, pipeline.OK)
	}
	first := judged(t, l, pipeline.Scheduled, 100, pipeline.Held)
	check(t, l.Rule(t.Context(), first.ID, pipeline.Released))
	judged(t, l, pipeline.Manual, 101, pipeline.OK)
	second := judged(t, l, pipeline.Scheduled, 102, pipeline.Held)
	check(t, l.Rule(t.Context(), second.ID, pipeline.Released))
	refused(t, l, first.ID, pipeline.Discarded, second.ID+" was released after it")
	for range 100 {
		judged(t, l, pipeline.Scheduled, 103, pipeline.OK)
	}
	check(t, l.Rule(t.Context(), second.ID, pipeline.Discarded))
	if got := compared(t, l); got != "101 100*" {
		t.Errorf("compared with %q, want the first release and what followed it", got)
	}
	check(t, l.Rule(t.Context(), first.ID, pipeline.Discarded))
	if got := compared(t, l); got != "30 29 28 27 26 25 24 23 22 21 20 19 18 17 16 15 14 13 12" {
		t.Errorf("compared with %q, want the good ones before both, of which twenty were kept with the one in between", got)
	}
	refused(t, l, first.ID, pipeline.Released, "it is discarded already")
}

func TestTheUndoOfAReleasedRunsSuccessorTakesTheReleaseBack(t *testing.T) {
	undo := func(l *ledger.Ledger, run *pipeline.Run, end pipeline.End) {
		u := request(t, l, pipeline.Request{Trigger: pipeline.Undo, AsOf: asOf})
		check(t, l.Finish(t.Context(), &pipeline.Summary{ID: u.ID, Undone: run.ID, End: end}, nil, nil, nil))
	}
	for _, tt := range []struct {
		name string
		undo func(l *ledger.Ledger, before, first, second *pipeline.Run)
		want string
	}{
		{"the first after it", func(l *ledger.Ledger, _, first, _ *pipeline.Run) { undo(l, first, pipeline.OK) }, "1"},
		{"both, the newest first", func(l *ledger.Ledger, _, first, second *pipeline.Run) {
			undo(l, second, pipeline.Partial)
			undo(l, first, pipeline.OK)
		}, "1"},
		{"the second only", func(l *ledger.Ledger, _, _, second *pipeline.Run) { undo(l, second, pipeline.OK) }, "3 2*"},
		{"one before it", func(l *ledger.Ledger, before, _, _ *pipeline.Run) { undo(l, before, pipeline.OK) }, "4 3 2*"},
		{"an undo that failed", func(l *ledger.Ledger, _, first, _ *pipeline.Run) { undo(l, first, pipeline.Failed) }, "4 3 2*"},
		{"one long after it", func(l *ledger.Ledger, _, _, _ *pipeline.Run) {
			for range 100 {
				judged(t, l, pipeline.Scheduled, 5, pipeline.OK)
			}
			run := judged(t, l, pipeline.Scheduled, 6, pipeline.OK)
			for range 100 {
				judged(t, l, pipeline.Scheduled, 5, pipeline.OK)
			}
			undo(l, run, pipeline.OK)
		}, strings.TrimSuffix(strings.Repeat("5 ", 20), " ")},
	} {
		l := fresh(t)
		before := judged(t, l, pipeline.Scheduled, 1, pipeline.OK)
		held := judged(t, l, pipeline.Scheduled, 2, pipeline.Held)
		check(t, l.Rule(t.Context(), held.ID, pipeline.Released))
		first := judged(t, l, pipeline.Manual, 3, pipeline.OK)
		tt.undo(l, before, first, judged(t, l, pipeline.Scheduled, 4, pipeline.OK))
		if got := compared(t, l); got != tt.want {
			t.Errorf("%s: compared with %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestARunAsOfAnEarlierInstantIsNoMeasure(t *testing.T) {
	l := fresh(t)
	earlier := func(rows int, end pipeline.End) *pipeline.Run {
		run := request(t, l, pipeline.Request{Trigger: pipeline.Manual, AsOf: asOf.Add(-time.Hour)})
		if !run.Behind {
			t.Errorf("%s is not behind", run.ID)
		}
		check(t, l.Finish(t.Context(), &pipeline.Summary{ID: run.ID, Job: job, Trigger: pipeline.Manual, End: end, Scored: rows,
			Findings: []pipeline.Finding{{}}}, nil, nil, nil))
		return run
	}
	judged(t, l, pipeline.Scheduled, 1, pipeline.OK)
	earlier(2, pipeline.OK)
	if got := compared(t, l); got != "1" {
		t.Errorf("compared with %q, want the newest only", got)
	}
	late := earlier(3, pipeline.Held)
	if got := heldRun(t, l); got != "" {
		t.Errorf("%s waits, and a newer one was good", got)
	}
	refused(t, l, late.ID, pipeline.Released, "does not wait any more")
	held := judged(t, l, pipeline.Scheduled, 4, pipeline.Held)
	if held.Behind {
		t.Error("the newest run is behind")
	}
	earlier(5, pipeline.OK)
	if got := heldRun(t, l); got != held.ID {
		t.Errorf("%q waits, want the held one: what followed is older", got)
	}
	check(t, l.Rule(t.Context(), held.ID, pipeline.Released))
	if got := compared(t, l); got != "4*" {
		t.Errorf("compared with %q", got)
	}
}

// A run that failed says nothing of what came before it.
func TestARunIsBehindThoseThatHaveAVerdict(t *testing.T) {
	for end, want := range map[pipeline.End]bool{pipeline.OK: true, pipeline.Partial: true, pipeline.Held: true, pipeline.Failed: false} {
		l := fresh(t)
		judged(t, l, pipeline.Manual, 1, end)
		run := request(t, l, pipeline.Request{Trigger: pipeline.Manual, AsOf: asOf.Add(-time.Hour)})
		if run.Behind != want {
			t.Errorf("behind one that ended %s: %t", end, run.Behind)
		}
	}
}

// A clock that was ahead leaves a run as of a time to come. What is made afterwards is no less a measure for it, and waits.
func TestARunAsOfATimeToComeDoesNotMakeTheNextOnesOld(t *testing.T) {
	l := fresh(t)
	run := request(t, l, pipeline.Request{Trigger: pipeline.Manual, AsOf: time.Now().Add(1000 * time.Hour)})
	check(t, l.Finish(t.Context(), &pipeline.Summary{ID: run.ID, Job: job, Trigger: pipeline.Manual, End: pipeline.OK,
		Profile: &pipeline.Profile{Read: 1}}, nil, nil, nil))
	judged(t, l, pipeline.Scheduled, 2, pipeline.OK)
	if got := compared(t, l); got != "2 1" {
		t.Errorf("compared with %q", got)
	}
	held := judged(t, l, pipeline.Scheduled, 3, pipeline.Held)
	if got := heldRun(t, l); got != held.ID || held.Behind {
		t.Errorf("%q waits, want the held one, which is behind: %t", got, held.Behind)
	}
	check(t, l.Rule(t.Context(), held.ID, pipeline.Released))
	if got := compared(t, l); got != "3*" {
		t.Errorf("after its release, compared with %q", got)
	}
}

func TestABackfillsHeldWindowDoesNotWait(t *testing.T) {
	l := fresh(t)
	run := request(t, l, pipeline.Request{Trigger: pipeline.Backfill, AsOf: asOf})
	check(t, l.Finish(t.Context(), &pipeline.Summary{ID: run.ID, End: pipeline.Held, Scored: 5}, nil, nil, nil))
	if got := heldRun(t, l); got != "" {
		t.Errorf("%s waits", got)
	}
	refused(t, l, run.ID, pipeline.Released, "it is one of a backfill")
	refused(t, l, run.ID, pipeline.Discarded, "it is one of a backfill")
}

func TestADiscardedRunIsNotComparedWith(t *testing.T) {
	l := fresh(t)
	judged(t, l, pipeline.Scheduled, 1, pipeline.OK)
	check(t, l.Rule(t.Context(), judged(t, l, pipeline.Scheduled, 2, pipeline.Held).ID, pipeline.Discarded))
	if got := compared(t, l); got != "1" {
		t.Errorf("compared with %q", got)
	}
}

// heldRun is the id of the held run that waits, "" if none does.
func heldRun(t *testing.T, l *ledger.Ledger) string {
	t.Helper()
	r, found, err := l.Held(t.Context(), job)
	check(t, err)
	if found != (r.ID != "") || found && len(r.Summary.Findings) != 1 {
		t.Errorf("found %t, %+v", found, r)
	}
	return r.ID
}

func TestAHeldRunWaitsUntilARulingOrAGoodRun(t *testing.T) {
	l := fresh(t)
	judged(t, l, pipeline.Scheduled, 1, pipeline.OK)
	if got := heldRun(t, l); got != "" {
		t.Errorf("%s waits, and none is held", got)
	}
	first := judged(t, l, pipeline.Scheduled, 2, pipeline.Held)
	second := judged(t, l, pipeline.Scheduled, 3, pipeline.Held)
	judged(t, l, pipeline.Scheduled, 3, pipeline.Failed)
	finish(t, l, request(t, l, pipeline.Request{Trigger: pipeline.Backfill, AsOf: asOf}))
	if got := heldRun(t, l); got != second.ID {
		t.Errorf("%q waits, want the newest", got)
	}
	check(t, l.Rule(t.Context(), second.ID, pipeline.Discarded))
	if got := heldRun(t, l); got != "" {
		t.Errorf("%s waits, and a later one was ruled on", got)
	}
	refused(t, l, first.ID, pipeline.Released, "does not wait any more, as "+second.ID+" came after it")
	third := judged(t, l, pipeline.Scheduled, 4, pipeline.Held)
	if got := heldRun(t, l); got != third.ID {
		t.Errorf("%q waits, want the one held since", got)
	}
	good := judged(t, l, pipeline.Scheduled, 5, pipeline.OK)
	if got := heldRun(t, l); got != "" {
		t.Errorf("%s waits, and a good one followed", got)
	}
	refused(t, l, third.ID, pipeline.Released, "does not wait any more, as "+good.ID+" came after it")
	refused(t, l, third.ID, pipeline.Discarded, "does not wait any more")
	r, _, err := l.Run(t.Context(), second.ID)
	if err != nil || r.Ruling != pipeline.Discarded || r.Ruled.IsZero() || r.End != pipeline.Held {
		t.Errorf("it is shown as %+v, %v", r, err)
	}
}

// refused wants a ruling to be refused, with a reason, and to change nothing.
func refused(t *testing.T, l *ledger.Ledger, run string, ruling pipeline.Ruling, why string) {
	t.Helper()
	before := compared(t, l)
	err := l.Rule(t.Context(), run, ruling)
	rule, ok := errors.AsType[*ledger.RulingError](err)
	if !ok || !strings.Contains(rule.Why, why) || !strings.Contains(rule.Error(), fmt.Sprintf("run %s can't be %s: ", run, ruling)) {
		t.Errorf("got %v, want %q", err, why)
	}
	if after := compared(t, l); after != before {
		t.Errorf("compared with %q after it, and %q before", after, before)
	}
}

func TestOnlyAHeldRunIsRuledOn(t *testing.T) {
	l := fresh(t)
	refused(t, l, "nobody", pipeline.Released, "there is no such run")
	refused(t, l, begin(t, l, 0).ID, pipeline.Released, "it has not ended")
	refused(t, l, judged(t, l, pipeline.Scheduled, 1, pipeline.OK).ID, pipeline.Discarded, "it ended ok, and only a held run waits for that")
	held := judged(t, l, pipeline.Scheduled, 2, pipeline.Held)
	check(t, l.Rule(t.Context(), held.ID, pipeline.Discarded))
	refused(t, l, held.ID, pipeline.Released, "it is discarded already")
	empty := judged(t, l, pipeline.Scheduled, 0, pipeline.Held)
	refused(t, l, empty.ID, pipeline.Released, "no row of it was scored")
	check(t, l.Rule(t.Context(), empty.ID, pipeline.Discarded))
}

// A ledger of a year of slots must not hold a year of profiles.
func TestProfilesThatNothingIsComparedWithAreForgotten(t *testing.T) {
	l := fresh(t)
	for range 10 {
		judged(t, l, pipeline.Scheduled, 1, pipeline.Held)
	}
	held := judged(t, l, pipeline.Scheduled, 1, pipeline.Held)
	check(t, l.Rule(t.Context(), held.ID, pipeline.Released))
	judged(t, l, pipeline.Scheduled, 2, pipeline.OK)
	if n := query(t, l.Path(), `SELECT group_concat(profile ->> 'read') FROM runs WHERE profile IS NOT NULL`); n != "1,2" {
		t.Errorf("those of %s are kept, want the released one's and the good one's", n)
	}
	for range 200 {
		judged(t, l, pipeline.Scheduled, 3, pipeline.OK)
	}
	for range 30 {
		judged(t, l, pipeline.Scheduled, 4, pipeline.Held)
	}
	if n := query(t, l.Path(), `SELECT count(*) FROM runs WHERE profile IS NOT NULL`); n != "90" {
		t.Errorf("%s are kept, want 60 of good runs, and those held since", n)
	}
}

func TestWithoutALedgerNothingIsComparedWith(t *testing.T) {
	l, err := ledger.OpenReadOnly(newPath(t))
	check(t, err)
	defer l.Close()
	if profiles, err := l.Baseline(t.Context(), job); err != nil || len(profiles) != 0 {
		t.Errorf("%+v, %v", profiles, err)
	}
	if _, found, err := l.Held(t.Context(), job); err != nil || found {
		t.Errorf("found %t, %v", found, err)
	}
	if err := l.Rule(t.Context(), "x", pipeline.Released); err == nil {
		t.Error("a run of a ledger that is not there was released")
	}
}
