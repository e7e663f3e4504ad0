package ledger_test

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

// written drains what a run wrote.
func written(t testing.TB, l *ledger.Ledger, run string) (list []pipeline.Written) {
	t.Helper()
	for w, err := range l.Written(context.Background(), run, target) {
		check(t, err)
		list = append(list, w)
	}
	return list
}

// unread is the error of a run of which nothing can be read.
func unread(t *testing.T, l *ledger.Ledger, run string) (last error) {
	t.Helper()
	for w, err := range l.Written(t.Context(), run, target) {
		if err == nil {
			t.Errorf("got %+v", w)
		}
		last = err
	}
	return last
}

func scored(key string, score int, probability float64, reasons string) pipeline.Change {
	c := change(key, score)
	c.Probability, c.Reasons = probability, reasons
	return c
}

func TestWhatARunReplacedIsKeptForAnUndo(t *testing.T) {
	l := fresh(t)
	first := begin(t, l, 0)
	intend(t, l, first, scored("a", 10, 0.125, "Up: a call"), scored("b", 20, 0.25, ""), scored("c", 30, 0.5, "Down: age"))
	confirm(t, l, first, pipeline.Accepted, "a", "b", "c")
	finish(t, l, first)
	second := begin(t, l, 1)
	clearing := pipeline.Change{Score: pipeline.Score{Key: "b"}, Clear: true}
	intend(t, l, second, scored("a", 11, 0.126, "Up: a visit"), clearing, scored("c", 31, 0.6, ""), scored("d", 40, 0.7, ""), change("e", 1), change("f", 1))
	confirm(t, l, second, pipeline.Accepted, "d", "b", "a")
	confirm(t, l, second, pipeline.Refused, "c")
	confirm(t, l, second, pipeline.Unknown, "e")
	finish(t, l, second)

	origin := &pipeline.Origin{Model: model, ScoredAt: first.Started.Truncate(time.Millisecond), Version: first.Version}
	stands := func(c pipeline.Change, version int64) []pipeline.Stand {
		return []pipeline.Stand{{Version: version, Empty: c.Clear, Score: c.Score.Score, Grade: c.Grade, Model: model, Reasons: &c.Reasons}}
	}
	a := pipeline.Written{Key: "a", Version: second.Version, Stands: stands(scored("a", 11, 0.126, "Up: a visit"), second.Version), Before: &pipeline.Score{Key: "a", Score: 10, Grade: "B", Probability: 0.125, Reasons: "Up: a call"}, Origin: origin}
	b := pipeline.Written{Key: "b", Version: second.Version, Stands: stands(clearing, second.Version), Before: &pipeline.Score{Key: "b", Score: 20, Grade: "B", Probability: 0.25}, Origin: origin}
	want := []pipeline.Written{a, b, {Key: "d", Version: second.Version, Stands: stands(scored("d", 40, 0.7, ""), second.Version)},
		{Key: "e", Version: second.Version, Stands: stands(change("e", 1), second.Version), Open: true},
		{Key: "f", Version: second.Version, Stands: stands(change("f", 1), second.Version), Open: true}}
	if got := written(t, l, second.ID); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v: what was accepted, or may have been, in order of key", got, want)
	}

	undo := request(t, l, pipeline.Request{Trigger: pipeline.Undo, AsOf: second.AsOf})
	back := pipeline.Change{Score: *a.Before, Before: &pipeline.Confirmed{}, Origin: origin}
	intend(t, l, undo, back, pipeline.Change{Score: *b.Before, Origin: origin}, pipeline.Change{Score: pipeline.Score{Key: "d"}, Clear: true})
	confirm(t, l, undo, pipeline.Accepted, "a", "b", "d")
	finish(t, l, undo)
	if got := written(t, l, undo.ID); len(got) != 3 || got[0].Before.Score != 11 || got[1].Before != nil || got[2].Before.Score != 40 {
		t.Errorf("got %+v: an undo can be undone, and what was cleared is nothing", got)
	}
	last := begin(t, l, 2)
	intend(t, l, last, change("a", 12), change("d", 41))
	confirm(t, l, last, pipeline.Accepted, "a", "d")
	a.Version, a.Stands = last.Version, stands(change("a", 12), last.Version)
	got := written(t, l, last.ID)
	if !reflect.DeepEqual(got[:1], []pipeline.Written{a}) {
		t.Errorf("got %+v, want %+v with its first origin", got, a)
	}
	if d := got[1]; d.Before != nil || d.Origin.Version != undo.Version {
		t.Errorf("got %+v from %+v, want empty fields of the undo", d, d.Origin)
	}
}

func TestWhatIsClearedIsConfirmed(t *testing.T) {
	l := fresh(t)
	run := begin(t, l, 0)
	intend(t, l, run, pipeline.Change{Score: pipeline.Score{Key: "k"}, Clear: true})
	confirm(t, l, run, pipeline.Accepted, "k")
	want := []pipeline.Confirmed{{Key: "k", Model: model, Version: run.Version, Cleared: true}}
	if got := confirmed(t, l); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	next := begin(t, l, 1)
	intend(t, l, next, change("k", 5))
	confirm(t, l, next, pipeline.Accepted, "k")
	if got := confirmed(t, l); got[0].Cleared || got[0].Score != 5 {
		t.Errorf("got %+v, want a score again", got)
	}
}

