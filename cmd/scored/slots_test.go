package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
)

func TestSlotsAreAccountedForOneByOne(t *testing.T) {
	l := newLedger(t)
	c := config(t)
	quarter := 15 * time.Minute
	last := time.Now().UTC().Truncate(quarter)
	at := func(back int) time.Time { return last.Add(-time.Duration(back) * quarter) }
	for _, s := range []pipeline.Span{
		{First: at(400), Last: at(200), Count: 201, Fate: pipeline.Missed, Reason: "long ago"},
		{First: at(7), Last: at(3), Count: 5, Fate: pipeline.Missed, Reason: "the daemon was down"},
		{First: at(2), Last: at(2), Count: 1, Fate: pipeline.Ran, RunID: "lead_scoring-x-0"},
		{First: at(1), Last: at(1), Count: 1, Fate: pipeline.Skipped, Reason: "paused"},
		{First: at(0), Last: at(0), Count: 1, Fate: pipeline.Ran, RunID: "lead_scoring-y-0", Reason: "partial"},
	} {
		if err := l.Account(t.Context(), leads, s.Last, []pipeline.Span{s}); err != nil {
			t.Fatal(err)
		}
	}
	r := scored(t, "slots", leads, "-c", c).want(t, exitOK,
		stamp(at(7))+" to "+stamp(at(3))+" (5)  missed", "the daemon was down", "lead_scoring-x-0", "paused",
		"lead_scoring, the last 24h: 2 run, 1 skipped, 5 missed\n", "slots up to "+stamp(last)+" are accounted for\n")
	if first, _, _ := strings.Cut(r.out, "\n"); !strings.Contains(first, stamp(last)) || !strings.Contains(first, "lead_scoring-y-0") {
		t.Errorf("the first line is %q", first)
	}
	if strings.Contains(r.out, "long ago") {
		t.Errorf("24 hours reach back to\n%s", r.out)
	}
	scored(t, "slots", leads, "--since", "7d", "-c", c).want(t, exitOK, "long ago", "the last 7d: 2 run, 1 skipped, 206 missed")

	var fates []string
	for line := range strings.Lines(scored(t, "slots", leads, "--json", "-c", c).want(t, exitOK).out) {
		var s struct {
			Job         string
			First, Last time.Time
			Count       int
			Fate        string
		}
		if err := json.Unmarshal([]byte(line), &s); err != nil || s.Job != leads || s.First.IsZero() || s.Last.Before(s.First) || s.Count == 0 {
			t.Errorf("%v in %s", err, line)
		}
		fates = append(fates, s.Fate)
	}
	if want := "run skipped run missed"; strings.Join(fates, " ") != want {
		t.Errorf("got %v, want %s", fates, want)
	}
	scored(t, "slots", "nobody", "-c", c).want(t, exitUsage, `no job "nobody"`)
	scored(t, "slots", "-c", c).want(t, exitUsage, "one job")
	scored(t, "slots", leads, "--since", "yesterday", "-c", c).want(t, exitUsage, "--since", "yesterday")
}
