package ledger_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

func slot(minutes int) time.Time { return asOf.Add(time.Duration(minutes) * time.Minute) }

func cursor(t *testing.T, l *ledger.Ledger) pipeline.Cursor {
	t.Helper()
	c, err := l.Cursor(t.Context(), job)
	check(t, err)
	return c
}

func TestTheCursorStandsWhereItWasPut(t *testing.T) {
	path := newPath(t)
	l := open(t, path)
	if c := cursor(t, l); c != (pipeline.Cursor{}) {
		t.Errorf("got %+v before the first turn", c)
	}
	for _, at := range []time.Time{slot(0), slot(15), slot(-60), {}, slot(30)} { // also back, also to nowhere
		check(t, l.Account(t.Context(), job, at, nil))
		if c := cursor(t, l); c != (pipeline.Cursor{Accounted: at}) {
			t.Errorf("got %+v, want %v", c, at)
		}
	}
	check(t, l.Account(t.Context(), "other", slot(99), nil))
	check(t, l.Close())
	for _, open := range []func(string) (*ledger.Ledger, error){ledger.Open, ledger.OpenReadOnly} {
		l, err := open(path)
		check(t, err)
		if c := cursor(t, l); c != (pipeline.Cursor{Accounted: slot(30)}) {
			t.Errorf("got %+v from another process", c)
		}
		check(t, l.Close())
	}
}

func TestTriesAreTheScheduledRunsOfTheNewestSlot(t *testing.T) {
	l := fresh(t)
	tests := []struct {
		name  string
		req   pipeline.Request
		tried time.Time
		tries int
	}{
		{"a manual run is none", pipeline.Request{Trigger: pipeline.Manual, AsOf: slot(0)}, time.Time{}, 0},
		{"the first", pipeline.Request{Trigger: pipeline.Scheduled, Slot: slot(0), AsOf: slot(0)}, slot(0), 1},
		{"again", pipeline.Request{Trigger: pipeline.Scheduled, Slot: slot(0), AsOf: slot(0)}, slot(0), 2},
		{"a backfill is none", pipeline.Request{Trigger: pipeline.Backfill, AsOf: slot(15)}, slot(0), 2},
		{"nor one that fills", pipeline.Request{Trigger: pipeline.Fill, AsOf: slot(15)}, slot(0), 2},
		{"after it, again", pipeline.Request{Trigger: pipeline.Scheduled, Slot: slot(0), AsOf: slot(0)}, slot(0), 3},
		{"the next slot", pipeline.Request{Trigger: pipeline.Scheduled, Slot: slot(15), AsOf: slot(15)}, slot(15), 1},
		{"an earlier one, once the clock was set back", pipeline.Request{Trigger: pipeline.Scheduled, Slot: slot(0), AsOf: slot(0)}, slot(0), 1},
		{"and again", pipeline.Request{Trigger: pipeline.Scheduled, Slot: slot(0), AsOf: slot(0)}, slot(0), 2},
	}
	var last string // scheduled run
	for _, tt := range tests {
		if run := request(t, l, tt.req); run.Trigger == pipeline.Scheduled {
			last = run.ID
		}
		if c := cursor(t, l); !c.Tried.Equal(tt.tried) || c.Tries != tt.tries || c.TriedRun != last {
			t.Errorf("%s: got %d of %v, the last %q; want %d of %v, %q", tt.name, c.Tries, c.Tried, c.TriedRun, tt.tries, tt.tried, last)
		}
	}
	if c, err := l.Cursor(t.Context(), "other"); err != nil || c != (pipeline.Cursor{}) {
		t.Errorf("got %+v, %v of another job", c, err)
	}
}

