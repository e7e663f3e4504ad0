package salesforce_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/sinks"
	"scored/sinks/salesforce/fakeorg"
)

// leave has a delivery die when its job was handed over; hold keeps the org from working on it.
func leave(t *testing.T, w *world, changes []pipeline.Change, hold bool) {
	t.Helper()
	if hold {
		w.org.HoldBulk()
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	w.org.Inject(fakeorg.Fault{Method: "GET", Path: ingest, Before: stop, Reset: true})
	w.deliver(ctx, w.sink, changes, nil)
	w.org.ClearFaults()
}

// A job that an org won't talk about may be at work, and would land over what is written meanwhile: it is kept until nothing
// can come of it any more.
func TestAJobThatMayBeAtWorkIsKept(t *testing.T) {
	const config = pipeline.Configuration
	for _, c := range []struct {
		path   string
		status int
		body   string
		class  pipeline.Class
	}{
		{"/services/data", 404, notFound, config}, // api_version is wrong
		{"/services/data", 404, fakeorg.Errors("UNSUPPORTED_API_VERSION", "x"), config},
		{"/services/data", 403, fakeorg.Errors("INSUFFICIENT_ACCESS", "x"), config},
		{"/services/data", 403, fakeorg.Errors("FUNCTIONALITY_NOT_ENABLED", "x"), config},
		{ingest, 400, fakeorg.Errors("INVALIDUSER", "x"), 0},
		{ingest + "/750", 404, notFound, pipeline.TryAgain}, // and lists it
		{ingest + "/750", 404, "404 page not found", pipeline.TryAgain},
		{ingest + "/750", 403, fakeorg.Errors("INSUFFICIENT_ACCESS", "x"), config},
	} {
		w, j := newBulkWorld(t, nil)
		leave(t, w, w.insert(5, false), true)
		w.org.Inject(fakeorg.Fault{Path: c.path, Times: -1, Status: c.status, Body: c.body})
		_, err := w.resume(t.Context(), w.sink)
		if err == nil || pipeline.ClassOf(err) != c.class || len(j.jobs()) != 1 || !strings.Contains(pipeline.HintOf(err), "7 days") {
			t.Errorf("%s %d %s: %v; the journal has %q", c.path, c.status, c.body, err, j.jobs())
		}
		j.open[0].Since = time.Now().Add(-7*24*time.Hour - time.Minute)
		if _, err := w.resume(t.Context(), w.sink); err != nil || len(j.jobs()) != 0 {
			t.Errorf("%s %d %s, a week later: %v; the journal has %q", c.path, c.status, c.body, err, j.jobs())
		}
		w.org.ClearFaults()
		w.org.ReleaseBulk()
	}
}

// Results that can't be read are asked for again for hours; then the rows are free for another delivery.
func TestResultsAreGivenUpAfterHours(t *testing.T) {
	for _, fault := range []fakeorg.Fault{
		{Status: 404, Body: "<html>"}, {Status: 404, Body: fakeorg.Errors("NOT_FOUND", "x")}, {Status: 500}, {Status: 200, Body: "<html>"},
	} {
		w, j := newBulkWorld(t, nil)
		leave(t, w, w.insert(5, false), false)
		fault.Path, fault.Times = "/successfulResults", -1
		w.org.Inject(fault)
		for range 2 {
			if got, err := w.resume(t.Context(), w.sink); err == nil || len(got) > 0 || len(j.jobs()) != 1 {
				t.Errorf("%d %s: %v, %v; the journal has %q", fault.Status, fault.Body, got, err, j.jobs())
			}
		}
		j.open[0].Since = time.Now().Add(-6*time.Hour - time.Minute)
		if got, err := w.resume(t.Context(), w.sink); err != nil || len(got) > 0 || len(j.jobs()) != 0 {
			t.Errorf("%d %s, hours later: %v, %v; the journal has %q", fault.Status, fault.Body, got, err, j.jobs())
		}
	}
}

// A ledger that fails is no reason to give a job up, however old it is.
func TestAJobIsKeptForALedgerThatFails(t *testing.T) {
	w, j := newBulkWorld(t, nil)
	leave(t, w, w.insert(2500, false), false)
	j.open[0].Since = time.Time{}
	err := w.sink.Resume(t.Context(), anyOrg, func(string, []pipeline.Outcome) error { return errBroken })
	if err == nil || len(j.jobs()) != 1 {
		t.Errorf("%v; the journal has %q", err, j.jobs())
	}
}

// Somebody who aborts a job in Setup is not fought with another one.
func TestAnAbortInSetupEndsTheDelivery(t *testing.T) {
	w, j := newBulkWorld(t, nil)
	changes := w.insert(5, false)
	w.org.HoldBulk()
	defer w.org.ReleaseBulk()
	w.org.Inject(fakeorg.Fault{Method: "GET", Path: ingest, Before: func() {
		w.request(clientID, http.MethodPatch, w.org.Jobs()[0].ID, `{"state":"Aborted"}`)
	}})
	d := w.deliver(t.Context(), sinks.Retry(w.sink, fast, w.config.Log), changes, nil)
	if d.err == nil || pipeline.ClassOf(d.err) != 0 || len(w.states()) != 1 {
		t.Errorf("%v; the org's jobs are %q", d.err, w.states())
	}
	w.wantTidy(j)
}

// The rows of a job that was deleted in Setup are unknown; a later run, or another try, sends them again.
func TestAJobThatIsDeletedInSetup(t *testing.T) {
	w, j := newBulkWorld(t, nil)
	changes := w.insert(5, false)
	w.org.Inject(fakeorg.Fault{Method: "GET", Path: ingest, Before: func() {
		w.request(clientID, http.MethodDelete, w.org.Jobs()[0].ID, "")
	}})
	d := w.deliver(t.Context(), w.sink, changes, nil)
	d.want(t, counts{unknown: 5}, true, pipeline.TryAgain)
	if hint := pipeline.HintOf(d.err); !strings.Contains(hint, "deleted") {
		t.Errorf("hint is %q of %v", hint, d.err)
	}
	if got, err := w.resume(t.Context(), w.sink); err != nil || len(got) > 0 {
		t.Errorf("%v, %v", got, err)
	}
	w.wantTidy(j)
	w.deliver(t.Context(), w.sink, changes, nil).want(t, counts{accepted: 5}, false, 0)
}

// A job that somebody aborted while it was uploaded to leaves its rows to another.
func TestAnUploadToAJobThatIsAborted(t *testing.T) {
	w, j := newBulkWorld(t, nil)
	changes := w.insert(5, false)
	w.org.Inject(fakeorg.Fault{Method: "PUT", Path: ingest, Before: func() {
		w.request(clientID, http.MethodPatch, w.org.Jobs()[0].ID, `{"state":"Aborted"}`)
	}, Rows: map[string]fakeorg.RowError{}})
	w.deliver(t.Context(), sinks.Retry(w.sink, fast, w.config.Log), changes, nil).want(t, counts{accepted: 5}, false, 0)
	w.wantTidy(j)
}

// An org that does not tell its limits is written to all the same.
func TestAnOrgWithoutLimits(t *testing.T) {
	for _, c := range []struct {
		fault fakeorg.Fault
		fails bool
	}{
		{fakeorg.Fault{Status: 404, Body: "404 page not found"}, false},
		{fakeorg.Fault{Status: 403, Body: fakeorg.Errors("INSUFFICIENT_ACCESS", "x")}, false},
		{fakeorg.Fault{Status: 403, Body: fakeorg.Errors("REQUEST_LIMIT_EXCEEDED", "x")}, true},
		{fakeorg.Fault{Status: 429}, true}, {fakeorg.Fault{Status: 500}, true},
	} {
		w, _ := newBulkWorld(t, nil)
		c.fault.Path = "/limits"
		w.org.Inject(c.fault)
		if _, err := w.sink.Usage(t.Context()); (err != nil) != c.fails {
			t.Errorf("%d %s: %v", c.fault.Status, c.fault.Body, err)
		}
	}
}

// A delivery of many rows that is told to stop does so between two blocks, and the next run reports the rest.
func TestStoppingAmongTheOutcomes(t *testing.T) {
	w, j := newBulkWorld(t, nil)
	changes := w.insert(6500, false)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	got := counts{}
	run := &pipeline.Run{ID: "leads-x", Version: 1795353300000001}
	err := w.sink.Write(ctx, run, model, changes, func(outcomes []pipeline.Outcome) error {
		stop()
		for _, o := range outcomes {
			got[o.Status]++
		}
		return nil
	})
	if err == nil || got[accepted] != 2000 || got[unknown] != 4500 || len(j.jobs()) != 1 {
		t.Errorf("%v: %v; the journal has %q", err, got, j.jobs())
	}
	resumed, err := w.resume(t.Context(), w.sink)
	if err != nil || len(resumed[run.ID]) != len(changes) {
		t.Errorf("%d outcomes resumed, %v", len(resumed[run.ID]), err)
	}
	w.wantTidy(j)
}
