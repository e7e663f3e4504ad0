package salesforce_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/sinks/salesforce"
	"scored/sinks/salesforce/fakeorg"
)

// A creation that was never answered left an open job. It is found among jobs that only look like it, and these are left
// alone.
func TestOrphansAreFoundAndOthersLeftAlone(t *testing.T) {
	var clock time.Time
	w, j := newBulkWorld(t, func(o *fakeorg.Config, _ *salesforce.Config) {
		clock = time.Now()
		o.Now = func() time.Time { return clock }
		o.Apps = append(o.Apps, fakeorg.App{ClientID: "other", ClientSecret: clientSecret, RunAs: "rep@acme.example"})
		o.Objects = append(o.Objects, fakeorg.Object{Name: "Visit__c", KeyPrefix: "a01", Fields: []fakeorg.Field{
			{Name: "Lead_Key__c", Type: "string", ExternalID: true, Unique: true, Nillable: true, Createable: true, Updateable: true}}})
		o.Objects[0].Fields = append(o.Objects[0].Fields, fakeorg.Field{Name: "Other_Key__c", Type: "string", ExternalID: true,
			Unique: true, Nillable: true, Createable: true, Updateable: true})
	})
	now := clock
	clock = now.Add(-time.Hour)
	spared := []string{w.openJob(clientID, upsertJob)} // from before
	clock = now.Add(time.Hour)
	spared = append(spared, w.openJob(clientID, upsertJob)) // from long after
	clock = now
	with := func(old, new string) string { return strings.Replace(upsertJob, old, new, 1) }
	spared = append(spared,
		w.openJob("other", upsertJob),
		w.openJob(clientID, with("Lead_Key__c", "Other_Key__c")),
		w.openJob(clientID, with(`"Lead"`, `"Visit__c"`)),
		w.openJob(clientID, `{"object":"Lead","operation":"update","contentType":"CSV"}`))
	known := w.openJob(clientID, upsertJob)
	at := w.openJob(clientID, upsertJob)
	early := clock.Add(-4 * time.Minute)
	clock = early // its clock is behind
	orphans := []string{at, w.openJob(clientID, upsertJob)}
	clock = now

	j.open = []pipeline.RemoteJob{{Run: "leads-died", Since: now}, {Run: "leads-other", ID: known}}
	if _, err := w.resume(t.Context(), w.sink); err != nil {
		t.Fatal(err)
	}
	for _, job := range w.org.Jobs() {
		// The journal's own job was open, too, and is called off for that reason.
		if want := slices.Contains(orphans, job.ID) || job.ID == known; (job.State == "Aborted") != want || slices.Contains(spared, job.ID) == want {
			t.Errorf("job %s is %s, aborted: want %t", job.ID, job.State, want)
		}
	}
	if n := strings.Count(w.logged.String(), "creation was not answered"); n != len(orphans) {
		t.Errorf("%d orphans in the log, want %d: the journal's own job is none", n, len(orphans))
	}
	if open := j.jobs(); len(open) > 0 {
		t.Errorf("the journal has %q", open)
	}
}

// A creation may arrive after its sender died, and after the next run has looked for it.
func TestAnOrphanThatArrivesLateIsFoundByALaterRun(t *testing.T) {
	w, j := newBulkWorld(t, nil)
	j.open = []pipeline.RemoteJob{{Run: "leads-died", Since: time.Now()}}
	if _, err := w.resume(t.Context(), w.sink); err != nil || len(j.jobs()) != 1 {
		t.Fatalf("the journal has %q, %v", j.jobs(), err)
	}
	late := w.openJob(clientID, upsertJob)
	if _, err := w.resume(t.Context(), w.sink); err != nil || len(j.jobs()) != 0 {
		t.Errorf("the journal has %q, %v", j.jobs(), err)
	}
	if jobs := w.org.Jobs(); len(jobs) != 1 || jobs[0].ID != late || jobs[0].State != "Aborted" {
		t.Errorf("the org has %+v", jobs)
	}
}

func TestOrphansAreLookedForOnEveryPage(t *testing.T) {
	w, j := newBulkWorld(t, nil)
	pages := []string{
		`{"done":false,"records":[],"nextRecordsUrl":"/services/data/v66.0/jobs/ingest?queryLocator=2"}`,
		`{"done":true,"records":[%s],"nextRecordsUrl":null}`,
	}
	id := w.openJob(clientID, upsertJob)
	pages[1] = fmt.Sprintf(pages[1], w.request(clientID, "GET", id, ""))
	for _, page := range pages {
		w.org.Inject(fakeorg.Fault{Method: "GET", Path: ingest, Status: 200, Body: page})
	}
	j.open = []pipeline.RemoteJob{{Run: "leads-died", Since: time.Now()}}
	if _, err := w.resume(t.Context(), w.sink); err != nil {
		t.Fatal(err)
	}
	if states := w.states(); !slices.Equal(states, []string{"Aborted"}) {
		t.Errorf("jobs are %q", states)
	}
}

// What an unanswered creation may have left is empty. Where jobs can't be listed, it blocks nothing.
func TestAnEmptyJobThatCannotBeFoundBlocksNothing(t *testing.T) {
	for _, answer := range []fakeorg.Fault{
		{Status: 200, Body: "{}"}, {Status: 200, Body: "[]"}, {Status: 200, Body: `{"done":false,"records":[]`},
		{Status: 404, Body: "404 page not found"}, {Status: 404, Body: fakeorg.Errors("NOT_FOUND", "x")},
		{Status: 403, Body: fakeorg.Errors("INSUFFICIENT_ACCESS", "x")}, {Status: 500},
	} {
		w, j := newBulkWorld(t, nil)
		answer.Method, answer.Path = "GET", ingest
		w.org.Inject(answer)
		j.open = []pipeline.RemoteJob{{Run: "leads-died", Since: time.Now()}}
		if _, err := w.resume(t.Context(), w.sink); err != nil || len(j.jobs()) > 0 {
			t.Errorf("%d %s: %v; the journal has %q", answer.Status, answer.Body, err, j.jobs())
		}
		if !strings.Contains(w.logged.String(), "may stand open and empty") {
			t.Errorf("nothing in the log: %s", w.logged)
		}
	}
}

// A search that was stopped goes on in the next run.
func TestAStoppedSearchForAnEmptyJobStaysNoted(t *testing.T) {
	w, j := newBulkWorld(t, nil)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	w.org.Inject(fakeorg.Fault{Method: "GET", Path: ingest, Before: stop, Reset: true})
	j.open = []pipeline.RemoteJob{{Run: "leads-died", Since: time.Now()}}
	if _, err := w.resume(ctx, w.sink); err == nil || len(j.jobs()) != 1 {
		t.Errorf("%v; the journal has %q", err, j.jobs())
	}
}

func TestNothingToResumeNeedsNoRequest(t *testing.T) {
	w, _ := newBulkWorld(t, nil)
	if _, err := w.resume(t.Context(), w.sink); err != nil {
		t.Error(err)
	}
	w.config.Journal = nil
	if _, err := w.resume(t.Context(), w.newSink(w.config)); err != nil {
		t.Error(err)
	}
	if n := len(w.org.Requests()); n > 0 {
		t.Errorf("%d requests", n)
	}
}
