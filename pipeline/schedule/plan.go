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
	Watched   time.Time // since when this process has watched the job; zero if it only begins to
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
	reasonOverlap  = "the run before was still going"
	reasonPaused   = "paused"
	reasonMissed   = "nobody watched: the daemon was down, the machine asleep, or the job not in the config"
	reasonUnkept   = "the schedule could not be kept: the ledger could not be written, or the machine slept"
	reasonOvertook = "its run was stopped or killed, and not made again: a newer slot was due"
	reasonHalted   = "its run was stopped or killed, and not made again: the job is paused"
)

// Plan decides. It is a pure function, and the only place where a slot's fate is chosen without work being done for it.
func (p Policy) Plan(c pipeline.Cursor, s Situation, now time.Time) Plan {
	plan := Plan{Accounted: c.Accounted}
	switch {
	case s.Active: // slots stay due
	case c.Accounted.IsZero():
		plan.Accounted = p.anew(now)
	case c.Accounted.Sub(now) > p.StartDeadline:
		plan.Accounted, plan.Rewound = p.anew(now), true
	default:
		p.decide(&plan, c, s, now)
	}
	plan.Next = p.due(p.Spec.Next(later(plan.Accounted, now.Add(-p.Jitter))))
	return plan
}

// anew returns where the cursor stands if the slots up to an instant are nobody's. It is no slot, which would read as one
// that is accounted for.
func (p Policy) anew(at time.Time) time.Time {
	at = at.UTC().Truncate(time.Millisecond) // as the journal keeps it
	if p.Spec.Next(at.Add(-time.Millisecond)).Equal(at) {
		return at.Add(time.Millisecond)
	}
	return at
}

// takesOver returns where the cursor stands when the policy follows another, all of whose due slots are accounted for. A
// slot whose instant has passed and whose jitter, old or new, has not is still to come. The longer jitter may be the old
// one: of several slots that are due at once then, the newest counts. The cursor only moves if it must.
func (p Policy) takesOver(old Policy, accounted, now time.Time) time.Time {
	from := now.Add(-max(p.Jitter, old.Jitter))
	if newest := p.Spec.Previous(now.Add(-p.Jitter), 1); newest.After(from) {
		from = newest.Add(-time.Millisecond)
	}
	if p.Spec.Next(accounted).After(from) {
		return accounted
	}
	return p.anew(from)
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
		tried := slot.Equal(c.Tried)
		switch {
		case tried && newest && c.Tries >= p.Tries:
			plan.account(slot, pipeline.Ran, fmt.Sprintf("gave up after %d attempts", c.Tries), c.TriedRun)
		case tried && !newest:
			plan.account(slot, pipeline.Ran, reasonOvertook, c.TriedRun)
		case tried && !c.Paused.IsZero():
			plan.account(slot, pipeline.Ran, reasonHalted, c.TriedRun)
		case !tried && p.overlapped(slot, s, now):
			plan.account(slot, pipeline.Skipped, reasonOverlap, "")
		case !c.Paused.IsZero():
			plan.account(slot, pipeline.Skipped, because(reasonPaused, c.PausedWhy), "")
		case newest:
			plan.Run = slot
		case p.watched(slot, s):
			plan.account(slot, pipeline.Missed, reasonUnkept, "")
		default:
			plan.account(slot, pipeline.Missed, reasonMissed, "")
		}
		slot = next
	}
}

// overlapped says whether a slot came due while the last run was going on. An end that lies ahead is no evidence: the
// clock was set back since.
func (p Policy) overlapped(slot time.Time, s Situation, now time.Time) bool {
	return !s.BusyUntil.After(now) && !p.due(slot).After(s.BusyUntil)
}

// watched says whether a slot came due while this process watched the job.
func (p Policy) watched(slot time.Time, s Situation) bool {
	return !s.Watched.IsZero() && !p.due(slot).Before(s.Watched)
}

func (p Policy) isDue(slot, now time.Time) bool { return !slot.IsZero() && !p.due(slot).After(now) }

// due returns when a slot's work may begin.
func (p Policy) due(slot time.Time) time.Time {
	if slot.IsZero() {
		return slot
	}
	return slot.Add(p.Jitter)
}

// account adds a slot to the last span if that has the same fate. The run is the slot's last one, "" for none.
func (p *Plan) account(slot time.Time, fate pipeline.Fate, reason, run string) {
	p.Accounted = slot
	if n := len(p.Spans); n > 0 && p.Spans[n-1].Fate == fate && p.Spans[n-1].Reason == reason && p.Spans[n-1].RunID == run {
		p.Spans[n-1].Last = slot
		p.Spans[n-1].Count++
		return
	}
	p.Spans = append(p.Spans, pipeline.Span{First: slot, Last: slot, Count: 1, Fate: fate, Reason: reason, RunID: run})
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
