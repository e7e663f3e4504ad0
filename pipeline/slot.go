package pipeline

import "time"

// Fate is what became of a slot.
type Fate string

// The fates of a slot. Each slot of a schedule has exactly one.
const (
	Ran     Fate = "run"     // a run was made for it, whatever its end
	Skipped Fate = "skipped" // on purpose: the run before was still going, the job was paused, its data did not come
	Missed  Fate = "missed"  // it passed while nobody watched: the daemon was down, or the machine asleep
)

// Span is a slot that is accounted for, or a stretch of slots in a row with the same fate.
type Span struct {
	First, Last time.Time // equal for a single slot
	Count       int
	Fate        Fate
	Reason      string // why it was skipped or missed; how the run ended, if not ok
	RunID       string // of Ran: the slot's last run
}

// Cursor is where a job's schedule stands.
type Cursor struct {
	Accounted time.Time // the last slot that is accounted for; zero before the job's first turn
	Paused    time.Time // since when; zero if the job isn't paused
	PausedWhy string
	Seen      string    // the value that the job's condition had when it was last acted on; "" for none
	Tried     time.Time // the newest slot of which a run was begun
	Tries     int       // how many runs were begun for Tried, but for those that were told to stop
	TriedRun  string    // the id of the last of them
}
