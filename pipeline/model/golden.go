package model

import (
	"errors"
	"fmt"
	"io"
	"math"
)

// goldenRows is what scoring the golden rows again gave.
type goldenRows struct {
	features      []float32 // of the scored rows, row-major
	scored        int
	maxDifference float64

	rows  int // with those that must be rejected
	wrong int
	first error // the first wrong row
}

// readGolden scores every golden row through the whole path and compares it with what the fitted pipeline gave.
func (b *Bundle) readGolden(r io.Reader, _ int64) error {
	in, err := newGoldenReader(r, b.manifest.Contract)
	if err != nil {
		return err
	}
	scorer, err := b.bind(in.batch.Columns)
	if err != nil {
		return err
	}
	for more := true; more && b.golden.rows <= b.manifest.Golden.Rows; {
		err := in.next()
		if more = err == nil; err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		b.golden.compare(in, scorer, b.manifest.Golden.Tolerance)
	}
	return b.golden.verdict(b.manifest.Golden)
}

// compare scores the rows that in holds.
func (g *goldenRows) compare(in *goldenReader, s *scorer, tolerance float64) {
	reasons := s.predict(&in.batch)
	width := s.plan.Width()
	for row, want := range in.want {
		refused := math.IsNaN(want)
		switch difference := math.Abs(s.probabilities[row] - want); {
		case refused && reasons[row] == "":
			g.fail(in, row, errors.New("is scored, and the fitted pipeline refused it"))
		case !refused && reasons[row] != "":
			g.fail(in, row, fmt.Errorf("is rejected (%s), and the fitted pipeline scored it", reasons[row]))
		case !refused:
			g.features = append(g.features, s.features[row*width:(row+1)*width]...)
			g.scored++
			g.maxDifference = max(g.maxDifference, difference)
			if difference > tolerance {
				g.fail(in, row, fmt.Errorf("the probability differs by %.2g from what the fitted pipeline gave", difference))
			}
		}
	}
	g.rows += len(in.want)
}

func (g *goldenRows) fail(in *goldenReader, row int, err error) {
	if g.wrong++; g.first == nil {
		g.first = fmt.Errorf("line %d, row %d: %w", in.lines[row], g.rows+row+1, err)
	}
}

func (g *goldenRows) verdict(want Golden) error {
	switch {
	case g.rows != want.Rows:
		return fmt.Errorf("does not have the %d rows that %s says", want.Rows, manifestName)
	case g.wrong > 0:
		return refuse(hintGolden, "%s: %w (%d of %d rows are wrong, by at most %.2g)",
			goldenName, g.first, g.wrong, g.rows, g.maxDifference)
	case g.scored == 0:
		return errors.New("has no row with a probability")
	}
	return nil
}
