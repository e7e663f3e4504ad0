package model

import "scored/pipeline"

// dueBlock is how many rows get their reasons at a time: it bounds the memory.
const dueBlock = 256

// dueRows are the rows of a batch that get reasons, and the memory for that.
type dueRows struct {
	rows   []int // in the batch
	scores []int // per row: the place of its score

	features  []float32 // of one plan, row-major
	byFeature []float64 // of one member, row-major
	byColumn  []float64 // of all members, row-major over the contract's columns

	batch  *pipeline.Batch
	column func(i int) *pipeline.Column // of batch, by the contract's order
}

func (d *dueRows) clear() { d.rows, d.scores = d.rows[:0], d.scores[:0] }

func (d *dueRows) add(row, score int) {
	d.rows = append(d.rows, row)
	d.scores = append(d.scores, score)
}

// explainDue gives the due rows' scores their reasons.
func (s *scorer) explainDue(batch *pipeline.Batch, scores []pipeline.Score) {
	d := &s.due
	d.batch = batch
	if d.column == nil {
		d.column = func(i int) *pipeline.Column { return s.transformers[0].Column(d.batch, i) }
	}
	columns := len(s.manifest.Contract)
	for start := 0; start < len(d.rows); start += dueBlock {
		end := min(start+dueBlock, len(d.rows))
		rows := d.rows[start:end]
		s.contribute(rows)
		for i, row := range rows {
			scores[d.scores[start+i]].Reasons = s.phrases.text(d.column, row, d.byColumn[i*columns:(i+1)*columns])
		}
	}
	d.batch = nil
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
			d.gather(rows, s.features[gathered], m.Plan.Width())
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

// gather copies the rows' features, of a matrix with width features, side by side.
func (d *dueRows) gather(rows []int, features []float32, width int) {
	d.features = d.features[:0]
	for _, row := range rows {
		d.features = append(d.features, features[row*width:(row+1)*width]...)
	}
}
