package policy

import "scored/pipeline"

// crossing compares with what a target holds, lead by lead.
func (j *judgement) crossing(c *pipeline.Crossing) {
	j.left(c)
	if known(&c.Own) >= fewKnown {
		j.changed(c)
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

func (j *judgement) left(c *pipeline.Crossing) {
	if c.Held < fewRows || c.Left < fewOdd {
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
