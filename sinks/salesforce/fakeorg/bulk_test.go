package fakeorg_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

const ingest = "/jobs/ingest"

// open makes a Bulk job and returns its id. Settings are pairs; an update of leads is made if they don't say otherwise.
func (s *site) open(token string, settings ...string) string {
	s.t.Helper()
	got := s.do(token, "POST", ingest, jobSettings(settings...))
	if got.status != 200 {
		s.t.Fatalf("create: %d %s", got.status, got.text)
	}
	return got.json.(map[string]any)["id"].(string)
}

func jobSettings(pairs ...string) string {
	settings := map[string]string{"object": "Lead", "operation": "update", "contentType": "CSV", "lineEnding": "LF"}
	for i := 0; i < len(pairs); i += 2 {
		settings[pairs[i]] = pairs[i+1]
	}
	text, _ := json.Marshal(settings)
	return string(text)
}

func (s *site) put(token, job, file string) reply {
	s.t.Helper()
	return s.do(token, "PUT", ingest+"/"+job+"/batches", file, "Content-Type: text/csv")
}

func (s *site) turn(token, job, state string) reply {
	s.t.Helper()
	return s.do(token, "PATCH", ingest+"/"+job, fmt.Sprintf(`{"state":%q}`, state))
}

// load makes a job, uploads the file and closes the job.
func (s *site) load(token, file string, settings ...string) string {
	s.t.Helper()
	job := s.open(token, settings...)
	if got := s.put(token, job, file); got.status != 201 || got.text != "" {
		s.t.Fatalf("upload: %d %s", got.status, got.text)
	}
	if got := s.turn(token, job, "UploadComplete"); got.status != 200 || got.json.(map[string]any)["state"] != "UploadComplete" {
		s.t.Fatalf("close: %d %s", got.status, got.text)
	}
	return job
}

func (s *site) info(token, job string) map[string]any {
	s.t.Helper()
	got := s.do(token, "GET", ingest+"/"+job, "")
	if got.status != 200 {
		s.t.Fatalf("info: %d %s", got.status, got.text)
	}
	return got.json.(map[string]any)
}

// result returns the rows of one of a job's results, the first of them the header.
func (s *site) result(token, job, name string) [][]string {
	s.t.Helper()
	got := s.do(token, "GET", ingest+"/"+job+"/"+name, "", "Accept: text/csv")
	rows, err := csv.NewReader(strings.NewReader(got.text)).ReadAll()
	if got.status != 200 || err != nil || !strings.HasPrefix(got.header.Get("Content-Type"), "text/csv") {
		s.t.Fatalf("%s: %d %v %s", name, got.status, err, got.text)
	}
	return rows
}

// column returns the values of a column of a result in sorted order.
func columnOf(rows [][]string, name string) []string {
	at := slices.Index(rows[0], name)
	out := []string{}
	for _, r := range rows[1:] {
		out = append(out, r[at])
	}
	slices.Sort(out)
	return out
}

