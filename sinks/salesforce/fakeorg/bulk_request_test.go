package fakeorg_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"scored/sinks/salesforce/fakeorg"
)

// A job that isn't made, with the code and words of the refusal.
func TestRefusedJobs(t *testing.T) {
	s := start(t, config())
	for name, c := range map[string]struct{ body, code, words string }{
		"no JSON":               {"rubbish", "INVALIDJOB", "Unable to parse Job"},
		"no operation":          {`{"object":"Lead"}`, "INVALIDJOB", "Unable to parse Job"},
		"unknown operation":     {jobSettings("operation", "merge"), "INVALIDJOB", "Unable to parse Job"},
		"operation in capitals": {jobSettings("operation", "UPDATE"), "INVALIDJOB", "Unable to parse Job"},
		"hard delete":           {jobSettings("operation", "hardDelete"), "FEATURENOTENABLED", "hardDelete"},
		"content type":          {jobSettings("contentType", "XML"), "INVALIDJOB", ""},
		"line ending":           {jobSettings("lineEnding", "CR"), "INVALIDJOB", ""},
		"delimiter":             {jobSettings("columnDelimiter", "SPACE"), "INVALIDJOB", ""},
		"no object":             {`{"operation":"update"}`, "INVALIDENTITY", "Entity ''"},
		"unknown object":        {jobSettings("object", "Shoe__c"), "INVALIDENTITY", "Entity 'Shoe__c' is not supported by the Bulk API."},
		"read-only object":      {jobSettings("object", "User"), "INVALIDENTITY", "User"},
		"upsert without key":    {jobSettings("operation", "upsert"), "INVALIDJOB", "External ID was blank for Lead"},
		"upsert by no key":      {jobSettings("operation", "upsert", "externalIdFieldName", "City"), "INVALIDJOB", "City does not match an External ID"},
		"upsert by hidden key":  {jobSettings("operation", "upsert", "externalIdFieldName", "Phone"), "INVALIDJOB", "Phone does not match"},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.do(s.login(), "POST", ingest, c.body)
			if got.status != 400 || got.code() != c.code || !strings.Contains(got.text, c.words) {
				t.Errorf("got %d %s, want %s %q", got.status, got.text, c.code, c.words)
			}
		})
	}
	if len(s.Jobs()) != 0 {
		t.Errorf("got %v", s.Jobs())
	}
}

// What can be asked of a job in each state: "" is granted, a code refused.
func TestJobStates(t *testing.T) {
	const bad = "INVALIDJOBSTATE"
	for state, want := range map[string]map[string]string{
		"Open":           {"upload": "", "close": "", "abort": "", "delete": bad, "results": bad},
		"UploadComplete": {"upload": bad, "close": bad, "abort": "", "delete": "", "results": bad},
		"InProgress":     {"upload": bad, "close": bad, "abort": "", "delete": bad, "results": bad},
		"JobComplete":    {"upload": bad, "close": bad, "abort": bad, "delete": "", "results": ""},
		"Failed":         {"upload": bad, "close": bad, "abort": bad, "delete": "", "results": ""},
		"Aborted":        {"upload": bad, "close": bad, "abort": bad, "delete": "", "results": ""},
	} {
		for deed, code := range want {
			t.Run(state+" "+deed, func(t *testing.T) {
				c := config()
				c.BulkRows = 1
				s := start(t, c)
				token, job := s.jobIn(state)
				path := ingest + "/" + job
				got := map[string]func() reply{
					"upload":  func() reply { return s.put(token, job, "Id\n") },
					"close":   func() reply { return s.turn(token, job, "UploadComplete") },
					"abort":   func() reply { return s.turn(token, job, "Aborted") },
					"delete":  func() reply { return s.do(token, "DELETE", path, "") },
					"results": func() reply { return s.do(token, "GET", path+"/failedResults", "") },
				}[deed]()
				if got.code() != code || (code == "") != (got.status < 300) {
					t.Errorf("got %d %s, want %q", got.status, got.text, code)
				}
			})
		}
	}
}

// jobIn makes a job of two rows and brings it into a state.
func (s *site) jobIn(state string) (token, job string) {
	s.t.Helper()
	token = s.login()
	file := "Id,Lead_Score__c\n" + s.lead("L000001") + ",1\n" + s.lead("L000002") + ",2\n"
	switch state {
	case "Open":
		return token, s.open(token)
	case "Failed":
		job = s.load(token, "Shoe__c\nx\n")
	default:
		if state != "JobComplete" {
			s.HoldBulk()
		}
		job = s.load(token, file)
		if state == "InProgress" {
			s.StepBulk(1)
		}
		if state == "Aborted" {
			s.turn(token, job, "Aborted")
		}
	}
	if got := s.info(token, job)["state"]; got != state {
		s.t.Fatalf("state is %v, want %s", got, state)
	}
	return token, job
}

