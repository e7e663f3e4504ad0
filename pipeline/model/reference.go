package model

import (
	"errors"
	"fmt"
	"slices"
	"sort"

	"scored/pipeline"
	"scored/pipeline/feature"
)

// Reference holds figures of the test period. Scores are ranks in its distribution of probabilities.
type Reference struct {
	Period     string      `json:"period"`
	Rows       int         `json:"rows"`
	Quantiles  []float64   `json:"quantiles"` // 101: the k-th is the probability that k % of the rows lie below
	Histograms []Histogram `json:"histograms"`
	Gains      *Gains      `json:"gains,omitempty"` // nil where the rows had no labels
}

// Histogram counts the values of one raw column: a number's in bins, a text's most frequent ones.
type Histogram struct {
	Column  string       `json:"column"`
	Missing int          `json:"missing"`
	Edges   []float64    `json:"edges,omitempty"`  // number
	Counts  []int        `json:"counts,omitempty"` // number: one fewer than edges; a bin holds its lower edge, the last one both
	Values  []ValueCount `json:"values,omitempty"` // text
	Other   *int         `json:"other,omitempty"`  // text: the rows with any other text
}

// ValueCount says how many rows have a text.
type ValueCount struct {
	Text  string `json:"text"`
	Count int    `json:"count"`
}

// Gains say how many of the positives the best rows hold.
type Gains struct {
	Positives int        `json:"positives"`
	Captured  []Captured `json:"captured"` // by ascending Top
}

// Captured is the part Share of the positives that the best Top of the rows hold.
type Captured struct {
	Top   float64 `json:"top"`
	Share float64 `json:"share"`
}

// maxValues bounds the texts of a histogram.
const maxValues = 20

// Score returns the largest k with Quantiles[k] <= probability, and 0 if there is none: 90 means the top tenth of the
// reference period.
func (r *Reference) Score(probability float64) int {
	above := sort.Search(len(r.Quantiles), func(k int) bool { return r.Quantiles[k] > probability })
	return max(0, above-1)
}

func (r *Reference) validate(contract feature.Contract) error {
	if r.Rows < 1 {
		return errors.New("reference.rows: wants at least 1")
	}
	if err := r.validateQuantiles(); err != nil {
		return err
	}
	if len(r.Histograms) != len(contract) {
		return fmt.Errorf("reference.histograms: has %d, and the contract has %d columns", len(r.Histograms), len(contract))
	}
	for i, column := range contract {
		if err := r.Histograms[i].validate(column, r.Rows); err != nil {
			return fmt.Errorf("reference.histograms[%d]: %w", i, err)
		}
	}
	if r.Gains != nil {
		return r.Gains.validate(r.Rows)
	}
	return nil
}

func (r *Reference) validateQuantiles() error {
	if len(r.Quantiles) != 101 {
		return fmt.Errorf("reference.quantiles: wants 101 numbers, has %d", len(r.Quantiles))
	}
	for k, q := range r.Quantiles {
		if !(q >= 0 && q <= 1) {
			return fmt.Errorf("reference.quantiles[%d]: is outside 0 to 1", k)
		}
		if k > 0 && q < r.Quantiles[k-1] {
			return fmt.Errorf("reference.quantiles[%d]: is less than the one before", k)
		}
	}
	return nil
}

func (h *Histogram) validate(column feature.Column, rows int) error {
	if h.Column != column.Name {
		return fmt.Errorf("column: wants %q, the contract's", column.Name)
	}
	check := h.validateNumbers
	if column.Kind() == pipeline.Text {
		check = h.validateTexts
	}
	if err := check(); err != nil {
		return err
	}
	left := rows
	for _, n := range h.all() {
		if n < 0 || n > left {
			return fmt.Errorf("a count is negative, or the counts are more than the %d rows", rows)
		}
		left -= n
	}
	return nil
}

// all returns every count.
func (h *Histogram) all() []int {
	counts := append([]int{h.Missing}, h.Counts...)
	for _, v := range h.Values {
		counts = append(counts, v.Count)
	}
	if h.Other != nil {
		counts = append(counts, *h.Other)
	}
	return counts
}

func (h *Histogram) validateNumbers() error {
	switch {
	case h.Edges == nil || h.Counts == nil:
		return errors.New("a number's has edges and counts")
	case h.Values != nil || h.Other != nil:
		return errors.New("a number's has no values and no other")
	case !slices.IsSorted(h.Edges):
		return errors.New("edges: do not ascend")
	case len(h.Counts) != max(0, len(h.Edges)-1): // a column that is always missing has neither
		return fmt.Errorf("counts: has %d for %d edges", len(h.Counts), len(h.Edges))
	}
	return nil
}

func (h *Histogram) validateTexts() error {
	switch {
	case h.Values == nil || h.Other == nil:
		return errors.New("a text's has values and other")
	case h.Edges != nil || h.Counts != nil:
		return errors.New("a text's has no edges and no counts")
	case len(h.Values) > maxValues:
		return fmt.Errorf("values: has %d, more than %d", len(h.Values), maxValues)
	}
	seen := make(map[string]bool, len(h.Values))
	for i, v := range h.Values {
		if seen[v.Text] {
			return fmt.Errorf("values[%d]: comes twice", i)
		}
		seen[v.Text] = true
	}
	return nil
}

func (g *Gains) validate(rows int) error {
	if g.Positives < 0 || g.Positives > rows {
		return fmt.Errorf("reference.gains.positives: %d is outside 0 to the %d rows", g.Positives, rows)
	}
	before := Captured{}
	for i, c := range g.Captured {
		switch {
		case !(c.Top > before.Top && c.Top <= 1):
			return fmt.Errorf("reference.gains.captured[%d].top: is not above the one before, up to 1", i)
		case !(c.Share >= before.Share && c.Share <= 1):
			return fmt.Errorf("reference.gains.captured[%d].share: is less than the one before, or above 1", i)
		}
		before = c
	}
	return nil
}
