package salesforce_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/sinks/salesforce"
	"scored/sinks/salesforce/fakeorg"
)

// A delivery is told to stop while a request of the job is on its way. What is not closed is called off; what is closed stays
// at work, and the next run finds it.
func TestStoppingADelivery(t *testing.T) {
	for _, c := range []struct {
		at    jobStep
		want  counts
		state string
		open  int // jobs in the journal
	}{
		{jobSteps[0], counts{}, "Aborted", 0},
		{jobSteps[1], counts{}, "Aborted", 0},
		{jobSteps[2], counts{unknown: 5}, "JobComplete", 1},
		{jobSteps[3], counts{unknown: 5}, "JobComplete", 1},
		{jobSteps[4], counts{unknown: 5}, "JobComplete", 1},
		{jobSteps[5], counts{accepted: 4, unknown: 1}, "JobComplete", 1},
	} {
		t.Run(c.at.name, func(t *testing.T) {
			w, j := newBulkWorld(t, nil)
			changes := w.insert(5, false)
			convert(t, w, changes[1].Key)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			w.org.Inject(fakeorg.Fault{Method: c.at.method, Path: c.at.path, Before: stop,
				Reset: c.at.method == http.MethodGet}) // or the answer might be faster
			d := w.deliver(ctx, w.sink, changes, nil)
			d.want(t, c.want, true, 0)
			if !errors.Is(d.err, context.Canceled) {
				t.Errorf("error is %v", d.err)
			}
			if states := w.states(); len(states) != 1 || states[0] != c.state {
				t.Errorf("the org's jobs are %q, want %s", states, c.state)
			}
			if open := j.jobs(); len(open) != c.open {
				t.Errorf("the journal has %q", open)
			}
			requests := w.requests("", ingest)
			got, err := w.resume(t.Context(), w.newSink(w.config))
			if err != nil {
				t.Fatal(err)
			}
			rows := 0
			for _, outcomes := range got {
				rows += len(outcomes)
			}
			if rows != 5*c.open {
				t.Errorf("%d outcomes resumed, want %d", rows, 5*c.open)
			}
			if after := w.requests("", ingest); c.open == 0 && after != requests {
				t.Errorf("%d requests to resume nothing", after-requests)
			}
			w.wantTidy(j)
		})
	}
}

// A job that is held in the org's queue goes on without its sender. The same run finds it again, reports what became of its
// rows, and sends only what was not in it.
func TestAJobThatOutlivesItsDelivery(t *testing.T) {
	w, j := newBulkWorld(t, func(_ *fakeorg.Config, c *salesforce.Config) { c.UploadLimit = 1000 })
	changes := w.insert(12, false)
	convert(t, w, changes[1].Key)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	w.org.HoldBulk()
	w.org.Inject(fakeorg.Fault{Method: "GET", Path: ingest, Before: stop})
	run := &pipeline.Run{ID: "leads-held", Version: 1795353300000001}
	got := map[string]pipeline.Outcome{}
	take := func(outcomes []pipeline.Outcome) error {
		for _, o := range outcomes {
			got[o.Key] = o
		}
		return nil
	}
	if err := w.sink.Write(ctx, run, model, changes, take); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	inJob := len(got)
	if inJob == 0 || inJob == len(changes) {
		t.Fatalf("%d rows in the first job", inJob)
	}
	for key, o := range got {
		if o.Status != unknown {
			t.Errorf("%s: %+v", key, o)
		}
	}
	w.org.ReleaseBulk()
	w.org.ForgetRequests()
	if err := w.sink.Write(t.Context(), run, model, changes, take); err != nil {
		t.Fatal(err)
	}
	for i, c := range changes {
		o := got[c.Key]
		if want := i < inJob; o.Settled != want || (o.Status == accepted) != (i != 1) {
			t.Errorf("row %d: %+v", i, o)
		}
	}
	sent := 0
	for _, r := range w.org.Requests() {
		if r.Method == "PUT" {
			sent++
		}
	}
	if sent == 0 || w.requests("GET", "/successfulResults") != sent+1 {
		t.Errorf("%d uploads, %d results", sent, w.requests("GET", "/successfulResults"))
	}
	w.wantTidy(j)
}

