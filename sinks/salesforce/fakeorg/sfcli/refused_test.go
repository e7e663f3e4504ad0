package sfcli_test

import (
	"slices"
	"strings"
	"testing"

	"scored/sinks/salesforce/fakeorg"
)

// The names that the CLI gives to what went wrong with a job.
const (
	rowsRefused = "FailedRecordDetailsError"
	jobFailed   = "JobFailedError"
	jobRunning  = "JobInProgressError"
)

// refusal is a row of a file that the org refuses.
type refusal struct{ id, score, grade, version, city, code string }

func (w *world) rowsAreRefused(t *testing.T) {
	ids := w.leads(t, "F", 10, "Lead_Score__c", 50, "Lead_Score_Version__c", 100)
	converted, deleted, purged, locked := ids[2], ids[3], ids[4], ids[5]
	if err := w.Update("Lead", converted, map[string]any{"IsConverted": true}); err != nil {
		t.Fatal(err)
	}
	if err := w.Delete("Lead", deleted); err != nil {
		t.Fatal(err)
	}
	if err := w.Purge("Lead", purged); err != nil {
		t.Fatal(err)
	}
	w.Inject(fakeorg.Fault{Method: "POST", Path: "/jobs/ingest",
		Rows: map[string]fakeorg.RowError{locked: fakeorg.Locked(locked)}})
	refused := []refusal{
		{converted, "1", "A", "200", "", "CANNOT_UPDATE_CONVERTED_LEAD"},
		{deleted, "1", "A", "200", "", "ENTITY_IS_DELETED"},
		{purged, "1", "A", "200", "", "INVALID_CROSS_REFERENCE_KEY"},
		{locked, "1", "A", "200", "", "UNABLE_TO_LOCK_ROW"},
		{ids[6], "1", "much too long", "200", "", "STRING_TOO_LONG"},
		{ids[7], "high", "A", "200", "", "INVALID_FIELD"},
		{ids[8], "1", "A", "99", "", "FIELD_CUSTOM_VALIDATION_EXCEPTION"}, // older than what is stored
		{ids[9], "1", "A", "200", "Graz", "INVALID_FIELD_FOR_INSERT_UPDATE"},
		{"00Q_nonsense", "1", "A", "200", "", "MALFORMED_ID"},
	}
	rows := [][]string{{"Id", "Lead_Score__c", "Lead_Grade__c", "Lead_Score_Version__c", "City"}, {ids[0], "91", "A", "101", ""}}
	for _, r := range refused {
		rows = append(rows, []string{r.id, r.score, r.grade, r.version, r.city})
	}
	rows = append(rows, []string{ids[1], "92", "A", "102", ""})
	w.write(t, "refused.csv", rows)

	w.refused(t, rowsRefused, "failed to process 9 records", bulk("update", "Lead", "refused.csv", "--wait", "1")...)
	job := w.lastJob(t)
	successes, failures := w.results(t, job.ID, "success"), w.read(t, job.ID+"-failed-records.csv")
	if len(successes) != 2 || len(failures) != len(refused) {
		t.Fatalf("%d successful and %d failed results, want 2 and %d", len(successes), len(failures), len(refused))
	}
	for _, want := range refused {
		at := slices.IndexFunc(failures, func(r map[string]string) bool { return r["Id"] == want.id })
		if at < 0 || !strings.HasPrefix(failures[at]["sf__Error"], want.code+":") || failures[at]["Lead_Score__c"] != want.score {
			t.Errorf("%s: not among the failed results as it should: %v", want.code, failures)
		}
	}
	w.holds(t, ids[0], "Lead_Score__c", 91, "Lead_Score_Version__c", 101)
	w.holds(t, ids[1], "Lead_Score__c", 92, "Lead_Score_Version__c", 102)
	for _, id := range []string{converted, deleted, locked, ids[6], ids[7], ids[8], ids[9]} {
		w.holds(t, id, "Lead_Score__c", 50, "Lead_Score_Version__c", 100, "City", nil)
	}
}

