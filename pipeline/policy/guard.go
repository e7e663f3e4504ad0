package policy

import (
	"fmt"
	"math"
	"slices"

	"scored/pipeline"
)

// Limits are what a guard lets pass. Shares, and points of a share, go from 0 to 1.
type Limits struct {
	MinRows     float64 // rows read, as a share of the median of the good runs before
	MaxRows     float64 // the same, from above
	MaxRejected float64 // points by which the rejected share of the rows may lie above the median
	MaxMissing  float64 // points by which the missing share of a column may lie above the median
	MaxFlat     float64 // share of the rows in which a column at least differed from one value that may be lost
	MaxFactor   float64 // by which a column's numbers may typically be larger, or smaller, than the median
	MaxChanged  float64 // share of the leads with a score of this model that get another one
	MaxJumped   float64 // share of the same whose score moves by [pipeline.Jump] or more, for each day since all was sent
	MaxNew      float64 // share of the scored leads that a target knows nothing of, for each of the same days
	MaxLeft     float64 // share of the leads with a score that are to be cleared
	MaxShift    float64 // population stability index of the scores against those of the good runs before
	MinOverlap  float64 // share of the top tenth that stays in it
	New         NewLimits
}

// NewLimits are those where there are no good runs to compare with: a job's first run is compared with the model's reference,
// a new model's first run with the scores of the same leads that the targets hold of the old one.
type NewLimits struct {
	MaxMissing float64
	MaxFactor  float64
	MaxShift   float64
	MinOverlap float64 // of the old model's top tenth
}

// Below these numbers a share says nothing.
const (
	fewRows  = 50  // by which the rows differ; that a column, or the distribution of scores, is looked at in
	fewOdd   = 10  // rows that were rejected beyond the usual; leads that left, are new or jumped
	fewKnown = 100 // leads whose scores are compared one by one
	rare     = 0.2 // share of the rows with some value: counts of today are 0 at midnight for everybody, and so rarer
)

// slack is by how much a run may go beyond what a person released.
const slack = 1.1

// NewGuard returns a [pipeline.Guard] with the limits.
func NewGuard(l Limits) pipeline.Guard {
	return func(now, reference *pipeline.Profile, before []pipeline.Profile) pipeline.Verdict {
		j := &judgement{Limits: l, now: now, reference: reference, before: before}
		j.judge()
		return j.Verdict
	}
}

// judgement is one run's.
type judgement struct {
	Limits
	pipeline.Verdict
	now, reference *pipeline.Profile
	before         []pipeline.Profile
}

func (j *judgement) find(check, format string, args ...any) {
	j.Findings = append(j.Findings, pipeline.Finding{Check: check, Text: fmt.Sprintf(format, args...)})
}

func (j *judgement) judge() {
	j.Allowed = j.released()
	j.rows()
	j.rejected()
	j.columns()
	j.scores()
	j.crossings()
	j.Allowed = lesser(j.Allowed, j.Difference)
}

// lesser has the smaller of each.
func lesser(a, b pipeline.Difference) pipeline.Difference {
	return pipeline.Difference{
		Changed: min(a.Changed, b.Changed), Jumped: min(a.Jumped, b.Jumped), New: min(a.New, b.New), Left: min(a.Left, b.Left),
		Moved: min(a.Moved, b.Moved), Shift: min(a.Shift, b.Shift),
	}
}

// released is what the run may differ from what the targets hold, because a person released a run of this model that did: until
// the targets took what it gave. What the run before could not send is still new, and its scores still move far.
func (j *judgement) released() (most pipeline.Difference) {
	if len(j.before) == 0 {
		return most
	}
	last := &j.before[0]
	same := last.Model == j.now.Model
	switch {
	case same && last.Released:
		most = last.Difference
	case same && last.Due:
		most = last.Allowed
		most.Jumped = max(most.Jumped, last.Difference.Jumped)
	}
	if last.Due {
		most.New = max(most.New, last.Difference.New)
	}
	return most
}

// rows compares how many there are. In the past there may have been others.
func (j *judgement) rows() {
	read := float64(j.now.Read)
	usual := median(j.before, func(p *pipeline.Profile) float64 { return float64(p.Read) })
	switch {
	case j.now.Past || len(j.before) == 0 || math.Abs(read-usual) < fewRows:
	case read/usual < j.MinRows:
		j.find("rows", "%d rows, and %.0f in the runs before: less than %s of them", j.now.Read, usual, percent(j.MinRows))
	case read/usual > j.MaxRows:
		j.find("rows", "%d rows, and %.0f in the runs before: more than %s of them", j.now.Read, usual, percent(j.MaxRows))
	}
}

// rejected compares how many of the rows could not be scored. Of a first run, none is expected.
func (j *judgement) rejected() {
	rejected := func(p *pipeline.Profile) float64 { return share(p.Rejected, p.Read) }
	is, was := rejected(j.now), median(j.before, rejected)
	if is > was+j.MaxRejected && (is-was)*float64(j.now.Read) >= fewOdd {
		j.find("rejected", "%s of the rows were rejected, and %s in the runs before: more than %s above that",
			percent(is), percent(was), points(j.MaxRejected))
	}
}

// scores compares how they are distributed with the runs of this model before. Where there are none, they are compared with
// the model's reference, unless they can be compared with another model's, lead by lead.
func (j *judgement) scores() {
	against, where, limit := j.usual(), "the runs before", j.MaxShift
	if against.Rows() == 0 {
		if slices.ContainsFunc(j.now.Targets, func(c pipeline.Crossing) bool { return known(&c.Other) >= fewKnown }) {
			return
		}
		against, where, limit = &j.reference.Scores, "the model's reference", j.New.MaxShift
	}
	if against.Rows() < fewRows || j.now.Scores.Rows() < fewRows {
		return
	}
	if s, c := shift(against, &j.now.Scores), chance(against, &j.now.Scores); s > limit+c {
		j.find("scores", "they are distributed otherwise than in %s: stability index %.2f, above %.2f and the %.2f that may be "+
			"chance", where, s, limit, c)
	}
}

// usual is all scores of the runs of this model; none beside a run of the past.
func (j *judgement) usual() *pipeline.Histogram {
	var all pipeline.Histogram
	for i := range j.before {
		if j.before[i].Model != j.now.Model || j.now.Past {
			continue
		}
		for score, n := range j.before[i].Scores {
			all[score] += n
		}
	}
	return &all
}
