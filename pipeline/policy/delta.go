// Package policy decides what to send. It holds pure functions: what was last confirmed comes in as an argument.
package policy

import (
	"fmt"
	"iter"

	"scored/pipeline"
)

// Delta picks the scores that differ from what the target confirmed; it is a [pipeline.Decide]. Both sides come in
// strictly ascending order of key (by bytes), and a side that doesn't is an error which names the position.
//
// A score is a change where the target confirmed nothing, where score, grade or model differ, and where what the target
// holds is unsure. What a backfill filled is sent once more by the first other run, and so protected from the next fill. A
// score is superseded, and never sent, where the target holds or may hold run's version or a newer one. What was confirmed
// and has no score now is left as it is: the lead left the result.
func Delta(
	run *pipeline.Run, model string, scores []pipeline.Score, confirmed iter.Seq2[pipeline.Confirmed, error],
) (pipeline.Decision, error) {
	for i := 1; i < len(scores); i++ {
		if scores[i].Key <= scores[i-1].Key {
			return pipeline.Decision{}, fmt.Errorf("score %d is not after score %d in order of key", i+1, i)
		}
	}
	var d pipeline.Decision
	next, position, last := 0, 0, ""
	for known, err := range confirmed {
		if err != nil {
			return pipeline.Decision{}, err
		}
		position++
		if position > 1 && known.Key <= last {
			return pipeline.Decision{},
				fmt.Errorf("confirmed entry %d is not after entry %d in order of key", position, position-1)
		}
		last = known.Key
		for next < len(scores) && scores[next].Key < known.Key {
			d.Changes = append(d.Changes, pipeline.Change{Score: scores[next]})
			next++
		}
		if next < len(scores) && scores[next].Key == known.Key {
			compare(&d, run, model, scores[next], known)
			next++
		}
	}
	for _, score := range scores[next:] {
		d.Changes = append(d.Changes, pipeline.Change{Score: score})
	}
	return d, nil
}

// compare sorts one score that the target has an entry for into d.
func compare(d *pipeline.Decision, run *pipeline.Run, model string, score pipeline.Score, known pipeline.Confirmed) {
	same := score.Score == known.Score && score.Grade == known.Grade && model == known.Model
	switch {
	case known.Version >= run.Version:
		d.Superseded++
		if known.Version/1000 > run.Started.UnixMilli() {
			d.Ahead++
		}
	case same && !known.Unsure && (!known.Filled || run.Trigger == pipeline.Fill):
		d.Unchanged++
	default:
		d.Changes = append(d.Changes, pipeline.Change{Score: score, Before: before(known)})
	}
}

// before is what the target confirmed: nil if all it has of the key is a write that was never answered, which shows in
// an entry without a model.
func before(known pipeline.Confirmed) *pipeline.Confirmed {
	if known.Model == "" {
		return nil
	}
	return &known
}