// A run that was told to stop leaves its slot due, however often that happens; one whose process died may be what killed it.
func TestARunThatWasToldToStopIsNoTry(t *testing.T) {
	l := fresh(t)
	end := func(run *pipeline.Run, end pipeline.End) {
		check(t, l.Finish(t.Context(), &pipeline.Summary{ID: run.ID, End: end}, nil, nil, nil))
	}
	stopped := func(run *pipeline.Run) { end(run, pipeline.Interrupted) }
	failed := func(run *pipeline.Run) { end(run, pipeline.Failed) }
	dead := func(run *pipeline.Run) {
		check(t, l.Leave(job))
		if orphans := enter(t, l, job); len(orphans) != 1 || orphans[0] != run.ID {
			t.Fatalf("got the orphans %q", orphans)
		}
	}
	for i, step := range []struct {
		slot  int
		end   func(*pipeline.Run)
		tries int
	}{
		{0, stopped, 0}, {0, stopped, 0}, {0, dead, 1}, {0, stopped, 1}, {0, failed, 2},
		{15, stopped, 0}, {15, dead, 1}, {15, dead, 2}, {30, failed, 1}, {30, stopped, 1},
	} {
		run := request(t, l, pipeline.Request{Trigger: pipeline.Scheduled, Slot: slot(step.slot), AsOf: slot(step.slot)})
		step.end(run)
		if c := cursor(t, l); !c.Tried.Equal(slot(step.slot)) || c.Tries != step.tries || c.TriedRun != run.ID {
			t.Errorf("step %d: got %d of %v, want %d of %v", i+1, c.Tries, c.Tried, step.tries, slot(step.slot))
		}
	}
}

func TestOnlyAScheduledRunHasASlot(t *testing.T) {
	l := fresh(t)
	for _, req := range []pipeline.Request{{Trigger: pipeline.Scheduled, AsOf: asOf}, {Trigger: pipeline.Manual, Slot: asOf, AsOf: asOf}} {
		if run, err := l.Begin(t.Context(), job, req); err == nil {
			t.Errorf("got %+v", run)
		}
	}
}

func TestSlotsAreAccountedForOneByOne(t *testing.T) {
	l := fresh(t)
	spans := []pipeline.Span{
		{First: slot(0), Last: slot(45), Count: 4, Fate: pipeline.Missed, Reason: "the daemon was not running"},
		{First: slot(60), Last: slot(60), Count: 1, Fate: pipeline.Ran, Reason: "partial: 1 of 3", RunID: "x-1"},
		{First: slot(75), Last: slot(75), Count: 1, Fate: pipeline.Skipped, Reason: "paused"},
	}
	start := time.Now().Truncate(time.Millisecond)
	check(t, l.Account(t.Context(), job, slot(60), spans[:2]))
	check(t, l.Account(t.Context(), job, slot(75), spans[2:]))
	check(t, l.Account(t.Context(), "other", slot(75), spans))
	slots := func(since time.Time, limit int) (list []pipeline.Span) {
		t.Helper()
		got, err := l.Slots(t.Context(), job, since, limit)
		check(t, err)
		for _, s := range got {
			if s.At.Before(start) || s.At.After(time.Now()) {
				t.Errorf("recorded at %v", s.At)
			}
			list = append(list, s.Span)
		}
		return list
	}
	newestFirst := []pipeline.Span{spans[2], spans[1], spans[0]}
	for _, tt := range []struct {
		since time.Time
		limit int
		want  []pipeline.Span
	}{
		{time.Time{}, 10, newestFirst}, {time.Time{}, 2, newestFirst[:2]}, {slot(45), 10, newestFirst}, {slot(46), 10, newestFirst[:2]}, {slot(90), 10, nil},
	} {
		if got := slots(tt.since, tt.limit); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("since %v: got %+v\nwant %+v", tt.since, got, tt.want)
		}
	}
	for _, tt := range []struct {
		since, until time.Time
		want         map[pipeline.Fate]int
	}{
		{time.Time{}, slot(999), map[pipeline.Fate]int{pipeline.Missed: 4, pipeline.Ran: 1, pipeline.Skipped: 1}},
		{slot(45), slot(75), map[pipeline.Fate]int{pipeline.Missed: 4, pipeline.Ran: 1}},
		{slot(46), slot(75), map[pipeline.Fate]int{pipeline.Ran: 1}},
		{slot(90), slot(99), map[pipeline.Fate]int{}},
	} {
		got, err := l.SlotTotals(t.Context(), job, tt.since, tt.until)
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%v - %v: got %v, %v, want %v", tt.since, tt.until, got, err, tt.want)
		}
	}
}

