package model

import (
	"slices"

	"scored/pipeline"
	"scored/pipeline/feature"
)

// scorer scores batches. Its memory grows to the largest batch and is kept.
type scorer struct {
	*Bundle
	transformers  []*feature.Transformer // per plan
	features      [][]float32            // per plan: row-major
	rejected      []string               // per row: the reason, "" for a row that is scored
	one           []float64              // one member's probabilities
	probabilities []float64
	due           dueRows
}

func (b *Bundle) bind(columns []pipeline.Column) (*scorer, error) {
	s := &scorer{Bundle: b, features: make([][]float32, len(b.plans))}
	for _, plan := range b.plans {
		transformer, err := plan.Bind(columns)
		if err != nil {
			return nil, err
		}
		s.transformers = append(s.transformers, transformer)
	}
	return s, nil
}

// predict fills features and probabilities and returns a reason per row, "" for a row that is scored.
func (s *scorer) predict(batch *pipeline.Batch) []string {
	s.transform(batch)
	rows := batch.Rows()
	s.probabilities = resize(s.probabilities, rows)
	if s.members[0].Calibration == nil && len(s.members) == 1 {
		s.members[0].Forest.Predict(s.features[0], rows, s.probabilities)
		return s.rejected
	}
	clear(s.probabilities)
	s.one = resize(s.one, rows)
	for _, m := range s.members {
		m.Forest.Predict(s.features[m.plan], rows, s.one)
		for row, p := range s.one {
			if m.Calibration != nil {
				p = m.Calibration.Apply(p)
			}
			s.probabilities[row] += p
		}
	}
	for row := range s.probabilities {
		s.probabilities[row] /= float64(len(s.members))
	}
	return s.rejected
}

// transform fills features, and rejected with each row's first reason.
func (s *scorer) transform(batch *pipeline.Batch) {
	for i, transformer := range s.transformers {
		s.features[i] = resize(s.features[i], batch.Rows()*s.plans[i].Width())
		reasons := transformer.Transform(batch, s.features[i])
		if i == 0 {
			s.rejected = append(s.rejected[:0], reasons...)
			continue
		}
		for row, reason := range reasons {
			if s.rejected[row] == "" {
				s.rejected[row] = reason
			}
		}
	}
}

// Score appends one score, or one rejection, per row.
func (s *scorer) Score(
	batch *pipeline.Batch, due func(pipeline.Score) bool, scores []pipeline.Score, rejected []pipeline.Rejection,
) ([]pipeline.Score, []pipeline.Rejection) {
	reasons := s.predict(batch)
	s.due.clear()
	for row, key := range batch.Keys {
		if reasons[row] != "" {
			rejected = append(rejected, pipeline.Rejection{Key: key, Reason: reasons[row]})
			continue
		}
		rank := s.manifest.Reference.Score(s.probabilities[row])
		score := pipeline.Score{
			Key: key, Probability: s.probabilities[row], Score: rank, Grade: s.manifest.Grades.Of(rank),
		}
		if due != nil && due(score) {
			s.due.add(row, len(scores))
		}
		scores = append(scores, score)
	}
	s.explainDue(batch, scores)
	return scores, rejected
}

// resize returns a slice of n elements that mean nothing, in the same memory if there is enough.
func resize[T any](slice []T, n int) []T { return slices.Grow(slice[:0], n)[:n] }
