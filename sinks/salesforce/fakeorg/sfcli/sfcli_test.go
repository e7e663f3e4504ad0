package sfcli_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestSalesforceCLI lets the Salesforce CLI, unchanged, log in, query, read limits and write leads one by one and in bulk.
// After every write the org's records are looked at.
func TestSalesforceCLI(t *testing.T) {
	if os.Getenv("SFCLI") != "1" {
		t.Skip("SKIP-sfcli: run make test-sf")
	}
	w := newWorld(t)
	version := w.run(t, nil, "version")
	if version.code != 0 {
		t.Fatalf("the CLI does not run: %s", version.stderr)
	}
	t.Log(strings.TrimSpace(version.stdout))
	for _, part := range []struct {
		name string
		test func(*world, *testing.T)
	}{
		{"log in", (*world).logsIn},
		{"limits", (*world).limits},
		{"query", (*world).queries},
		{"a query of many pages", (*world).queriesPages},
		{"update a record", (*world).updatesARecord},
		{"update bulk", (*world).updatesBulk},
		{"upsert bulk", (*world).upsertsBulk},
		{"import and delete bulk", (*world).importsAndDeletesBulk},
		{"other CSV dialects", (*world).updatesDialects},
		{"refused rows", (*world).rowsAreRefused},
		{"a job that fails", (*world).jobFails},
		{"a file that is no good", (*world).fileIsRefused},
		{"resume", (*world).resumes},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.test(w, t) }) && part.name == "log in" {
			t.FailNow()
		}
	}
	w.account(t)
}

// account prints what was done, and fails if the CLI asked for something that the emulator does not have.
func (w *world) account(t *testing.T) {
	requests, rows := w.Requests(), 0
	for _, r := range requests {
		if r.Status == 0 || r.Status == http.StatusNotFound || r.Status == http.StatusMethodNotAllowed || r.Status >= 500 {
			t.Errorf("%s %s?%s was answered %d", r.Method, r.Path, r.Query, r.Status)
		}
	}
	jobs := w.Jobs()
	for _, j := range jobs {
		rows += j.Processed
	}
	t.Logf("%d commands in %.0f s: %d requests, %d Bulk jobs with %d rows",
		w.runs, w.took.Seconds(), len(requests), len(jobs), rows)
}

func (w *world) logsIn(t *testing.T) {
	w.loginJWT(t)
	w.loginToken(t)
	var display struct{ ID, Username, InstanceURL, ConnectedStatus, APIVersion string }
	for alias, username := range map[string]string{"scoring": scorer, "admin": admin} {
		w.json(t, &display, "org", "display", "--target-org", alias)
		if display.ID != w.ID() || display.Username != username || strings.TrimSuffix(display.InstanceURL, "/") != w.url {
			t.Errorf("%s: %+v", alias, display)
		}
	}
}

func (w *world) limits(t *testing.T) {
	var limits []struct {
		Name           string
		Max, Remaining int
	}
	w.SpendAPICalls(5000)
	w.json(t, &limits, "org", "list", "limits")
	found := map[string][2]int{}
	for _, l := range limits {
		found[l.Name] = [2]int{l.Max, l.Remaining}
	}
	if want := [2]int{dailyCalls, dailyCalls - w.APIUsage()}; found["DailyApiRequests"] != want || w.APIUsage() <= 5000 {
		t.Errorf("DailyApiRequests: %v, want %v", found["DailyApiRequests"], want)
	}
	if found["DailyBulkApiBatches"] != [2]int{15_000, 15_000} {
		t.Errorf("DailyBulkApiBatches: %v", found["DailyBulkApiBatches"])
	}
}

func (w *world) queries(t *testing.T) {
	ids := w.leads(t, "Q", 3, "Lead_Grade__c", "B", "Lead_Score__c", 61)
	const soql = "SELECT Id, Lead_Key__c, Lead_Score__c, Owner.Name FROM Lead WHERE Company = 'Q' ORDER BY Lead_Key__c"

	var found struct {
		TotalSize int
		Records   []struct {
			ID    string `json:"Id"`
			Score int    `json:"Lead_Score__c"`
			Owner struct{ Name string }
		}
	}
	w.json(t, &found, "data", "query", "--query", soql)
	if found.TotalSize != 3 || len(found.Records) != 3 {
		t.Fatalf("found %+v", found)
	}
	for i, r := range found.Records {
		if r.ID != ids[i] || r.Score != 61 || r.Owner.Name != "Org Admin" {
			t.Errorf("record %d: %+v", i, r)
		}
	}
	rows := table(t, w.run(t, nil, "data", "query", "--query", soql, "--result-format", "csv").stdout)
	second := map[string]string{"Id": ids[1], "Lead_Key__c": "Q000002", "Lead_Score__c": "61", "Owner.Name": "Org Admin"}
	if len(rows) != 3 || !maps.Equal(rows[1], second) {
		t.Errorf("as CSV: %v", rows)
	}
	human := w.run(t, nil, "data", "query", "--query", "SELECT COUNT() FROM Lead WHERE Company = 'Q'")
	if !strings.Contains(human.stdout, "Total number of records retrieved: 3.") {
		t.Errorf("counted: %s", human.stdout)
	}
	w.refused(t, "INVALID_FIELD", "No such column 'Shoe__c' on entity 'Lead'",
		"data", "query", "--query", "SELECT Shoe__c FROM Lead")
}

