package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"scored/cmd/sandbox/world"
	"scored/configs"
	"scored/pipeline/warehouse/pgtest"
	"scored/sinks/salesforce/fakeorg"
)

const leads = "lead_scoring"

func TestARunScoresTheLeadsAndASecondSendsNothing(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	first := scored(t, "run", leads, "-c", c).want(t, exitOK).summary(t)
	if first.Sent == 0 || first.Sent != first.Scored || first.Accepted != first.Sent || first.Created != 0 {
		t.Fatalf("first run: %+v", first)
	}
	if held := len(leadScores(w)); held != first.Accepted {
		t.Errorf("the org holds %d scores, %d were accepted", held, first.Accepted)
	}
	if calls := (first.Sent+199)/200 + 3; first.APICalls != calls {
		t.Errorf("%d API calls, want %d: 200 rows each, a Describe, a look at the validation rules, and one for scores", first.APICalls, calls)
	}
	second := scored(t, "run", leads, "-c", c).want(t, exitOK).summary(t)
	if second.Sent != 0 || second.Unchanged != second.Scored {
		t.Errorf("second run: %+v", second)
	}
	scored(t, "run", leads, "-c", c, "--dry-run", "--full").want(t, exitOK, fmt.Sprintf("%d would change", second.Scored))
	full := scored(t, "run", leads, "-c", c, "--full").want(t, exitOK).summary(t)
	if full.Sent != full.Scored {
		t.Errorf("full run: %+v", full)
	}
}

func TestNewEventsSendOnlyTheLeadsConcerned(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	scored(t, "run", leads, "-c", c).want(t, exitOK)
	before := leadScores(w)
	w.Org.ForgetRequests()

	someHours(t, w)
	s := scored(t, "run", leads, "-c", c).want(t, exitOK).summary(t)
	changed := differing(before, leadScores(w))
	if s.Sent == 0 || s.Sent != len(changed) || s.Sent > s.Scored/2 {
		t.Errorf("sent %d of %d, and %d leads changed in the org", s.Sent, s.Scored, len(changed))
	}
	sent := 0
	for _, r := range w.Org.Requests() {
		if r.Method == http.MethodPatch {
			sent += r.Rows
		}
	}
	if sent != s.Sent {
		t.Errorf("the org saw %d rows, the summary says %d", sent, s.Sent)
	}
}

func TestAFieldAddedToTheMappingIsFilledForEveryLead(t *testing.T) {
	w := newWorld(t)
	const field = "          - {field: Lead_Score_Reasons__c, value: reasons} # personal data, as the values are that it tells of\n"
	reasons := func() map[string]any {
		held := map[string]any{}
		for _, r := range w.Org.Records("Lead") {
			if text := r.Fields["Lead_Score_Reasons__c"]; text != nil {
				held[r.ID] = text
			}
		}
		return held
	}
	scored(t, "run", leads, "-c", config(t, field, "")).want(t, exitOK)
	if held := reasons(); len(held) > 0 {
		t.Errorf("without a field for them, %d leads have reasons", len(held))
	}
	r := scored(t, "run", leads, "-c", config(t)).want(t, exitOK, "object or mapping is not what it was")
	s := r.summary(t)
	held := reasons()
	if s.Sent != s.Scored || len(held) != s.Scored {
		t.Errorf("sent %d and filled %d of %d", s.Sent, len(held), s.Scored)
	}
	for id, text := range held {
		if strings.Contains(r.log, text.(string)) {
			t.Fatalf("the reasons of %s are in the log", id)
		}
	}
}

