package main

import (
	"fmt"
	"sync"

	"scored/pipeline"
)

// pair is a model beside which another one scores the same rows.
type pair struct {
	pipeline.Model
	other pipeline.Model

	mu    sync.Mutex
	given map[string]pipeline.Score // by the other model
}

// Bind binds both models. It comes before any row of a read: what an earlier one gave is void.
func (p *pair) Bind(columns []pipeline.Column) (pipeline.Scorer, error) {
	p.mu.Lock()
	p.given = nil
	p.mu.Unlock()
	first, err := p.Model.Bind(columns)
	if err != nil {
		return nil, err
	}
	second, err := p.other.Bind(columns)
	if err != nil {
		return nil, fmt.Errorf("%s does not fit the dataprep result: %w", p.other.Name(), err)
	}
	return &pairScorer{pair: p, first: first, second: second}, nil
}

// scores are those of the other model, by key, once all is scored. A key that is rejected because several rows have it has none.
func (p *pair) scores(rejected []pipeline.Rejection) map[string]pipeline.Score {
	rows := map[string]int{}
	for _, r := range rejected {
		if rows[r.Key]++; rows[r.Key] > 1 {
			delete(p.given, r.Key)
		}
	}
	return p.given
}

// pairScorer scores each batch with both.
type pairScorer struct {
	*pair
	first, second pipeline.Scorer
}

func (s *pairScorer) Score(
	batch *pipeline.Batch, due func(pipeline.Score) bool, scores []pipeline.Score, rejected []pipeline.Rejection,
) ([]pipeline.Score, []pipeline.Rejection) {
	given, _ := s.second.Score(batch, nil, nil, nil)
	s.keep(given)
	return s.first.Score(batch, due, scores, rejected)
}

func (p *pair) keep(given []pipeline.Score) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.given == nil {
		p.given = make(map[string]pipeline.Score)
	}
	for _, score := range given {
		p.given[score.Key] = score
	}
}