func TestResumingWhatCannotBeKnown(t *testing.T) {
	gone := func(w *world, id string) { w.request(clientID, http.MethodDelete, id, "") }
	const day = 24 * time.Hour
	ages := map[string]time.Duration{"a job that is gone": 0, "one that is turned down": 7*day + time.Hour, "results that are none": 7 * time.Hour}
	for name, prepare := range map[string]func(w *world, id string){
		"a job that is gone": gone,
		"one that is turned down": func(w *world, _ string) {
			w.org.Inject(fakeorg.Fault{Method: "GET", Path: ingest, Status: 400, Body: fakeorg.Errors("INVALIDUSER", "Jane")})
		},
		"results that are none": func(w *world, _ string) {
			w.org.Inject(fakeorg.Fault{Method: "GET", Path: "successfulResults", Status: 200, Body: "<html>Jane</html>"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, j := newBulkWorld(t, nil)
			id := w.openJob(clientID, upsertJob)
			w.request(clientID, http.MethodPut, id+"/batches", "Lead_Key__c,Lead_Score__c\nL000001,1\n")
			w.request(clientID, http.MethodPatch, id, `{"state":"UploadComplete"}`)
			j.open = []pipeline.RemoteJob{{Run: "leads-died", ID: id, Since: time.Now().Add(-ages[name])}}
			prepare(w, id)
			if got, err := w.resume(t.Context(), w.sink); err != nil || len(got) > 0 {
				t.Errorf("%v, %v", got, err)
			}
			if len(j.jobs()) > 0 || !strings.Contains(w.logged.String(), "is unknown") {
				t.Errorf("the journal has %q; logged: %s", j.jobs(), w.logged)
			}
		})
	}
}

func TestResumingWhatMayBeKnownLater(t *testing.T) {
	for _, path := range []string{ingest, "/successfulResults", "/unprocessedrecords"} {
		w, j := newBulkWorld(t, nil)
		changes := w.insert(3, false)
		j.fail["closed"] = errBroken
		w.deliver(t.Context(), w.sink, changes, nil).want(t, counts{accepted: 3}, true, 0)
		delete(j.fail, "closed")
		w.org.Inject(fakeorg.Fault{Method: "GET", Path: path, Status: 503, Body: "[]"})
		if _, err := w.resume(t.Context(), w.sink); pipeline.ClassOf(err) != pipeline.TryAgain {
			t.Errorf("%s: %v", path, err)
		}
		if len(j.jobs()) != 1 {
			t.Errorf("%s: the journal has %q", path, j.jobs())
		}
		if got, err := w.resume(t.Context(), w.sink); err != nil || len(got) != 1 {
			t.Errorf("%s: %v, %v", path, got, err)
		}
		w.wantTidy(j)
	}
}

// A confirmation that fails ends the delivery, and the job stays in the journal.
func TestALedgerThatFails(t *testing.T) {
	w, j := newBulkWorld(t, nil)
	changes := w.insert(3, false)
	run := &pipeline.Run{ID: "leads-x", Version: 1}
	refuse := func([]pipeline.Outcome) error { return errBroken }
	if err := w.sink.Write(t.Context(), run, model, changes, refuse); !errors.Is(err, errBroken) {
		t.Error(err)
	}
	if len(j.jobs()) != 1 {
		t.Errorf("the journal has %q", j.jobs())
	}
	err := w.sink.Resume(t.Context(), anyOrg, func(string, []pipeline.Outcome) error { return errBroken })
	if !errors.Is(err, errBroken) || len(j.jobs()) != 1 {
		t.Errorf("%v; the journal has %q", err, j.jobs())
	}
}

// With the config pointed at another org, what the journal knows stays as it is.
func TestNothingIsFinishedInAnotherOrg(t *testing.T) {
	w, j := newBulkWorld(t, nil)
	if err := errors.Join(j.Creating(t.Context(), "dead"), j.Created(t.Context(), "dead", "750DE0000000001AAA")); err != nil {
		t.Fatal(err)
	}
	asked := ""
	err := w.sink.Resume(t.Context(), func(identity string) error {
		asked = identity
		return errBroken
	}, nil)
	if !errors.Is(err, errBroken) || asked != w.org.ID() || len(j.jobs()) != 1 || w.requests("GET", ingest) != 0 {
		t.Errorf("asked about %q, %v; the journal has %v", asked, err, j.jobs())
	}
}
