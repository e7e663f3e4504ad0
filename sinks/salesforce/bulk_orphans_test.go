package salesforce_test

import (
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

func TestACreationWhoseJobsCannotBeListedStaysNoted(t *testing.T) {
	for _, body := range []string{"{}", "[]", `{"done":false,"records":[]`} {
		w, j := newBulkWorld(t, nil)
		w.org.Inject(fakeorg.Fault{Method: "GET", Path: ingest, Status: 200, Body: body})
		j.open = []pipeline.RemoteJob{{Run: "leads-died", Since: time.Now()}}
		if _, err := w.resume(t.Context(), w.sink); pipeline.ClassOf(err) != pipeline.TryAgain {
			t.Errorf("%s: error is %v", body, err)
		}
		if len(j.jobs()) != 1 {
			t.Errorf("%s: the journal has %q", body, j.jobs())
		}
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
