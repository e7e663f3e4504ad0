package pipeline

import (
	"context"
	"iter"
	"time"
)

// Source yields what a dataprep script gives as of an instant.
type Source interface {
	// Digest identifies the script's text: the hex SHA-256 of its bytes.
	Digest() string
	// Read runs the script as of run.AsOf and hands the result to rows, batch by batch. It returns when the result is
	// drained and the connection closed. When the warehouse asks for it (a serialization conflict, a lost connection),
	// Read starts again on a new connection, and rows with it, a bounded number of times.
	Read(ctx context.Context, run *Run, rows Rows) error
}

// Rows receives a dataprep result.
type Rows interface {
	// Begin comes whenever Read starts, before any row, with the columns beside the key (no values yet). What was given
	// before is void. An error stops the read.
	Begin(columns []Column) error
	// Add takes the next rows. What the batch holds is valid until Add returns, unless Add keeps it: then it leaves in its
	// place what an earlier batch held since Begin, to be filled again, or nothing.
	Add(batch *Batch) error
}

// Model is a loaded bundle.
type Model interface {
	// Name is the model as targets show it: the bundle's name, "@" and the first 8 digits of its digest.
	Name() string
	// Digest is the hex SHA-256 of the bundle's manifest, which holds the digests of its other files.
	Digest() string
	// Reference is the profile of the rows of the bundle's test period, without differences. It is not to be changed.
	Reference() *Profile
	// Bind matches the columns with the contract, by name and in whatever order. Its error lists every column that is
	// missing, surplus or of another type.
	Bind(columns []Column) (Scorer, error)
}

// Scorer scores batches that have the columns it was bound to. It keeps scratch memory: one goroutine at a time.
type Scorer interface {
	// Score appends one score, or one rejection, per row. A score that due picks gets its reasons, which cost more than
	// the score; nil picks none.
	Score(batch *Batch, due func(Score) bool, scores []Score, rejected []Rejection) ([]Score, []Rejection)
}

// Decide compares the scores, in ascending order of key, with what the target confirmed, in the same order, and picks
// the changes. It is a pure function that judges each key by what is known of that key alone. A score that the target
// confirmed for certain, with its grade and model, is no change, unless a backfill filled it. A newer version at the target
// always wins. Reasons are no difference: they come with a change and make none.
type Decide func(run *Run, model string, found Found, confirmed iter.Seq2[Confirmed, error]) (Decision, error)

// Found is what a run knows of the keys in the dataprep result.
type Found struct {
	Scores   []Score  // in ascending order of key, each key once
	Rejected []string // keys of rows that could not be scored, in ascending order: they did not leave the result
	// Clear is set where a key that the target has confirmed and that is in neither is to be cleared: it left the result.
	Clear bool
}

// Decision is what to send to one target, in ascending order of key, and how many scores stay.
type Decision struct {
	Changes     []Change
	Unchanged   int
	Superseded  int
	Ahead       int // of Superseded: the version is of a time that has not come yet, so a clock was wrong
	Kept        int // the target holds an older score that is not to be replaced, or what a backfill gave outside the result
	Quarantined int // they differ, and the target refused the key lately
}

// Sink is a target's adapter.
type Sink interface {
	// Name is the target's name in config, ledger and log.
	Name() string
	// Preflight logs in where it must, and checks that the target can take the changes.
	Preflight(ctx context.Context) (Ready, error)
	// Write sends the changes in order and calls confirm, from one goroutine, after every answered request. A change it
	// put on the wire is reported exactly once (Unknown if no answer came); one it never reports changed nothing. An error
	// from confirm ends the delivery. Write's own error concerns the delivery as a whole; the rest is per row. When ctx
	// ends, Write stops at the next request boundary. The outcomes are the sink's again when confirm returns.
	Write(ctx context.Context, run *Run, model string, changes []Change, confirm func([]Outcome) error) error
	// Calls returns the number of API calls made so far.
	Calls() int
}

// Ready is what a preflight found.
type Ready struct {
	Identity string // of the target (the org's id): a ledger is bound to one
	// Guarded is set where the target itself refuses a version older than what it holds, so that a late request can do no
	// harm.
	Guarded bool
}