func TestBulkCycle(t *testing.T) {
	s := start(t, config())
	token := s.login()
	ids := map[string]string{}
	var file strings.Builder
	file.WriteString("Id,Lead_Score__c,Lead_Grade__c\n")
	for i := range 20 {
		key := fmt.Sprintf("L%06d", i)
		ids[key] = s.lead(key)
		fmt.Fprintf(&file, "%s,%d,%q\n", ids[key], i, "A")
	}
	job := s.open(token)
	opened := s.info(token, job)
	for name, want := range map[string]any{
		"id": job, "state": "Open", "object": "Lead", "operation": "update", "apiVersion": 66.0, "concurrencyMode": "Parallel",
		"contentType": "CSV", "lineEnding": "LF", "columnDelimiter": "COMMA", "jobType": "V2Ingest", "createdById": s.UserID(scorer),
		"contentUrl": "services/data/v66.0/jobs/ingest/" + job + "/batches", "retries": 0.0, "totalProcessingTime": 0.0,
		"apiActiveProcessingTime": 0.0, "apexProcessingTime": 0.0,
	} {
		if opened[name] != want {
			t.Errorf("%s is %v, want %v", name, opened[name], want)
		}
	}
	if !strings.HasPrefix(job, "750") || opened["createdDate"] == "" {
		t.Errorf("got %v", opened)
	}
	if got := s.put(token, job, file.String()); got.status != 201 || got.text != "" {
		t.Fatalf("%d %s", got.status, got.text)
	}
	if got := s.turn(token, job, "UploadComplete"); got.status != 200 || strings.Contains(got.text, "contentUrl") {
		t.Fatalf("%d %s", got.status, got.text)
	}
	done := s.info(token, job)
	if done["state"] != "JobComplete" || done["numberRecordsProcessed"] != 20.0 || done["numberRecordsFailed"] != 0.0 {
		t.Errorf("got %v", done)
	}
	good := s.result(token, job, "successfulResults")
	if want := []string{"sf__Id", "sf__Created", "Id", "Lead_Score__c", "Lead_Grade__c"}; !slices.Equal(good[0], want) {
		t.Errorf("header %v", good[0])
	}
	if got, want := columnOf(good, "sf__Id"), slices.Sorted(maps.Values(ids)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	order := []string{}
	for _, r := range good[1:] {
		order = append(order, r[0])
		if r[0] != r[2] || r[1] != "false" || r[4] != "A" {
			t.Errorf("row %v", r)
		}
	}
	if slices.IsSorted(order) {
		t.Error("the results are in the order of the upload")
	}
	if bad := s.result(token, job, "failedResults"); len(bad) != 1 || bad[0][1] != "sf__Error" {
		t.Errorf("got %v", bad)
	}
	if rest := s.result(token, job, "unprocessedrecords"); len(rest) != 1 || rest[0][0] != "Id" {
		t.Errorf("got %v", rest)
	}
	if got := s.field(ids["L000007"], "Lead_Score__c"); got != 7.0 {
		t.Errorf("score is %v", got)
	}
	list := s.do(token, "GET", ingest+"?isPkChunkingEnabled=false&jobType=V2Ingest", "").json.(map[string]any)
	if list["done"] != true || len(list["records"].([]any)) != 1 {
		t.Errorf("got %v", list)
	}
	if got := s.do(token, "DELETE", ingest+"/"+job, ""); got.status != 204 || got.text != "" {
		t.Errorf("%d %s", got.status, got.text)
	}
	if got := s.do(token, "GET", ingest+"/"+job, ""); got.status != 404 || got.code() != "NOT_FOUND" {
		t.Errorf("%d %s", got.status, got.text)
	}
}

// An aborted job keeps what it did; the rest is unprocessed.
func TestBulkAborted(t *testing.T) {
	c := config()
	c.BulkRows = 2
	s := start(t, c)
	token := s.login()
	file := s.leads(5)
	s.HoldBulk()
	job := s.load(token, file, byKey()...)
	if got := s.info(token, job); got["state"] != "UploadComplete" || got["externalIdFieldName"] != "Lead_Key__c" {
		t.Errorf("got %v", got)
	}
	if n := s.StepBulk(1); n != 1 || s.info(token, job)["state"] != "InProgress" {
		t.Errorf("%d %v", n, s.info(token, job))
	}
	if got := s.turn(token, job, "Aborted"); got.status != 200 {
		t.Errorf("%d %s", got.status, got.text)
	}
	s.ReleaseBulk()
	if got := s.info(token, job); got["state"] != "Aborted" || got["numberRecordsProcessed"] != 2.0 {
		t.Errorf("got %v", got)
	}
	good, bad, rest := s.outcomes(token, job)
	if !slices.Equal(good, []string{"L000001", "L000002"}) || len(bad) != 0 || !slices.Equal(rest, []string{"L000003", "L000004", "L000005"}) {
		t.Errorf("got %v %v %v", good, bad, rest)
	}
}
