package model

import (
	"slices"

	"scored/pipeline"
)

// Reference returns what the test period held, as a run's profile has it. The distribution of scores follows from the
// quantiles.
func (b *Bundle) Reference() *pipeline.Profile {
	r := &b.manifest.Reference
	p := &pipeline.Profile{Model: b.Name(), Read: r.Rows, Scores: r.scores()}
	for i := range r.Histograms {
		h := &r.Histograms[i]
		c := pipeline.ColumnProfile{Name: h.Column, Missing: h.Missing, Varied: h.varied()}
		c.Typical, c.Sized = pipeline.Sizes(h.middles())
		p.Columns = append(p.Columns, c)
	}
	return p
}

// scores spreads the rows over the scores that they have: a hundredth of them lies between two quantiles, and where those are
// the same, it has the highest score that this probability gives.
func (r *Reference) scores() (counts pipeline.Histogram) {
	for k := range len(r.Quantiles) - 1 {
		counts[r.Score(r.Quantiles[k])] += (k+1)*r.Rows/100 - k*r.Rows/100
	}
	return counts
}

// varied counts the rows that have another value than most, as far as the histogram tells them apart: at least so many rows
// do not have the lowest value, and as many not the highest.
func (h *Histogram) varied() int {
	counts := h.all()[1:] // without the missing
	if len(counts) == 0 {
		return 0
	}
	rows := 0
	for _, n := range counts {
		rows += n
	}
	return rows - slices.Max(counts)
}

// middles are the numbers in the middle of bins, with the rows of each. A bin that may hold zeros says nothing of the size of the
// others.
func (h *Histogram) middles() map[float64]int {
	rows := map[float64]int{}
	for i, n := range h.Counts {
		if low, high := h.Edges[i], h.Edges[i+1]; low > 0 || high < 0 {
			rows[low+(high-low)/2] += n
		}
	}
	return rows
}
