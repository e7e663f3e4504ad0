package feature

import "math"

// operation is a step from numbers to numbers: it changes values in place, NaN being a missing one, and may reject
// those of an index by a reason. Each is one float64 operation, as numpy does them one after the other; that they are
// loops of their own keeps the compiler from fusing a multiplication with an addition.
type operation interface {
	apply(values []float64, reasons []string)
}

type (
	impute   float64
	add      float64
	subtract float64
	multiply float64
	divide   float64
	clip     struct{ min, max float64 }
	bin      struct{ edges []float64 } // ascending
	mark     struct{}                  // is_missing
	recode   struct{ *encoder }        // ordinal

	finiteOnly string // after arithmetic: the reason of a rejection
)

func (n impute) apply(values []float64, _ []string) {
	for i, v := range values {
		if math.IsNaN(v) {
			values[i] = float64(n)
		}
	}
}

func (n add) apply(values []float64, _ []string) {
	for i := range values {
		values[i] += float64(n)
	}
}

func (n subtract) apply(values []float64, _ []string) {
	for i := range values {
		values[i] -= float64(n)
	}
}

func (n multiply) apply(values []float64, _ []string) {
	for i := range values {
		values[i] *= float64(n)
	}
}

func (n divide) apply(values []float64, _ []string) {
	for i := range values {
		values[i] /= float64(n)
	}
}

// apply rejects what left float64, as scikit-learn's next step would: a clip or a bin after it would hide that.
func (reason finiteOnly) apply(values []float64, reasons []string) {
	for i, v := range values {
		if math.IsInf(v, 0) {
			reject(reasons, i, string(reason))
		}
	}
}

// apply leaves NaN alone, which is neither below nor above.
func (c clip) apply(values []float64, _ []string) {
	for i, v := range values {
		if v < c.min {
			values[i] = c.min
		} else if v > c.max {
			values[i] = c.max
		}
	}
}

func (b bin) apply(values []float64, _ []string) {
	for i, v := range values {
		if !math.IsNaN(v) {
			values[i] = float64(b.atMost(v))
		}
	}
}

// atMost counts the edges that are at most v.
func (b bin) atMost(v float64) int {
	low, high := 0, len(b.edges)
	for low < high {
		if middle := (low + high) / 2; b.edges[middle] <= v {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

func (mark) apply(values []float64, _ []string) {
	for i, v := range values {
		if math.IsNaN(v) {
			values[i] = 1
		} else {
			values[i] = 0
		}
	}
}

func (r recode) apply(values []float64, reasons []string) {
	for i, v := range values {
		o := r.number(v)
		values[i] = o.value
		if o.reason != "" {
			reject(reasons, i, o.reason)
		}
	}
}
