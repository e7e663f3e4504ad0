package model

import (
	"slices"

	"scored/pipeline"
	"scored/pipeline/feature"
)

// scorer scores batches. Its memory grows to the largest batch and is kept.
type scorer struct {
	*Bundle
	transformer   *feature.Transformer
	features      []float32 // row-major
	probabilities []float64
}

func (b *Bundle) bind(columns []pipeline.Column) (*scorer, error) {
	transformer, err := b.plan.Bind(columns)
	if err != nil {
		return nil, err
	}
	return &scorer{Bundle: b, transformer: transformer}, nil
}

// predict fills features and probabilities and returns a reason per row, "" for a row that is scored.
func (s *scorer) predict(batch *pipeline.Batch) []string {
	rows := batch.Rows()
	s.features = slices.Grow(s.features[:0], rows*s.plan.Width())[:rows*s.plan.Width()]
	s.probabilities = slices.Grow(s.probabilities[:0], rows)[:rows]
	reasons := s.transformer.Transform(batch, s.features)
	s.forest.Predict(s.features, rows, s.probabilities)
	return reasons
}

// Score appends one score, or one rejection, per row.
func (s *scorer) Score(
	batch *pipeline.Batch, scores []pipeline.Score, rejected []pipeline.Rejection,
) ([]pipeline.Score, []pipeline.Rejection) {
	reasons := s.predict(batch)
	for row, key := range batch.Keys {
		if reasons[row] != "" {
			rejected = append(rejected, pipeline.Rejection{Key: key, Reason: reasons[row]})
			continue
		}
		score := s.manifest.Reference.Score(s.probabilities[row])
		scores = append(scores, pipeline.Score{
			Key: key, Probability: s.probabilities[row], Score: score, Grade: s.manifest.Grades.Of(score),
		})
	}
	return scores, rejected
}
