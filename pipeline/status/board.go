package status

import (
	"context"
	"time"

	"scored/pipeline"
)

// Board is what the daemon can tell of itself. Its methods are called anew for every request, by many goroutines.
type Board interface {
	// Jobs returns the jobs of the config that is in force, in its order.
	Jobs() []Job
	// Process returns what is known of the daemon as a whole.
	Process() Process
	// Quotas returns what the targets last said of their daily API limits; nil if none did. A target that several jobs
	// write to may come several times.
	Quotas() []Quota
	// Guards returns what was last found of the targets' own guard against older versions; nil if none was looked at.
	Guards() []Guard
	// Runs returns the job's newest runs, newest first: of whatever trigger and process, open ones included.
	Runs(ctx context.Context, job string, limit int) ([]pipeline.Record, error)
	// Held returns the job's newest held run that waits for a person; nil if none does.
	Held(ctx context.Context, job string) (*pipeline.Record, error)
	// Lost returns the job's newest slots that were skipped or missed, newest first.
	Lost(ctx context.Context, job string, limit int) ([]pipeline.Span, error)
	// Quarantine returns how many of the job's keys wait because a target refused them, by target and class.
	Quarantine(ctx context.Context, job string) ([]Waiting, error)
}

// Job is one job, as it stands now.
type Job struct {
	Name     string
	Schedule string        // as the config has it
	Model    string        // the model's name, as targets show it
	Digest   string        // the hex SHA-256 of its manifest
	Targets  []string      // the names of the job's targets
	Next     time.Time     // the next slot; zero if there is none
	Bound    time.Duration // how old the newest delivered as-of may be now: no two slots that should have ended may be newer
	Active   *Active       // nil if the daemon makes no run of the job now
	Paused   time.Time     // since when; zero if the job isn't paused
	Why      string        // it is paused
	Trouble  string        // why its schedule can't be kept; "" if it can
}

// Active is a run that is going on.
type Active struct {
	Slot  time.Time // zero for a run that has none
	Stage string    // reading, delivering to salesforce, waiting to try again
	Since time.Time
}

// Process is the daemon as a whole.
type Process struct {
	Version  string
	Started  time.Time
	Config   string    // the config file's path
	Reloaded time.Time // when the config was last read, taken or not
	Refusal  string    // why it was not taken, and what to do; "" if it was
}

// Quota is a target's daily limit of API calls.
type Quota struct {
	Target      string
	Used, Limit int
}

// Guard says whether a target itself refuses a version older than what it holds.
type Guard struct {
	Target string
	Active bool
}

// Waiting counts the keys of one class in a target's quarantine.
type Waiting struct {
	Target string
	Class  pipeline.Class
	Keys   int
}
