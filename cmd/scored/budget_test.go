package main

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"scored/sinks/salesforce/fakeorg"
)

// When the org's calls are short, the largest changes go, and a later run sends the rest. Of leads that had no score the
// largest are those with the highest.
func TestAShortBudgetSendsTheLargestChangesFirst(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	at := time.Now().UTC().Truncate(time.Second)
	want := computed(t, c, at)
	looks := 3 // Describe, the validation rules, and whether there are scores
	w.Org.SpendAPICalls(100_000*80/100 - looks - 1)
	s := scored(t, "run", leads, "--as-of", stamp(at), "-c", c).want(t, exitPartial, "deferred", "the budget of requests is short").summary(t)
	if s.Sent != 200 || s.Accepted != 200 || s.Deferred != s.Scored-200 {
		t.Fatalf("with one call left to send by: %+v", s)
	}
	held := leadScores(w)
	var sent []int
	most := 0
	for key, score := range want {
		number, err := strconv.Atoi(regexp.MustCompile(`\d+`).FindString(score))
		if err != nil {
			t.Fatal(err)
		}
		if held[key] != "" {
			sent = append(sent, number)
		} else {
			most = max(most, number)
		}
	}
	slices.Sort(sent)
	if at, _ := slices.BinarySearch(sent, most); at > 200/10 { // a tenth goes to the oldest, whatever their size
		t.Errorf("a score of %d was not sent, and %d smaller ones were", most, at)
	}
	scored(t, "runs", "show", "last", "-c", c).want(t, exitOK, "deferred")
	scored(t, "budget", "-c", c).want(t, exitOK, "a run may use", "none, all stay due", "SHORT")
	scored(t, "check", "-c", c).want(t, exitOK, "WARN  budget     salesforce", "a run may use 0 now")

	t.Setenv("SCORED_SALESFORCE_API_RESERVE", "0")
	rest := scored(t, "run", leads, "-c", c).want(t, exitOK).summary(t)
	if rest.Sent != s.Deferred || rest.Deferred != 0 {
		t.Errorf("%d were deferred, and the next run sent %d", s.Deferred, rest.Sent)
	}
	agrees(t, w, c)
}

func TestTheBudgetIsShownAndNothingWritten(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	w.Org.SpendAPICalls(1_000)
	r := scored(t, "budget", leads, "-c", c, "--changes", "250000").want(t, exitOK)
	for _, line := range []string{
		`the org allows +100000 +API`, `left to others +20000 +20 %`, `used by everybody +100[01] `, `used by scored +0 `, `runs to come +96 `,
		`a run takes +- +no run has called the org yet`, `forecast +100[01] +of 80000: others as they are; what those runs take is not known yet`, `a run may use +7\d{4} `, `a backfill may use +7\d{4} +now: what those runs leave`, `\n200 +1 +sObject Collections +all`, `\n2000 +10 +sObject Collections`,
		`\n2001 +\d+ +Bulk API 2.0`, `\n250000 +\d+ +Bulk API 2.0 +all`,
	} {
		if !regexp.MustCompile(line).MatchString(r.out) {
			t.Errorf("it lacks %q:\n%s", line, r.out)
		}
	}
	var object struct {
		Limit int `json:"limit"`
		Own   int `json:"used_by_scored"`
		Runs  int `json:"runs_to_come"`
		Used  int `json:"used"`
		Calls int `json:"calls_a_run"`
		Spare int `json:"backfill_may_use"`
		Costs []struct {
			Changes, Calls int
			Path           string
		}
	}
	scored(t, "run", leads, "-c", c).want(t, exitOK)
	if err := json.Unmarshal([]byte(scored(t, "budget", "--json", "-c", c).want(t, exitOK).out), &object); err != nil {
		t.Fatal(err)
	}
	if object.Limit != 100_000 || object.Own == 0 || object.Runs != 96 || object.Spare != 80_000-(object.Used-object.Own)-96*object.Calls || len(object.Costs) < 5 || object.Costs[0].Path != "sobject_collections" {
		t.Errorf("got %+v", object)
	}
	for _, request := range w.Org.Requests()[:1] {
		if request.Method != http.MethodPost && !strings.HasSuffix(request.Path, "/limits") {
			t.Errorf("budget asked %s %s", request.Method, request.Path)
		}
	}
	scored(t, "budget", "nobody", "-c", c).want(t, exitUsage, `no job "nobody"`)
	scored(t, "budget", "--changes", "-1", "-c", c).want(t, exitUsage, "--changes -1")
	scored(t, "budget", "-c", c).want(t, exitOK, "as a rule", "others as they are, and those runs")
}

func TestCheckTellsOfGuardBudgetAndQuarantine(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	scored(t, "check", "-c", c).want(t, exitOK, "ok    guard      salesforce: a validation rule of Lead refuses older versions",
		"ok    budget     salesforce: ", "of 100000 API calls were used in 24 hours, 0 of them by scored; a run may use ",
		"ok    quarantine lead_scoring: empty")
	w.Org.Inject(fakeorg.Fault{Path: "/tooling/query", Times: -1, Status: http.StatusBadRequest, Body: fakeorg.Errors("INVALID_TYPE", "hidden")})
	scored(t, "check", "-c", c).want(t, exitOK, "WARN  guard      salesforce: no validation rule of Lead is known", "waits 30s", "salesforce-admin.md")
}
