package policy

import (
	"slices"

	"scored/pipeline"
)

// columns looks for one that is empty or constant, or nearly so, and was not: a join that finds nothing, a default in place of
// a value.
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
func (s *seen) sized() float64   { return share(s.Sized, s.read) }

// column compares it with the runs before, and where none had it, with the model's reference.
func (j *judgement) column(c pipeline.ColumnProfile, runs, reference []seen) {
	before, where, limit, factor := runs, "the runs before", j.MaxMissing, j.MaxFactor
	if len(runs) == 0 {
		before, where, limit, factor = reference, "the model's reference", j.New.MaxMissing, j.New.MaxFactor
	}
	if len(before) == 0 {
		return
	}
	is, was := share(c.Missing, j.now.Read), median(before, (*seen).missing)
	all := slices.Concat(runs, reference)
	varied, least := share(c.Varied, j.now.Read), lowest(all, (*seen).varied)
	switch {
	case is > was+limit:
		j.find("column", "%s is missing in %s of the rows, and in %s of %s: more than %s above that",
			c.Name, percent(is), percent(was), where, points(limit))
	case c.Missing == j.now.Read && lowest(all, (*seen).there) >= rare:
		j.find("column", "%s is missing in all rows, and never was in %s", c.Name, where)
	case varied < (1-j.MaxFlat)*least && least >= rare:
		j.find("column", "%s differs from one and the same value in only %s of the rows, and in at least %s in %s: less than %s of that",
			c.Name, percent(varied), percent(least), where, percent(1-j.MaxFlat))
	default:
		j.sized(&seen{c, j.now.Read}, before, where, factor)
	}
}

// sized compares how large a column's numbers typically are, where many have a size and the runs before agree: another unit.
func (j *judgement) sized(c *seen, before []seen, where string, factor float64) {
	usual := median(before, func(s *seen) float64 { return s.Typical })
	within := func(s *seen) bool { return s.Typical <= usual*factor && s.Typical >= usual/factor }
	switch {
	case c.Sized < fewRows || c.sized() < rare || lowest(before, (*seen).sized) < rare:
	case slices.ContainsFunc(before, func(s seen) bool { return !within(&s) }):
	case !within(c):
		j.find("column", "%s is typically %.3g, and %.3g in %s: more than %.3g times as much, or as little",
			c.Name, c.Typical, usual, where, factor)
	}
}

// lowest is the share that each of them had at least. The reference is of all hours of the day, and so tells what is nothing
// special at one of them.
func lowest(before []seen, of func(*seen) float64) float64 {
	least := 1.0
	for i := range before {
		least = min(least, of(&before[i]))
	}
	return least
}

func byName(p *pipeline.Profile) map[string]pipeline.ColumnProfile {
	columns := make(map[string]pipeline.ColumnProfile, len(p.Columns))
	for _, c := range p.Columns {
		columns[c.Name] = c
	}
	return columns
}
