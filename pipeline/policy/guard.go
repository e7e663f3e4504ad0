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
	MaxChanged  float64 // share of the leads with a score of this model that get another one
	MaxLeft     float64 // share of the leads with a score that are to be cleared
	MaxShift    float64 // population stability index of the scores against those of the good runs before
	MinOverlap  float64 // share of the top tenth that stays in it
	New         NewLimits
}

// NewLimits are those where there are no good runs to compare with: a job's first run is compared with the model's reference,
// a new model's first run with the scores of the same leads that the targets hold of the old one.
type NewLimits struct {
	MaxMissing float64
	MaxShift   float64
	MinOverlap float64 // of the old model's top tenth
}

// Below these numbers a share says nothing.
const (
	fewRows  = 50  // by which the rows differ; that a column is looked at in
	fewOdd   = 10  // rows that were rejected beyond the usual; leads that left
	fewKnown = 100 // leads whose scores are compared
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
	for i := range j.now.Targets {
		j.crossing(&j.now.Targets[i])
	}
}

// released is what the run may differ from what the targets hold, because a person released a run of this model that did: until
// the targets took what it gave.
func (j *judgement) released() pipeline.Difference {
	switch {
	case len(j.before) == 0 || j.before[0].Model != j.now.Model:
		return pipeline.Difference{}
	case j.before[0].Released:
		return j.before[0].Difference
	case j.before[0].Due:
		return j.before[0].Allowed
	default:
		return pipeline.Difference{}
	}
}

// rows compares how many there are.
func (j *judgement) rows() {
	switch {
	case j.now.Read == 0:
		j.find("rows", "the dataprep script returned no rows")
		return
	case j.now.Scores.Rows() == 0:
		j.find("rejected", "all %d rows were rejected", j.now.Read)
		return
	}
	read := float64(j.now.Read)
	usual := median(j.before, func(p *pipeline.Profile) float64 { return float64(p.Read) })
	switch {
	case len(j.before) == 0 || math.Abs(read-usual) < fewRows:
	case read < j.MinRows*usual:
		j.find("rows", "%d rows, and %.0f in the runs before: less than %s of them", j.now.Read, usual, percent(j.MinRows))
	case read > j.MaxRows*usual:
		j.find("rows", "%d rows, and %.0f in the runs before: more than %s of them", j.now.Read, usual, percent(j.MaxRows))
	}
}

// rejected compares how many of the rows could not be scored. Of a first run, none is expected.
func (j *judgement) rejected() {
	rejected := func(p *pipeline.Profile) float64 { return share(p.Rejected, p.Read) }
	is, was := rejected(j.now), median(j.before, rejected)
	if j.now.Scores.Rows() > 0 && is > was+j.MaxRejected && (is-was)*float64(j.now.Read) >= fewOdd {
		j.find("rejected", "%s of the rows were rejected, and %s in the runs before: more than %s above that",
			percent(is), percent(was), points(j.MaxRejected))
	}
}

// columns looks for one that is empty or constant and was not so: a join that finds nothing, a default in place of a value.
func (j *judgement) columns() {
	if j.now.Read < fewRows {
		return
	}
	known := make([]map[string]pipeline.ColumnProfile, len(j.before))
	for i := range j.before {
		known[i] = byName(&j.before[i])
	}
	trained := byName(j.reference)
	for _, c := range j.now.Columns {
		var runs, reference []seen
		for i := range known {
			if k, ok := known[i][c.Name]; ok && j.before[i].Read >= fewRows {
				runs = append(runs, seen{k, j.before[i].Read})
			}
		}
		if r, ok := trained[c.Name]; ok && j.reference.Read >= fewRows {
			reference = []seen{{r, j.reference.Read}}
		}
		j.column(c, runs, reference)
	}
}

// seen is what a column held in so many rows.
type seen struct {
	pipeline.ColumnProfile
	read int
}

func (s *seen) missing() float64 { return share(s.Missing, s.read) }
func (s *seen) there() float64   { return share(s.read-s.Missing, s.read) }
func (s *seen) varied() float64  { return share(s.Varied, s.read) }

// column compares it with the runs before, and where none had it, with the model's reference.
func (j *judgement) column(c pipeline.ColumnProfile, runs, reference []seen) {
	before, where, limit := runs, "the runs before", j.MaxMissing
	if len(runs) == 0 {
		before, where, limit = reference, "the model's reference", j.New.MaxMissing
	}
	if len(before) == 0 {
		return
	}
	is, was := share(c.Missing, j.now.Read), median(before, (*seen).missing)
	all := slices.Concat(runs, reference)
	switch {
	case is > was+limit:
		j.find("column", "%s is missing in %s of the rows, and in %s of %s: more than %s above that",
			c.Name, percent(is), percent(was), where, points(limit))
	case c.Missing == j.now.Read && always(all, (*seen).there):
		j.find("column", "%s is missing in all rows, and never was in %s", c.Name, where)
	case c.Missing < j.now.Read && c.Varied == 0 && always(all, (*seen).varied):
		j.find("column", "%s has one value in all rows, and always had more in %s", c.Name, where)
	}
}

// always says whether each of them had so much of something that the run should have some, too. The reference is of all hours
// of the day, and so tells what is nothing special at one of them.
func always(before []seen, of func(*seen) float64) bool {
	return !slices.ContainsFunc(before, func(s seen) bool { return of(&s) < rare })
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
	if against.Rows() < fewKnown || j.now.Scores.Rows() < fewKnown {
		return
	}
	if s, c := shift(against, &j.now.Scores), chance(against, &j.now.Scores); s > limit+c {
		j.find("scores", "they are distributed otherwise than in %s: stability index %.2f, above %.2f and the %.2f that may be "+
			"chance", where, s, limit, c)
	}
}

// usual is all scores of the runs of this model.
func (j *judgement) usual() *pipeline.Histogram {
	var all pipeline.Histogram
	for i := range j.before {
		if j.before[i].Model != j.now.Model {
			continue
		}
		for score, n := range j.before[i].Scores {
			all[score] += n
		}
	}
	return &all
}

func byName(p *pipeline.Profile) map[string]pipeline.ColumnProfile {
	columns := make(map[string]pipeline.ColumnProfile, len(p.Columns))
	for _, c := range p.Columns {
		columns[c.Name] = c
	}
	return columns
}