func TestLostSlotsAreThoseWithoutARun(t *testing.T) {
	l := fresh(t)
	var spans []pipeline.Span
	for i := range 60 {
		fate := map[int]pipeline.Fate{5: pipeline.Missed, 30: pipeline.Skipped, 40: pipeline.Missed}[i]
		if fate == "" {
			fate = pipeline.Ran
		}
		spans = append(spans, pipeline.Span{First: slot(i), Last: slot(i), Count: 1, Fate: fate})
	}
	check(t, l.Account(t.Context(), job, slot(60), spans))
	check(t, l.Account(t.Context(), "other", slot(60), []pipeline.Span{{First: slot(60), Last: slot(60), Count: 1, Fate: pipeline.Missed}}))
	for _, tt := range []struct {
		since time.Time
		limit int
		want  []int
	}{{time.Time{}, 10, []int{40, 30, 5}}, {time.Time{}, 2, []int{40, 30}}, {slot(30), 10, []int{40, 30}}, {slot(31), 10, []int{40}}, {slot(41), 10, nil}} {
		found, err := l.Lost(t.Context(), job, tt.since, tt.limit)
		check(t, err)
		var got []int
		for _, s := range found {
			i := int(s.First.Sub(asOf).Minutes())
			if s.Span != spans[i] || s.At.IsZero() {
				t.Errorf("got %+v, want %+v", s, spans[i])
			}
			got = append(got, i)
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("since %v, %d at most: got %v, want %v", tt.since, tt.limit, got, tt.want)
		}
	}
}

func TestSlotsAndCursorMoveTogether(t *testing.T) {
	l := fresh(t)
	check(t, l.Account(t.Context(), job, slot(0), nil))
	good := pipeline.Span{First: slot(15), Last: slot(15), Count: 1, Fate: pipeline.Missed}
	for name, bad := range map[string]pipeline.Span{
		"no slot at all": {First: slot(30), Last: slot(30), Fate: pipeline.Missed}, "ends before it begins": {First: slot(30), Last: slot(15), Count: 2, Fate: pipeline.Missed},
	} {
		if err := l.Account(t.Context(), job, slot(30), []pipeline.Span{good, bad}); err == nil || !strings.Contains(err.Error(), job) {
			t.Errorf("%s: got %v, want an error that names the job", name, err)
		}
	}
	if c, n := cursor(t, l), count(t, l, "slots"); !c.Accounted.Equal(slot(0)) || n != 0 {
		t.Errorf("the cursor is at %v and there are %d spans; want no trace of what failed", c.Accounted, n)
	}
}

func TestAPauseLastsUntilTheJobIsResumed(t *testing.T) {
	path := newPath(t)
	l, beside := open(t, path), open(t, path)
	start := time.Now().Truncate(time.Millisecond)
	check(t, beside.Pause(t.Context(), job, "the warehouse is being moved")) // by a process of its own
	first := cursor(t, l)
	if first.Paused.Before(start) || first.Paused.After(time.Now()) || first.PausedWhy != "the warehouse is being moved" {
		t.Errorf("got %+v", first)
	}
	check(t, beside.Close())
	execute(t, path, `UPDATE jobs SET paused = paused - 60000`)
	check(t, l.Pause(t.Context(), job, "still moving"))
	check(t, l.Account(t.Context(), job, slot(0), nil))
	check(t, l.Saw(t.Context(), job, "42"))
	want := pipeline.Cursor{Accounted: slot(0), Paused: first.Paused.Add(-time.Minute), PausedWhy: "still moving", Seen: "42"}
	if c := cursor(t, l); c != want {
		t.Errorf("got  %+v\nwant %+v: the first instant, the last reason", c, want)
	}
	for i, want := range []bool{true, false} {
		if was, err := l.Resume(t.Context(), job); err != nil || was != want {
			t.Errorf("resumed for the time %d: got %v, %v", i+1, was, err)
		}
	}
	if was, err := l.Resume(t.Context(), "unheard of"); err != nil || was {
		t.Errorf("got %v, %v", was, err)
	}
	if c := cursor(t, l); c != (pipeline.Cursor{Accounted: slot(0), Seen: "42"}) {
		t.Errorf("got %+v, want the pause gone and nothing else", c)
	}
}

func TestWhatAConditionGaveIsKeptPerJob(t *testing.T) {
	l := fresh(t)
	for _, value := range []string{"2026-11-22", "", "b"} {
		check(t, l.Saw(t.Context(), job, value))
		check(t, l.Saw(t.Context(), "other", "another"))
		if c := cursor(t, l); c != (pipeline.Cursor{Seen: value}) {
			t.Errorf("got %+v, want %q", c, value)
		}
	}
}
