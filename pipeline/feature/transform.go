package feature

import (
	"math"
	"slices"

	"scored/pipeline"
)

// tileRows is how many rows all blocks fill before the next: their features stay in the first-level caches.
const tileRows = 128

// Transformer turns the batches that its gate admits into features. It keeps scratch memory: one goroutine at a time.
type Transformer struct {
	plan   *Plan
	gate   *Gate
	tables [][]outcome // per block of a text column: per text of the batch's dictionary, the missing one first; may be empty

	values   []float64 // what a block's steps work on
	because  []string  // per outcome of a table
	outcomes []outcome // per row of a tile, where a block has no table
}

// Column returns the batch's own values of a column of the contract, as they came.
func (t *Transformer) Column(batch *pipeline.Batch, i int) *pipeline.Column {
	return t.gate.column(batch, i)
}

// Begin takes the batch that the gate admitted last. It looks up the texts of its dictionaries, but for those too long to
// keep a table of: their rows are looked up one by one.
func (t *Transformer) Begin() {
	most := t.gate.maxTexts()
	for i, b := range t.plan.blocks {
		t.tables[i] = t.tables[i][:0]
		if dict := t.gate.seen[b.column].Dict; b.texts != nil && len(dict) < most {
			t.tables[i] = b.lookUp(t, t.tables[i], dict)
		}
	}
}

// Fill writes the features of the batch's rows from start to before end into dst, a row-major matrix of at least (end -
// start) x Plan.Width() where a missing value is NaN. Those of rows that have a reason mean nothing.
func (t *Transformer) Fill(start, end int, dst []float32) {
	width := t.plan.Width()
	for first := start; first < end; first += tileRows {
		beyond := min(first+tileRows, end)
		t.fillTile(first, beyond, dst[(first-start)*width:(beyond-start)*width])
	}
}

func (t *Transformer) fillTile(start, end int, dst []float32) {
	clear(dst)
	for i := range t.plan.blocks {
		b := &t.plan.blocks[i]
		out := tile{features: dst[b.first:], width: t.plan.Width(), reasons: t.gate.reasons[start:end]}
		switch seen := t.gate.seen[b.column]; {
		case b.texts != nil && len(t.tables[i]) == 0:
			t.outcomes = b.lookUpRows(t, t.outcomes[:0], seen.Codes[start:end], seen.Dict)
			for row := range t.outcomes {
				out.put(row, &t.outcomes[row])
			}
		case b.texts != nil:
			out.putCodes(seen.Codes[start:end], t.tables[i])
		case len(b.steps) == 0:
			b.finish(seen.Numbers[start:end], b.missing, out)
		default:
			t.values = append(t.values[:0], seen.Numbers[start:end]...)
			b.run(t.values, out.reasons)
			b.finish(t.values, math.NaN(), out)
		}
	}
}

// reject keeps a row's first reason.
func reject(reasons []string, row int, reason string) {
	if reasons[row] == "" {
		reasons[row] = reason
	}
}

// tile is where a block's features of some rows go.
type tile struct {
	features []float32 // from the block's first feature of the first row on
	width    int       // from row to row
	reasons  []string
}

// put writes what a value comes down to.
func (out tile) put(row int, o *outcome) {
	switch {
	case o.reason != "":
		reject(out.reasons, row, o.reason)
	case o.slot >= 0:
		out.features[row*out.width+o.slot] = float32(o.value)
	}
}

// putCodes writes the outcome of each row's text.
func (out tile) putCodes(codes []int32, table []outcome) {
	for row, code := range codes {
		out.put(row, &table[code-pipeline.NoText])
	}
}

// run imputes and applies the steps to numbers in place.
func (p *program) run(values []float64, reasons []string) {
	if !math.IsNaN(p.missing) {
		impute(p.missing).apply(values, reasons)
	}
	for _, step := range p.steps {
		step.apply(values, reasons)
	}
}

// finish makes features of numbers; missing takes a missing one's place.
func (p *program) finish(values []float64, missing float64, out tile) {
	for row, v := range values {
		if math.IsNaN(v) {
			v = missing
		}
		if p.oneHot != nil {
			o := p.oneHot.number(v)
			out.put(row, &o)
			continue
		}
		if !fits(v) {
			reject(out.reasons, row, p.tooBig)
		}
		out.features[row*out.width] = float32(v)
	}
}

// lookUp appends the outcomes of a missing text and of a dictionary's texts.
func (p *program) lookUp(t *Transformer, table []outcome, dict []string) []outcome {
	table = append(slices.Grow(table, 1+len(dict)), p.texts.missing)
	for _, text := range dict {
		table = append(table, p.texts.text(text))
	}
	p.settle(t, table)
	return table
}

// lookUpRows appends the outcome of each row's text.
func (p *program) lookUpRows(t *Transformer, outcomes []outcome, codes []int32, dict []string) []outcome {
	for _, code := range codes {
		o := p.texts.missing
		if code != pipeline.NoText {
			o = p.texts.text(dict[code])
		}
		outcomes = append(outcomes, o)
	}
	p.settle(t, outcomes)
	return outcomes
}

// settle takes what the texts' encoder gave through the program's other steps.
func (p *program) settle(t *Transformer, table []outcome) {
	if len(p.steps) > 0 || p.oneHot != nil {
		p.runTable(t, table)
	}
	for i := range table {
		if o := &table[i]; o.reason == "" && !fits(o.value) {
			o.reason = p.tooBig
		}
	}
}

// runTable takes the numbers in table through the program's steps.
func (p *program) runTable(t *Transformer, table []outcome) {
	t.values, t.because = t.values[:0], t.because[:0]
	for i := range table {
		t.values = append(t.values, table[i].value)
		t.because = append(t.because, table[i].reason)
	}
	p.run(t.values, t.because)
	for i, v := range t.values {
		o := outcome{value: v}
		if p.oneHot != nil {
			o = p.oneHot.number(v)
		}
		if t.because[i] != "" {
			o.reason = t.because[i]
		}
		table[i] = o
	}
}

// fits says whether a feature of this value can be given to the forest.
func fits(v float64) bool { return !math.IsInf(float64(float32(v)), 0) }
