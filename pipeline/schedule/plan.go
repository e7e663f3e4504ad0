package schedule

import (
	"fmt"
	"time"

	"scored/pipeline"
)

// Policy is what decides, beside the clock, what becomes of a job's slots.
type Policy struct {
	Spec   Spec
	Jitter time.Duration // how long after its slot the work begins: see [Jitter]
	// StartDeadline is how long a slot's work may wait for its data and its turn, and how far the clock may be set back
	// before the schedule follows it.
	StartDeadline time.Duration
	Tries         int // how many runs may be begun for a slot
}

// Situation is what the process knows of a job's work.
type Situation struct {
	Active    bool      // some slot's work is going on, or its result is not in the journal yet
	BusyUntil time.Time // when the last run of this process ended; zero before
}

// Plan is what to do now.
type Plan struct {
	Spans     []pipeline.Span // the slots that are accounted for now, in order
	Accounted time.Time       // where the cursor stands then
	Run       time.Time       // the slot whose work begins now; zero for none
	Rewound   bool            // the clock was set back so far that the schedule begins anew
	Next      time.Time       // when the first slot that lies ahead comes due; zero if there is none
	More      bool            // slots that are due were left: the next turn must come at once
}

// The reasons of spans that a plan makes.
const (
	reasonOverlap     = "the run before was still going"
	reasonPaused      = "paused"
	reasonMissed      = "nobody watched: the daemon was down, the machine asleep, or the job not in the config"
	reasonInterrupted = "its run was cut short and not made again"
)

// Plan decides. It is a pure function, and the only place where a slot's fate is chosen without work being done for it.
func (p Policy) Plan(c pipeline.Cursor, s Situation, now time.Time) Plan {
	plan := Plan{Accounted: c.Accounted}
	switch {
	case s.Active: // slots stay due
	case c.Accounted.IsZero():
		plan.Accounted = now.UTC().Truncate(time.Second)
	case c.Accounted.Sub(now) > p.StartDeadline:
		plan.Accounted, plan.Rewound = now.UTC().Truncate(time.Second), true
	default:
		p.decide(&plan, c, s, now)
	}
	plan.Next = p.due(p.Spec.Next(later(plan.Accounted, now.Add(-p.Jitter))))
	return plan
}

// atOnce is how many slots one plan accounts for at most. More can only be due after a clock that was wrong by years is
// put right, and counting them all in one turn would take so long that the watchdog fires.
const atOnce = 100_000

// decide gives due slots their fates. The newest one is special: it may be the one to run.
func (p Policy) decide(plan *Plan, c pipeline.Cursor, s Situation, now time.Time) {
	slot := p.Spec.Next(c.Accounted)
	for n := 0; p.isDue(slot, now); n++ {
		if n == atOnce {
			plan.More = true
			return
		}
		next := p.Spec.Next(slot)
		newest := !p.isDue(next, now)
		tried := c.Tries > 0 && slot.Equal(c.Tried)
		switch {
		case tried && newest && c.Tries >= p.Tries:
			plan.account(slot, pipeline.Ran, fmt.Sprintf("gave up after %d attempts", c.Tries))
		case tried && (!newest || !c.Paused.IsZero()):
			plan.account(slot, pipeline.Ran, reasonInterrupted)
		case !tried && p.overlapped(slot, s, now):
			plan.account(slot, pipeline.Skipped, reasonOverlap)
		case !c.Paused.IsZero():
			plan.account(slot, pipeline.Skipped, because(reasonPaused, c.PausedWhy))
		case newest:
			plan.Run = slot
		default:
			plan.account(slot, pipeline.Missed, reasonMissed)
		}
		slot = next
	}
}

// overlapped says whether a slot came due while the last run was going on. An end that lies ahead is no evidence: the
// clock was set back since.
func (p Policy) overlapped(slot time.Time, s Situation, now time.Time) bool {
	return !s.BusyUntil.After(now) && !p.due(slot).After(s.BusyUntil)
}

func (p Policy) isDue(slot, now time.Time) bool { return !slot.IsZero() && !p.due(slot).After(now) }

// due returns when a slot's work may begin.
func (p Policy) due(slot time.Time) time.Time {
	if slot.IsZero() {
		return slot
	}
	return slot.Add(p.Jitter)
}

// account adds a slot to the last span if that has the same fate.
func (p *Plan) account(slot time.Time, fate pipeline.Fate, reason string) {
	p.Accounted = slot
	if n := len(p.Spans); n > 0 && p.Spans[n-1].Fate == fate && p.Spans[n-1].Reason == reason {
		p.Spans[n-1].Last = slot
		p.Spans[n-1].Count++
		return
	}
	p.Spans = append(p.Spans, pipeline.Span{First: slot, Last: slot, Count: 1, Fate: fate, Reason: reason})
}

// because adds what a person gave as the reason.
func because(reason, why string) string {
	if why == "" {
		return reason
	}
	return reason + ": " + why
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
