package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"scored/cmd/sandbox/world"
	"scored/pipeline"
	"scored/pipeline/ledger"
	"scored/sinks/salesforce/fakeorg"
)

// computed works out what the job gives as of an instant, by lead: in a dry run that knows of no other run.
func computed(t *testing.T, config string, asOf time.Time) map[string]string {
	t.Helper()
	defer t.Setenv("SCORED_STATE_DIR", os.Getenv("SCORED_STATE_DIR"))
	t.Setenv("SCORED_STATE_DIR", t.TempDir())
	j, err := wire(config, leads, ledger.OpenReadOnly, newConsole(io.Discard, io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	defer j.close()
	plan, err := j.runner.DryRun(t.Context(), pipeline.Request{AsOf: asOf})
	if err != nil {
		t.Fatal(err)
	}
	scores := map[string]string{}
	for _, c := range plan.Targets[0].Changes {
		text, _ := json.Marshal([]any{c.Score.Score, c.Grade, j.runner.Model.Name()})
		scores[c.Key] = string(text)
	}
	return scores
}

// daysApart is the reference config, but that live runs may differ as much as those that are days apart.
func daysApart(t *testing.T) string {
	t.Helper()
	return config(t, "max_changed: 0.95 ", "max_changed: 1 ", "max_jumped: 0.1 ", "max_jumped: 1 ", "max_new: 0.3 ", "max_new: 1 ",
		"max_shift: 0.25 ", "max_shift: 10 ", "min_overlap: 0.5 ", "min_overlap: 0.01 ")
}

// A window that is made between others, and before a live run, changes what the history says of itself and of nothing else.
func TestAWindowInBetweenLeavesTheLaterOnesAsTheyWere(t *testing.T) {
	w := newWorld(t)
	c := daysApart(t)
	from := midnight(w, 9)
	window := func(first, last int) []string {
		return []string{"backfill", leads, "-c", c, "--from", stamp(from.AddDate(0, 0, first)), "--to", stamp(from.AddDate(0, 0, last)), "--step", "3d"}
	}
	for _, days := range []int{3, 9} { // live runs, of which the second has no rows where it found what the first did
		scored(t, "run", leads, "-c", c, "--as-of", stamp(from.AddDate(0, 0, days))).want(t, exitOK)
	}
	historyAgrees(t, w, c, from.AddDate(0, 0, 9))
	scored(t, window(3, 6)...).want(t, exitOK)
	for _, days := range []int{3, 6, 9} {
		historyReads(t, w, c, from.AddDate(0, 0, days))
	}
	s := scored(t, "run", leads, "-c", c).want(t, exitOK).summary(t) // what it finds is held against what it found before
	historyReads(t, w, c, s.AsOf)
}

// A run that did not reach its target looked at the history all the same.
func TestAWindowBeforeARunWithoutATargetLeavesThatAsItWas(t *testing.T) {
	w := newWorld(t)
	c := daysApart(t)
	from := midnight(w, 9)
	at := func(days int) string { return stamp(from.AddDate(0, 0, days)) }
	scored(t, "run", leads, "-c", c, "--as-of", at(3)).want(t, exitOK)
	w.Org.Inject(fakeorg.Fault{Method: http.MethodPatch, Times: -1, Status: http.StatusBadRequest, Body: fakeorg.Errors("INVALID_FIELD", "")})
	scored(t, "run", leads, "-c", c, "--as-of", at(9)).want(t, exitConfiguration)
	w.Org.ClearFaults()
	scored(t, "backfill", leads, "-c", c, "--from", at(3), "--to", at(6), "--step", "3d").want(t, exitOK)
	for _, days := range []int{3, 6, 9} {
		historyReads(t, w, c, from.AddDate(0, 0, days))
	}
	s := scored(t, "run", leads, "-c", c).want(t, exitOK).summary(t)
	historyReads(t, w, c, s.AsOf)
}

// historyAgrees checks that the newest rows of the history up to an instant are what the job gives as of it, and that none
// was appended as of it that the job does not give.
func historyAgrees(t *testing.T, w *world.World, config string, asOf time.Time) {
	t.Helper()
	scores, appended := historyReads(t, w, config, asOf)
	for _, key := range appended {
		if scores[key] == "" {
			t.Errorf("as of %s the history was given lead %s, which has no score then", stamp(asOf), key)
		}
	}
}

// historyReads checks that the newest rows of the history up to an instant are what the job gives as of it. It returns that,
// and the keys of the rows as of that very instant.
func historyReads(t *testing.T, w *world.World, config string, asOf time.Time) (scores map[string]string, appended []string) {
	t.Helper()
	rows, err := w.Cluster.Query(t.Context(), fmt.Sprintf(
		`SELECT DISTINCT ON (score_key) score_key, score, grade, model, version FROM scored.scores WHERE version < %d ORDER BY score_key, version DESC`,
		asOf.UnixMilli()*1000+1000))
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]string{}
	for _, r := range rows {
		kept[r[0]] = fmt.Sprintf("[%s,%q,%q]", r[1], r[2], r[3])
		if strings.HasPrefix(r[4], fmt.Sprint(asOf.UnixMilli())) {
			appended = append(appended, r[0])
		}
	}
	scores = computed(t, config, asOf)
	if len(scores) == 0 {
		t.Fatalf("as of %s there are no scores: this shows nothing", stamp(asOf))
	}
	for key, want := range scores {
		if kept[key] != want {
			t.Errorf("as of %s the history has %q of lead %s, want %s", stamp(asOf), kept[key], key, want)
		}
	}
	return scores, appended
}
