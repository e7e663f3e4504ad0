package fakeorg_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"scored/sinks/salesforce/fakeorg"
)

// leads makes n leads, L000001 and so on, and returns a file that gives them scores by their keys.
func (s *site) leads(n int) (file string) {
	s.t.Helper()
	file = "Lead_Key__c,Lead_Score__c\n"
	for i := range n {
		key := fmt.Sprintf("L%06d", i+1)
		s.lead(key)
		file += key + ",7\n"
	}
	return file
}

// outcomes returns a job's keys by result.
func (s *site) outcomes(token, job string) (good, bad, rest []string) {
	s.t.Helper()
	of := func(name string) []string { return columnOf(s.result(token, job, name), "Lead_Key__c") }
	return of("successfulResults"), of("failedResults"), of("unprocessedrecords")
}

// Rows that a fault refuses, whichever of the job's requests met it; the next job passes.
func TestFaultsOfBulkRows(t *testing.T) {
	for name, f := range map[string]fakeorg.Fault{
		"create": {Method: "POST", Path: ingest}, "upload": {Method: "PUT", Path: ingest}, "close": {Method: "PATCH", Path: ingest},
		"any": {Times: -1},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, config())
			file, token := s.leads(3), s.login()
			id := s.Records("Lead")[2].ID
			f.Rows = map[string]fakeorg.RowError{"L000001": fakeorg.Locked("x"), id: {Code: "X", Message: "y", Fields: []string{"a", "b"}}}
			s.Inject(f)
			job := s.load(token, file, byKey()...)
			got := columnOf(s.result(token, job, "failedResults"), "sf__Error")
			want := []string{"UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record or 1 records: x:--", "X:y:a,b --"}
			if !slices.Equal(got, want) || s.info(token, job)["state"] != "JobComplete" {
				t.Errorf("got %q, want %q", got, want)
			}
			s.ClearFaults()
			if got := s.info(token, s.load(token, file, byKey()...)); got["numberRecordsFailed"] != 0.0 {
				t.Errorf("the next job: %v", got)
			}
		})
	}
}

// A job that fails in its midst: what was written stays written, the rest is unprocessed, or lost.
func TestFaultsOfJobs(t *testing.T) {
	for name, c := range map[string]struct {
		fault fakeorg.JobFault
		state string
		good  int
		rest  int
		words string
	}{
		"at once":            {fakeorg.JobFault{}, "Failed", 0, 5, "InternalServerError"},
		"within a batch":     {fakeorg.JobFault{After: 3, Message: "Why not"}, "Failed", 3, 2, "Why not"},
		"between batches":    {fakeorg.JobFault{After: 2}, "Failed", 2, 3, "20 retries"},
		"with rows lost":     {fakeorg.JobFault{After: 3, Lost: true}, "Failed", 3, 0, "20 retries"},
		"after the last row": {fakeorg.JobFault{After: 5}, "JobComplete", 5, 0, ""},
		"long after that":    {fakeorg.JobFault{After: 9}, "JobComplete", 5, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			conf := config()
			conf.BulkRows = 2
			s := start(t, conf)
			file, token := s.leads(5), s.login()
			s.Inject(fakeorg.Fault{Method: "POST", Path: ingest, Job: &c.fault})
			job := s.load(token, file, byKey()...)
			good, bad, rest := s.outcomes(token, job)
			if len(good) != c.good || len(bad) != 0 || len(rest) != c.rest {
				t.Errorf("got %v %v %v", good, bad, rest)
			}
			message, _ := s.info(token, job)["errorMessage"].(string)
			if s.info(token, job)["state"] != c.state || !strings.Contains(message, c.words) || (c.words == "") != (message == "") {
				t.Errorf("got %v", s.info(token, job))
			}
			for _, r := range s.Records("Lead") {
				if written := r.Fields["Lead_Score__c"] == 7.0; written != slices.Contains(good, r.Fields["Lead_Key__c"].(string)) {
					t.Errorf("%v: written is %v", r.Fields["Lead_Key__c"], written)
				}
			}
		})
	}
}

// Every request of the cycle can fail before it is applied, and after.
func TestBulkRequestsThatFail(t *testing.T) {
	for _, drop := range []bool{false, true} {
		for _, step := range []struct {
			method, path string
			applied      func(s *site, job string) bool
		}{
			{"POST", "", func(s *site, _ string) bool { return len(s.Jobs()) == 2 }},
			{"PUT", "/batches", func(s *site, _ string) bool { return s.Jobs()[0].Bytes > 0 }},
			{"PATCH", "", func(s *site, _ string) bool { return s.Jobs()[0].State == "Failed" }}, // there is no file to process
			{"DELETE", "", func(s *site, _ string) bool { return len(s.Jobs()) == 0 }},
		} {
			t.Run(fmt.Sprintf("%s drop=%v", step.method, drop), func(t *testing.T) {
				s := start(t, config())
				token := s.login()
				job := s.open(token)
				if step.method == "DELETE" {
					s.turn(token, job, "Aborted")
				}
				path, kind := ingest+"/"+job+step.path, "application/json"
				if step.method == "POST" {
					path = ingest
				}
				body := map[string]string{"POST": jobSettings(), "PUT": "Id\nx\n", "PATCH": `{"state":"UploadComplete"}`}[step.method]
				if step.method == "PUT" {
					kind = "text/csv"
				}
				s.Inject(fakeorg.Fault{Path: ingest, Drop: drop, Reset: !drop})
				if _, err := s.send(s.request(token, step.method, path, body, "Content-Type: "+kind)); !errors.Is(err, io.EOF) {
					t.Errorf("got %v, want no answer", err)
				}
				if step.applied(s, job) != drop {
					t.Errorf("applied: %v: %v", !drop, s.Jobs())
				}
			})
		}
	}
}

