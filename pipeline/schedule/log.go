package schedule

import (
	"log/slog"
	"time"

	"scored/pipeline"
)

const hintPaused = "resume the job when it may run again"

// logSpan writes one line for slots that got their fate from a plan.
func logSpan(log *slog.Logger, span pipeline.Span) {
	log = log.With("slot", span.Last.Format(time.RFC3339), "reason", span.Reason)
	if span.Count > 1 {
		log = log.With("first", span.First.Format(time.RFC3339), "slots", span.Count)
	}
	if span.RunID != "" {
		log = log.With("run_id", span.RunID)
	}
	switch {
	case span.Fate == pipeline.Ran && (span.Reason == reasonOvertook || span.Reason == reasonHalted):
		log.Warn("slot ended without a run that ended", "hint",
			"the slots after it go on; if nobody stopped the daemon then, the service's log from then says what killed it")
	case span.Fate == pipeline.Ran:
		log.Error("slot ended without a run that ended", "hint",
			"look at its runs and at the log from then: what ends the process? The slots after it go on")
	case span.Fate == pipeline.Missed && span.Reason == reasonUnkept:
		log.Warn("slots missed", "hint", "only the newest slot is caught up; if the log from then has that the schedule could not be kept, "+
			"it says why; else the machine slept, or its clock was set forward")
	case span.Fate == pipeline.Missed:
		log.Warn("slots missed", "hint", "only the newest slot is caught up; look at the service's log from then for why it was down")
	case span.Reason == reasonOverlap:
		log.Warn("slots skipped", "hint", "compare the run's duration with the distance of slots: shorten the one or lengthen the other")
	default:
		log.Warn("slots skipped", "hint", hintPaused)
	}
}

// hintOr returns the error's own hint, or another.
func hintOr(err error, hint string) string {
	if own := pipeline.HintOf(err); own != "" {
		return own
	}
	return hint
}
