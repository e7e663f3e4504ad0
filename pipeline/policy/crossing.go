package policy

import (
	"cmp"
	"math"
	"slices"

	"scored/pipeline"
)

// crossings compares with what the targets hold, lead by lead. A run that agrees with one of them is not suspicious for what
// another one holds, which may have been out of reach for long; but nothing may be cleared anywhere that is more than usual.
func (j *judgement) crossings() {
	var best *judgement
	for i := range j.now.Targets {
		c := &j.now.Targets[i]
		j.left(c)
		if c.Held < fewKnown {
			j.fresh(c)
			continue
		}
		at := &judgement{Limits: j.Limits, Verdict: pipeline.Verdict{Allowed: j.Allowed}, now: j.now, before: j.before}
		at.crossing(c)
		if best == nil || at.agrees(best) < 0 {
			best = at
		}
	}
	if best != nil {
		best.Difference.Left = j.Difference.Left
		j.Difference = best.Difference
		j.Findings = append(j.Findings, best.Findings...)
	}
}

// agrees is negative where the run agrees better with this target than with the other.
func (j *judgement) agrees(other *judgement) int {
	sum := func(d pipeline.Difference) float64 { return d.Changed + d.Jumped + d.New + d.Moved + d.Shift }
	return cmp.Or(cmp.Compare(len(j.Findings), len(other.Findings)), cmp.Compare(sum(j.Difference), sum(other.Difference)))
}

// crossing compares with what a target holds, but for leads that left.
func (j *judgement) crossing(c *pipeline.Crossing) {
	j.fresh(c)
	if known(&c.Own) >= fewKnown {
		j.changed(c)
		j.jumped(c)
		j.top(&c.Own, j.MinOverlap, c.Target, "the ")
	}
	if known(&c.Other) >= fewKnown {
		j.shifted(c)
		j.top(&c.Other, j.New.MinOverlap, c.Target, "the other model's ")
	}
}

// beyond keeps the largest difference, and says whether it is more than the limit, and more than what a person released.
func beyond(is float64, most *float64, limit, released float64) bool {
	*most = max(*most, is)
	return is > limit && is > slack*released
}

// fresh looks for keys that are none: leads that nobody knows. New to a first run, or to a target that holds little, they are no
// finding, and are noted for the next run.
func (j *judgement) fresh(c *pipeline.Crossing) {
	scored, most := j.now.Scores.Rows(), j.overDays(j.MaxNew)
	is := share(c.New, scored)
	if !beyond(is, &j.Difference.New, most, j.Allowed.New) || len(j.before) == 0 || j.now.Past || c.Held < fewKnown || c.New < fewOdd {
		return
	}
	j.find("new", "%d of the %d scored leads never were sent to %s: %s, above %s (%s %s)",
		c.New, scored, c.Target, percent(is), percent(most), percent(j.MaxNew), eachDay)
}

// jumped looks for scores that went to other leads: few move far within a day. A model's first run is left to other checks.
func (j *judgement) jumped(c *pipeline.Crossing) {
	far, most := jumps(&c.Own), j.overDays(j.MaxJumped)
	is := share(far, known(&c.Own))
	if !beyond(is, &j.Difference.Jumped, most, j.Allowed.Jumped) || len(j.before) == 0 || j.before[0].Model != j.now.Model ||
		j.now.Past || far < fewOdd {
		return
	}
	j.find("jumped", "%s of the scores at %s would move by %d or more, above %s (%s %s)",
		percent(is), c.Target, pipeline.Jump, percent(most), percent(j.MaxJumped), eachDay)
}

// eachDay says what the limits on new leads, and on scores that move far, are for.
const eachDay = "for each day since all was sent, up to 3"

// overDays is what a limit for one day lets pass in all of them: in each that share of what the days before left. So no number of
// days lets anything pass.
func (j *judgement) overDays(limit float64) float64 { return max(limit, 1-math.Pow(1-limit, j.days())) }

// days is how many have passed since the targets took all of a run, as far back as the runs before go: at least one, and at most
// three, lest after an outage anything may be new or move far.
func (j *judgement) days() float64 {
	if len(j.before) == 0 {
		return 1
	}
	at := slices.IndexFunc(j.before, func(p pipeline.Profile) bool { return !p.Due })
	if at < 0 {
		at = len(j.before) - 1
	}
	return min(max(1, j.now.AsOf.Sub(j.before[at].AsOf).Hours()/24), 3)
}

func (j *judgement) left(c *pipeline.Crossing) {
	if c.Left < fewOdd {
		return
	}
	if is := share(c.Left, c.Held); beyond(is, &j.Difference.Left, j.MaxLeft, j.Allowed.Left) {
		j.find("left", "%d of the %d leads with a score at %s are not in the result, and would be cleared: %s, above %s",
			c.Left, c.Held, c.Target, percent(is), percent(j.MaxLeft))
	}
}

func (j *judgement) changed(c *pipeline.Crossing) {
	rows, same := known(&c.Own), 0
	for score := range c.Own {
		same += int(c.Own[score][score])
	}
	if is := share(rows-same, rows); beyond(is, &j.Difference.Changed, j.MaxChanged, j.Allowed.Changed) {
		j.find("changed", "%s of the scores at %s would change, above %s", percent(is), c.Target, percent(j.MaxChanged))
	}
}

// shifted compares with another model's scores of the same leads.
func (j *judgement) shifted(c *pipeline.Crossing) {
	before, after := c.Other.Margins()
	by := chance(&before, &after)
	if is := shift(&before, &after); beyond(is, &j.Difference.Shift, j.New.MaxShift+by, j.Allowed.Shift) {
		j.find("scores", "they are distributed otherwise than the other model's of the same leads at %s: stability index %.2f, "+
			"above %.2f and the %.2f that may be chance", c.Target, is, j.New.MaxShift, by)
	}
}

func (j *judgement) top(t *pipeline.Table, least float64, target, whose string) {
	stays := overlap(t)
	if beyond(1-stays, &j.Difference.Moved, 1-least, j.Allowed.Moved) {
		j.find("top", "%s of %stop tenth at %s would stay in it, below %s", percent(stays), whose, target, percent(least))
	}
}
