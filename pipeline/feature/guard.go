package feature

import (
	"fmt"
	"math"

	"scored/pipeline"
)

// guard applies the contract to one column of the batches it is bound to. The batch belongs to the source, so values
// that change are changed in a copy.
type guard struct {
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

func newGuard(c Column, at int) guard {
	reason := func(words string) string { return fmt.Sprintf("column %q: %s", c.Name, words) }
	g := guard{
		at: at, kind: c.Kind(), nullable: c.Nullable, abnormal: c.Abnormal, min: -math.MaxFloat64, max: math.MaxFloat64,
		missing:  reason("missing, and the contract does not allow that"),
		infinite: reason("infinite"),
		below:    reason("below the contract's min"),
		above:    reason("above the contract's max"),
		unlisted: reason("in none of the contract's categories"),
	}
	if c.Min != nil {
		g.min = *c.Min
	}
	if c.Max != nil {
		g.max = *c.Max
	}
	if c.Abnormal != Pass && c.Categories != nil {
		g.known = make(map[string]bool, len(c.Categories))
		for _, category := range c.Categories {
			g.known[category] = true
		}
	}
	return g
}

// apply rejects what the contract does not allow, whether or not a feature is made of it, and returns the column as the
// blocks are to see it: the batch's own, or a copy that is valid until the next call.
func (g *guard) apply(column *pipeline.Column, reasons []string) *pipeline.Column {
	if g.kind == pipeline.Text {
		return g.texts(column, reasons)
	}
	seen := column
	for row, v := range column.Numbers {
		switch {
		case v >= g.min && v <= g.max:
		case math.IsNaN(v):
			if !g.nullable {
				reject(reasons, row, g.missing)
			}
		case g.abnormal == Refuse:
			reject(reasons, row, g.why(v))
		default:
			if seen == column {
				g.numbers = append(g.numbers[:0], column.Numbers...)
				g.changed = *column
				g.changed.Numbers = g.numbers
				seen = &g.changed
			}
			g.numbers[row] = g.instead(v)
		}
	}
	return seen
}

func (g *guard) why(v float64) string {
	switch {
	case math.IsInf(v, 0):
		return g.infinite
	case v < g.min:
		return g.below
	}
	return g.above
}

// instead returns what takes an abnormal number's place.
func (g *guard) instead(v float64) float64 {
	switch {
	case g.abnormal == Missing:
		return math.NaN()
	case v < g.min:
		return g.min
	}
	return g.max
}

// texts looks the batch's dictionary up once, and rows by their code.
func (g *guard) texts(column *pipeline.Column, reasons []string) *pipeline.Column {
	if !g.nullable {
		for row, code := range column.Codes {
			if code == pipeline.NoText {
				reject(reasons, row, g.missing)
			}
		}
	}
	if g.known == nil || g.lookUp(column.Dict) {
		return column
	}
	seen := column
	if g.abnormal == Missing {
		g.codes = append(g.codes[:0], column.Codes...)
		g.changed = *column
		g.changed.Codes = g.codes
		seen = &g.changed
	}
	for row, code := range column.Codes {
		switch {
		case code == pipeline.NoText || g.listed[code]:
		case g.abnormal == Missing:
			g.codes[row] = pipeline.NoText
		default:
			reject(reasons, row, g.unlisted)
		}
	}
	return seen
}

// lookUp fills listed and says whether every text is in a category.
func (g *guard) lookUp(dict []string) bool {
	all := true
	g.listed = g.listed[:0]
	for _, text := range dict {
		known := g.known[text]
		all = all && known
		g.listed = append(g.listed, known)
	}
	return all
}
