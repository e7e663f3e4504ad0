package main

import (
	"testing"
)

func TestAPauseStandsInTheLedgerUntilItIsEnded(t *testing.T) {
	l := newLedger(t)
	c := config(t)
	scored(t, "resume", leads, "-c", c).want(t, exitOK, "lead_scoring was not paused")
	scored(t, "pause", leads, "--why", "the CRM\nmigrates", "-c", c).want(t, exitOK, "lead_scoring is paused", "`scored run` and `scored backfill` still work",
		"`scored resume lead_scoring` ends it")
	cursor, err := l.Cursor(t.Context(), leads)
	if err != nil || cursor.Paused.IsZero() || cursor.PausedWhy != "the CRM\nmigrates" {
		t.Errorf("the ledger has %+v, %v", cursor, err)
	}
	scored(t, "slots", leads, "-c", c).want(t, exitOK, "paused since "+stamp(cursor.Paused)+" (the CRM; migrates), until `scored resume lead_scoring`")
	scored(t, "resume", leads, "-c", c).want(t, exitOK, "lead_scoring is resumed")
	if cursor, err = l.Cursor(t.Context(), leads); err != nil || !cursor.Paused.IsZero() {
		t.Errorf("the ledger has %+v, %v", cursor, err)
	}
	for _, verb := range []string{"pause", "resume"} {
		scored(t, verb, "nobody", "-c", c).want(t, exitUsage, `no job "nobody"`, leads)
		scored(t, verb, "-c", c).want(t, exitUsage, "one job")
	}
}
