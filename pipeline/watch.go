package pipeline

import (
	"cmp"
	"math"
)

// ColumnProfile is what a column of the dataprep result held.
type ColumnProfile struct {
	Name    string `json:"name"`
	Missing int    `json:"missing"` // rows
	// Varied counts the rows whose value is not the lowest one, or not the highest, whichever are fewer: 0 where all values are
	// the same. Texts are in order of their bytes.
	Varied int `json:"varied"`
	// Typical is about the geometric mean of the numbers, without their signs, that are neither missing nor 0 nor infinite: a value
	// in another unit moves it, and a few absurd ones do not. Sized is how many there are.
	Typical float64 `json:"typical,omitempty"`
	Sized   int     `json:"sized,omitempty"` // rows
}

// watch looks at the columns of batches as they are scored. What it knows does not depend on the order of the rows.
type watch []watched

// watched is what is known of a column.
type watched struct {
	name    string
	missing int
	numbers extremes[float64]
	sizes   sizes
	texts   extremes[string]
	used    []int // scratch: how many rows of a batch have each text
}

// extremes are the lowest and the highest value of some, and how many have them.
type extremes[T cmp.Ordered] struct {
	low, high     T
	all           int
	atLow, atHigh int
}

func newWatch(columns []Column) watch {
	w := make(watch, len(columns))
	for i := range columns {
		w[i].name = columns[i].Name
	}
	return w
}

// look takes a batch in. Its columns are those of the watch, in its order.
func (w watch) look(b *Batch) {
	for i := range b.Columns {
		if c := &b.Columns[i]; c.Kind == Text {
			w[i].lookAtTexts(c)
		} else {
			w[i].lookAtNumbers(c.Numbers)
		}
	}
}

func (c *watched) lookAtNumbers(values []float64) {
	e := extremes[float64]{low: math.Inf(1), high: math.Inf(-1)}
	for _, v := range values {
		if v != v { // missing
			c.missing++
			continue
		}
		e.all++
		c.sizes.take(v)
		if v < e.low {
			e.low, e.atLow = v, 0
		}
		if v == e.low {
			e.atLow++
		}
		if v > e.high {
			e.high, e.atHigh = v, 0
		}
		if v == e.high {
			e.atHigh++
		}
	}
	c.numbers.add(&e)
}

func (c *watched) lookAtTexts(column *Column) {
	c.used = append(c.used[:0], make([]int, len(column.Dict))...)
	for _, code := range column.Codes {
		if code == NoText {
			c.missing++
		} else {
			c.used[code]++
		}
	}
	for code, rows := range c.used {
		if text := column.Dict[code]; rows > 0 {
			c.texts.add(&extremes[string]{low: text, high: text, all: rows, atLow: rows, atHigh: rows})
		}
	}
}

// add takes in those of other values.
func (e *extremes[T]) add(other *extremes[T]) {
	switch {
	case other.all == 0:
		return
	case e.all == 0:
		*e = *other
		return
	}
	switch c := cmp.Compare(other.low, e.low); {
	case c < 0:
		e.low, e.atLow = other.low, other.atLow
	case c == 0:
		e.atLow += other.atLow
	}
	switch c := cmp.Compare(other.high, e.high); {
	case c > 0:
		e.high, e.atHigh = other.high, other.atHigh
	case c == 0:
		e.atHigh += other.atHigh
	}
	e.all += other.all
}

func (e *extremes[T]) varied() int { return e.all - max(e.atLow, e.atHigh) }

// add takes in what another watch of the same columns saw.
func (w watch) add(other watch) {
	for i := range w {
		w[i].missing += other[i].missing
		w[i].numbers.add(&other[i].numbers)
		w[i].sizes.add(other[i].sizes)
		w[i].texts.add(&other[i].texts)
	}
}

func (w watch) profiles() []ColumnProfile {
	profiles := make([]ColumnProfile, len(w))
	for i := range w {
		c := &w[i]
		profiles[i] = ColumnProfile{Name: c.name, Missing: c.missing, Varied: c.numbers.varied() + c.texts.varied(),
			Typical: c.sizes.typical(), Sized: c.sizes.all}
	}
	return profiles
}
