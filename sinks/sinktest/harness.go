package sinktest

import (
	"context"
	"testing"
	"time"

	"scored/pipeline"
)

// Harness makes the sinks that the suite runs on, and says what their target is like.
type Harness struct {
	// Open returns a sink over a target of its own that has so many records, none of them with a score. What it opens it
	// closes when tb ends.
	Open func(tb testing.TB, records int) *World
	// Block is how many changes a request takes at most. The suite delivers a little more than two requests.
	Block   int
	Retried bool // the sink sends again by itself what may succeed a moment later
	Guarded bool // the target refuses a version older than it holds
	Creates bool // a change of a key that the target has no record of makes one; otherwise its row is refused
	Parting int  // requests that the sink may make after its context has ended, to call off what it began
	Appends bool // the target keeps every row it is given, so that there is nothing to clear or to bring back
}

// World is a sink and the target it writes to. A hook that is nil is of something that can't happen there: the rules that
// need it are skipped.
type World struct {
	Sink   pipeline.Sink
	Keys   []string // of the target's records, in ascending order
	Absent string   // a key behind all of Keys that the target has no record of

	// Held returns what the target holds of a key, the zero Values of one that was never written.
	Held func(key string) Values
	// Keeps leaves of the values what the target has room for; nil keeps everything.
	Keeps func(Values) Values
	// Meet makes the nth request from now, from 1, meet the fault; Met tells whether one did, and calls off one that did not.
	Meet func(nth int, fault Fault)
	Met  func() bool
	// Arrived waits until the target has dealt with every request that reached it, also with those whose sender has gone.
	Arrived func()
	// Resume finishes what a delivery left at the target; nil where nothing can be left.
	Resume func(ctx context.Context, confirm func(run string, outcomes []pipeline.Outcome) error) error

	Refuse func(key string) // from now on the target refuses the row
	Lock   func(key string) // from now on the target asks to send the row again
	Unlock func(key string)
}

// Values is what a target holds of a key.
type Values struct {
	Version     int64
	Empty       bool // nothing but the version
	Score       int
	Grade       string
	Probability float64
	Model       string
	Reasons     string
	ScoredAt    time.Time // UTC
}

// Kind says how a request goes wrong.
type Kind uint8

// The faults of requests.
const (
	Passes     Kind = iota + 1 // not at all
	TurnedAway                 // the target answers clearly that it is busy and did nothing
	Fails                      // no answer, not applied
	Applied                    // no answer, yet applied
)

// String names the kind.
func (k Kind) String() string {
	return [...]string{"", "passes", "turned away", "failed, not applied", "failed, yet applied"}[k]
}

// Fault is what a request meets.
type Fault struct {
	Kind   Kind
	Before func() // runs when the request has arrived and nothing was done about it yet; nil does nothing
}
