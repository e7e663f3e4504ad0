package schedule

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"scored/pipeline"
)

const jitter = 20 * time.Second

func policy(t testing.TB, text string) Policy {
	return Policy{Spec: spec(t, text, nil), Jitter: jitter, StartDeadline: 10 * time.Minute, Tries: 3}
}

// at is a time of day on one day.
func at(t testing.TB, clock string) time.Time {
	return instant(t, "2026-05-04T"+clock+"Z")
}

func span(t testing.TB, first, last string, n int, fate pipeline.Fate, reason string) pipeline.Span {
	return pipeline.Span{First: at(t, first), Last: at(t, last), Count: n, Fate: fate, Reason: reason}
}

// of gives a span its run.
func of(run string, s pipeline.Span) pipeline.Span {
	s.RunID = run
	return s
}

func TestPlan(t *testing.T) {
	clock := func(text string) time.Time {
		if text == "" {
			return time.Time{}
		}
		return at(t, text)
	}
	for _, c := range []struct {
		name      string
		accounted string
		cursor    pipeline.Cursor
		watched   string
		active    bool
		busyUntil string
		now       string
		spans     []pipeline.Span
		moved     string // where the cursor goes; "" if it stays
		run       string
		rewound   bool
		next      string
	}{
		{name: "the first turn begins the schedule and catches nothing up", now: "12:07:03", moved: "12:07:03", next: "12:15:20"},
		{name: "the first turn between a slot and its due instant leaves that slot alone", now: "12:15:10", moved: "12:15:10", next: "12:30:20"},
		{name: "nothing is due", accounted: "12:00:00", now: "12:14:59", next: "12:15:20"},
		{name: "a slot isn't due before its jitter has passed", accounted: "12:00:00", now: "12:15:19", next: "12:15:20"},
		{name: "a slot is due", accounted: "12:00:00", now: "12:15:20", run: "12:15:00", next: "12:30:20"},
		{name: "a slot stays due while work is going on", accounted: "12:00:00", active: true, now: "12:31:00", next: "12:45:20"},
		{name: "downtime: the newest is caught up, the others are missed", accounted: "09:00:00", now: "12:07:00",
			spans: []pipeline.Span{span(t, "09:15:00", "11:45:00", 11, pipeline.Missed, reasonMissed)}, moved: "11:45:00", run: "12:00:00", next: "12:15:20"},
		{name: "a run that took too long costs the slots that came due meanwhile", accounted: "12:00:00", busyUntil: "12:31:00", now: "12:31:00",
			spans: []pipeline.Span{span(t, "12:15:00", "12:30:00", 2, pipeline.Skipped, reasonOverlap)}, moved: "12:30:00", next: "12:45:20"},
		{name: "a slot that came due after the run's end is run", accounted: "12:00:00", busyUntil: "12:15:19", now: "12:15:20", run: "12:15:00", next: "12:30:20"},
		{name: "overlap, then sleep", accounted: "10:00:00", busyUntil: "10:20:00", now: "12:01:00", spans: []pipeline.Span{
			span(t, "10:15:00", "10:15:00", 1, pipeline.Skipped, reasonOverlap), span(t, "10:30:00", "11:45:00", 6, pipeline.Missed, reasonMissed),
		}, moved: "11:45:00", run: "12:00:00", next: "12:15:20"},
		{name: "paused", accounted: "12:00:00", cursor: pipeline.Cursor{Paused: at(t, "11:00:00"), PausedWhy: "undo"}, now: "12:31:00",
			spans: []pipeline.Span{span(t, "12:15:00", "12:30:00", 2, pipeline.Skipped, "paused: undo")}, moved: "12:30:00", next: "12:45:20"},
		{name: "paused after a long run", accounted: "12:00:00", busyUntil: "12:16:00", cursor: pipeline.Cursor{Paused: at(t, "12:10:00")}, now: "12:31:00",
			spans: []pipeline.Span{span(t, "12:15:00", "12:15:00", 1, pipeline.Skipped, reasonOverlap), span(t, "12:30:00", "12:30:00", 1, pipeline.Skipped, "paused")},
			moved: "12:30:00", next: "12:45:20"},
		{name: "killed in the middle: the slot is taken up again", accounted: "12:00:00", cursor: pipeline.Cursor{Tried: at(t, "12:15:00"), Tries: 2},
			now: "12:21:00", run: "12:15:00", next: "12:30:20"},
		{name: "a crash loop comes to an end", accounted: "12:00:00", cursor: pipeline.Cursor{Tried: at(t, "12:15:00"), Tries: 3, TriedRun: "leads-2"}, now: "12:21:00",
			spans: []pipeline.Span{of("leads-2", span(t, "12:15:00", "12:15:00", 1, pipeline.Ran, "gave up after 3 attempts"))}, moved: "12:15:00", next: "12:30:20"},
		{name: "killed, and back after the next slot: that one is run", accounted: "12:00:00", cursor: pipeline.Cursor{Tried: at(t, "12:15:00"), Tries: 1, TriedRun: "leads-0"},
			now:   "12:46:00",
			spans: []pipeline.Span{of("leads-0", span(t, "12:15:00", "12:15:00", 1, pipeline.Ran, reasonOvertook)), span(t, "12:30:00", "12:30:00", 1, pipeline.Missed, reasonMissed)},
			moved: "12:30:00", run: "12:45:00", next: "13:00:20"},
		{name: "killed, then paused: its run was made, but not again", accounted: "12:00:00",
			cursor: pipeline.Cursor{Tried: at(t, "12:15:00"), Tries: 1, TriedRun: "leads-0", Paused: at(t, "12:20:00")}, now: "12:21:00",
			spans: []pipeline.Span{of("leads-0", span(t, "12:15:00", "12:15:00", 1, pipeline.Ran, reasonHalted))}, moved: "12:15:00", next: "12:30:20"},
		{name: "stopped, and back after the next slot: a run was made all the same", accounted: "12:00:00",
			cursor: pipeline.Cursor{Tried: at(t, "12:15:00"), TriedRun: "leads-0"}, now: "12:31:00",
			spans: []pipeline.Span{of("leads-0", span(t, "12:15:00", "12:15:00", 1, pipeline.Ran, reasonOvertook))}, moved: "12:15:00",
			run: "12:30:00", next: "12:45:20"},
		{name: "missed while the process was down, and while it was up", accounted: "12:00:00", watched: "12:45:20", now: "13:31:00",
			spans: []pipeline.Span{
				span(t, "12:15:00", "12:30:00", 2, pipeline.Missed, reasonMissed), span(t, "12:45:00", "13:15:00", 3, pipeline.Missed, reasonUnkept),
			}, moved: "13:15:00", run: "13:30:00", next: "13:45:20"},
		{name: "attempts at another slot don't count", accounted: "12:00:00", cursor: pipeline.Cursor{Tried: at(t, "12:00:00"), Tries: 3}, now: "12:21:00",
			run: "12:15:00", next: "12:30:20"},
		{name: "the clock was set back a little: wait", accounted: "12:15:00", now: "12:05:00", next: "12:30:20"},
		{name: "the clock was set back: begin anew", accounted: "12:15:00", now: "12:04:59", moved: "12:04:59", rewound: true, next: "12:15:20"},
		{name: "an end of work that lies ahead skips nothing", accounted: "11:04:00", busyUntil: "12:16:00", now: "11:15:20", run: "11:15:00", next: "11:30:20"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cursor.Accounted = clock(c.accounted)
			want := Plan{Spans: c.spans, Accounted: clock(c.moved), Run: clock(c.run), Rewound: c.rewound, Next: clock(c.next)}
			if c.moved == "" {
				want.Accounted = c.cursor.Accounted
			}
			got := policy(t, "*/15 * * * *").Plan(c.cursor, Situation{Watched: clock(c.watched), Active: c.active, BusyUntil: clock(c.busyUntil)}, at(t, c.now))
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// A cursor that stands at a slot says that the slot is accounted for.
func TestAScheduleThatBeginsAccountsForNoSlot(t *testing.T) {
	p := policy(t, "*/15 * * * *")
	slot := at(t, "12:15:00")
	for name, c := range map[string]pipeline.Cursor{"the first turn": {}, "the clock was set back": {Accounted: at(t, "15:00:00")}} {
		for _, now := range []time.Time{slot, slot.Add(430 * time.Millisecond)} {
			plan := p.Plan(c, Situation{}, now)
			if got := plan.Accounted; got.Equal(slot) || got.Sub(slot) > 430*time.Millisecond || !plan.Next.Equal(slot.Add(15*time.Minute+jitter)) {
				t.Errorf("%s at %v: the cursor stands at %v, and %v is next", name, now, got, plan.Next)
			}
		}
	}
}

func TestTakesOver(t *testing.T) {
	for _, c := range []struct {
		name           string
		old, text      string
		oldJit, jitter time.Duration
		accounted, now string
		next           string // the first slot
		moves          bool
	}{
		{"a slot of both waits for its jitter", "*/30 * * * * *", "*/15 * * * * *", time.Second, time.Second, "12:00:00", "12:00:30", "12:00:30", true},
		{"though the new jitter has passed", "*/30 * * * * *", "*/15 * * * * *", 3 * time.Second, time.Second, "12:00:00", "12:00:32", "12:00:30", true},
		{"a slot that is accounted for comes once", "*/30 * * * * *", "*/15 * * * * *", time.Second, 3 * time.Second, "12:00:30", "12:00:32", "12:00:45", false},
		{"a slot of the old spec only is gone", "*/30 * * * * *", "0 * * * * *", 3 * time.Second, time.Second, "12:00:00", "12:00:32", "12:01:00", false},
		{"slots before are not its own", "0 0 * * *", "*/15 * * * *", jitter, jitter, "00:00:00", "12:01:00", "12:15:00", true},
		{"of several that are due the newest counts", "0 12 * * *", "* * * * * *", jitter, 0, "00:00:00", "12:00:10", "12:00:10", true},
		{"a clock that was set back brings no slot twice", "*/15 * * * *", "*/5 * * * *", jitter, jitter, "12:15:00", "12:11:00", "12:20:00", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			old, p := policy(t, c.old), policy(t, c.text)
			old.Jitter, p.Jitter = c.oldJit, c.jitter
			got := p.takesOver(old, at(t, c.accounted), at(t, c.now))
			if next := p.Spec.Next(got); !next.Equal(at(t, c.next)) || got.Equal(at(t, c.accounted)) == c.moves {
				t.Errorf("the cursor stands at %v, and the first slot is %v", got, next)
			}
			if c.moves && p.Spec.Next(got.Add(-time.Millisecond)).Equal(got) {
				t.Errorf("the cursor stands at %v, a slot", got)
			}
		})
	}
}

// However long the machine was off, there is one run, of the newest slot.
func TestDowntimeIsCaughtUpOnce(t *testing.T) {
	p := policy(t, "*/15 * * * *")
	from := at(t, "12:00:00")
	for down := time.Duration(0); down <= 72*time.Hour; down += 11 * time.Minute {
		plan := p.Plan(pipeline.Cursor{Accounted: from}, Situation{}, from.Add(down+jitter))
		due := int(down / (15 * time.Minute))
		missed := 0
		for _, s := range plan.Spans {
			missed += s.Count
		}
		switch {
		case due == 0 && plan.Run.IsZero() && missed == 0:
		case due > 0 && plan.Run.Equal(from.Add(time.Duration(due)*15*time.Minute)) && missed == due-1 && len(plan.Spans) <= 1:
		default:
			t.Fatalf("down for %v: run %v, spans %v", down, plan.Run, plan.Spans)
		}
	}
}

// A clock that was wrong by years makes more slots due than can be counted before the watchdog fires.
func TestManySlotsAreAccountedForInPortions(t *testing.T) {
	p := policy(t, "* * * * * *")
	p.Jitter = 0
	now := at(t, "12:00:00")
	c := pipeline.Cursor{Accounted: now.Add(-2 * 24 * time.Hour)}
	first := p.Plan(c, Situation{}, now)
	if len(first.Spans) != 1 || first.Spans[0].Count != atOnce || !first.Run.IsZero() || !first.More || !first.Next.Equal(now.Add(time.Second)) {
		t.Fatalf("%+v", first)
	}
	c.Accounted = first.Accounted
	rest := p.Plan(c, Situation{}, now)
	if len(rest.Spans) != 1 || rest.Spans[0].Count != 2*86400-atOnce-1 || !rest.Run.Equal(now) || rest.More || !rest.Next.Equal(now.Add(time.Second)) {
		t.Errorf("%+v", rest)
	}
}

// life is a job's schedule through whatever may happen, with the journal's part of it.
type life struct {
	Policy
	t       *testing.T
	random  *rand.Rand
	now     time.Time
	cursor  pipeline.Cursor
	spans   []pipeline.Span
	began   time.Time // the first turn
	active  time.Time // the slot at work; zero if none
	busy    time.Time
	runs    map[time.Time]int
	rewinds int
}

func (l *life) turn() {
	plan := l.Plan(l.cursor, Situation{Active: !l.active.IsZero(), BusyUntil: l.busy}, l.now)
	l.spans = append(l.spans, plan.Spans...)
	if l.cursor.Accounted.IsZero() {
		l.began = plan.Accounted
	}
	if plan.Rewound {
		l.rewinds++
	}
	l.cursor.Accounted = plan.Accounted
	if !plan.Run.IsZero() {
		if !l.active.IsZero() {
			l.t.Fatalf("two slots at once: %v and %v", l.active, plan.Run)
		}
		l.active = plan.Run
		if !l.cursor.Tried.Equal(plan.Run) {
			l.cursor.Tries = 0
		}
		l.cursor.Tried = plan.Run
		l.cursor.Tries++
		l.runs[plan.Run]++
	}
}

func (l *life) endWork() {
	if l.active.IsZero() {
		return
	}
	l.spans = append(l.spans, pipeline.Span{First: l.active, Last: l.active, Count: 1, Fate: pipeline.Ran})
	l.cursor.Accounted, l.active, l.busy = l.active, time.Time{}, l.now
}

func (l *life) step() {
	l.now = l.now.Add(time.Duration(l.random.Int64N(int64(20 * time.Minute))))
	switch event := l.random.IntN(12); event {
	case 0: // the machine sleeps, or the clock is set forward
		l.now = l.now.Add(time.Duration(l.random.Int64N(int64(5 * time.Hour))))
	case 1, 2: // kill -9
		l.active, l.busy = time.Time{}, time.Time{}
		l.now = l.now.Add(time.Duration(l.random.Int64N(int64(time.Hour))))
	case 3:
		l.cursor.Paused = l.now
	case 4, 5:
		l.cursor.Paused = time.Time{}
	case 6: // the clock is set back a little
		l.now = l.now.Add(-time.Duration(l.random.Int64N(int64(l.StartDeadline - jitter))))
	case 7, 8, 9, 10:
		l.endWork()
	}
	l.turn()
}

// Whatever happens, every slot between the first turn and now gets exactly one fate, in order.
func TestEverySlotHasOneFate(t *testing.T) {
	texts := []string{"*/15 * * * *", "7 * * * *", "*/40 2,9-17 * * *", "0 3 * * *"}
	for seed := range uint64(160) {
		l := &life{
			Policy: policy(t, texts[seed%uint64(len(texts))]), t: t, random: rand.New(rand.NewPCG(seed, 1)),
			now: at(t, "12:00:00"), runs: map[time.Time]int{},
		}
		l.turn()
		for range 200 {
			l.step()
		}
		l.endWork()
		l.turn()
		l.endWork()
		if l.rewinds > 0 {
			t.Fatalf("seed %d: a small step back began the schedule anew", seed)
		}
		if err := l.check(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// check walks through the slots and the spans side by side.
func (l *life) check() error {
	slot := l.began
	for i, s := range l.spans {
		first := l.Spec.Next(slot)
		last := slot
		for range s.Count {
			last = l.Spec.Next(last)
		}
		if !s.First.Equal(first) || !s.Last.Equal(last) {
			return fmt.Errorf("span %d is %v-%v (%d), want %v-%v", i, s.First, s.Last, s.Count, first, last)
		}
		if s.Fate != pipeline.Ran && l.runs[s.First] > 0 {
			return fmt.Errorf("%v was run, but is %s", s.First, s.Fate)
		}
		slot = last
	}
	if !slot.Equal(l.cursor.Accounted) && len(l.spans) > 0 {
		return fmt.Errorf("the spans end at %v, the cursor stands at %v", slot, l.cursor.Accounted)
	}
	if due := l.Spec.Next(slot); !l.due(due).After(l.now) {
		return fmt.Errorf("slots from %v on have no fate at %v", due, l.now)
	}
	for slot, n := range l.runs {
		if n > l.Tries {
			return fmt.Errorf("%v was run %d times", slot, n)
		}
	}
	return nil
}
