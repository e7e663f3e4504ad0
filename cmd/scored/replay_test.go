package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestARunIsReplayed(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	first := scored(t, "run", leads, "-c", c, "--as-of", stamp(w.Loaded)).want(t, exitOK).summary(t)
	load(t, w, c)
	held, patches := leadScores(w), patched(w)

	// What came in since belongs to a later instant.
	scored(t, "replay", first.ID, "-c", c).want(t, exitOK, "replay of "+first.ID+" as of "+first.AsOf.Format(time.RFC3339),
		fmt.Sprintf("%d keys have both scores, of which 0 differ", first.Scored), "of the top tenth 100.0 % are in both")

	// What is corrected about then, shows.
	if err := w.Cluster.Exec(t.Context(), "DELETE FROM crm.visits"); err != nil {
		t.Fatal(err)
	}
	edited := config(t, "bundle: bundles/lead_scoring", "bundle: "+remade(t))
	r := scored(t, "replay", first.ID, "-c", edited, "--most", "1").want(t, exitOK, "the bundle is not the run's: "+first.Model+" then", "key")
	if strings.Contains(r.out, "which 0 differ") || strings.Count(r.out, "\n") != 7 {
		t.Errorf("the visits are gone, and it says\n%s", r.out)
	}
	if len(differing(held, leadScores(w))) != 0 || patched(w) != patches || len(ledgerRuns(t, w)) != 2 {
		t.Error("a replay wrote something")
	}
}

func TestTwoModelsAreComparedOnTheRowsOfARun(t *testing.T) {
	newWorld(t)
	c := config(t, "history_schema: scored", `history_schema: ""`)
	first := scored(t, "run", leads, "-c", c).want(t, exitOK).summary(t)
	scored(t, "replay", "last", "-c", c).want(t, exitUsage, "no history is kept", "--model")
	scored(t, "replay", "last", "-c", c, "--model", remade(t)).want(t, exitOK, "A is "+first.Model,
		fmt.Sprintf("%d keys have both scores, of which 0 differ", first.Scored))
	ranked := remadeWith(t, func(manifest map[string]json.RawMessage) {
		var reference map[string]json.RawMessage
		decode(t, string(manifest["reference"]), &reference)
		quantiles := make([]float64, 101) // a world in which nobody is likely to buy
		reference["quantiles"], _ = json.Marshal(quantiles)
		manifest["reference"], _ = json.Marshal(reference)
	})
	scored(t, "replay", "last", "-c", c, "--model", ranked).want(t, exitOK, "  key", "100 A", "stability index")
}

func TestWhatCannotBeReplayed(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	scored(t, "replay", "-c", c).want(t, exitUsage, "wants the id of one run")
	scored(t, "replay", "nothing", "-c", c).want(t, exitUsage, "there is no run")
	first := scored(t, "run", leads, "-c", c).want(t, exitOK).summary(t)
	scored(t, "replay", first.ID, "-c", c, "--most", "-1").want(t, exitUsage, "--most -1 is negative")
	scored(t, "replay", first.ID, "-c", c, "--model", t.TempDir()).want(t, exitConfiguration, "manifest")
	load(t, w, c)
	undo := scored(t, "undo", "last", "-c", c).want(t, exitOK).summary(t)
	scored(t, "replay", undo.ID, "-c", c).want(t, exitUsage, "is an undo: it computed no scores")
}
