package model

import (
	"errors"
	"fmt"
	"sort"
)

// Reference is the distribution of probabilities that scores are ranks in: that of the test period.
type Reference struct {
	Period    string    `json:"period"`
	Rows      int       `json:"rows"`
	Quantiles []float64 `json:"quantiles"` // 101: the k-th is the probability that k % of the rows lie below
}

// Score returns the largest k with Quantiles[k] <= probability, and 0 if there is none: 90 means the top tenth of the
// reference period.
func (r *Reference) Score(probability float64) int {
	above := sort.Search(len(r.Quantiles), func(k int) bool { return r.Quantiles[k] > probability })
	return max(0, above-1)
}

func (r *Reference) validate() error {
	if r.Rows < 1 {
		return errors.New("reference.rows: wants at least 1")
	}
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

// Grades are cut-offs on the score, in descending order; the last one is 0.
type Grades []Grade

// Grade is what a score of at least MinScore is called.
type Grade struct {
	Grade    string `json:"grade"`
	MinScore int    `json:"min_score"`
}

// Of returns the first grade whose MinScore the score reaches.
func (g Grades) Of(score int) string {
	for _, grade := range g {
		if score >= grade.MinScore {
			return grade.Grade
		}
	}
	return ""
}

func (g Grades) validate() error {
	names := make(map[string]bool, len(g))
	for i, grade := range g {
		switch {
		case grade.Grade == "" || names[grade.Grade]:
			return fmt.Errorf("grades[%d].grade: wants a name that no other grade has", i)
		case grade.MinScore < 0 || grade.MinScore > 100:
			return fmt.Errorf("grades[%d].min_score: is outside 0 to 100", i)
		case i > 0 && grade.MinScore >= g[i-1].MinScore:
			return fmt.Errorf("grades[%d].min_score: is not less than the one before", i)
		}
		names[grade.Grade] = true
	}
	if len(g) == 0 || g[len(g)-1].MinScore != 0 {
		return errors.New("grades: the last min_score must be 0, or a score could have no grade")
	}
	return nil
}