func TestWordsOfWrongStates(t *testing.T) {
	s := start(t, config())
	token, job := s.jobIn("JobComplete")
	if got := s.turn(token, job, "Aborted"); got.text != `[{"message":"Aborting already Completed Job not allowed","errorCode":"INVALIDJOBSTATE"}]` {
		t.Errorf("got %s", got.text)
	}
	if got := s.turn(token, job, "JobComplete"); got.status != 400 || got.code() != "INVALIDJOBSTATE" {
		t.Errorf("got %s", got.text)
	}
	if got := s.do(token, "PATCH", ingest+"/"+job, "rubbish"); got.status != 400 || got.code() != "INVALIDJOB" {
		t.Errorf("got %s", got.text)
	}
}

func TestUnknownJob(t *testing.T) {
	s := start(t, config())
	token := s.login()
	for _, id := range []string{"750Dn0000000009IAA", "x"} {
		for _, r := range [][3]string{{"GET", "", ""}, {"DELETE", "", ""}, {"PATCH", "", `{"state":"Aborted"}`}, {"GET", "/successfulResults", ""},
			{"GET", "/failedResults", ""}, {"GET", "/unprocessedrecords", ""}, {"PUT", "/batches", "Id\n"}} {
			kind := "Content-Type: application/json"
			if r[0] == "PUT" {
				kind = "Content-Type: text/csv"
			}
			if got := s.do(token, r[0], ingest+"/"+id+r[1], r[2], kind); got.status != 404 || got.code() != "NOT_FOUND" {
				t.Errorf("%v: %d %s", r, got.status, got.text)
			}
		}
	}
}

func TestSecondUpload(t *testing.T) {
	s := start(t, config())
	token := s.login()
	id, job := s.lead("L000001"), s.open(token)
	s.put(token, job, "Id,Lead_Score__c\n"+id+",1\n")
	got := s.put(token, job, "Id,Lead_Score__c\n"+id+",2\n")
	if got.status != 400 || got.code() != "INVALIDJOB" || !strings.Contains(got.text, "Found multiple contents for job: <"+job+">") {
		t.Errorf("got %d %s", got.status, got.text)
	}
	s.turn(token, job, "UploadComplete")
	if got := s.field(id, "Lead_Score__c"); got != 1.0 {
		t.Errorf("score is %v", got)
	}
}

// Only its creator and an administrator may change a job; whoever has a session sees it.
func TestJobOfAnotherUser(t *testing.T) {
	c := config()
	c.Users[2].Editable = []string{"Lead_Score__c"}
	c.Apps = append(c.Apps, fakeorg.App{ClientID: "rep-app", ClientSecret: "x", RunAs: rep})
	s := start(t, c)
	job, other := s.open(s.login()), s.loginAs("rep-app", "x")
	for name, got := range map[string]reply{
		"upload": s.put(other, job, "Id\n"), "close": s.turn(other, job, "UploadComplete"), "abort": s.turn(other, job, "Aborted"),
		"delete": s.do(other, "DELETE", ingest+"/"+job, ""),
	} {
		if got.status != 400 || got.code() != "INVALIDUSER" {
			t.Errorf("%s: %d %s", name, got.status, got.text)
		}
	}
	if got := s.info(other, job); got["createdById"] != s.UserID(scorer) {
		t.Errorf("got %v", got)
	}
	if got := s.turn(s.loginAdmin(), job, "Aborted"); got.status != 200 {
		t.Errorf("%d %s", got.status, got.text)
	}
}

func TestMultipartJob(t *testing.T) {
	s := start(t, config())
	token, id := s.login(), s.lead("L000001")
	form := func(file string) string {
		return "--XX\r\nContent-Type: application/json\r\nContent-Disposition: form-data; name=\"job\"\r\n\r\n" + jobSettings() +
			"\r\n--XX\r\nContent-Type: text/csv\r\nContent-Disposition: form-data; name=\"content\"; filename=\"content\"\r\n\r\n" + file + "\r\n--XX--\r\n"
	}
	const kind = `Content-Type: multipart/form-data; boundary="XX"`
	got := s.do(token, "POST", ingest+"/", form("Id,Lead_Score__c\n"+id+",7"), kind)
	if got.status != 200 || got.json.(map[string]any)["state"] != "UploadComplete" || s.field(id, "Lead_Score__c") != 7.0 {
		t.Errorf("%d %s", got.status, got.text)
	}
	for name, c := range map[string]struct{ body, code string }{
		"too long":  {form(strings.Repeat("x", 100_001)), "CLIENTINPUTERROR"},
		"cut off":   {form("Id\n")[:150], "INVALIDJOB"},
		"no file":   {"--XX\r\nContent-Disposition: form-data; name=\"job\"\r\n\r\n{}\r\n--XX--\r\n", "INVALIDJOB"},
		"not parts": {"{}", "INVALIDJOB"},
	} {
		if got := s.do(token, "POST", ingest, c.body, kind); got.status != 400 || got.code() != c.code {
			t.Errorf("%s: %d %s", name, got.status, got.text)
		}
	}
}

