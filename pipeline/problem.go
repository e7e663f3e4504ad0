package pipeline

import (
	"errors"
	"fmt"
)

// Class says who can mend an error, and so which exit code it gets.
type Class uint8

// The classes of a [Problem]. An error without a class is a failure of the run (exit code 1).
const (
	Configuration Class = iota + 1 // a person must edit something: config, script, bundle, permissions (78)
	TryAgain                       // the same run may succeed later without any edit (75)
)

// Problem is an error with its class and, kept apart from its text, what the operator can do.
type Problem struct {
	Class Class
	Err   error
	Hint  string
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

// Panicked is the problem of work that ended in a panic; p is what recover gave.
func Panicked(p any) error {
	return &Problem{Err: fmt.Errorf("panic: %v", p), Hint: "this is a bug in scored: report it with the stack in the log"}
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
