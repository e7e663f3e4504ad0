package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"
)

// result is what the source gave.
type result struct {
	scores   []Score
	rejected []Rejection
	columns  []ColumnProfile
	refused  []string // see keysRejected
}

// score drains the source and scores what it gives; the scores come back in ascending order of key, each key once. By then
// all that the targets confirmed is read, too.
func (r *Runner) score(ctx context.Context, run *Run, recall *recall, s *Summary) (*result, error) {
	r.progress("read and score", 0, 0)
	start := time.Now()
	got, err := r.drain(ctx, run, recall, s)
	if err != nil {
		return nil, err
	}
	runtime.GC() // without what reading held, deciding has room before the heap grows
	got.scores, got.rejected = unique(got.scores, got.rejected)
	s.Stages.Score = time.Since(start).Milliseconds() - s.Stages.Read
	s.Scored, s.Rejected = len(got.scores), len(got.rejected)
	return got, nil
}

// empty is the error of a result without scores.
func (g *result) empty() error {
	switch {
	case len(g.scores) > 0:
		return nil
	case len(g.rejected) == 0:
		return &Problem{Err: errors.New("the dataprep script returned no rows"),
			Hint: "nothing was sent; check that the source tables are loaded and that the script's filters fit the as-of"}
	default:
		return &Problem{Err: fmt.Errorf("all %d rows were rejected, the first because: %s", len(g.rejected), g.rejected[0].Reason),
			Hint: "nothing was sent; compare the dataprep result with the model's contract"}
	}
}

// drain scores the rows as they are read. Once it returns, nothing of it goes on.
func (r *Runner) drain(ctx context.Context, run *Run, recall *recall, s *Summary) (*result, error) {
	c := &collector{model: r.Model, recall: recall, progress: r.progress}
	defer func() {
		recall.end() // scorers may wait for it
		c.drop()
	}()
	start := time.Now()
	err := r.Source.Read(ctx, run, c)
	s.Read, s.Stages.Read = c.rows, (time.Since(start) - c.waiting).Milliseconds()
	s.Stages.Score = c.waiting.Milliseconds()
	switch {
	case c.err != nil: // the source only passed it on
		return nil, c.err
	case err != nil:
		return nil, fmt.Errorf("read dataprep result: %w", err)
	}
	if err := recall.wait(); err != nil {
		return nil, err
	}
	return c.finish()
}

// unique sorts the scores by key and rejects every row of a key that more than one row has, be they scored or rejected:
// which of them is right can't be told, and the answer must not depend on the order of rows.
func unique(scores []Score, rejected []Rejection) ([]Score, []Rejection) {
	bad := make(map[string]int, len(rejected))
	for _, r := range rejected {
		bad[r.Key]++
	}
	slices.SortFunc(scores, func(a, b Score) int { return cmp.Compare(a.Key, b.Key) })
	kept := scores[:0]
	for i := 0; i < len(scores); {
		key := scores[i].Key
		same := 1
		for i+same < len(scores) && scores[i+same].Key == key {
			same++
		}
		if rows := same + bad[key]; rows == 1 {
			kept = append(kept, scores[i])
		} else {
			for range same {
				rejected = append(rejected, Rejection{Key: key, Reason: fmt.Sprintf("duplicate key: %d rows have it", rows)})
			}
		}
		i += same
	}
	return kept, rejected
}

// found is what the run knows of the keys in the result, for whichever target clears what left it.
func (r *Runner) found(got *result) Found {
	f := Found{Scores: got.scores}
	if !slices.ContainsFunc(r.Targets, func(t Target) bool { return t.Clear }) {
		return f
	}
	f.Rejected = got.keysRejected()
	return f
}
