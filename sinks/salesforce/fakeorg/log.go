package fakeorg

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Request is the record of one request.
type Request struct {
	At       time.Time
	Method   string
	Path     string      // without the query
	Query    string      // the raw query
	Header   http.Header // Content-Type, Content-Encoding, User-Agent and every Sforce-*; never credentials
	Username string      // whom the session belongs to, "" without one
	Rows     int         // the records it carried or, for a query or the result of a Bulk job, returned
	Failed   int         // of them: refused
	Status   int         // the answer's status; 0 if the connection was closed without one
}

// Requests returns every request answered or dropped so far, in the order in which they ended.
func (o *Org) Requests() []Request {
	o.logMu.Lock()
	defer o.logMu.Unlock()
	return slices.Clone(o.requests)
}

// AwaitRequest returns once the log is not empty.
func (o *Org) AwaitRequest() {
	o.logMu.Lock()
	defer o.logMu.Unlock()
	for len(o.requests) == 0 {
		o.logged.Wait()
	}
}

// ForgetRequests empties the log.
func (o *Org) ForgetRequests() {
	o.logMu.Lock()
	defer o.logMu.Unlock()
	o.requests = nil
}

func (o *Org) record(r Request) {
	o.logMu.Lock()
	defer o.logMu.Unlock()
	o.requests = append(o.requests, r)
	o.logged.Broadcast()
}

// loggedHeader picks the headers that a test may want to see.
func loggedHeader(h http.Header) http.Header {
	kept := http.Header{}
	for name, values := range h {
		switch {
		case strings.HasPrefix(name, "Sforce-"), name == "Content-Type", name == "Content-Encoding", name == "User-Agent":
			kept[name] = slices.Clone(values)
		}
	}
	return kept
}
