package model

import (
	"errors"
	"fmt"
	"io"
)

// goldenRows is what scoring the golden rows again gave.
type goldenRows struct {
	features      [][]float32 // per plan: of the scored rows, row-major
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
	b.golden.features = make([][]float32, len(b.plans))
	for more := true; more && b.golden.rows <= b.manifest.Golden.Rows; {
		err := in.next()
		if more = err == nil; err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		scorer.compare(in, b.manifest.Golden.Tolerance, func(row int, c compared) { b.golden.add(in, scorer, row, c) })
	}
	return b.golden.verdict(b.manifest.Golden)
}

func (g *goldenRows) add(in *rowReader, s *scorer, row int, c compared) {
	g.rows++
	if !c.refused {
		for i := range s.plans {
			g.features[i] = append(g.features[i], s.row(i, row)...)
		}
		g.scored++
		g.maxDifference = max(g.maxDifference, c.difference)
	}
	if c.problem == nil {
		return
	}
	if g.wrong++; g.first == nil {
		g.first = fmt.Errorf("line %d, row %d: %w", in.lines[row], g.rows, c.problem)
	}
}

func (g *goldenRows) verdict(want Golden) error {
	switch {
	case g.rows != want.Rows:
		return fmt.Errorf("does not have the %d rows that %s says", want.Rows, manifestName)
	case g.wrong > 0:
		return refuse(hintGolden, "%w (%d of %d rows are wrong, by at most %.2g)", g.first, g.wrong, g.rows, g.maxDifference)
	case g.scored == 0:
		return errors.New("has no row with a probability")
	}
	return nil
}
