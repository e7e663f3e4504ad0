package salesforce_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"scored/pipeline"
	"scored/sinks/salesforce"
	"scored/sinks/salesforce/fakeorg"
)

const (
	ingest      = "/jobs/ingest"
	unprocessed = pipeline.Unprocessed
	stale       = pipeline.Stale
	again       = pipeline.Retry
)

// journal is a Journal that outlives the sinks of a test.
type journal struct {
	mu    sync.Mutex
	open  []pipeline.RemoteJob
	steps []string         // what it was told
	fail  map[string]error // by the first word of a step
}

func (j *journal) Creating(_ context.Context, run string) error {
	return j.step("creating", func() {
		j.open = slices.DeleteFunc(j.open, func(r pipeline.RemoteJob) bool { return r.Run == run && r.ID == "" })
		j.open = append(j.open, pipeline.RemoteJob{Run: run, Since: time.Now()})
	})
}

func (j *journal) Created(_ context.Context, run, id string) error {
	return j.step("created", func() {
		for i := range j.open {
			if j.open[i].Run == run && j.open[i].ID == "" {
				j.open[i].ID = id
			}
		}
	})
}

func (j *journal) Closed(_ context.Context, run, id string) error {
	return j.step("closed", func() {
		j.open = slices.DeleteFunc(j.open, func(r pipeline.RemoteJob) bool { return r.Run == run && r.ID == id })
	})
}

func (j *journal) Open(context.Context) ([]pipeline.RemoteJob, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.open), j.fail["open"]
}

// age makes everything in the journal older.
func (j *journal) age(by time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range j.open {
		j.open[i].Since = j.open[i].Since.Add(-by)
	}
}

func (j *journal) step(name string, apply func()) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.fail[name]; err != nil {
		return err
	}
	j.steps = append(j.steps, name)
	apply()
	return nil
}

// jobs returns what is open, as "run" or "run id".
func (j *journal) jobs() (jobs []string) {
	open, _ := j.Open(context.Background())
	for _, r := range open {
		jobs = append(jobs, strings.TrimSpace(r.Run+" "+r.ID))
	}
	return jobs
}

// newBulkWorld is a world whose sink takes the Bulk API for more than two changes. edit may be nil.
func newBulkWorld(t *testing.T, edit func(*fakeorg.Config, *salesforce.Config)) (*world, *journal) {
	t.Helper()
	j := &journal{fail: map[string]error{}}
	w := newWorld(t, func(o *fakeorg.Config, c *salesforce.Config) {
		c.BulkThreshold, c.FirstPoll, c.Journal = 2, time.Millisecond, j
		if edit != nil {
			edit(o, c)
		}
	})
	return w, j
}

// wantTidy checks that neither journal nor org have a job that goes on.
func (w *world) wantTidy(j *journal) {
	w.Helper()
	if open := j.jobs(); len(open) > 0 {
		w.Errorf("the journal still has %q", open)
	}
	for _, job := range w.org.Jobs() {
		if job.State != "Aborted" && job.State != "JobComplete" && job.State != "Failed" {
			w.Errorf("job %s was left %s in the org", job.ID, job.State)
		}
	}
}

// states returns the states of the org's jobs.
func (w *world) states() (states []string) {
	for _, job := range w.org.Jobs() {
		states = append(states, job.State)
	}
	return states
}

// anyOrg is content with whatever org the jobs are looked for in.
func anyOrg(string) error { return nil }

func resumeAny(sink *salesforce.Sink) func(context.Context, func(string, []pipeline.Outcome) error) error {
	return func(ctx context.Context, confirm func(string, []pipeline.Outcome) error) error {
		return sink.Resume(ctx, anyOrg, confirm)
	}
}

// resume has a sink resume, and returns the outcomes by run and key.
func (w *world) resume(ctx context.Context, sink *salesforce.Sink) (map[string]map[string]pipeline.Outcome, error) {
	w.Helper()
	got := map[string]map[string]pipeline.Outcome{}
	err := sink.Resume(ctx, anyOrg, func(run string, outcomes []pipeline.Outcome) error {
		if got[run] == nil {
			got[run] = map[string]pipeline.Outcome{}
		}
		for _, o := range outcomes {
			got[run][o.Key] = o
		}
		return nil
	})
	if err != nil {
		fmt.Fprintln(w.logged, err, pipeline.HintOf(err))
	}
	return got, err
}

// fullSteps are the requests of a job that nothing goes wrong with, in order.
var fullSteps = []string{"POST " + ingest, "PUT batches", "PATCH UploadComplete", "GET state", "GET successfulResults", "DELETE job"}

// upsertJob are the settings of a job like the sink's.
const upsertJob = `{"object":"Lead","operation":"upsert","externalIdFieldName":"Lead_Key__c","contentType":"CSV","lineEnding":"LF"}`

// openJob makes a job as an app would that is none of the sink's processes, and returns its id.
func (w *world) openJob(app, settings string) string {
	w.Helper()
	var made struct{ ID string }
	if err := json.Unmarshal(w.request(app, http.MethodPost, "", settings), &made); err != nil {
		w.Fatal(err)
	}
	return made.ID
}

// request makes a Bulk request as an app, whose secret is the same as everybody's.
func (w *world) request(app, method, path, body string) []byte {
	w.Helper()
	serve := func(r *http.Request) []byte {
		answer := httptest.NewRecorder()
		w.org.ServeHTTP(answer, r)
		if answer.Code > 299 {
			w.Fatalf("%s %s: %d %s", r.Method, r.URL.Path, answer.Code, answer.Body)
		}
		return answer.Body.Bytes()
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {app}, "client_secret": {clientSecret}}
	login := httptest.NewRequest(http.MethodPost, "/services/oauth2/token", strings.NewReader(form.Encode()))
	login.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var session struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(serve(login), &session); err != nil {
		w.Fatal(err)
	}
	r := httptest.NewRequest(method, "/services/data/v66.0"+strings.TrimSuffix(ingest+"/"+path, "/"), strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+session.Token)
	r.Header.Set("Content-Type", "application/json")
	if method == http.MethodPut {
		r.Header.Set("Content-Type", "text/csv")
	}
	return serve(r)
}

var errBroken = errors.New("the disk is full")