// The list comes in pages of 1,000, in an order that tells nothing, without the external id.
func TestJobList(t *testing.T) {
	s := start(t, config())
	token := s.login()
	var made []string
	for range 1001 {
		made = append(made, s.open(token, "operation", "upsert", "externalIdFieldName", "Lead_Key__c"))
	}
	page := func(path string) (ids []string, next string) {
		got := s.do(token, "GET", path, "")
		list, _ := got.json.(map[string]any)
		if got.status != 200 {
			t.Fatalf("%s: %d %s", path, got.status, got.text)
		}
		for _, r := range list["records"].([]any) {
			r := r.(map[string]any)
			if r["externalIdFieldName"] != nil || r["state"] != "Open" || r["createdById"] != s.UserID(scorer) {
				t.Fatalf("got %v", r)
			}
			ids = append(ids, r["id"].(string))
		}
		next, _ = list["nextRecordsUrl"].(string)
		if list["done"] != (next == "") {
			t.Errorf("done is %v", list["done"])
		}
		return ids, next
	}
	ids, next := page(ingest + "?jobType=V2Ingest&concurrencyMode=parallel")
	if len(ids) != 1000 || slices.IsSorted(ids) || !strings.HasPrefix(next, "/services/data/v66.0/jobs/ingest?queryLocator=") {
		t.Fatalf("%d jobs, next %q", len(ids), next)
	}
	rest, last := page(next)
	all := slices.Sorted(slices.Values(append(ids, rest...)))
	if last != "" || !slices.Equal(all, made) {
		t.Errorf("%d jobs on the second page, next %q", len(rest), last)
	}
	for _, query := range []string{"?jobType=Classic", "?isPkChunkingEnabled=true"} {
		if ids, _ := page(ingest + query); len(ids) != 0 {
			t.Errorf("%s: %d jobs", query, len(ids))
		}
	}
	if got := s.do(token, "GET", ingest+"?queryLocator=x", ""); got.status != 400 || got.code() != "INVALID_QUERY_LOCATOR" {
		t.Errorf("%d %s", got.status, got.text)
	}
}

func TestUploads(t *testing.T) {
	s := start(t, config())
	token, id := s.login(), s.lead("L000001")
	file := "Id,Lead_Score__c\n" + id + ",7\n"
	for name, c := range map[string]struct {
		body, kind, encoding string
		status               int
	}{
		"plain":        {file, "text/csv", "", 201},
		"with charset": {file, "text/csv; charset=UTF-8", "", 201},
		"gzip":         {zipped(file), "text/csv", "gzip", 201},
		"not gzip":     {file, "text/csv", "gzip", 400},
		"JSON":         {file, "application/json", "", 415},
		"all there is": {strings.Repeat("x", 150<<20/4*3), "text/csv", "", 201},
		"a byte more":  {strings.Repeat("x", 150<<20/4*3+1), "text/csv", "", 413},
	} {
		job := s.open(token)
		got := s.do(token, "PUT", ingest+"/"+job+"/batches", c.body, "Content-Type: "+c.kind, "Content-Encoding: "+c.encoding)
		if got.status != c.status {
			t.Errorf("%s: %d %s", name, got.status, got.text)
		}
	}
	job := s.open(token)
	r := s.request(token, "PUT", ingest+"/"+job+"/batches", file, "Content-Type: text/csv")
	r.ContentLength, r.GetBody = -1, nil
	r.Body = io.NopCloser(strings.NewReader(file))
	if got, err := s.send(r); err != nil || got.status != 201 {
		t.Errorf("in chunks: %v %v", got, err)
	}
	s.turn(token, job, "UploadComplete")
	if s.field(id, "Lead_Score__c") != 7.0 {
		t.Error("the chunks were not put together")
	}
}

func TestJobLives(t *testing.T) {
	clock := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	c := config()
	c.Now, c.SessionLife = func() time.Time { return clock }, 1000*time.Hour
	s := start(t, c)
	token := s.login()
	open, filled := s.open(token), s.open(token)
	s.put(token, filled, "Id\n")
	done := s.load(token, "Id\n"+s.lead("L000001")+"\n")
	clock = clock.Add(24 * time.Hour)
	for name, got := range map[string]reply{"upload": s.put(token, open, "Id\n"), "close": s.turn(token, filled, "UploadComplete")} {
		if got.status != 400 || got.code() != "INVALIDJOBSTATE" || !strings.Contains(got.text, "24 hours") {
			t.Errorf("%s after a day: %d %s", name, got.status, got.text)
		}
	}
	if got := s.turn(token, open, "Aborted"); got.status != 200 {
		t.Errorf("%d %s", got.status, got.text)
	}
	clock = clock.Add(6*24*time.Hour - time.Second)
	if got := s.info(token, done)["state"]; got != "JobComplete" {
		t.Errorf("state is %v", got)
	}
	clock = clock.Add(time.Second)
	if got := s.do(token, "GET", ingest+"/"+done, ""); got.status != 404 {
		t.Errorf("after a week: %d", got.status)
	}
	if got := fmt.Sprint(s.Jobs()); !strings.Contains(got, open) || strings.Contains(got, filled) {
		t.Errorf("got %s", got)
	}
}
