package policy

import (
	"iter"

	"scored/pipeline"
)

// Fill is [Delta] for a backfill that replaces no live score: of Delta's changes it keeps those of keys that the target
// holds no score of, or only what another such backfill gave. The rest is kept as it is, quarantined or not. It clears
// nothing. It is a [pipeline.Decide].
func Fill(
	run *pipeline.Run, model string, found pipeline.Found, confirmed iter.Seq2[pipeline.Confirmed, error],
) (pipeline.Decision, error) {
	return merge(&decider{run: run, model: model, fill: true}, found, confirmed)
}
