package salesforce_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/sinks"
	"scored/sinks/salesforce"
	"scored/sinks/salesforce/fakeorg"
)

// fast tries again without making a test wait.
var fast = sinks.Backoff{Tries: 3, First: time.Millisecond, Max: time.Millisecond}

const (
	accepted = pipeline.Accepted
	refused  = pipeline.Refused
	unknown  = pipeline.Unknown
)

// Every fault meets the second of three requests. The matrix says what is reported without and with retries; what holds
// of every delivery is checked beside it.
func TestFaults(t *testing.T) {
	const busy, config = pipeline.TryAgain, pipeline.Configuration
	type counts = map[pipeline.Status]int
	half := counts{accepted: 200, unknown: 200}
	api := func(status int, code string) fakeorg.Fault {
		return fakeorg.Fault{Status: status, Body: fakeorg.Errors(code, "Jane@acme.example")}
	}
	for _, c := range []struct {
		name    string
		fault   fakeorg.Fault
		want    counts
		class   pipeline.Class
		retried bool // a retry brings the rest through
	}{
		{"503 before anything was done", api(503, "SERVER_UNAVAILABLE"), half, busy, true},
		{"500", api(500, "UNKNOWN_EXCEPTION"), half, busy, true},
		{"502 from a gateway", fakeorg.Fault{Status: 502, Body: "<html>Jane</html>"}, half, busy, true},
		{"503 with an empty list", fakeorg.Fault{Status: 503, Body: "[]"}, half, busy, true},
		{"lost, not applied", fakeorg.Fault{Reset: true}, half, busy, true},
		{"failed, yet applied", fakeorg.Fault{Drop: true}, half, busy, true},
		{"HTML as success", fakeorg.Fault{Status: 200, Body: "<html>Jane</html>"}, half, busy, true},
		{"too few results", fakeorg.Fault{Status: 200, Body: `[{"id":"00QDn0000000001MAA","success":true,"errors":[]}]`},
			half, busy, true},
		{"no results", fakeorg.Fault{Status: 200, Body: `[]`}, half, busy, true},
		{"no content", fakeorg.Fault{Status: 204}, half, busy, true},
		{"an endless answer", fakeorg.Fault{Status: 200, Body: strings.Repeat(" ", 17<<20)}, half, busy, true},
		{"busy", api(429, "TOO_MANY_REQUESTS"), counts{accepted: 200}, busy, true},
		{"daily limit", api(403, "REQUEST_LIMIT_EXCEEDED"), counts{accepted: 200}, pipeline.Exhausted, false},
		{"API switched off", api(403, "API_DISABLED_FOR_ORG"), counts{accepted: 200}, pipeline.Exhausted, false},
		{"a field that is gone", api(400, "INVALID_FIELD"), counts{accepted: 200}, config, false},
		{"an object that is gone", api(404, "NOT_FOUND"), counts{accepted: 200}, config, false},
		{"a version that is gone", api(410, "UNSUPPORTED_API_VERSION"), counts{accepted: 200}, config, false},
		{"a request the org can't read", api(400, "JSON_PARSER_ERROR"), counts{accepted: 200}, 0, false},
		{"a proxy that forbids", fakeorg.Fault{Status: 403, Body: "<html>Jane</html>"}, half, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.fault.Path, c.fault.Skip = composite, 1
			w := newWorld(t, nil)
			changes := w.insert(401, false)
			w.org.Inject(c.fault)
			d := w.deliver(t.Context(), w.sink, changes, nil)
			d.want(t, c.want, true, c.class)
			if n := w.requests("PATCH", composite); n != 2 {
				t.Errorf("%d requests, want 2: nothing is repeated by itself", n)
			}
			if c.class != 0 && pipeline.HintOf(d.err) == "" {
				t.Errorf("no hint: %v", d.err)
			}

			w.org.Inject(c.fault)
			retried := w.deliver(t.Context(), sinks.Retry(w.sink, fast, slog.New(slog.DiscardHandler)), changes, nil)
			if c.retried {
				retried.want(t, counts{accepted: 401}, false, 0)
			} else {
				retried.want(t, c.want, true, c.class)
			}
		})
	}
}

func TestAFailedYetAppliedRequestLeavesItsRowsInTheOrg(t *testing.T) {
	w := newWorld(t, nil)
	changes := w.insert(3, false)
	w.org.Inject(fakeorg.Fault{Path: composite, Drop: true})
	w.deliver(t.Context(), w.sink, changes, nil).want(t, map[pipeline.Status]int{unknown: 3}, true, pipeline.TryAgain)
	for _, c := range changes {
		if w.records()[c.Key]["Lead_Score__c"] != float64(c.Score.Score) {
			t.Errorf("%s is not in the org: the fault shows nothing", c.Key)
		}
	}
}

func TestAnAnswerThatDoesNotComeInTime(t *testing.T) {
	w := newWorld(t, func(_ *fakeorg.Config, c *salesforce.Config) { c.Timeout = time.Second })
	changes := w.insert(3, false)
	release := make(chan struct{})
	w.org.Inject(fakeorg.Fault{Path: composite, Before: func() { <-release }, Reset: true})
	d := w.deliver(t.Context(), w.sink, changes, nil)
	close(release)
	d.want(t, map[pipeline.Status]int{unknown: 3}, true, pipeline.TryAgain)
	if !strings.Contains(d.err.Error(), "no answer within 1s") {
		t.Errorf("error is %v", d.err)
	}
}

func TestAnOrgThatCannotBeReachedGotNothing(t *testing.T) {
	w := newWorld(t, nil)
	changes := w.insert(3, false)
	if _, err := w.sink.Preflight(t.Context()); err != nil {
		t.Fatal(err)
	}
	calls := w.sink.Calls()
	w.sink.Close()
	w.server.Close()
	d := w.deliver(t.Context(), w.sink, changes, nil)
	d.want(t, map[pipeline.Status]int{}, true, pipeline.TryAgain)
	if w.sink.Calls() != calls {
		t.Error("a request that never left was counted")
	}
}

func TestALockedRowIsSentAgainAlone(t *testing.T) {
	w := newWorld(t, nil)
	changes := w.insert(300, false)
	w.org.Inject(fakeorg.Fault{Path: composite, Rows: map[string]fakeorg.RowError{changes[7].Key: fakeorg.Locked("00Q")}})
	d := w.deliver(t.Context(), sinks.Retry(w.sink, fast, w.config.Log), changes, nil)
	d.want(t, map[pipeline.Status]int{accepted: 300}, false, 0)
	requests := w.org.Requests()
	if last := requests[len(requests)-1]; last.Rows != 1 {
		t.Errorf("the last request carried %d rows, want 1", last.Rows)
	}
}