// A result that breaks off is noticed by its reader, compressed or not.
func TestCutResult(t *testing.T) {
	s := start(t, config())
	file, token := s.leads(300), s.login()
	job := s.load(token, file, byKey()...)
	for _, encoding := range []string{"gzip", "identity"} {
		s.Inject(fakeorg.Fault{Path: "/successfulResults", Cut: 100})
		r := s.request(token, "GET", ingest+"/"+job+"/successfulResults", "", "Accept-Encoding: "+encoding)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(response.Body)
		response.Body.Close()
		if !errors.Is(err, io.ErrUnexpectedEOF) || len(got) != 100 || (encoding == "gzip") != (response.Header.Get("Content-Encoding") == "gzip") {
			t.Errorf("%s: %d bytes, %v", encoding, len(got), err)
		}
	}
	if got := s.result(token, job, "successfulResults"); len(got) != 301 {
		t.Errorf("%d lines", len(got))
	}
}

// Batches are counted, told by /limits, and run out: in the midst of a job, whose other rows are then in no result, and
// before one is made.
func TestDailyBatches(t *testing.T) {
	clock := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	c := config()
	c.Now, c.SessionLife = func() time.Time { return clock }, 100*time.Hour
	c.BulkRows, c.DailyBulkBatches = 2, 5
	s := start(t, c)
	file, token := s.leads(5), s.login()
	s.load(token, file, byKey()...)
	if got := s.do(token, "GET", "/limits", ""); !strings.Contains(got.text, `"DailyBulkApiBatches":{"Max":5,"Remaining":2}`) || s.BulkUsage() != 3 {
		t.Errorf("got %s", got.text)
	}
	s.SpendBulkBatches(1)
	job := s.load(token, file, byKey()...)
	good, bad, rest := s.outcomes(token, job)
	if got := s.info(token, job); got["state"] != "Failed" || got["errorMessage"] != "ExceededQuota : ApiBatchItems Limit exceeded." ||
		len(good) != 2 || len(bad) != 0 || len(rest) != 0 {
		t.Errorf("got %v %v %v %v", got, good, bad, rest)
	}
	refused := s.do(token, "POST", ingest, jobSettings())
	if refused.status != 400 || refused.code() != "EXCEEDEDQUOTA" || !strings.Contains(refused.text, "ApiBatchItems Limit exceeded.") {
		t.Errorf("%d %s", refused.status, refused.text)
	}
	clock = clock.Add(24 * time.Hour)
	s.open(token)
}

// Jobs that are closed at once are all processed, each row once.
func TestBulkJobsAtOnce(t *testing.T) {
	c := config()
	c.BulkRows = 10
	s := start(t, c)
	file, token := s.leads(100), s.login()
	jobs := make(chan string)
	for range 4 {
		go func() { jobs <- s.load(token, file, byKey()...) }()
	}
	for range 4 {
		if got := s.info(token, <-jobs); got["state"] != "JobComplete" || got["numberRecordsProcessed"] != 100.0 || got["numberRecordsFailed"] != 0.0 {
			t.Errorf("got %v", got)
		}
	}
	if s.BulkUsage() != 40 {
		t.Errorf("%d batches", s.BulkUsage())
	}
}

// Every request of a job is an API call.
func TestBulkCallsAreCounted(t *testing.T) {
	c := config()
	c.DailyAPILimit = 8
	s := start(t, c)
	file, token := s.leads(1), s.login()
	job := s.load(token, file, byKey()...)
	s.info(token, job)
	s.outcomes(token, job)
	if got := s.do(token, "DELETE", ingest+"/"+job, ""); got.status != 204 || got.header.Get("Sforce-Limit-Info") != "api-usage=8/8" {
		t.Errorf("%d %v", got.status, got.header)
	}
	if got := s.do(token, "POST", ingest, jobSettings()); got.status != 403 || got.code() != "REQUEST_LIMIT_EXCEEDED" {
		t.Errorf("%d %s", got.status, got.text)
	}
}

// With BulkTime, batches are done by the org's clock.
func TestBulkTime(t *testing.T) {
	clock := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	c := config()
	c.Now = func() time.Time { return clock }
	c.BulkRows, c.BulkTime = 2, time.Minute
	s := start(t, c)
	file, token := s.leads(5), s.login()
	job := s.load(token, file, byKey()...)
	for minute, want := range []string{"UploadComplete 0", "InProgress 2", "InProgress 4", "JobComplete 5"} {
		info := s.info(token, job)
		if got := fmt.Sprint(info["state"], " ", info["numberRecordsProcessed"]); got != want {
			t.Errorf("minute %d: %s, want %s", minute, got, want)
		}
		clock = clock.Add(time.Minute)
	}
	if got := s.info(token, job); got["totalProcessingTime"] != 180_000.0 || got["systemModstamp"] != "2026-11-22T08:03:00.000+0000" {
		t.Errorf("got %v", got)
	}
}

// An answer takes the time that it is given, until that is switched off.
func TestAnswerTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := config()
		c.AnswerTime = func(r fakeorg.Request) time.Duration {
			if r.Path == "/services/data" {
				return time.Hour
			}
			return 0
		}
		org, err := fakeorg.New(c)
		if err != nil {
			t.Fatal(err)
		}
		ask := func(path string) time.Duration {
			since := time.Now()
			org.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
			return time.Since(since)
		}
		if slow, fast := ask("/services/data/"), ask("/x"); slow != time.Hour || fast != 0 {
			t.Errorf("%v and %v", slow, fast)
		}
		org.SetAnswerTime(nil)
		if got := ask("/services/data"); got != 0 {
			t.Errorf("switched off: %v", got)
		}
	})
}
