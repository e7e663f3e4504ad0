package main

import (
	"fmt"
	"regexp"
	"strings"
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
	scored(t, "pause", leads, "-c", c).want(t, exitOK, "lead_scoring is paused since "+stamp(cursor.Paused)+" (the CRM; migrates), and stays so")
	if again, err := l.Cursor(t.Context(), leads); err != nil || again.PausedWhy != "the CRM\nmigrates" {
		t.Errorf("a second pause made the ledger %+v, %v", again, err)
	}
	scored(t, "pause", leads, "--why", "it does not end", "-c", c).want(t, exitOK)
	scored(t, "slots", leads, "-c", c).want(t, exitOK, "(it does not end)")
	scored(t, "resume", leads, "-c", c).want(t, exitOK, "lead_scoring is resumed")
	if cursor, err = l.Cursor(t.Context(), leads); err != nil || !cursor.Paused.IsZero() {
		t.Errorf("the ledger has %+v, %v", cursor, err)
	}
	for _, verb := range []string{"pause", "resume"} {
		scored(t, verb, "nobody", "-c", c).want(t, exitUsage, `no job "nobody"`, leads)
		scored(t, verb, "-c", c).want(t, exitUsage, "one job")
	}
}

// What an undo brought back is replaced by a run by hand: whoever makes one is warned, and the run is made.
func TestARunByHandOfAPausedJobIsMadeAndWarns(t *testing.T) {
	newWorld(t)
	c := config(t)
	first := scored(t, "run", leads, "-c", c).want(t, exitOK).summary(t)
	scored(t, "undo", first.ID, "-c", c).want(t, exitOK)
	scored(t, "runs", "show", "last", "-c", c).want(t, exitOK, "undo of  "+first.ID, fmt.Sprintf(", %d cleared", first.Accepted))
	const warned = "goes on all the same, and sends what differs, also scores that an undo took back"
	if dry := scored(t, "run", leads, "--dry-run", "-c", c).want(t, exitOK); strings.Contains(dry.out, warned) {
		t.Errorf("a dry run says\n%s", dry.out)
	}
	since := regexp.MustCompile(`WARNING: lead_scoring is paused since \S+Z \(undo of ` + first.ID + `\); this run ` + warned + "\n" +
		"  -> Ctrl-C stops it; `scored run lead_scoring --dry-run` shows what differs\n")
	again := scored(t, "run", leads, "-c", c).want(t, exitOK)
	if !since.MatchString(again.out) || again.summary(t).Accepted != first.Accepted {
		t.Errorf("%+v, and it said\n%s", again.summary(t), again.out)
	}
	window := []string{"backfill", leads, "--from", "2026-11-20", "--to", "2026-11-21", "--step", "1d", "-c", c}
	scored(t, append(window, "--deliver")...).want(t, exitOK, "this backfill "+warned)
	if fill := scored(t, append(window, "--mode", "all")...).want(t, exitOK); strings.Contains(fill.out, warned) {
		t.Errorf("a backfill that only fills says\n%s", fill.out)
	}
	scored(t, "resume", leads, "-c", c).want(t, exitOK)
	if quiet := scored(t, "run", leads, "-c", c).want(t, exitOK); strings.Contains(quiet.out, warned) {
		t.Errorf("after the pause it said\n%s", quiet.out)
	}
}
