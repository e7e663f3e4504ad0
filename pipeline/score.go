package pipeline

import "time"

// Score is what the model says of one key.
type Score struct {
	Key         string
	Probability float64 // the positive class's, as the trained pipeline's predict_proba gives it
	Score       int     // 0 to 100: where Probability stands in the bundle's reference distribution
	Grade       string  // the bundle's cut-offs on Score
	Reasons     string  // what moved the probability most, in words for a rep; "" where nobody asked
}

// Rejection is a row that could not be scored. Reason names the column and the rule, never the value: values are
// personal data.
type Rejection struct {
	Key    string
	Reason string
}

// Confirmed is what the ledger knows of one key at one target.
type Confirmed struct {
	Key     string
	Score   int
	Grade   string
	Model   string
	Version int64
	// Unsure is set while a write of this key has an open intent (it was sent, or may have been, and never confirmed), and
	// while what was confirmed is in doubt. Score, Grade and Model are then what was confirmed before, and Version is the
	// newest that may have arrived.
	Unsure bool
	// Filled is set where what was confirmed came from a backfill that only fills: the next one may replace it.
	Filled bool
	// Cleared is set where the target confirmed that the fields of the score are empty; Score and Grade mean nothing then.
	Cleared bool
	// Until is set while the key is in quarantine: nothing is offered to the target before. [Never] is for good. An entry may
	// be of a quarantine only, without a model.
	Until time.Time
}

// Never is the end of a quarantine that a person must lift.
var Never = time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC)

// Change is a score that differs, as it would be sent, from what the target last confirmed.
type Change struct {
	Score
	Before *Confirmed // nil where the target confirmed no score: nothing yet, or empty fields; and in an undo
	// Clear empties the score's fields, but for the version: the lead left the result, or had no score before the run that
	// is undone. Score has the key only.
	Clear bool
	// Origin is set where an undo brings back what was before; nil where the score, or that there is none, is the run's own.
	Origin *Origin
}

// Origin is where a score, or empty fields, that are brought back came from.
type Origin struct {
	Model    string    // "" if nothing had been confirmed
	ScoredAt time.Time // when that run began
	Version  int64     // that run's; 0 if nothing had been confirmed
	Filled   bool      // the next backfill that only fills may replace it
}

// Written is what a run wrote of one key at a target, and what the target had confirmed before.
type Written struct {
	Key     string
	Version int64
	Stands  []Stand // what may be there of it, one for each version; empty if something else was confirmed since
	Open    bool    // the target never answered: it may not have arrived
	Before  *Score  // nil if nothing, or empty fields
	Origin  *Origin // of what was before; nil if nothing
}

// Under returns what was written under the version, nil if nothing.
func (w *Written) Under(version int64) *Stand {
	for i := range w.Stands {
		if w.Stands[i].Version == version {
			return &w.Stands[i]
		}
	}
	return nil
}

// Stand is what a target's record has in its fields if nobody but the run's job wrote into them.
type Stand struct {
	Version int64 // the run's, or that of an undo which brought back what the run wrote
	Empty   bool  // the fields are empty
	Score   int
	Grade   string
	Model   string
	Reasons *string // nil where the ledger does not know them
}

// Holding is what a target's record holds of a score, read back from it.
type Holding struct {
	Key     string
	Score   int
	Grade   string
	Model   string
	Version int64
	// Whole is set where the target's mapping has all of score, grade and model, and the record has values in them.
	// Otherwise nothing but Key and Version says anything.
	Whole bool

	// What rides along, as far as the mapping has it and the record values in it.
	Probability float64 // NaN if not
	Reasons     string
	ScoredAt    time.Time
}

// Status is what became of a change.
type Status uint8

// The ends of a change at a target.
const (
	Accepted    Status = iota + 1 // the target holds the new value
	Refused                       // the target answered that it will not take this row
	Stale                         // the target answered that it holds a newer version: nothing was changed
	Retry                         // the target answered that this row may be sent again at once (a lock)
	Unprocessed                   // the target took the row in and gave it back undone: nothing was changed
	Unknown                       // sent, and no answer: it may have been applied
	NotSent                       // never left
)

// String returns the word used in logs and in the ledger.
func (s Status) String() string {
	switch s {
	case Accepted:
		return "accepted"
	case Refused:
		return "refused"
	case Stale:
		return "stale"
	case Retry:
		return "retry"
	case Unprocessed:
		return "unprocessed"
	case Unknown:
		return "unknown"
	case NotSent:
		return "not_sent"
	default:
		return "invalid"
	}
}

// Outcome is what a target said of one change.
type Outcome struct {
	Key     string
	Status  Status
	Class   Class    // what mends it; 0 when accepted, unknown or not sent
	Code    string   // the target's error code, "" when accepted
	Fields  []string // the fields the target named, if any
	Message string   // the target's own words; may echo data, so it goes to the ledger and never to a log
	// Late is set on an Accepted change of which an earlier request was never answered: that one may still arrive, and
	// until it can't any more no other value may be sent.
	Late bool
	// Settled is set where the outcome is what became of the very request that was reported as Unknown before: nothing of it
	// can still arrive.
	Settled bool
	// Created is set when an upsert inserted a record that was not there: an incident, for a score is no reason to make
	// a lead (or to bring an erased one back).
	Created bool
}
