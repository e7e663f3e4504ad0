package schedule

import (
	"time"

	"scored/pipeline"
)

// JobState is what a status page shows of a job.
type JobState struct {
	Name      string
	Next      time.Time // when the next slot comes due; zero if that isn't known yet
	Slot      time.Time // whose work is going on; zero if none is
	Stage     string    // "waiting for data", "waiting for its turn", "running", "retrying at 12:03:20Z"; "" without work
	Why       string    // of the stage: what is amiss with the data, who holds the gate, why the run before failed
	Since     time.Time // when the stage began
	Paused    time.Time // since when; zero if it isn't
	PausedWhy string
	Last      pipeline.Span // what this process accounted for last; its Count is 0 if nothing yet
	Trouble   string        // why the journal could not be read or written at the last turn
	Removed   bool          // not in the config any more: ends with its work
}

// view is a job's state as the loop last saw it, with the work that it goes on from.
type view struct {
	state JobState
	work  *work
}

// Snapshot returns the jobs' states in the config's order; it may be called from any goroutine.
func (s *Scheduler) Snapshot() []JobState {
	views := *s.view.Load()
	states := make([]JobState, len(views))
	for i, v := range views {
		states[i] = v.state
		if v.work != nil {
			stage := v.work.stage.Load()
			states[i].Slot, states[i].Stage, states[i].Why, states[i].Since = v.work.slot, stage.name, stage.why, stage.since
		}
	}
	return states
}

// publish shows the loop's view to Snapshot.
func (s *Scheduler) publish() {
	views := make([]view, len(s.tracks))
	for i, t := range s.tracks {
		state := JobState{
			Name: t.job.Name, Next: t.due, Paused: t.cursor.Paused, PausedWhy: t.cursor.PausedWhy, Last: t.last, Removed: t.removed,
		}
		if t.trouble != nil {
			state.Trouble = t.trouble.Error()
		}
		views[i] = view{state: state, work: t.work}
	}
	s.view.Store(&views)
}