func (w *world) queriesPages(t *testing.T) {
	ids := w.leads(t, "P", 4321)
	rows := table(t, w.run(t, nil, "data", "query", "--result-format", "csv",
		"--query", "SELECT Id FROM Lead WHERE Company = 'P' ORDER BY Lead_Key__c").stdout)
	found := make([]string, len(rows))
	for i, r := range rows {
		found[i] = r["Id"]
	}
	if !slices.Equal(found, ids) {
		t.Errorf("found %d leads, want %d in the order of their keys", len(found), len(ids))
	}
}

func (w *world) updatesARecord(t *testing.T) {
	ids := w.leads(t, "R", 2)
	var saved struct {
		ID      string
		Success bool
	}
	w.json(t, &saved, "data", "update", "record", "--sobject", "Lead", "--record-id", ids[0],
		"--values", "Lead_Score__c=87 Lead_Grade__c=A Lead_Score_Reasons__c='asked for a test drive'")
	if saved.ID != ids[0] || !saved.Success {
		t.Errorf("saved %+v", saved)
	}
	w.holds(t, ids[0], "Lead_Score__c", 87, "Lead_Grade__c", "A", "Lead_Score_Reasons__c", "asked for a test drive")
	w.json(t, &saved, "data", "update", "record", "--sobject", "Lead",
		"--where", "Lead_Key__c=R000002", "--values", "Lead_Score__c=12")
	w.holds(t, ids[1], "Lead_Score__c", 12, "Lead_Grade__c", nil)

	w.refused(t, "STRING_TOO_LONG", "data value too large: much too long (max length=10)", "data", "update", "record",
		"--sobject", "Lead", "--record-id", ids[0],
		"--values", "Lead_Score__c=1 Lead_Grade__c='much too long'")
	w.holds(t, ids[0], "Lead_Score__c", 87, "Lead_Grade__c", "A")
}

// ended is the result of an update in bulk.
type ended struct {
	JobID                                              string
	ProcessedRecords, SuccessfulRecords, FailedRecords int
}

// all says that a job took every one of n rows.
func (e ended) all(t *testing.T, n int) {
	t.Helper()
	if e.ProcessedRecords != n || e.SuccessfulRecords != n || e.FailedRecords != 0 || !strings.HasPrefix(e.JobID, "750") {
		t.Errorf("%+v, want %d rows taken", e, n)
	}
}

func (w *world) updatesBulk(t *testing.T) {
	const n = 2500
	ids := w.leads(t, "U", n, "City", "Köln")
	rows := [][]string{{"Id", "Lead_Score__c", "Lead_Grade__c", "Lead_Score_Reasons__c", "Lead_Scored_At__c"}}
	reason := func(i int) string { return fmt.Sprintf("Asked \"twice\", %d times; Zürich – 東京", i) }
	for i, id := range ids {
		rows = append(rows, []string{id, strconv.Itoa(i % 100), "C", reason(i), "2026-11-22T13:15:00Z"})
	}
	w.write(t, "update.csv", rows)
	var got ended
	w.json(t, &got, bulk("update", "Lead", "update.csv", "--wait", "1")...)
	got.all(t, n)
	for i, id := range ids {
		w.holds(t, id, "Lead_Score__c", i%100, "Lead_Grade__c", "C", "Lead_Score_Reasons__c", reason(i), "City", "Köln",
			"Lead_Scored_At__c", scoredAt)
	}

	successes := w.results(t, got.JobID, "success")
	if len(successes) != n {
		t.Fatalf("%d successful results, want %d", len(successes), n)
	}
	for _, r := range successes {
		echoed := strings.HasPrefix(r["Lead_Score_Reasons__c"], `Asked "twice", `)
		if r["sf__Id"] != r["Id"] || r["sf__Created"] != "false" || !echoed {
			t.Fatalf("a successful result: %v", r)
		}
	}
}

// upserted is the result of an upsert in bulk: the job, and all its rows.
type upserted struct {
	JobInfo struct {
		State, ExternalIDFieldName                  string
		NumberRecordsProcessed, NumberRecordsFailed int
	}
	Records struct{ SuccessfulResults, FailedResults, UnprocessedRecords []map[string]string }
}

