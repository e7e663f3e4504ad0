// Package referee has a forest scored by an independent implementation, the leaves library, and compares.
package referee

import (
	"bufio"
	"bytes"
	"fmt"
	"math"

	"github.com/dmitryikh/leaves"

	"scored/pipeline/forest"
)

// Compare scores x, a row-major matrix of rows x f.Features() where a missing value is NaN, with f and with leaves, and
// returns how far, at most, the two probabilities of a row lie apart: about 1e-15, for leaves divides before it sums.
// Leaves gets the thresholds as they were trained, so the rounding that f compares with is refereed too. It needs about
// 50 bytes of memory per node.
func Compare(f *forest.Forest, x []float32, rows int) (maxDifference float64, err error) {
	peer, err := leaves.LGEnsembleFromReader(bufio.NewReader(bytes.NewReader(lightGBM(f))), false)
	if err != nil {
		return 0, fmt.Errorf("hand forest to leaves: %w", err)
	}
	wide := make([]float64, rows*f.Features())
	for i := range wide {
		wide[i] = float64(x[i])
	}
	ours, theirs := make([]float64, rows), make([]float64, rows)
	f.Predict(x, rows, ours)
	if err := peer.PredictDense(wide, rows, f.Features(), theirs, 0, 1); err != nil {
		return 0, fmt.Errorf("score with leaves: %w", err)
	}
	for row := range ours {
		difference := math.Abs(ours[row] - theirs[row])
		if math.IsNaN(difference) {
			return 0, fmt.Errorf("score with leaves: row %d has no probability", row+1)
		}
		maxDifference = max(maxDifference, difference)
	}
	return maxDifference, nil
}
