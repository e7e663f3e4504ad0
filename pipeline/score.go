package pipeline

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
}

// Change is a score that differs, as it would be sent, from what the target last confirmed.
type Change struct {
	Score
	Before *Confirmed // nil where the target has confirmed nothing yet
}

// Status is what became of a change.
type Status uint8

// The ends of a change at a target.
const (
	Accepted Status = iota + 1 // the target holds the new value
	Refused                    // the target answered that it will not take this row
	Retry                      // the target answered that this row may be sent again at once (a lock)
	Unknown                    // sent, and no answer: it may have been applied
	NotSent                    // never left
)

// String returns the word used in logs and in the ledger.
func (s Status) String() string {
	switch s {
	case Accepted:
		return "accepted"
	case Refused:
		return "refused"
	case Retry:
		return "retry"
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
	Code    string   // the target's error code, "" when accepted
	Fields  []string // the fields the target named, if any
	Message string   // the target's own words; may echo data, so it goes to the ledger and never to a log
	// Final is set on a Refused record that will never take a score again (converted, deleted): the same score is not
	// offered to it twice.
	Final bool
	// Late is set on an Accepted change of which an earlier request was never answered: that one may still arrive, and
	// until it can't any more no other value may be sent.
	Late bool
	// Created is set when an upsert inserted a record that was not there: an incident, for a score is no reason to make
	// a lead (or to bring an erased one back).
	Created bool
}
