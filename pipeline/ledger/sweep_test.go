package ledger_test

import (
	"reflect"
	"strings"
	"testing"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

func swept(t *testing.T, l *ledger.Ledger, job, target string) int64 {
	t.Helper()
	version, err := l.Swept(t.Context(), job, target)
	check(t, err)
	return version
}

func TestTheNewestSweepCounts(t *testing.T) {
	path := newPath(t)
	l := opened(t, path)
	check(t, l.Bind(t.Context(), job, "other", org))
	if got := swept(t, l, job, target); got != 0 {
		t.Errorf("got %d before the first", got)
	}
	for _, step := range []struct{ minute, newest int }{{5, 5}, {3, 5}, {5, 5}, {8, 8}} {
		run := begin(t, l, step.minute)
		check(t, l.Sweep(t.Context(), run, target))
		if got := swept(t, l, job, target); got/1000 != slot(step.newest).UnixMilli() {
			t.Errorf("after minute %d: got %d, want that of minute %d", step.minute, got, step.newest)
		}
	}
	want := swept(t, l, job, target)
	check(t, l.Close())
	ro, err := ledger.OpenReadOnly(path)
	check(t, err)
	defer ro.Close()
	for _, tt := range []struct {
		job, target string
		want        int64
	}{{job, target, want}, {job, "other", 0}, {job, "unheard of", 0}, {"unheard of", target, 0}} {
		if got := swept(t, ro, tt.job, tt.target); got != tt.want {
			t.Errorf("%s of %s: another process reads %d, want %d", tt.target, tt.job, got, tt.want)
		}
	}
}

func TestOnlyAnOpenRunSweepsABoundTarget(t *testing.T) {
	l := fresh(t)
	run := begin(t, l, 0)
	if err := l.Sweep(t.Context(), run, "elsewhere"); err == nil || !strings.Contains(err.Error(), "not bound") {
		t.Errorf("got %v", err)
	}
	finish(t, l, run)
	if err := l.Sweep(t.Context(), run, target); err == nil || !strings.Contains(err.Error(), "no such run is open") {
		t.Errorf("got %v", err)
	}
	if got := swept(t, l, job, target); got != 0 {
		t.Errorf("got %d", got)
	}
}

// What the key k has is known as of a version, which decides what may replace it. What was written as of before the newest
// look, and is not merely filled, is in doubt: the next run puts it right.
func TestASweepProtectsWhatItFound(t *testing.T) {
	const live, fill, backfill = pipeline.Manual, pipeline.Fill, pipeline.Backfill
	const looks = -1 // the run writes nothing of the key: it is unchanged, or not in the result
	const undo = pipeline.Undo
	const accepted, unknown, refused = pipeline.Accepted, pipeline.Unknown, pipeline.Refused
	type turn struct {
		trigger pipeline.Trigger
		minute  int
		score   int
		end     pipeline.Status
	}
	type known struct {
		score, minute  int
		filled, unsure bool
	}
	tests := []struct {
		name  string
		turns []turn
		want  known
	}{
		{"an undo goes back behind it", []turn{{live, 1, 50, accepted}, {live, 5, looks, 0}, {undo, 3, 70, accepted}}, known{70, 3, false, false}},
		{"but not behind what is newer, which the target does not hold then", []turn{{live, 1, 50, accepted}, {live, 5, 60, accepted}, {undo, 3, 70, accepted}}, known{60, 5, false, true}},
		{"unchanged is as new as the look", []turn{{live, 1, 50, accepted}, {live, 5, looks, 0}}, known{50, 5, false, false}},
		{"also if an older look comes later", []turn{{live, 1, 50, accepted}, {live, 5, looks, 0}, {live, 3, looks, 0}}, known{50, 5, false, false}},
		{"a look that is older than the change", []turn{{live, 5, 50, accepted}, {live, 3, looks, 0}}, known{50, 5, false, false}},
		{"refused at the newest look", []turn{{live, 1, 50, accepted}, {live, 5, 60, refused}}, known{50, 5, false, false}},
		{"an older row that a history took", []turn{{live, 1, 50, accepted}, {live, 5, looks, 0}, {backfill, 3, 70, accepted}}, known{50, 5, false, true}},
		{"also from a fill", []turn{{live, 1, 50, accepted}, {live, 5, looks, 0}, {fill, 3, 70, accepted}}, known{50, 5, false, true}},
		{"an older write without an answer", []turn{{live, 1, 50, accepted}, {live, 5, looks, 0}, {backfill, 3, 70, unknown}}, known{50, 5, false, true}},
		{"a newer backfill replaces it", []turn{{live, 1, 50, accepted}, {live, 5, looks, 0}, {backfill, 7, 70, accepted}}, known{70, 7, false, false}},
		{"and looks, too", []turn{{live, 1, 50, accepted}, {backfill, 5, looks, 0}}, known{50, 5, false, false}},
		{"what was filled is as old as it was", []turn{{fill, 1, 40, accepted}, {live, 5, looks, 0}}, known{40, 1, true, false}},
		{"and the next fill replaces it", []turn{{fill, 1, 40, accepted}, {live, 5, looks, 0}, {fill, 3, 60, accepted}}, known{60, 3, true, false}},
		{"or a backfill", []turn{{fill, 1, 40, accepted}, {live, 5, looks, 0}, {backfill, 3, 60, accepted}}, known{60, 3, false, true}},
		{"or a live run", []turn{{fill, 1, 40, accepted}, {live, 5, 60, accepted}, {live, 6, looks, 0}}, known{60, 6, false, false}},
		{"what came after the look was not found by it", []turn{{live, 5, looks, 0}, {backfill, 1, 40, accepted}}, known{40, 1, false, true}},
		{"and the next window replaces it", []turn{{live, 5, looks, 0}, {backfill, 1, 40, accepted}, {backfill, 2, 45, accepted}}, known{45, 2, false, true}},
		{"until the next look", []turn{{live, 5, looks, 0}, {backfill, 1, 40, accepted}, {live, 6, looks, 0}, {backfill, 2, 45, accepted}}, known{40, 6, false, true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := fresh(t)
			for _, turn := range tt.turns {
				run := request(t, l, pipeline.Request{Trigger: turn.trigger, AsOf: slot(turn.minute)})
				if turn.trigger != fill && turn.trigger != undo {
					check(t, l.Sweep(t.Context(), run, target))
				}
				if turn.score != looks {
					intend(t, l, run, change("k", turn.score))
					confirm(t, l, run, turn.end, "k")
				}
				finish(t, l, run)
			}
			want := []pipeline.Confirmed{{Key: "k", Score: tt.want.score, Grade: "B", Model: model, Filled: tt.want.filled,
				Unsure: tt.want.unsure, Version: slot(tt.want.minute).UnixMilli() * 1000}}
			if got := arrived(t, l); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// Whether or not it becomes what is confirmed: the write was answered, and so is on its way no more.
func TestAnAnsweredWriteThatASweepOutdatesIsSettled(t *testing.T) {
	l := fresh(t)
	write := func(minute int, end pipeline.Status) {
		run := begin(t, l, minute)
		intend(t, l, run, change("k", minute))
		confirm(t, l, run, end, "k")
		finish(t, l, run)
	}
	write(1, pipeline.Accepted)
	write(2, pipeline.Unknown)
	check(t, l.Sweep(t.Context(), begin(t, l, 5), target))
	write(3, pipeline.Accepted)
	want := pipeline.Confirmed{Key: "k", Score: 1, Grade: "B", Model: model, Version: slot(5).UnixMilli() * 1000, Unsure: true}
	if got := confirmed(t, l); len(got) != 1 || got[0] != want {
		t.Errorf("got %+v, want %+v: its intent is gone and the older one with it", got, want)
	}
	write(4, pipeline.Unknown)
	write(3, pipeline.Accepted)
	want.Unsure = true
	if got := confirmed(t, l); len(got) != 1 || got[0] != want {
		t.Errorf("got %+v, want %+v: the newer one may still arrive", got, want)
	}
}