func TestALeadThatIsNotInTheOrgIsNamed(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	key := regexp.MustCompile(`L\d{6}`).FindString(scored(t, "run", leads, "-c", c, "--dry-run").out)
	for _, r := range w.Org.Records("Lead") {
		if r.Fields["Lead_Key__c"] == key {
			if err := w.Org.Purge("Lead", r.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	// This org asks a new lead for a name, and refuses; one that didn't would make it: TestACreatedRecordIsAnIncident.
	s := scored(t, "run", leads, "-c", c).want(t, exitPartial, key, "REQUIRED_FIELD_MISSING").summary(t)
	if s.Refused != 1 || s.Accepted != s.Scored-1 {
		t.Errorf("%+v", s)
	}
}

func TestTheOrderOfFieldsIsNoOtherMapping(t *testing.T) {
	a, b := configs.Field{Field: "A__c", Value: "score"}, configs.Field{Field: "B__c", Value: "grade"}
	of := func(fields ...configs.Field) string { return shape(configs.Target{Object: "Lead", Fields: fields}) }
	if of(a, b) != of(b, a) || of(a, b) == of(a) || of(a) == of(configs.Field{Field: "A__c", Value: "grade"}) {
		t.Errorf("shapes %q, %q, %q", of(a, b), of(b, a), of(a))
	}
}

func TestAReaderThatGoesAwayDoesNotEndTheRun(t *testing.T) {
	w := newWorld(t)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
	cmd := w.Command(t.Context(), build(t), "run", leads, "-c", config(t))
	cmd.Stdout = writer
	if err := cmd.Run(); err != nil || len(leadScores(w)) == 0 {
		t.Errorf("%v, and the org holds %d scores", err, len(leadScores(w)))
	}
	writer.Close()
}

func TestDryRunShowsAndWritesNothing(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	scored(t, "run", leads, "-c", c, "--dry-run").want(t, exitOK, "would change", "nothing was written", "before")
	if len(w.Org.Requests()) != 0 {
		t.Errorf("a dry run made requests: %+v", w.Org.Requests())
	}
	if _, err := os.Stat(filepath.Join(w.Dir, "ledger.db")); err == nil {
		t.Error("a dry run made a ledger")
	}
	scored(t, "run", leads, "-c", c).want(t, exitOK)
	scored(t, "run", leads, "-c", c, "--dry-run").want(t, exitOK, "0 would change")
}

func TestAnOlderAsOfNeverOverwritesANewerScore(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	scored(t, "run", leads, "-c", c).want(t, exitOK)
	before := leadScores(w)
	yesterday := time.Now().UTC().Add(-24 * time.Hour).Format(time.RFC3339)
	s := scored(t, "run", leads, "-c", c, "--as-of", yesterday).summary(t)
	if s.Superseded == 0 || s.Superseded+s.Sent != s.Scored {
		t.Errorf("%+v", s)
	}
	for key := range differing(before, leadScores(w)) {
		if before[key] != "" {
			t.Errorf("lead %s had %s and was overwritten by an older score", key, before[key])
		}
	}
	future := time.Now().UTC().Add(time.Hour).Format(time.RFC3339)
	scored(t, "run", leads, "-c", c, "--as-of", future).want(t, exitUsage, "is in the future")
}

func TestHostileInput(t *testing.T) {
	w := newWorld(t)
	script := "../../sql/dataprep/lead_scoring.sql"
	tests := []struct {
		name    string
		config  func(t *testing.T) string
		arrange func(t *testing.T)
		code    int
		texts   []string
	}{
		{"a typo in a config key", func(t *testing.T) string { return config(t, "query_group:", "query_gruop:") }, nil,
			exitConfiguration, []string{"warehouse.query_gruop", "scored.yaml", "query_group"}},
		{"no config file", func(t *testing.T) string { return filepath.Join(t.TempDir(), "none.yaml") }, nil,
			exitConfiguration, []string{"none.yaml"}},
		{"a syntax error in the script", func(t *testing.T) string {
			return config(t, "../sql/dataprep/lead_scoring.sql", edited(t, script, "SELECT", "SELEKT"))
		}, nil, exitConfiguration, []string{"lead_scoring.sql"}},
		{"a script that reads the clock", func(t *testing.T) string {
			return config(t, "../sql/dataprep/lead_scoring.sql", edited(t, script, "event_ts < :as_of", "event_ts < GETDATE()"))
		}, nil, exitConfiguration, []string{"lead_scoring.sql:", "GETDATE"}},
		{"a bundle with a byte flipped", func(t *testing.T) string {
			return config(t, "bundles/lead_scoring", flipped(t, "forest.bin"))
		}, nil, exitConfiguration, []string{"forest.bin"}},
		{"a wrong secret", func(t *testing.T) string { return config(t) }, func(t *testing.T) {
			t.Setenv("SCORED_SALESFORCE_CLIENT_ID", "nobody")
		}, exitConfiguration, []string{"salesforce"}},
		{"Salesforce is busy", func(t *testing.T) string { return config(t) }, func(t *testing.T) {
			w.Org.Inject(fakeorg.Fault{Path: "/services/data", Times: 50, Status: http.StatusServiceUnavailable,
				Body: fakeorg.Errors("SERVER_UNAVAILABLE", "busy")})
			t.Cleanup(func() { w.Org.ClearFaults() })
		}, exitTryAgain, []string{"503", `"end":"failed"`}},
		{"PostgreSQL refuses connections", func(t *testing.T) string { return config(t) }, func(t *testing.T) {
			t.Setenv("SCORED_WAREHOUSE_CONNECT_PATIENCE", "1s")
			w.Cluster.Inject(pgtest.Fault{Login: true, Times: 1000, Reset: true})
			t.Cleanup(w.Cluster.Calm)
		}, exitTryAgain, []string{"connect"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := tt.config(t)
			if tt.arrange != nil {
				tt.arrange(t)
			}
			scored(t, "run", leads, "-c", c).want(t, tt.code, tt.texts...)
			if len(leadScores(w)) != 0 {
				t.Error("something was written all the same")
			}
		})
	}
	scored(t, "run", leads, "-c", config(t)).want(t, exitOK)
}

// flipped copies the sample bundle, flips one byte in the middle of a file, and returns the folder.
func flipped(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../configs/bundles/lead_scoring")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestColumnsThatDoNotFitTheContractAreAllListed(t *testing.T) {
	newWorld(t)
	text, err := os.ReadFile("../../sql/dataprep/lead_scoring.sql")
	if err != nil {
		t.Fatal(err)
	}
	last := strings.LastIndex(string(text), "SELECT")
	statement := strings.TrimRight(strings.TrimSpace(string(text[last:])), ";")
	changed := fmt.Sprintf("%sSELECT r.*, 1 AS surplus_column, 'x' AS another FROM (\n%s\n) AS r;\n", text[:last], statement)
	path := filepath.Join(t.TempDir(), "lead_scoring.sql")
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	c := config(t, "../sql/dataprep/lead_scoring.sql", path)
	scored(t, "run", leads, "-c", c).want(t, exitConfiguration, "surplus_column", "another")
}

func TestAnExpiredSessionIsRenewedInTheMiddleOfADelivery(t *testing.T) {
	w := newWorld(t)
	w.Org.Inject(fakeorg.Fault{Method: http.MethodPatch, Skip: 1, Before: w.Org.ExpireSessions, Status: http.StatusUnauthorized,
		Body: fakeorg.Errors("INVALID_SESSION_ID", "Session expired or invalid")})
	s := scored(t, "run", leads, "-c", config(t)).want(t, exitOK).summary(t)
	if s.Accepted != s.Scored || len(leadScores(w)) != s.Accepted {
		t.Errorf("%+v", s)
	}
}

// A run is killed while a request of it is under way; what it was computed from is withdrawn; and the request arrives
// after the next run has begun. Each lead must end with what the warehouse says now. Where nothing is known of a rule that
// refuses older versions, the run waits for the request.
func TestKilledInTheMiddleOfADeliveryNothingIsLostAndNothingStale(t *testing.T) {
	w := newWorld(t)
	binary := build(t)
	c := config(t, "timeout: 30s", "timeout: 3s")
	scored(t, "run", leads, "-c", c).want(t, exitOK)
	before, loaded := leadScores(w), w.Loaded
	someHours(t, w)

	w.Org.Inject(fakeorg.Fault{Path: "/tooling/query", Times: -1, Status: http.StatusBadRequest, Body: fakeorg.Errors("INVALID_TYPE", "hidden")})
	arrive := killAt(t, w, fakeorg.Fault{Method: http.MethodPatch, Drop: true}, binary, "run", leads, "-c", c)
	withdraw(t, w, loaded)

	log := &watched{want: "may have left a request on its way", seen: make(chan struct{})}
	done := make(chan int)
	go func() { done <- execute(t.Context(), []string{"run", leads, "-c", c}, io.Discard, log) }()
	select {
	case <-log.seen: // it waits, as it should
		arrive()
	case code := <-done:
		arrive()
		t.Fatalf("the run ended with %d before the late request could arrive", code)
	}
	if code := <-done; code != exitOK {
		t.Fatalf("exit code %d, and logged\n%s", code, log.text.String())
	}
	// A lead that was new with what is withdrawn is in no result any more, and keeps the score that arrived late.
	if stale := differing(leadScores(w), before); len(stale) != 0 {
		t.Errorf("%d leads hold what the killed run sent", len(stale))
	}
	agrees(t, w, c)
}

// The same where the org has such a rule: the run does not wait, the request comes after it, and changes nothing.
func TestALateRequestIsRefusedByTheVersionRule(t *testing.T) {
	w := newWorld(t)
	binary := build(t)
	c := config(t)
	scored(t, "run", leads, "-c", c).want(t, exitOK)
	loaded := w.Loaded
	someHours(t, w)
	arrive := killAt(t, w, fakeorg.Fault{Method: http.MethodPatch, Drop: true}, binary, "run", leads, "-c", c)
	withdraw(t, w, loaded)
	r := scored(t, "run", leads, "-c", c).want(t, exitOK)
	if strings.Contains(r.log, "may have left a request on its way") {
		t.Error("it waited although the org refuses what comes late")
	}
	before := leadScores(w)
	arrive()
	if request := w.Org.Requests()[0]; request.Failed == 0 || request.Failed != request.Rows {
		t.Errorf("of %d late rows %d were refused", request.Rows, request.Failed)
	}
	if stale := differing(before, leadScores(w)); len(stale) != 0 {
		t.Errorf("%d leads hold what the killed run sent", len(stale))
	}
}

// withdraw takes back what was loaded after an instant.
func withdraw(t *testing.T, w *world.World, loaded time.Time) {
	t.Helper()
	for load := range w.CRM.Loads(loaded, w.Loaded) {
		if err := w.Cluster.Exec(t.Context(), fmt.Sprintf("DELETE FROM %s WHERE loaded_at > '%s'", load.Table, loaded.Format(time.DateTime))); err != nil {
			t.Fatal(err)
		}
	}
}

// watched is a log that says when a text was written to it.
type watched struct {
	want string
	seen chan struct{}
	once sync.Once
	text bytes.Buffer
}

func (w *watched) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(w.want)) {
		w.once.Do(func() { close(w.seen) })
	}
	return w.text.Write(line)
}

// agrees checks that a fresh computation changes nothing in the org: nothing was lost, nothing is stale.
func agrees(t *testing.T, w *world.World, config string) {
	t.Helper()
	before := leadScores(w)
	scored(t, "run", leads, "-c", config, "--full").want(t, exitOK)
	if changed := differing(before, leadScores(w)); len(changed) != 0 {
		t.Errorf("%d leads were lost or stale", len(changed))
	}
}