func (w *world) upsertsBulk(t *testing.T) {
	ids := w.leads(t, "V", 3, "Lead_Score__c", 50, "Lead_Grade__c", "B", "City", "Graz")
	w.writeText(t, "upsert.csv", "Lead_Key__c,LastName,Company,Lead_Score__c,Lead_Grade__c\n"+
		"V000001,Doe,V,71,A\n"+
		"V000002,Doe,V,#N/A,#N/A\n"+ // null
		"V000003,Doe,V,72,\n"+ // nothing: the grade stays
		"V000004,New,V,73,D\n")
	var got upserted
	w.json(t, &got, bulk("upsert", "Lead", "upsert.csv", "--external-id", "Lead_Key__c", "--target-org", "admin",
		"--wait", "1")...)
	job, rows := got.JobInfo, got.Records
	if job.State != "JobComplete" || job.ExternalIDFieldName != "Lead_Key__c" || job.NumberRecordsProcessed != 4 ||
		job.NumberRecordsFailed != 0 {
		t.Errorf("the job: %+v", job)
	}
	if len(rows.SuccessfulResults) != 4 || len(rows.FailedResults) != 0 || len(rows.UnprocessedRecords) != 0 {
		t.Fatalf("its rows: %+v", rows)
	}
	w.holds(t, ids[0], "Lead_Score__c", 71, "Lead_Grade__c", "A", "City", "Graz")
	w.holds(t, ids[1], "Lead_Score__c", nil, "Lead_Grade__c", nil, "City", "Graz")
	w.holds(t, ids[2], "Lead_Score__c", 72, "Lead_Grade__c", "B", "City", "Graz")

	for _, r := range rows.SuccessfulResults {
		made := r["Lead_Key__c"] == "V000004"
		if r["sf__Created"] != strconv.FormatBool(made) {
			t.Errorf("sf__Created of %s is %s", r["Lead_Key__c"], r["sf__Created"])
		}
		if made {
			w.holds(t, r["sf__Id"], "Lead_Key__c", "V000004", "LastName", "New", "Lead_Score__c", 73, "Lead_Grade__c", "D")
		}
	}
	if n := w.count("V"); n != 4 {
		t.Errorf("the org holds %d leads of this part, want 4", n)
	}
}

func (w *world) importsAndDeletesBulk(t *testing.T) {
	ids := w.leads(t, "D", 2)
	w.write(t, "import.csv", [][]string{{"LastName", "Company", "Lead_Score__c"}, {"Roe", "D", "41"}, {"Poe", "D", "42"}})
	var got ended
	w.json(t, &got, bulk("import", "Lead", "import.csv", "--target-org", "admin", "--wait", "1")...)
	got.all(t, 2)
	made := map[any]any{}
	for _, r := range w.Records("Lead") {
		if r.Fields["Company"] == "D" && r.Fields["Lead_Score__c"] != nil {
			made[r.Fields["LastName"]] = r.Fields["Lead_Score__c"]
		}
	}
	if want := map[any]any{"Roe": 41.0, "Poe": 42.0}; !maps.Equal(made, want) {
		t.Errorf("made %v, want %v", made, want)
	}

	w.write(t, "delete.csv", [][]string{{"Id"}, {ids[0]}})
	w.json(t, &upserted{}, bulk("delete", "Lead", "delete.csv", "--target-org", "admin", "--wait", "1")...)
	gone, _ := w.Record(ids[0])
	left, _ := w.Record(ids[1])
	if !gone.Deleted || left.Deleted {
		t.Errorf("deleted: the lead of the file %t, the other %t", gone.Deleted, left.Deleted)
	}
}

func (w *world) updatesDialects(t *testing.T) {
	ids := w.leads(t, "X", 2)
	for i, dialect := range []struct{ delimiter, ending, text string }{
		{"SEMICOLON", "CRLF", "Id;Lead_Score__c;Lead_Score_Reasons__c\r\n" + ids[0] + ";31;\"a;b,c\"\r\n"},
		{"TAB", "LF", "Id\tLead_Score__c\tLead_Score_Reasons__c\n" + ids[1] + "\t32\t\"a;b,c\"\n"},
	} {
		w.writeText(t, "dialect.csv", dialect.text)
		var got ended
		w.json(t, &got, bulk("update", "Lead", "dialect.csv", "--wait", "1",
			"--column-delimiter", dialect.delimiter, "--line-ending", dialect.ending)...)
		got.all(t, 1)
		w.holds(t, ids[i], "Lead_Score__c", 31+i, "Lead_Score_Reasons__c", "a;b,c")
	}
}
