package pipeline

import (
	"errors"
	"fmt"
	"slices"
)

// Class says what mends an error, of a run or of a single row, and so what is done about it. Ledger, log, metrics and
// runbook know it by its word.
type Class uint8

// The classes of errors. A [Problem] without a class is a failure of the run (exit code 1).
const (
	Configuration Class = iota + 1 // a person must edit something: config, script, bundle, permissions (78)
	TryAgain                       // the same may succeed in a moment: tried again, with jitter, within the slot (75)
	Expired                        // the session is over: log in again, once (75 if that does not help)
	Exhausted                      // the target takes no more for hours: stop sending, the rest stays due (75)
	Rejected                       // this row, as it is: kept in quarantine and offered again later
	Terminal                       // this record will never take a score again: offered when a person says so
	Outdated                       // the target holds something newer than this row: no error
)

var classWords = [...]string{"", "configuration", "transient", "session", "exhausted", "rejected", "terminal", "stale"}

// String returns the word used in the ledger, in logs and in metrics; "" for none.
func (c Class) String() string {
	if int(c) < len(classWords) {
		return classWords[c]
	}
	return "invalid"
}

// ParseClass is the opposite of [Class.String].
func ParseClass(word string) (Class, error) {
	if at := slices.Index(classWords[:], word); at >= 0 {
		return Class(at), nil
	}
	return 0, fmt.Errorf("%q is no class of errors", word)
}

// Problem is an error with its class and, kept apart from its text, what the operator can do.
type Problem struct {
	Class Class
	Err   error
	Hint  string
	Later bool // of TryAgain: enough was tried, and the same is left to the next slot
}

// Error returns the text of the error, without the hint.
func (p *Problem) Error() string { return p.Err.Error() }

// Unwrap returns the error itself.
func (p *Problem) Unwrap() error { return p.Err }

// ClassOf returns the class of the [Problem] in err, or 0. Of several that were joined it is the first that a person must
// mend: waiting does not help the others' run while that one stands.
func ClassOf(err error) Class {
	if p := find(err); p != nil {
		return p.Class
	}
	return 0
}

// HintOf returns the hint of the same [Problem], or "".
func HintOf(err error) string {
	if p := find(err); p != nil {
		return p.Hint
	}
	return ""
}

// Later says whether the same [Problem] is to be left to the next slot.
func Later(err error) bool {
	p := find(err)
	return p != nil && p.Later
}

const bug = "this is a bug in scored: report it"

// Panicked is the problem of work that ended in a panic; p is what recover gave.
func Panicked(p any) error {
	return &Problem{Err: fmt.Errorf("panic: %v", p), Hint: bug + " with the stack in the log"}
}

// find walks the tree of err itself: errors.As would stop at the first [Problem] of several.
//
//nolint:errorlint // as the comment says
func find(err error) *Problem {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var first *Problem
		for _, e := range joined.Unwrap() {
			if p := find(e); p != nil && (first == nil || first.Class != Configuration && p.Class == Configuration) {
				first = p
			}
		}
		return first
	}
	if p, ok := err.(*Problem); ok {
		return p
	}
	if inner := errors.Unwrap(err); inner != nil {
		return find(inner)
	}
	return nil
}
