package main

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"scored/sinks/salesforce/fakeorg"
)

func TestCheckGoesThroughEverythingAndWritesNothing(t *testing.T) {
	w := newWorld(t)
	r := scored(t, "check", "-c", config(t)).want(t, exitOK,
		"ok    config", "ok    ledger", "ok    bundle", "ok    referee", "leaves agrees", "ok    script", "ok    warehouse",
		"its 58 columns fit the contract", "ok    target", "all 7 fields of Lead can be written")
	if strings.Contains(r.out, "FAIL") || len(leadScores(w)) != 0 {
		t.Error(r.out)
	}
	for _, request := range w.Org.Requests() {
		if request.Method == http.MethodPatch {
			t.Errorf("check made the request %s %s", request.Method, request.Path)
		}
	}
}

func TestCheckSaysWhatIsWrongAndWhere(t *testing.T) {
	w := newWorld(t)
	script := "../../sql/dataprep/lead_scoring.sql"
	c := config(t,
		"../sql/dataprep/lead_scoring.sql", edited(t, script, "event_ts < :as_of", "event_ts < GETDATE()"),
		"bundles/lead_scoring", flipped(t, "golden.csv"),
		"Lead_Grade__c", "Lead_Grde__c")
	t.Setenv("SCORED_STATE_DIR", filepath.Join(w.Dir, "nowhere"))
	scored(t, "check", "-c", c).want(t, exitConfiguration,
		"ok    config", "FAIL  ledger", "nowhere is not a folder", "FAIL  bundle", "golden.csv", "FAIL  script", "lead_scoring.sql:", "GETDATE", "FAIL  target", "Lead_Grde__c", "->")

	t.Setenv("SCORED_STATE_DIR", w.Dir)
	w.Org.Inject(fakeorg.Fault{Times: -1, Status: http.StatusServiceUnavailable, Body: fakeorg.Errors("SERVER_UNAVAILABLE", "busy")})
	scored(t, "check", "-c", config(t)).want(t, exitTryAgain, "FAIL  target", "503", "ok    warehouse")
}

func TestUsage(t *testing.T) {
	newWorld(t)
	c := config(t)
	for _, tt := range []struct {
		name string
		args []string
		text string
	}{
		{"unknown verb", []string{"rnu"}, "unknown command"},
		{"unknown flag", []string{"run", leads, "--dryrun"}, "unknown flag"},
		{"no job", []string{"run"}, "run wants the name of one job"},
		{"unknown job", []string{"run", "lead_scorin", "-c", c}, `no job "lead_scorin" in the config, only lead_scoring`},
		{"unknown job to check", []string{"check", "leads", "-c", c}, `no job "leads"`},
		{"a full run of the past", []string{"run", leads, "-c", c, "--full", "--as-of", "2026-01-01"}, "do not go together"},
		{"no such day", []string{"run", leads, "-c", c, "--as-of", "2026-13-01"}, "neither RFC 3339"},
		{"windows that do not fit", []string{"dataset", leads, "-c", c, "--from", "2026-01-01", "--to", "2026-01-02", "--step", "7h", "--out", "x.csv"}, "whole number of steps"},
		{"a step of nothing", []string{"dataset", leads, "-c", c, "--from", "2026-01-01", "--to", "2026-01-02", "--step", "0s", "--out", "x.csv"}, "not a length of time"},
		{"no output", []string{"dataset", leads, "-c", c, "--from", "2026-01-01", "--to", "2026-01-02"}, "--out"},
	} {
		t.Run(tt.name, func(t *testing.T) { scored(t, tt.args...).want(t, exitUsage, tt.text) })
	}
}