func (w *world) jobFails(t *testing.T) {
	ids := w.leads(t, "J", 5)
	w.write(t, "fails.csv", scores(ids))
	w.Inject(fakeorg.Fault{Method: "POST", Path: "/jobs/ingest", Job: &fakeorg.JobFault{After: 2}})
	w.refused(t, jobFailed, "InternalServerError", bulk("upsert", "Lead", "fails.csv", "--external-id", "Id", "--wait", "1")...)
	job := w.lastJob(t)
	successes, unprocessed := w.results(t, job.ID, "success"), w.read(t, job.ID+"-unprocessed-records.csv")
	if len(successes) != 2 || len(unprocessed) != 3 {
		t.Fatalf("%d successful and %d unprocessed rows, want 2 and 3", len(successes), len(unprocessed))
	}
	for _, r := range successes {
		w.holds(t, r["sf__Id"], "Lead_Score__c", 77)
	}
	for _, r := range unprocessed {
		w.holds(t, r["Id"], "Lead_Score__c", nil)
	}
}

func (w *world) fileIsRefused(t *testing.T) {
	ids := w.leads(t, "N", 1)
	w.write(t, "unknown.csv", [][]string{{"Id", "Shoe__c", "Lead_Score__c"}, {ids[0], "42", "1"}})
	w.refused(t, jobFailed, "Field name not found : Shoe__c", bulk("update", "Lead", "unknown.csv", "--wait", "1")...)
	w.holds(t, ids[0], "Lead_Score__c", nil)

	before := len(w.Jobs())
	w.refused(t, "INVALIDENTITY", "Shoe__c", bulk("update", "Shoe__c", "unknown.csv", "--wait", "1")...)
	w.refused(t, "INVALIDJOB", "City does not match an External ID",
		bulk("upsert", "Lead", "unknown.csv", "--external-id", "City", "--wait", "1")...)
	if made := len(w.Jobs()) - before; made != 0 {
		t.Errorf("%d jobs were made", made)
	}
}

// resumes leaves a job, asks for its results too early, and comes back while it is in progress.
func (w *world) resumes(t *testing.T) {
	ids := w.leads(t, "S", 1500) // two internal batches
	w.write(t, "later.csv", scores(ids))
	w.HoldBulk()
	var left struct{ JobID string }
	w.json(t, &left, bulk("update", "Lead", "later.csv")...)
	job := w.lastJob(t)
	if left.JobID != job.ID || job.State != "UploadComplete" {
		t.Fatalf("left job %q; the org's last is %+v", left.JobID, job)
	}
	w.holds(t, ids[0], "Lead_Score__c", nil)

	if n := w.StepBulk(1); n != 1 {
		t.Fatalf("%d batches were processed", n)
	}
	w.refused(t, jobRunning, "", "data", "bulk", "results", "--job-id", job.ID)
	w.Inject(fakeorg.Fault{Method: "GET", Path: "/jobs/ingest/" + job.ID, Skip: 1, Before: w.ReleaseBulk})
	var got ended
	w.json(t, &got, "data", "update", "resume", "--job-id", job.ID, "--wait", "1")
	got.all(t, len(ids))
	for _, id := range ids {
		w.holds(t, id, "Lead_Score__c", 77)
	}
}

// scores are the rows of a file that gives each of the leads the score 77.
func scores(ids []string) [][]string {
	rows := [][]string{{"Id", "Lead_Score__c"}}
	for _, id := range ids {
		rows = append(rows, []string{id, "77"})
	}
	return rows
}

func (w *world) lastJob(t *testing.T) fakeorg.Job {
	t.Helper()
	jobs := w.Jobs()
	if len(jobs) == 0 {
		t.Fatal("the org has no job")
	}
	return jobs[len(jobs)-1]
}
