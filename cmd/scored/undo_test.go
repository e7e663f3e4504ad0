package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"scored/cmd/sandbox/world"
	"scored/pipeline"
	"scored/sinks/salesforce/fakeorg"
)

// scoreRecords returns all that the org holds of the leads' scores, but for the version, by lead key.
func scoreRecords(w *world.World) map[string]string {
	held := map[string]string{}
	for _, r := range w.Org.Records("Lead") {
		var values []any
		for _, field := range []string{"Lead_Score__c", "Lead_Grade__c", "Lead_Score_Probability__c", "Lead_Score_Model__c", "Lead_Scored_At__c",
			"Lead_Score_Reasons__c"} {
			values = append(values, r.Fields[field])
		}
		text, _ := json.Marshal(values)
		held[r.Fields["Lead_Key__c"].(string)] = string(text)
	}
	return held
}

// load brings some hours, and a run that sends what changed by them.
func load(t *testing.T, w *world.World, config string) pipeline.Summary {
	t.Helper()
	someHours(t, w)
	s := scored(t, "run", leads, "-c", config).want(t, exitOK).summary(t)
	if s.Sent == 0 {
		t.Fatal("they changed nothing: this shows nothing")
	}
	return s
}

// patched counts the rows that were sent to the org.
func patched(w *world.World) (rows int) {
	for _, r := range w.Org.Requests() {
		if r.Method == http.MethodPatch {
			rows += r.Rows
		}
	}
	return rows
}

func TestUndoBringsBackWhatARunReplaced(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	first := scored(t, "run", leads, "-c", c).want(t, exitOK).summary(t)
	good := scoreRecords(w)
	bad := load(t, w, c)
	worse, scores := scoreRecords(w), leadScores(w)
	if len(differing(good, worse)) != bad.Sent {
		t.Fatalf("%d leads changed, %d were sent", len(differing(good, worse)), bad.Sent)
	}

	// Somebody works with a lead, somebody's newer run has scored another one, and a third has a rep's own reasons.
	keys := slices.Sorted(maps.Keys(differing(good, worse)))
	for _, r := range w.Org.Records("Lead") {
		fields := map[string]any{}
		switch r.Fields["Lead_Key__c"] {
		case keys[0]:
			fields["Status"] = "Working"
		case keys[1]:
			fields["Lead_Score__c"], fields["Lead_Score_Version__c"] = 1.0, r.Fields["Lead_Score_Version__c"].(float64)+1
		case keys[2]:
			fields["Lead_Score_Reasons__c"] = "Up: she called me"
		default:
			continue
		}
		if err := w.Org.Update("Lead", r.ID, fields); err != nil {
			t.Fatal(err)
		}
	}

	w.Org.ForgetRequests()
	scored(t, "undo", bad.ID, "--dry-run", "-c", c).want(t, exitOK, "nothing was written", "left alone: 2 that hold something else, 0 that are not there")
	if patched(w) != 0 {
		t.Error("a dry run wrote")
	}
	scored(t, "slots", leads, "-c", c).want(t, exitOK) // and is not paused
	if strings.Contains(scored(t, "slots", leads, "-c", c).out, "paused") {
		t.Error("a dry run paused the job")
	}

	r := scored(t, "undo", bad.ID, "-c", c).want(t, exitOK, "undo of "+bad.ID+": ok", "left alone: 2 that hold something else", "scored resume lead_scoring")
	s := r.summary(t)
	if s.Trigger != pipeline.Undo || s.Undone != bad.ID || s.Accepted != bad.Sent-2 || !s.AsOf.Equal(bad.AsOf) {
		t.Errorf("%+v", s)
	}
	scored(t, "slots", leads, "-c", c).want(t, exitOK, "paused since", "undo of "+bad.ID)
	changed := differing(good, scoreRecords(w))
	if len(changed) != 2 || !changed[keys[1]] || !changed[keys[2]] {
		t.Errorf("beside %s and %s, which somebody wrote since, these are not as before: %v", keys[1], keys[2], changed)
	}
	for _, r := range w.Org.Records("Lead") {
		if r.Fields["Lead_Key__c"] == keys[0] && r.Fields["Status"] != "Working" {
			t.Errorf("the rep's own change is gone: %v", r.Fields["Status"])
		}
	}
	scored(t, "runs", "show", "last", "-c", c).want(t, exitOK, "trigger  undo")

	// What is undone already is left alone, and the first run's leads had no score.
	scored(t, "undo", bad.ID, "-c", c).want(t, exitOK, "0 came back")
	scored(t, "undo", first.ID, "-c", c).want(t, exitOK)
	scored(t, "run", leads, "-c", c).want(t, exitOK)
	if lost := differing(scores, leadScores(w)); len(lost) != 1 || !lost[keys[1]] {
		t.Errorf("after the undone runs were made up for, %d leads don't hold their score: %v", len(lost), lost)
	}
}

