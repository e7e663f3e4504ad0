package policy

import (
	"iter"

	"scored/pipeline"
)

// Fill is [Delta] for a backfill that replaces no live score: of Delta's changes it keeps those of keys that the target
// has confirmed nothing of, or only what another such backfill gave. It is a [pipeline.Decide].
func Fill(
	run *pipeline.Run, model string, scores []pipeline.Score, confirmed iter.Seq2[pipeline.Confirmed, error],
) (pipeline.Decision, error) {
	d, err := Delta(run, model, scores, confirmed)
	if err != nil {
		return pipeline.Decision{}, err
	}
	changes := d.Changes
	d.Changes = nil
	for _, c := range changes {
		if c.Before == nil || c.Before.Filled {
			d.Changes = append(d.Changes, c)
		} else {
			d.Kept++
		}
	}
	return d, nil
}
