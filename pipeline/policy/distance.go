package policy

import (
	"fmt"
	"math"
	"slices"

	"scored/pipeline"
)

// bins is into how many equal parts the scores are put for the stability index.
const bins = 10

// shift is the population stability index: the sum over the bins of (b - a) * ln(b / a), where a and b are the shares of the
// rows in a bin. Half a row more in each keeps it finite. Below 0.1 is taken for stable in credit scoring, above 0.25 for a
// shift.
func shift(before, after *pipeline.Histogram) (index float64) {
	a, b := binned(before), binned(after)
	for i := range a {
		index += (b[i] - a[i]) * math.Log(b[i]/a[i])
	}
	return index
}

// chance is how large the index gets in one of a hundred cases if both are samples of the same: it is distributed as a
// chi-square of bins - 1 degrees of freedom, times 1/n + 1/m.
func chance(before, after *pipeline.Histogram) float64 {
	const percentile = 21.67 // the 99th, of 9 degrees of freedom
	return percentile * (1/float64(before.Rows()) + 1/float64(after.Rows()))
}

// binned returns the share of the rows in each bin. 100 belongs to the last.
func binned(h *pipeline.Histogram) (shares [bins]float64) {
	rows := float64(h.Rows()) + bins/2.0
	for score, n := range h {
		shares[min(score*bins/(pipeline.Levels-1), bins-1)] += float64(n) / rows
	}
	for i := range shares {
		shares[i] += 0.5 / rows
	}
	return shares
}

// known is how many leads have both scores.
func known(t *pipeline.Table) (rows int) {
	for from := range t {
		for _, n := range t[from] {
			rows += int(n)
		}
	}
	return rows
}

// jumps is how many leads have a score that is at least [pipeline.Jump] away.
func jumps(t *pipeline.Table) (rows int) {
	for from := range t {
		for to, n := range t[from] {
			if max(from, to)-min(from, to) >= pipeline.Jump {
				rows += int(n)
			}
		}
	}
	return rows
}

// overlap is the share of the top tenth that was in it before. Where many leads have the score at which it begins, all of
// them are in it, so that the two differ in size; the smaller one counts as the whole.
func overlap(t *pipeline.Table) float64 {
	before, after := t.Margins()
	was, is := topFrom(&before), topFrom(&after)
	both := 0
	for from := was; from < pipeline.Levels; from++ {
		for to := is; to < pipeline.Levels; to++ {
			both += int(t[from][to])
		}
	}
	return share(both, min(above(&before, was), above(&after, is)))
}

// topFrom is the highest score that at least a tenth of the rows reach.
func topFrom(h *pipeline.Histogram) int {
	tenth, n := (h.Rows()+9)/10, 0
	for score := pipeline.Levels - 1; score > 0; score-- {
		if n += h[score]; n >= tenth {
			return score
		}
	}
	return 0
}

func above(h *pipeline.Histogram, score int) (rows int) {
	for _, n := range h[score:] {
		rows += n
	}
	return rows
}

// median returns that of what each of the list has; 0 of an empty list.
func median[T any](list []T, of func(*T) float64) float64 {
	if len(list) == 0 {
		return 0
	}
	values := make([]float64, len(list))
	for i := range list {
		values[i] = of(&list[i])
	}
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

// share is n of all; 0 if there are none.
func share(n, all int) float64 {
	if all == 0 {
		return 0
	}
	return float64(n) / float64(all)
}

func percent(share float64) string { return fmt.Sprintf("%.3g %%", 100*share) }

func points(share float64) string { return fmt.Sprintf("%.3g points", 100*share) }
