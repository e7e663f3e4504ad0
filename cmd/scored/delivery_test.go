package main

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"scored/cmd/sandbox/world"
	"scored/sinks/salesforce/fakeorg"
)

const bulkFrom100 = "bulk_threshold: 100"

// uploads counts the Bulk uploads that the org took.
func uploads(w *world.World) (n int) {
	for _, r := range w.Org.Requests() {
		if r.Method == http.MethodPut && strings.HasSuffix(r.Path, "/batches") && r.Status == http.StatusCreated {
			n++
		}
	}
	return n
}

func TestAboveTheThresholdARunGoesByBulkAPI(t *testing.T) {
	w := newWorld(t)
	c := config(t, "bulk_threshold: 2000", bulkFrom100)
	s := scored(t, "run", leads, "-c", c).want(t, exitOK).summary(t)
	if s.Accepted != s.Scored || s.Sent != s.Scored || len(leadScores(w)) != s.Scored {
		t.Errorf("%+v, and the org holds %d", s, len(leadScores(w)))
	}
	if uploads(w) != 1 || patchedCollections(w) != 0 {
		t.Errorf("%d uploads, %d rows by Collections", uploads(w), patchedCollections(w))
	}
	if s := load(t, w, c); s.Sent > 100 || uploads(w) != 1 {
		t.Errorf("%d changes went out, and there were %d uploads", s.Sent, uploads(w))
	}
	agrees(t, w, c)
}

// patchedCollections counts the rows that were sent by sObject Collections.
func patchedCollections(w *world.World) (rows int) {
	for _, r := range w.Org.Requests() {
		if r.Method == http.MethodPatch && strings.Contains(r.Path, "/composite/") {
			rows += r.Rows
		}
	}
	return rows
}

// A process is killed between the steps of a Bulk job. The next run finishes or aborts what it left, and sends what is left
// to send.
func TestKilledBetweenTheStepsOfABulkJob(t *testing.T) {
	w := newWorld(t)
	binary := build(t)
	c := config(t, "bulk_threshold: 2000", bulkFrom100)
	for _, tt := range []struct {
		name  string
		fault fakeorg.Fault // at which it is killed: before the request is done, or after
		says  string
		again bool // the rows are sent again
	}{
		{"the creation is not answered", fakeorg.Fault{Method: http.MethodPost, Path: "/jobs/ingest", Drop: true},
			"aborted a Bulk job whose creation was not answered", true},
		{"before the upload", fakeorg.Fault{Method: http.MethodPut, Path: "/batches", Reset: true}, "aborted a Bulk job that was not closed", true},
		{"closed, and not answered", fakeorg.Fault{Method: http.MethodPatch, Path: "/jobs/ingest/", Drop: true}, "finished a Bulk job that was left", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			goOn := killAt(t, w, tt.fault, binary, "run", leads, "--full", "-c", c)
			goOn()
			s := scored(t, "run", leads, "-c", c).want(t, exitOK, tt.says).summary(t)
			if tt.again != (s.Accepted == s.Scored) || len(leadScores(w)) != s.Scored {
				t.Errorf("%d of %d were sent again; the org holds %d", s.Sent, s.Scored, len(leadScores(w)))
			}
			for _, job := range w.Org.Jobs() {
				if job.State == "Open" {
					t.Errorf("job %s stands open", job.ID)
				}
			}
		})
	}
	agrees(t, w, c)
}

// scriptWithout is the dataprep script for all leads but one.
func scriptWithout(t *testing.T, key string) string {
	t.Helper()
	return edited(t, "../../sql/dataprep/lead_scoring.sql", "ORDER BY o.lead_key;", "WHERE o.lead_key <> '"+key+"'\nORDER BY o.lead_key;")
}

func TestALeadThatLeavesTheResultKeepsItsScoreOrIsCleared(t *testing.T) {
	w := newWorld(t)
	const script = "../sql/dataprep/lead_scoring.sql"
	c := config(t)
	scored(t, "run", leads, "-c", c).want(t, exitOK)
	before := leadScores(w)
	gone := slices.Sorted(maps.Keys(before))[0]
	without := scriptWithout(t, gone)
	if s := scored(t, "run", leads, "-c", config(t, script, without)).want(t, exitOK).summary(t); s.Sent != 0 || leadScores(w)[gone] != before[gone] {
		t.Errorf("without on_leave: clear %d were sent, and the lead holds %q", s.Sent, leadScores(w)[gone])
	}
	clears := config(t, script, without, "on_leave: keep", "on_leave: clear")
	scored(t, "run", leads, "--dry-run", "-c", clears).want(t, exitOK, "1 would change", gone+"  cleared")
	s := scored(t, "run", leads, "-c", clears).want(t, exitOK, "1 cleared").summary(t)
	if s.Sent != 1 || s.Cleared != 1 || leadScores(w)[gone] != "" {
		t.Errorf("%+v, and the lead holds %q", s, leadScores(w)[gone])
	}
	for _, r := range w.Org.Records("Lead") {
		if r.Fields["Lead_Key__c"] != gone {
			continue
		}
		for _, field := range []string{"Lead_Score__c", "Lead_Grade__c", "Lead_Score_Reasons__c", "Lead_Score_Model__c", "Lead_Scored_At__c"} {
			if r.Fields[field] != nil {
				t.Errorf("%s is %v", field, r.Fields[field])
			}
		}
		if r.Fields["Lead_Score_Version__c"] == nil {
			t.Error("the version was cleared")
		}
	}
	scored(t, "explain", leads, gone, "-c", c).want(t, exitOK, "cleared: it had left the result")
	if s := scored(t, "run", leads, "-c", c).want(t, exitOK).summary(t); s.Sent != 1 || leadScores(w)[gone] != before[gone] {
		t.Errorf("back in the result, %d were sent, and the lead holds %q, not %q", s.Sent, leadScores(w)[gone], before[gone])
	}
}

// A lead that was converted leaves the result, and its record takes nothing any more.
func TestAConvertedLeadThatLeavesTheResultIsNoFault(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	scored(t, "run", leads, "-c", c).want(t, exitOK)
	gone := slices.Sorted(maps.Keys(leadScores(w)))[0]
	for _, r := range w.Org.Records("Lead") {
		if r.Fields["Lead_Key__c"] != gone {
			continue
		}
		if err := w.Org.Update("Lead", r.ID, map[string]any{"IsConverted": true}); err != nil {
			t.Fatal(err)
		}
	}
	clears := config(t, "../sql/dataprep/lead_scoring.sql", scriptWithout(t, gone), "on_leave: keep", "on_leave: clear")
	s := scored(t, "run", leads, "-c", clears).want(t, exitOK, "nothing is left to clear there").summary(t)
	if s.Sent != 1 || s.Cleared != 1 || s.Accepted != 1 {
		t.Errorf("%+v", s)
	}
	scored(t, "quarantine", "list", "-c", clears).want(t, exitOK, "no lead is in quarantine")
	if s := scored(t, "run", leads, "-c", clears).want(t, exitOK).summary(t); s.Changes != 0 {
		t.Errorf("it is due again: %+v", s)
	}
}
