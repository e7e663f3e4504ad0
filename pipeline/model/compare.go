package model

import (
	"errors"
	"fmt"
	"io"
	"math"
)

// compared is what scoring a row gave, beside what the fitted pipeline gave.
type compared struct {
	refused    bool    // by scored
	difference float64 // of a row that both scored
	problem    error   // nil where both agree
}

// compare scores the rows that in holds; a difference above the tolerance is a problem.
func (s *scorer) compare(in *rowReader, tolerance float64, visit func(row int, c compared)) {
	s.begin(&in.batch)
	for s.next() {
		for row := s.start; row < s.end; row++ {
			visit(row, s.compareRow(row, in.want[row], tolerance))
		}
	}
}

// compareRow compares a row of the piece with what the fitted pipeline gave, NaN where it refused the row.
func (s *scorer) compareRow(row int, want, tolerance float64) compared {
	reason := s.reason(row)
	c := compared{refused: reason != ""}
	switch refused := math.IsNaN(want); {
	case refused && !c.refused:
		c.problem = errors.New("is scored, and the fitted pipeline refused it")
	case !refused && c.refused:
		c.problem = fmt.Errorf("is rejected (%s), and the fitted pipeline scored it", reason)
	case !refused:
		if c.difference = math.Abs(s.probabilities[row] - want); !(c.difference <= tolerance) {
			c.problem = fmt.Errorf("the probability differs by %.2g from what the fitted pipeline gave", c.difference)
		}
	}
	return c
}

// Verification is what [Bundle.Verify] found.
type Verification struct {
	Rows          int
	Scored        int
	Refused       int // rejected by scored, rightly or not
	Equal         int // scored with the very bits of the fitted pipeline
	Wrong         int // scored where the pipeline refused, or the other way round, or too far away
	MaxDifference float64
}

// Verify scores rows of which the fitted pipeline's answer is known: a CSV with the contract's columns and probability
// among its columns, in any order. It calls wrong for each row that differs, with no value of the row. The tolerance is
// that of the golden rows.
func (b *Bundle) Verify(r io.Reader, wrong func(line int, problem string)) (Verification, error) {
	var v Verification
	in, err := newVerifyReader(r, b.manifest.Contract)
	if err != nil {
		return v, refuse(hintVerify, "%w", err)
	}
	scorer, err := b.bind(in.batch.Columns)
	if err != nil {
		return v, err
	}
	for more := true; more; {
		err := in.next()
		if more = err == nil; err != nil && !errors.Is(err, io.EOF) {
			return v, refuse(hintVerify, "%w", err)
		}
		scorer.compare(in, b.manifest.Golden.Tolerance, func(row int, c compared) {
			v.add(c)
			if c.problem != nil {
				wrong(in.lines[row], c.problem.Error())
			}
		})
	}
	if v.Rows == 0 {
		return v, refuse(hintVerify, "has no rows")
	}
	return v, nil
}

func (v *Verification) add(c compared) {
	v.Rows++
	switch {
	case c.refused:
		v.Refused++
	case c.problem == nil && c.difference == 0:
		v.Scored, v.Equal = v.Scored+1, v.Equal+1
	default:
		v.Scored++
	}
	if c.problem != nil {
		v.Wrong++
	}
	v.MaxDifference = max(v.MaxDifference, c.difference)
}
