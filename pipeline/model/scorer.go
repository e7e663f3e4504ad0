package model

import (
	"slices"

	"scored/pipeline"
	"scored/pipeline/feature"
)

// A piece has as many rows as have about maxPieceCells features together, of all plans, but not fewer than minPieceRows,
// which a forest takes at a time.
const (
	maxPieceCells = 1 << 21
	minPieceRows  = 16
)

// scorer scores batches piece by piece: a model may have ten thousand features, and a batch as many rows. Its memory grows
// to the features of a piece and to a few words for each row of the largest batch, and is kept.
type scorer struct {
	*Bundle
	gate         *feature.Gate          // before all plans
	transformers []*feature.Transformer // per plan
	pieceRows    int

	batch         *pipeline.Batch
	reasons       []string  // per row: why it is rejected, "" for a row that is scored; those of a piece to come may be lacking
	probabilities []float64 // per row

	start, end int         // the piece's rows
	features   [][]float32 // per plan: of the piece, row-major
	one        []float64   // one member's probabilities of the piece
	due        dueRows
}

func (b *Bundle) bind(columns []pipeline.Column) (*scorer, error) {
	gate, err := b.manifest.Contract.Bind(columns)
	if err != nil {
		return nil, err
	}
	s := &scorer{Bundle: b, gate: gate, features: make([][]float32, len(b.plans))}
	width := 0
	for _, plan := range b.plans {
		s.transformers = append(s.transformers, plan.Behind(gate))
		width += plan.Width()
	}
	s.pieceRows = max(minPieceRows, maxPieceCells/max(width, 1))
	return s, nil
}

// begin takes a batch; next goes through it.
func (s *scorer) begin(batch *pipeline.Batch) {
	s.batch, s.start, s.end = batch, 0, 0
	s.probabilities = resize(s.probabilities, batch.Rows())
	s.reasons = s.gate.Admit(batch)
	for _, transformer := range s.transformers {
		transformer.Begin()
	}
}

// next makes the features and probabilities of the next piece. It returns false after the last, which stays.
func (s *scorer) next() bool {
	rows := s.batch.Rows()
	if s.end == rows {
		return false
	}
	s.start, s.end = s.end, min(s.end+s.pieceRows, rows)
	for i, transformer := range s.transformers {
		s.features[i] = resize(s.features[i], (s.end-s.start)*s.plans[i].Width())
		transformer.Fill(s.start, s.end, s.features[i])
	}
	s.predict(s.probabilities[s.start:s.end])
	return true
}

// predict writes the mean of the members' probabilities of the piece's rows.
func (s *scorer) predict(probabilities []float64) {
	rows := len(probabilities)
	if s.members[0].Calibration == nil && len(s.members) == 1 {
		s.members[0].Forest.Predict(s.features[0], rows, probabilities)
		return
	}
	clear(probabilities)
	s.one = resize(s.one, rows)
	for _, m := range s.members {
		m.Forest.Predict(s.features[m.plan], rows, s.one)
		for row, p := range s.one {
			if m.Calibration != nil {
				p = m.Calibration.Apply(p)
			}
			probabilities[row] += p
		}
	}
	for row := range probabilities {
		probabilities[row] /= float64(len(s.members))
	}
}

// reason says why a row of the piece, or of one before, is rejected: the contract's reason, or the first plan's; "" if none
// has one.
func (s *scorer) reason(row int) string { return s.reasons[row] }

// row returns a plan's features of a row of the piece.
func (s *scorer) row(plan, row int) []float32 {
	width := s.plans[plan].Width()
	return s.features[plan][(row-s.start)*width : (row-s.start+1)*width]
}

// Score appends one score, or one rejection, per row.
func (s *scorer) Score(
	batch *pipeline.Batch, due func(pipeline.Score) bool, scores []pipeline.Score, rejected []pipeline.Rejection,
) ([]pipeline.Score, []pipeline.Rejection) {
	s.begin(batch)
	for s.next() {
		s.due.clear()
		for row := s.start; row < s.end; row++ {
			if reason := s.reason(row); reason != "" {
				rejected = append(rejected, pipeline.Rejection{Key: batch.Keys[row], Reason: reason})
				continue
			}
			score := s.score(row)
			if due != nil && due(score) {
				s.due.add(row, len(scores))
			}
			scores = append(scores, score)
		}
		s.explainDue(scores)
	}
	return scores, rejected
}

func (s *scorer) score(row int) pipeline.Score {
	p := s.probabilities[row]
	rank := s.manifest.Reference.Score(p)
	return pipeline.Score{Key: s.batch.Keys[row], Probability: p, Score: rank, Grade: s.manifest.Grades.Of(rank)}
}

// resize returns a slice of n elements that mean nothing, in the same memory if there is enough.
func resize[T any](slice []T, n int) []T { return slices.Grow(slice[:0], n)[:n] }
