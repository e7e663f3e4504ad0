package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

// spend makes a run that took so many requests.
func spend(t *testing.T, l *ledger.Ledger, of string, trigger pipeline.Trigger, end pipeline.End, calls int) *pipeline.Run {
	t.Helper()
	run, err := l.Begin(t.Context(), of, pipeline.Request{Trigger: trigger, AsOf: asOf})
	check(t, err)
	summary := &pipeline.Summary{ID: run.ID, Trigger: trigger, End: end, Delivery: pipeline.Delivery{APICalls: calls}}
	check(t, l.Finish(t.Context(), summary, nil, nil, nil))
	return run
}

func spent(t *testing.T, l *ledger.Ledger, since time.Time) [2]int {
	t.Helper()
	s, err := l.Spent(t.Context(), since)
	check(t, err)
	return [2]int{s.Calls, s.Typical}
}

func TestEveryRunCountsToWhatWasSpent(t *testing.T) {
	l := fresh(t)
	enter(t, l, "other")
	start := time.Now().Add(-time.Hour)
	if got := spent(t, l, start); got != [2]int{} {
		t.Errorf("got %v of nothing", got)
	}
	begin(t, l, 9) // open: nobody knows
	for i, step := range []struct {
		job     string
		trigger pipeline.Trigger
		end     pipeline.End
		calls   int
		want    [2]int
	}{
		{job, pipeline.Manual, pipeline.OK, 10, [2]int{10, 10}},
		{"other", pipeline.Manual, pipeline.Partial, 30, [2]int{40, 30}},
		{job, pipeline.Manual, pipeline.OK, 20, [2]int{60, 20}},
		{job, pipeline.Fill, pipeline.OK, 1000, [2]int{1060, 20}},
		{job, pipeline.Undo, pipeline.OK, 1000, [2]int{2060, 20}},
		{job, pipeline.Manual, pipeline.Failed, 1, [2]int{2061, 20}},
		{job, pipeline.Manual, pipeline.Interrupted, 1, [2]int{2062, 20}},
	} {
		spend(t, l, step.job, step.trigger, step.end, step.calls)
		if got := spent(t, l, start); got != step.want {
			t.Errorf("step %d: got %v, want %v", i, got, step.want)
		}
	}
	if s, err := l.Spent(t.Context(), start); err != nil || len(s.Extras) != 2 || s.Extra() != 2000 || s.Extras[0].Began.Before(start) ||
		s.Extras[1].Began.After(time.Now()) {
		t.Errorf("of these a fill and an undo took %+v, %v", s.Extras, err)
	}
	last := spend(t, l, job, pipeline.Manual, pipeline.OK, 7)
	execute(t, l.Path(), `UPDATE runs SET started = started - 1000 WHERE id <> '`+last.ID+`'`)
	if got := spent(t, l, last.Started.Truncate(time.Millisecond)); got[0] != 7 {
		t.Errorf("got %v since the last run began", got)
	}
	if got := spent(t, l, time.Now().Add(time.Hour)); got[0] != 0 {
		t.Errorf("got %v from now on", got)
	}
	ro, err := ledger.OpenReadOnly(l.Path() + ".missing")
	check(t, err)
	if got := spent(t, ro, start); got != [2]int{} {
		t.Errorf("got %v without a ledger", got)
	}
}

func TestWhatIsTypicalIsTheNewestRunsMedian(t *testing.T) {
	path := newPath(t)
	check(t, open(t, path).Close())
	execute(t, path, fmt.Sprintf(`WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 600)
		INSERT INTO runs (id, job, cause, as_of, attempt, version, started, ended, outcome, kept, summary)
		SELECT '%[1]s-' || n, '%[1]s', 'manual', n, 0, n, 1, 1, 'ok', 1, json_object('trigger', 'manual', 'end', 'ok', 'api_calls',
			iif(n <= 504, 1000, iif(n <= 552, 50, 9))) FROM n`, job))
	l := opened(t, path)
	if got := spent(t, l, asOf); got[1] != 50 { // 48 took 9, the 48 before them 50
		t.Errorf("got %v", got)
	}
	spend(t, l, job, pipeline.Manual, pipeline.OK, 9)
	if got := spent(t, l, asOf); got[1] != 9 {
		t.Errorf("got %v", got)
	}
	for range 3 { // an error of one target makes a run that did not deliver
		run := begin(t, l, 0)
		failed := []pipeline.TargetSummary{{Target: target, Error: "503"}}
		check(t, l.Finish(t.Context(), &pipeline.Summary{ID: run.ID, Trigger: pipeline.Manual, End: pipeline.Partial, Targets: failed,
			Delivery: pipeline.Delivery{APICalls: 77}}, nil, nil, nil))
	}
	if got := spent(t, l, asOf); got[1] != 9 {
		t.Errorf("got %v", got)
	}
}
