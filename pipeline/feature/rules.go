package feature

import (
	"fmt"
	"math"

	"scored/pipeline"
)

// rules apply the contract to one column of the batches it is bound to. The batch belongs to the source, so values
// that change are changed in a copy.
type rules struct {
	at       int // the column's place in the batches
	kind     pipeline.Kind
	nullable bool
	abnormal string
	min, max float64         // finite: what is outside is abnormal, infinities included
	known    map[string]bool // the categories; nil where any text is normal

	missing, infinite, below, above, unlisted string // reasons of a rejection

	changed pipeline.Column // the copy
	numbers []float64       // its memory
	codes   []int32
	listed  []bool // per text of the batch's dictionary
}

func newRules(c Column, at int) rules {
	reason := func(words string) string { return fmt.Sprintf("column %q: %s", c.Name, words) }
	r := rules{
		at: at, kind: c.Kind(), nullable: c.Nullable, abnormal: c.Abnormal, min: -math.MaxFloat64, max: math.MaxFloat64,
		missing:  reason("missing, and the contract does not allow that"),
		infinite: reason("infinite"),
		below:    reason("below the contract's min"),
		above:    reason("above the contract's max"),
		unlisted: reason("in none of the contract's categories"),
	}
	if c.Min != nil {
		r.min = *c.Min
	}
	if c.Max != nil {
		r.max = *c.Max
	}
	if c.Abnormal != Pass && c.Categories != nil {
		r.known = make(map[string]bool, len(c.Categories))
		for _, category := range c.Categories {
			r.known[category] = true
		}
	}
	return r
}

// apply rejects what the contract does not allow, whether or not a feature is made of it, and returns the column as the
// blocks are to see it: the batch's own, or a copy that is valid until the next call.
func (r *rules) apply(column *pipeline.Column, reasons []string) *pipeline.Column {
	if r.kind == pipeline.Text {
		return r.texts(column, reasons)
	}
	seen := column
	for row, v := range column.Numbers {
		switch {
		case v >= r.min && v <= r.max:
		case math.IsNaN(v):
			if !r.nullable {
				reject(reasons, row, r.missing)
			}
		case r.abnormal == Refuse:
			reject(reasons, row, r.why(v))
		default:
			if seen == column {
				r.numbers = append(r.numbers[:0], column.Numbers...)
				r.changed = *column
				r.changed.Numbers = r.numbers
				seen = &r.changed
			}
			r.numbers[row] = r.instead(v)
		}
	}
	return seen
}

func (r *rules) why(v float64) string {
	switch {
	case math.IsInf(v, 0):
		return r.infinite
	case v < r.min:
		return r.below
	}
	return r.above
}

// instead returns what takes an abnormal number's place.
func (r *rules) instead(v float64) float64 {
	switch {
	case r.abnormal == Missing:
		return math.NaN()
	case v < r.min:
		return r.min
	}
	return r.max
}

// texts looks the batch's dictionary up once, and rows by their code.
func (r *rules) texts(column *pipeline.Column, reasons []string) *pipeline.Column {
	if !r.nullable {
		for row, code := range column.Codes {
			if code == pipeline.NoText {
				reject(reasons, row, r.missing)
			}
		}
	}
	if r.known == nil || r.lookUp(column.Dict) {
		return column
	}
	seen := column
	if r.abnormal == Missing {
		r.codes = append(r.codes[:0], column.Codes...)
		r.changed = *column
		r.changed.Codes = r.codes
		seen = &r.changed
	}
	for row, code := range column.Codes {
		switch {
		case code == pipeline.NoText || r.listed[code]:
		case r.abnormal == Missing:
			r.codes[row] = pipeline.NoText
		default:
			reject(reasons, row, r.unlisted)
		}
	}
	return seen
}

// lookUp fills listed and says whether every text is in a category.
func (r *rules) lookUp(dict []string) bool {
	all := true
	r.listed = r.listed[:0]
	for _, text := range dict {
		known := r.known[text]
		all = all && known
		r.listed = append(r.listed, known)
	}
	return all
}
