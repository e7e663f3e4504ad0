package model

import (
	"slices"

	"scored/pipeline"
)

// Rows get their reasons in blocks, which bound the memory: of dueBlock rows, or of fewer where a row is so wide that
// more would have over maxDueCells features, but of no fewer than minDueBlock.
const (
	dueBlock    = 256
	minDueBlock = 16
	maxDueCells = 1 << 19
)

// dueRows are the rows of a piece that get reasons, and the memory for that.
type dueRows struct {
	rows   []int // in the batch
	scores []int // per row: the place of its score

	features  []float32 // of one plan, row-major
	byFeature []float64 // of one member, row-major
	byColumn  []float64 // of all members, row-major over the contract's columns

	column func(i int) *pipeline.Column // of the batch, by the contract's order
}

func (d *dueRows) clear() { d.rows, d.scores = d.rows[:0], d.scores[:0] }

func (d *dueRows) add(row, score int) {
	d.rows = append(d.rows, row)
	d.scores = append(d.scores, score)
}

// explainDue gives the due rows' scores their reasons.
func (s *scorer) explainDue(scores []pipeline.Score) {
	d := &s.due
	if d.column == nil {
		d.column = func(i int) *pipeline.Column { return s.transformers[0].Column(s.batch, i) }
	}
	columns, block := len(s.manifest.Contract), s.dueBlock()
	for start := 0; start < len(d.rows); start += block {
		end := min(start+block, len(d.rows))
		rows := d.rows[start:end]
		s.contribute(rows)
		for i, row := range rows {
			scores[d.scores[start+i]].Reasons = s.phrases.text(d.column, row, d.byColumn[i*columns:(i+1)*columns])
		}
	}
}

// dueBlock returns how many rows get their reasons at a time.
func (s *scorer) dueBlock() int {
	widest := 1
	for _, plan := range s.plans {
		widest = max(widest, plan.Width())
	}
	return max(minDueBlock, min(dueBlock, maxDueCells/widest))
}

// contribute fills byColumn with what each raw column contributes to the rows' probabilities, before calibration and in
// its direction: the mean over the members of the sums over the column's features.
func (s *scorer) contribute(rows []int) {
	d := &s.due
	columns := len(s.manifest.Contract)
	d.byColumn = resize(d.byColumn, len(rows)*columns)
	clear(d.byColumn)
	gathered := -1
	for i := range s.members {
		m := &s.members[i]
		if m.plan != gathered {
			gathered = m.plan
			s.gather(rows, gathered)
		}
		width := m.Plan.Width()
		d.byFeature = resize(d.byFeature, len(rows)*width)
		m.Forest.Contribute(d.features, len(rows), d.byFeature)
		share := m.Sign() / float64(len(s.members))
		for r := range rows {
			sums := d.byColumn[r*columns : (r+1)*columns]
			for f, contribution := range d.byFeature[r*width : (r+1)*width] {
				sums[m.Plan.Sources()[f]] += share * contribution
			}
		}
	}
}

// gather copies a plan's features of the rows side by side.
func (s *scorer) gather(rows []int, plan int) {
	d := &s.due
	d.features = slices.Grow(d.features[:0], len(rows)*s.plans[plan].Width())
	for _, row := range rows {
		d.features = append(d.features, s.row(plan, row)...)
	}
}