func TestAProbabilityThatNobodyKnowsIsNotZero(t *testing.T) {
	path := version1(t)
	l := open(t, path)
	enter(t, l, job)
	run := begin(t, l, 0)
	intend(t, l, run, change("a", 99))
	confirm(t, l, run, pipeline.Accepted, "a")
	got := written(t, l, run.ID)
	if len(got) != 1 || got[0].Before.Score != 10 || !math.IsNaN(got[0].Before.Probability) || got[0].Origin.Model != "m@1" ||
		!got[0].Origin.ScoredAt.Equal(time.UnixMilli(60000)) {
		t.Fatalf("got %+v", got)
	}
	undo := request(t, l, pipeline.Request{Trigger: pipeline.Undo, AsOf: asOf})
	intend(t, l, undo, pipeline.Change{Score: *got[0].Before, Origin: got[0].Origin})
	confirm(t, l, undo, pipeline.Accepted, "a")
	last := begin(t, l, 1)
	intend(t, l, last, change("a", 1))
	confirm(t, l, last, pipeline.Accepted, "a")
	if got := written(t, l, last.ID); !math.IsNaN(got[0].Before.Probability) {
		t.Errorf("got %+v: it became known by being written back", got[0].Before)
	}
	if err := unread(t, l, "good"); err == nil || !strings.Contains(err.Error(), "not kept") || pipeline.HintOf(err) == "" {
		t.Errorf("a run of before: %v", err)
	}
}

func TestWhatNoRunWroteCannotBeRead(t *testing.T) {
	l := fresh(t)
	if err := unread(t, l, "unheard of"); err == nil || !strings.Contains(err.Error(), "no such run") {
		t.Errorf("got %v", err)
	}
	run := begin(t, l, 0)
	if got := written(t, l, run.ID); len(got) > 0 {
		t.Errorf("got %+v", got)
	}
	ro, err := ledger.OpenReadOnly(l.Path() + ".missing")
	check(t, err)
	if err := unread(t, ro, run.ID); err == nil {
		t.Error("without a ledger, there is no run")
	}
}

// wrote records runs that ended long ago and wrote so many keys each, one of which is there.
func wrote(t *testing.T, path string, trigger pipeline.Trigger, runs, keys int) {
	t.Helper()
	execute(t, path, fmt.Sprintf(`
		CREATE TEMP TABLE made AS WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < %d)
			SELECT n + (SELECT ifnull(max(number), 0) FROM runs) AS number FROM n;
		INSERT INTO runs (number, id, job, cause, as_of, attempt, version, started, ended, outcome, summary, wrote)
			SELECT number, '%[2]s-' || number, '%[2]s', '%[3]s', number, 0, number, 1, 1, 'ok', '{}', %[4]d FROM made;
		INSERT OR IGNORE INTO targets (number, job, name, identity) VALUES (1, '%[2]s', '%[5]s', '%[6]s');
		INSERT INTO replaced (run, target, key) SELECT number, 1, 'k' FROM made`, runs, job, trigger, keys, target, org))
}

func TestWhatOldRunsReplacedIsDropped(t *testing.T) {
	for _, tt := range []struct {
		name       string
		runs, keys int // of the earlier runs, live and not
		own        int // keys that the last run writes
		live, fill string
	}{
		{"of 500 live runs and of 500 others it is kept", 502, 1, 1, "500, the last 502", "499, the last 1004"},
		{"a run that wrote nothing takes nobody's place", 502, 1, 0, "500, the last 502", "500, the last 1004"},
		{"of two million writes, the newest", 3, 900_000, 1, "0, the last 0", "2, the last 6"},
		{"and always of the newest run", 1, 3_000_000, 0, "0, the last 0", "1, the last 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := newPath(t)
			check(t, open(t, path).Close())
			wrote(t, path, pipeline.Manual, tt.runs, tt.keys)
			wrote(t, path, pipeline.Fill, tt.runs, tt.keys)
			l := opened(t, path)
			run := request(t, l, pipeline.Request{Trigger: pipeline.Undo, AsOf: asOf})
			changes, accepted := rows(tt.own)
			intend(t, l, run, changes...)
			check(t, l.Confirm(t.Context(), run, target, accepted))
			finish(t, l, run)
			check(t, l.Tidy(t.Context(), job))
			kept := func(trigger pipeline.Trigger) string {
				return query(t, path, fmt.Sprintf(`SELECT count(*) || ', the last ' || ifnull(max(run), 0)
					FROM replaced JOIN runs ON number = run WHERE cause = '%s'`, trigger))
			}
			if live, fill := kept(pipeline.Manual), kept(pipeline.Fill); live != tt.live || fill != tt.fill {
				t.Errorf("%s live and %s filling runs are left, want %s and %s", live, fill, tt.live, tt.fill)
			}
			if got := written(t, l, run.ID); len(got) != tt.own {
				t.Errorf("got %d of the last run", len(got))
			}
			if err := unread(t, l, job+"-1"); err == nil || !strings.Contains(err.Error(), "not kept") {
				t.Errorf("the first run: %v", err)
			}
		})
	}
}