// Resumer is a sink whose deliveries can go on at the target after the sender died.
type Resumer interface {
	// Resume finishes what earlier runs left at the target, if anything: it waits for it or calls it off, and hands the
	// outcomes to confirm with the id of the run that sent them. Without anything left it makes no request; otherwise it
	// touches nothing before check has agreed to the target's identity.
	Resume(ctx context.Context, check func(identity string) error, confirm func(run string, outcomes []Outcome) error) error
}

// Meter is a sink whose target counts requests by the day.
type Meter interface {
	// Usage is the target's count, of all its clients, in the last 24 hours; the zero Usage if the target does not tell. It is
	// asked for once per delivery that has changes, and need not make a request of its own where a late answer has told it.
	Usage(ctx context.Context) (Usage, error)
	// Cost is about how many requests it takes to deliver so many changes. It never falls as changes grow.
	Cost(changes int) int
}

// Usage is a target's count of requests in the last 24 hours, of all its clients, and what it allows.
type Usage struct{ Used, Limit int }

// Reader reads scores back from a target.
type Reader interface {
	// Standing tells found, of each of the keys that the target knows, the version of its record (0 where it has none), and
	// whether one of that version was written and the record still has all of what was: score, grade, model and reasons, as
	// far as the target's mapping has them. A person may have edited one without its version.
	Standing(ctx context.Context, written []Written, found func(key string, version int64, stands bool) error) error
	// Any says whether a record has a version.
	Any(ctx context.Context) (bool, error)
	// Held yields every record that has a version, in no particular order.
	Held(ctx context.Context) iter.Seq2[Holding, error]
}

// Ration picks the changes that a run may send within the target's budget; the order stays. What it leaves out stays due.
type Ration func(budget Budget, cost func(changes int) int, changes []Change) []Change

// Budget is what is known of a target's requests when a run is about to deliver.
type Budget struct {
	Usage
	Own     int // of Used: those of this ledger's runs
	Extra   int // of Own: those of runs that no schedule makes
	Typical int // what a run of this ledger's jobs usually takes
	Runs    int // of the jobs' schedules within 24 hours
	// Leftover is set for a run of a backfill, which may have what the runs of the schedules leave.
	Leftover bool
}

// Spent is how many requests a ledger's runs took.
type Spent struct {
	Calls   int
	Extras  []Expense // of Calls: those of backfills and undos, oldest first
	Typical int       // what a live run usually takes
}

// Extra is the sum of the extras.
func (s Spent) Extra() (calls int) {
	for _, e := range s.Extras {
		calls += e.Calls
	}
	return calls
}

// Expense is what one run took.
type Expense struct {
	Began time.Time
	Calls int
}

// RemoteJob is work that was handed to a target and goes on there by itself.
type RemoteJob struct {
	Run   string    // the id of the run that handed it over
	ID    string    // the target's name for it; "" while its creation is not answered
	Since time.Time // when its creation was about to be asked for
}