func TestUndoOfTheFirstRunClearsWhatHadNoScore(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	empty := scoreRecords(w)
	first := scored(t, "run", leads, "-c", c).want(t, exitOK).summary(t)
	w.Org.Inject(fakeorg.Fault{Method: http.MethodPatch, Times: -1, Status: http.StatusForbidden,
		Body: fakeorg.Errors("REQUEST_LIMIT_EXCEEDED", "too many")})
	scored(t, "undo", first.ID, "-c", c).want(t, exitTryAgain, "the same command again brings back what is missing", "lead_scoring is paused")
	w.Org.ClearFaults()
	scored(t, "undo", first.ID, "-c", c, "--json").want(t, exitOK, `"undone":"`+first.ID+`"`, `"gone":0`)
	if left := differing(empty, scoreRecords(w)); len(left) != 0 {
		t.Errorf("%d leads still have something of a score", len(left))
	}
	if again := scored(t, "run", leads, "-c", c).want(t, exitOK).summary(t); again.Accepted != first.Accepted {
		t.Errorf("after the undo %d of %d leads were scored again", again.Accepted, first.Accepted)
	}
}

// What the undo of the later run brings back is the earlier run's again, under a version of the undo's.
func TestTwoRunsInARowAreUndoneTheNewestFirst(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	scored(t, "run", leads, "-c", c).want(t, exitOK)
	good := scoreRecords(w)
	bad := load(t, w, c)
	between := scoreRecords(w)
	worse := scored(t, "run", leads, "--full", "-c", c).want(t, exitOK).summary(t) // writes every lead again
	scored(t, "undo", worse.ID, "-c", c).want(t, exitOK, fmt.Sprintf("it wrote %[1]d; %[1]d came back", worse.Sent))
	if left := differing(between, scoreRecords(w)); len(left) != 0 {
		t.Errorf("after the first undo %d leads are not as they were before that run", len(left))
	}
	scored(t, "undo", bad.ID, "--dry-run", "-c", c).want(t, exitOK, fmt.Sprintf("%d would come back", bad.Sent), "0 that hold something else")
	s := scored(t, "undo", bad.ID, "-c", c).want(t, exitOK, fmt.Sprintf("it wrote %[1]d; %[1]d came back", bad.Sent)).summary(t)
	if left := differing(good, scoreRecords(w)); len(left) != 0 || !s.AsOf.Equal(worse.AsOf) {
		t.Errorf("as of %s; %d leads are not as they were before both runs", s.AsOf, len(left))
	}
	again := scored(t, "run", leads, "-c", c).want(t, exitOK).summary(t)
	if left := differing(leadScores(w), computed(t, c, again.AsOf)); again.Accepted != bad.Sent || len(left) != 0 {
		t.Errorf("the next run sent %d, and %d leads don't hold their score", again.Accepted, len(left))
	}
}

// What a run wrote whose process died before it heard of it, nobody knows but the org.
func TestARunThatDiedIsUndone(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	scored(t, "run", leads, "-c", c).want(t, exitOK)
	good := scoreRecords(w)
	someHours(t, w)
	killAt(t, w, fakeorg.Fault{Method: http.MethodPatch, Drop: true}, build(t), "run", leads, "-c", c)()
	written := len(differing(good, scoreRecords(w)))
	if written == 0 {
		t.Fatal("it wrote nothing: this shows nothing")
	}
	id := ledgerRuns(t, w)[0].ID
	scored(t, "undo", id, "--dry-run", "-c", c).want(t, exitOK, fmt.Sprintf("it wrote %[1]d; %[1]d would come back", written))
	scored(t, "undo", id, "-c", c).want(t, exitOK, fmt.Sprintf("it wrote %[1]d; %[1]d came back", written))
	if left := differing(good, scoreRecords(w)); len(left) != 0 {
		t.Errorf("%d leads still hold what it wrote", len(left))
	}
	scored(t, "runs", "show", id, "-c", c).want(t, exitOK, "interrupted")
}

func TestUndoRefusesWhatItCannotDo(t *testing.T) {
	w := newWorld(t)
	c := config(t, "start_deadline: 10m", "start_deadline: 1s")
	first := scored(t, "run", leads, "-c", c).want(t, exitOK).summary(t)
	idle := scored(t, "run", leads, "-c", c).want(t, exitOK).summary(t)
	scored(t, "undo", "-c", c).want(t, exitUsage, "wants the id of one run")
	scored(t, "undo", "lead_scoring-19990101", "-c", c).want(t, exitUsage, "there is no run", idle.ID)
	scored(t, "undo", "lead_scoring-", "-c", c).want(t, exitUsage, "2 runs begin with")
	scored(t, "undo", idle.ID, "-c", c).want(t, exitUsage, "there is nothing to undo: run "+idle.ID+" wrote nothing to salesforce")
	scored(t, "undo", first.ID, "--target", "nowhere", "-c", c).want(t, exitUsage, `has no target "nowhere"`)

	l := openLedger(t, w)
	if _, err := l.Enter(t.Context(), leads, nil); err != nil {
		t.Fatal(err)
	}
	run, err := l.Begin(t.Context(), leads, pipeline.Request{Trigger: pipeline.Manual, AsOf: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	scored(t, "undo", run.ID, "-c", c).want(t, exitTryAgain, "is on its way")
	if strings.Contains(scored(t, "slots", leads, "-c", c).out, "paused") {
		t.Error("what was refused has paused the job")
	}
	scored(t, "undo", first.ID, "-c", c).want(t, exitTryAgain, "lead_scoring is paused, and nothing was undone", "is being run by")
}
