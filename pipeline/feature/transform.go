package feature

import (
	"fmt"
	"math"

	"scored/pipeline"
)

// Transformer turns batches that have the columns it was bound to into features. It keeps scratch memory: one goroutine
// at a time.
type Transformer struct {
	plan    *Plan
	inputs  []input   // per column of the contract
	reasons []string  // per row of the batch
	table   []outcome // per text of a batch's dictionary
}

// input is a contract's column with its place in the batches.
type input struct {
	at       int
	kind     pipeline.Kind
	nullable bool
	missing  string // the reason of a rejection
	infinite string
}

func newInput(c Column, at int) input {
	return input{
		at: at, kind: c.Kind(), nullable: c.Nullable,
		missing:  fmt.Sprintf("column %q: missing, and the contract does not allow that", c.Name),
		infinite: fmt.Sprintf("column %q: infinite", c.Name),
	}
}

// missingKey is the reason of a row that nobody could be told about.
const missingKey = "missing key"

// Transform writes the batch's features into dst, a row-major matrix of at least batch.Rows() x Plan.Width() where a
// missing value is NaN. It returns a reason per row, "" for a row that can be scored; the features of the others mean
// nothing. A reason names the column and the rule, never the value. The result is valid until the next call.
func (t *Transformer) Transform(batch *pipeline.Batch, dst []float32) []string {
	rows := batch.Rows()
	dst = dst[:rows*t.plan.width]
	clear(dst)
	t.reasons = t.reasons[:0]
	for _, key := range batch.Keys {
		reason := ""
		if key == "" {
			reason = missingKey
		}
		t.reasons = append(t.reasons, reason)
	}
	for i := range t.inputs {
		t.inputs[i].check(&batch.Columns[t.inputs[i].at], t.reasons)
	}
	for _, b := range t.plan.blocks {
		b.step.apply(&batch.Columns[t.inputs[b.column].at], output{Transformer: t, first: b.first, dst: dst})
	}
	return t.reasons
}

// check rejects what the contract does not allow, whether or not a feature is made of it.
func (in *input) check(column *pipeline.Column, reasons []string) {
	if in.kind == pipeline.Text {
		if !in.nullable {
			for row, code := range column.Codes {
				if code == pipeline.NoText {
					reject(reasons, row, in.missing)
				}
			}
		}
		return
	}
	for row, v := range column.Numbers {
		switch {
		case math.IsInf(v, 0):
			reject(reasons, row, in.infinite)
		case !in.nullable && math.IsNaN(v):
			reject(reasons, row, in.missing)
		}
	}
}

// reject keeps a row's first reason.
func reject(reasons []string, row int, reason string) {
	if reasons[row] == "" {
		reasons[row] = reason
	}
}

// output is where a block's features go.
type output struct {
	*Transformer
	first int
	dst   []float32
}

func (out output) set(row, slot int, v float32) { out.dst[row*out.plan.width+out.first+slot] = v }

// put writes what an encoder gives for a row.
func (out output) put(row int, o *outcome) {
	switch {
	case o.reason != "":
		reject(out.reasons, row, o.reason)
	case o.slot >= 0:
		out.set(row, o.slot, o.value)
	}
}

// apply looks the batch's dictionary up once, and a row's outcome by its code.
func (e *encoder) apply(column *pipeline.Column, out output) {
	if column.Kind == pipeline.Number {
		for row, v := range column.Numbers {
			o := e.number(v)
			out.put(row, &o)
		}
		return
	}
	out.table = append(out.table[:0], e.missing)
	for _, text := range column.Dict {
		out.table = append(out.table, e.text(text))
	}
	for row, code := range column.Codes {
		out.put(row, &out.table[code-pipeline.NoText])
	}
}

// number is a column that is a feature itself.
type number struct {
	impute float64 // NaN where a missing value stays missing
	tooBig string  // the reason of a rejection
}

func newNumber(c Column, impute *Step) *number {
	n := &number{
		impute: math.NaN(),
		tooBig: fmt.Sprintf("column %q: does not fit in a float32, as the model's trees compare it", c.Name),
	}
	if impute != nil {
		n.impute = *impute.Number
	}
	return n
}

func (n *number) width() int { return 1 }

// apply imputes in float64 and casts after that, as scikit-learn does.
func (n *number) apply(column *pipeline.Column, out output) {
	for row, v := range column.Numbers {
		if math.IsNaN(v) {
			v = n.impute
		}
		if !fits(v) {
			reject(out.reasons, row, n.tooBig)
		}
		out.set(row, 0, float32(v))
	}
}
