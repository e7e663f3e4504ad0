package fakeorg

import (
	"cmp"
	"net/http"
)

// Fault is something that goes wrong on purpose. It applies to the requests that fit Method and Path; the first Skip of
// them pass, the next Times meet the fault, and then it is used up. Of several faults that fit a request, the one that
// was injected first is met. A fault comes before sessions, limits and bodies are looked at, but for Drop, Cut,
// Rows and Job, which let the request through.
type Fault struct {
	Method string // "" fits every method
	Path   string // a part of the request's path, such as "/composite/sobjects"; "" fits every path
	Skip   int
	Times  int // once if 0; for ever if negative

	// Before runs when a request meets the fault: after its body was read, before anything is done. It may block, to
	// hold the request for as long as a test wants, even after its sender has gone.
	Before func()

	Status int         // answer with this status instead, and
	Body   string      // with this body, for which Errors is a help, and
	Header http.Header // with these headers

	Reset bool // close the connection without an answer: not applied
	Drop  bool // do what the request asks, then close the connection without an answer: failed, yet applied

	Cut int // close the connection after this many bytes of the answer's body; 0 sends it whole

	// Rows fails single rows of collection requests (and single-record ones), and of the Bulk job that the request
	// creates, fills or closes. The key is a record's id or the value of the external id that the request addresses it by.
	Rows map[string]RowError

	// Job makes the Bulk job fail that the request creates, fills or closes.
	Job *JobFault
}

// JobFault is how a Bulk job fails in its midst.
type JobFault struct {
	After   int    // how many rows are processed before; the others stay unprocessed
	Message string // the job's errorMessage; one about too many retries if ""
	Lost    bool   // the unprocessed rows are in no result at all
}

func (f *JobFault) message() string {
	return cmp.Or(f.Message, "InternalServerError : Unable to process the batch after 20 retries")
}

// RowError is how one row is refused.
type RowError struct {
	Code    string // statusCode, such as UNABLE_TO_LOCK_ROW
	Message string
	Fields  []string
}

// Locked is the error of a row that another transaction holds.
func Locked(id string) RowError {
	return RowError{
		Code:    "UNABLE_TO_LOCK_ROW",
		Message: "unable to obtain exclusive access to this record or 1 records: " + id,
	}
}

// Errors renders a request-level error body as the REST API writes it.
func Errors(code, message string) string {
	return string(encode([]apiError{{Message: message, Code: code}}))
}

// Inject adds faults, to be met in this order.
func (o *Org) Inject(faults ...Fault) {
	o.faultMu.Lock()
	defer o.faultMu.Unlock()
	for _, f := range faults {
		if f.Times == 0 {
			f.Times = 1
		}
		o.faults = append(o.faults, &f)
	}
}

// ClearFaults forgets the faults that are not used up, and returns how many there were.
func (o *Org) ClearFaults() int {
	o.faultMu.Lock()
	defer o.faultMu.Unlock()
	n := len(o.faults)
	o.faults = nil
	return n
}

// meet returns the fault that a request meets, and counts it; nil if there is none.
func (o *Org) meet(method, path string) *Fault {
	o.faultMu.Lock()
	defer o.faultMu.Unlock()
	for i, f := range o.faults {
		if !f.fits(method, path) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		met := *f
		if f.Times > 0 {
			f.Times--
		}
		if f.Times == 0 {
			o.faults = append(o.faults[:i:i], o.faults[i+1:]...)
		}
		return &met
	}
	return nil
}
