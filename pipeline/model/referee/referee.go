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

// Peer is a forest in the hands of leaves.
type Peer struct {
	ensemble *leaves.Ensemble
	features int
}

// NewPeer hands a forest over, as LightGBM v3 text. It gets the thresholds as they were trained, so that the rounding
// that the forest compares with is refereed too. It needs about 50 bytes of memory per node.
func NewPeer(f *forest.Forest) (*Peer, error) { return ReadPeer(LightGBM(f), f.Features()) }

// ReadPeer has leaves read what [LightGBM] wrote of a forest with that many features; leaves itself counts a single one
// as none. Nothing else is safe to read: malformed text makes leaves panic.
func ReadPeer(text []byte, features int) (*Peer, error) {
	ensemble, err := leaves.LGEnsembleFromReader(bufio.NewReader(bytes.NewReader(text)), false)
	if err != nil {
		return nil, fmt.Errorf("hand forest to leaves: %w", err)
	}
	return &Peer{ensemble: ensemble, features: features}, nil
}

// Predict writes the probability of each row of x, a row-major matrix where a missing value is NaN, into out.
func (p *Peer) Predict(x []float64, rows int, out []float64, threads int) error {
	if err := p.ensemble.PredictDense(x, rows, p.features, out, 0, threads); err != nil {
		return fmt.Errorf("score with leaves: %w", err)
	}
	return nil
}

// Compare scores x, a row-major matrix of rows x f.Features() where a missing value is NaN, with f and with leaves, and
// returns how far, at most, the two probabilities of a row lie apart: about 1e-15, for leaves divides before it sums.
func Compare(f *forest.Forest, x []float32, rows int) (maxDifference float64, err error) {
	peer, err := NewPeer(f)
	if err != nil {
		return 0, err
	}
	wide := make([]float64, rows*f.Features())
	for i := range wide {
		wide[i] = float64(x[i])
	}
	ours, theirs := make([]float64, rows), make([]float64, rows)
	f.Predict(x, rows, ours)
	if err := peer.Predict(wide, rows, theirs, 1); err != nil {
		return 0, err
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
