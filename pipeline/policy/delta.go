// Package policy decides what to send. It holds pure functions: what was last confirmed comes in as an argument.
package policy

import (
	"fmt"
	"iter"

	"scored/pipeline"
)

// Delta picks the scores that differ from what the target confirmed; it is a [pipeline.Decide]. All sides come in
// ascending order of key (by bytes), strictly but for the rejected, and one that doesn't is an error which names the
// position.
//
// A score is a change where the target confirmed nothing, where it confirmed empty fields, where score, grade or model
// differ, and where what the target holds is unsure. What a backfill filled is sent once more by the first other run, and so
// protected from the next fill. A score is superseded, and never sent, where the target holds or may hold run's version or a
// newer one, and quarantined where it would be a change and the target refused its key so lately that it is not asked again.
//
// A key that left the result is cleared if found says so and the run is none of a backfill, whose result is one of the
// past: once, and by the same rules as a score that differs. One that the target never takes again is let go, and what a
// backfill filled is kept: it was outside the result from the beginning.
func Delta(
	run *pipeline.Run, model string, found pipeline.Found, confirmed iter.Seq2[pipeline.Confirmed, error],
) (pipeline.Decision, error) {
	return merge(&decider{run: run, model: model, clear: clears(run, found)}, found, confirmed)
}

// clears says whether keys that left the result are to be cleared.
func clears(run *pipeline.Run, found pipeline.Found) bool {
	return found.Clear && run.Trigger != pipeline.Fill && run.Trigger != pipeline.Backfill
}

// merge goes through scores, rejected keys and what was confirmed, side by side.
func merge(
	d *decider, found pipeline.Found, confirmed iter.Seq2[pipeline.Confirmed, error],
) (pipeline.Decision, error) {
	scores, rejected := found.Scores, found.Rejected
	if err := inOrder(scores, rejected); err != nil {
		return pipeline.Decision{}, err
	}
	position, last := 0, ""
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
		for len(scores) > 0 && scores[0].Key < known.Key {
			d.change(scores[0], nil)
			scores = scores[1:]
		}
		for len(rejected) > 0 && rejected[0] < known.Key {
			rejected = rejected[1:]
		}
		switch {
		case len(scores) > 0 && scores[0].Key == known.Key:
			d.compare(scores[0], &known)
			scores = scores[1:]
		case len(rejected) > 0 && rejected[0] == known.Key: // it is there, and merely has no score
		case d.clear:
			d.leave(&known)
		}
	}
	for _, score := range scores {
		d.change(score, nil)
	}
	return d.Decision, nil
}

func inOrder(scores []pipeline.Score, rejected []string) error {
	for i := 1; i < len(scores); i++ {
		if scores[i].Key <= scores[i-1].Key {
			return fmt.Errorf("score %d is not after score %d in order of key", i+1, i)
		}
	}
	for i := 1; i < len(rejected); i++ {
		if rejected[i] < rejected[i-1] {
			return fmt.Errorf("rejected key %d is before key %d in order of key", i+1, i)
		}
	}
	return nil
}

// decider sorts keys into a decision, one by one.
type decider struct {
	pipeline.Decision
	run   *pipeline.Run
	model string
	clear bool // keys that left the result
	fill  bool // only what has no live score
}

// compare sorts a score in that the target has an entry for.
func (d *decider) compare(score pipeline.Score, known *pipeline.Confirmed) {
	same := !known.Cleared && score.Score == known.Score && score.Grade == known.Grade && d.model == known.Model
	switch {
	case d.superseded(known):
	case same && !known.Unsure && (!known.Filled || d.run.Trigger == pipeline.Fill):
		d.Unchanged++
	case d.fill && holds(known) && !known.Filled:
		d.Kept++
	case known.Until.After(d.run.Started):
		d.Quarantined++
	default:
		d.change(score, before(known))
	}
}

// leave sorts a key in that left the result.
func (d *decider) leave(known *pipeline.Confirmed) {
	switch {
	case !known.Unsure && !holds(known): // nothing there
	case d.superseded(known):
	case known.Filled:
		d.Kept++
	case !known.Until.Before(pipeline.Never):
	case known.Until.After(d.run.Started):
		d.Quarantined++
	default:
		d.Changes = append(d.Changes, pipeline.Change{Score: pipeline.Score{Key: known.Key}, Before: before(known), Clear: true})
	}
}

// superseded says, and counts, where the target holds or may hold what is not older than the run.
func (d *decider) superseded(known *pipeline.Confirmed) bool {
	if known.Version < d.run.Version {
		return false
	}
	d.Superseded++
	if known.Version/1000 > d.run.Started.UnixMilli() {
		d.Ahead++
	}
	return true
}

func (d *decider) change(score pipeline.Score, before *pipeline.Confirmed) {
	d.Changes = append(d.Changes, pipeline.Change{Score: score, Before: before})
}

// before is the score that the target confirmed, nil if none.
func before(known *pipeline.Confirmed) *pipeline.Confirmed {
	if !holds(known) {
		return nil
	}
	kept := *known
	return &kept
}

// holds says whether the target confirmed a score, and not empty fields. An entry without a model is one that nothing was
// confirmed of: all there is of the key is a write that was never answered, or a refusal.
func holds(known *pipeline.Confirmed) bool { return known.Model != "" && !known.Cleared }