// Ledger is the local record of runs and of what each target confirmed. Every method that changes it is durable when it
// returns.
type Ledger interface {
	// Begin opens a run at the request's as-of under the next free attempt. Whoever begins a run holds the job's gate.
	Begin(ctx context.Context, job string, req Request) (*Run, error)
	// Bind ties the job's records of a target to the target's identity, or refuses if they belong to another.
	Bind(ctx context.Context, job, target, identity string) error
	// CheckBound says whether Bind would refuse; it changes nothing.
	CheckBound(ctx context.Context, job, target, identity string) error
	// Confirmed yields, in ascending order of key, what the target confirmed or may have received.
	Confirmed(ctx context.Context, job, target string) iter.Seq2[Confirmed, error]
	// Shape records how scores are written to a target (its object and mapping, as one text). If that differs from the
	// last time, whatever the target confirmed is in doubt, as Doubt has it, and changed is true.
	Shape(ctx context.Context, job, target, shape string) (changed bool, err error)
	// Shaped says whether Shape would find a difference; it changes nothing.
	Shaped(ctx context.Context, job, target, shape string) (differs bool, err error)
	// Doubt makes everything the target confirmed Unsure, until it is confirmed again, and ends every quarantine but for good
	// ones: whatever has a score is due.
	Doubt(ctx context.Context, job, target string) error
	// Sweep notes that the run compared all its scores with the target: from then on, no run as of before replaces what it
	// found, changed or not. Only what a [Fill] run gave is not protected.
	Sweep(ctx context.Context, run *Run, target string) error
	// Swept returns the newest version that Sweep was called with; 0 if there is none.
	Swept(ctx context.Context, job, target string) (int64, error)
	// Unsettled returns the last moment at which a write that is still without an answer may have left; the zero time if
	// there is none.
	Unsettled(ctx context.Context, job, target string) (time.Time, error)
	// Intend records what is about to be sent, and keeps what was confirmed before for an undo.
	Intend(ctx context.Context, run *Run, target, model string, changes []Change) error
	// Confirm settles intents. Accepted becomes what the target confirmed, and ends a quarantine. Refused, Retry,
	// Unprocessed and NotSent leave what was known before; a Refused key goes into quarantine or stays there longer,
	// unless its class says that the fault is not the row's own. Stale puts what is known of the key in doubt. Unknown stays open.
	Confirm(ctx context.Context, run *Run, target string, outcomes []Outcome) error
	// Withdraw ends intents of the run that were never sent, all of them or none: what was known before is known again. Each
	// slice of unsent is in ascending order of key, and between its first key and its last the run has no other open intent.
	Withdraw(ctx context.Context, run *Run, target string, unsent iter.Seq[[]Change]) error
	// Settle is Confirm for a run that has ended, by its id. An outcome whose intent is no longer open says nothing.
	Settle(ctx context.Context, run, target string, outcomes []Outcome) error
	// Spent returns how many requests the ledger's runs took that began since then, and what a run usually takes.
	Spent(ctx context.Context, since time.Time) (Spent, error)
	// Written yields, in ascending order of key, what the run wrote to the target, for certain or perhaps, with what was
	// confirmed before.
	Written(ctx context.Context, run, target string) iter.Seq2[Written, error]
	// Standing returns the newest version under which a target may hold what the run wrote: its own, or that of an undo which
	// brought it back.
	Standing(ctx context.Context, run string) (version int64, err error)
	// Baseline returns the profiles of the job's last live runs that were good, the newest first, and none from before one
	// that was released.
	Baseline(ctx context.Context, job string) ([]Profile, error)
	// Finish records the run's summary, its profile, the rows that were rejected by the contract or refused by a target, up to
	// [MaxKeptRows] of each, and the log.
	Finish(ctx context.Context, summary *Summary, rejected []Rejection, refused []RefusedRow, log []string) error
	// Tidy deletes what the job's old runs left and is not kept any more. It may take long; when it is stopped, the next one
	// goes on.
	Tidy(ctx context.Context, job string) error
	// Unpublished returns runs of the job that ended and are not in the warehouse's run log yet, oldest first.
	Unpublished(ctx context.Context, job string, limit int) ([]Record, error)
	// Published notes that the runs are in the warehouse's run log.
	Published(ctx context.Context, ids []string) error
}

// History is the warehouse's own record of runs and of changed scores, for those who ask questions in SQL. As a [Sink] it
// appends scores.
type History interface {
	Sink
	// Shape tells one place of the history from another: in a new one, every score is due.
	Shape() string
	// Newest yields, in ascending order of key, the newest score that the history has of each key with a version below
	// the given one.
	Newest(ctx context.Context, job string, below int64) iter.Seq2[Confirmed, error]
	// Check says, without writing, whether the history can be written, and what is found there.
	Check(ctx context.Context) (found string, err error)
	// AppendRuns records runs, which replace what the history has under the same id.
	AppendRuns(ctx context.Context, runs []Record) error
}

// MaxKeptRows is how many rejected, and how many refused, rows of a run are kept: enough to find what went wrong.
const MaxKeptRows = 10_000

// RefusedRow is an outcome that was not Accepted, with its target.
type RefusedRow struct {
	Target string
	Outcome
}
