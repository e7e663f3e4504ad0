package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"scored/cmd/sandbox/world"
	"scored/pipeline/ledger"
)

// openLedger opens the world's ledger beside whatever else uses it.
func openLedger(t *testing.T, w *world.World) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(filepath.Join(w.Dir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// loseLedger removes the world's ledger.
func loseLedger(t *testing.T, w *world.World) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(w.Dir, "ledger.db*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

// Whoever starts over beside an org that holds scores is told so, before the first run and by it.
func TestAFreshLedgerBesideAnOrgThatHoldsScoresIsToldOf(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	const told, hint = "the target holds scores that the ledger does not know: every score is sent again", "call scored ledger rebuild lead_scoring"
	scored(t, "check", "-c", c).want(t, exitOK, "ok    scores     salesforce: the org holds none yet")
	if first := scored(t, "run", leads, "-c", c).want(t, exitOK); strings.Contains(first.log, told) {
		t.Errorf("the first run of all says\n%s", first.log)
	}
	if r := scored(t, "check", "-c", c).want(t, exitOK, "ok    scores     salesforce: the ledger knows"); strings.Count(r.out, " scores ") != 1 {
		t.Errorf("check of a ledger that knows the scores says\n%s", r.out)
	}
	loseLedger(t, w)
	scored(t, "check", "-c", c).want(t, exitOK, "WARN  scores     salesforce: the org holds scores that the ledger does not know",
		"-> `scored ledger rebuild lead_scoring` takes them in")
	if s := scored(t, "run", leads, "-c", c).want(t, exitOK, told, hint).summary(t); s.Accepted != s.Scored {
		t.Errorf("%+v", s)
	}
	scored(t, "runs", "show", "last", "-c", c).want(t, exitOK, told)
	if next := scored(t, "run", leads, "-c", c).want(t, exitOK); strings.Contains(next.log, told) {
		t.Errorf("the next run says\n%s", next.log)
	}
	scored(t, "ledger", "rebuild", leads, "-c", c).want(t, exitOK, " 0 entries made or replaced; of ", "the ledger had as much, or something newer")
}

// An org that does not tell is no reason to send nothing, unless it may tell a moment later.
func TestAFirstRunOfATargetWithoutVersionsIsMadeAllTheSame(t *testing.T) {
	newWorld(t)
	c := config(t, "          - {field: Lead_Score_Version__c, value: version}\n", "")
	scored(t, "check", "-c", c).want(t, exitOK, "WARN  scores     salesforce: ask whether records of Lead hold scores: no field is mapped to version",
		"-> map a field to version")
	scored(t, "run", leads, "-c", c).want(t, exitOK, "whether the target holds scores that the ledger does not know can't be told",
		"no field is mapped to version")
}

func TestALostLedgerIsReadBackFromTheOrg(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	first := scored(t, "run", leads, "-c", c).want(t, exitOK).summary(t)
	loseLedger(t, w)
	w.Org.ForgetRequests()
	scored(t, "ledger", "rebuild", leads, "-c", c).want(t, exitOK,
		fmt.Sprintf("%d records read from org %s, %d entries made or replaced", first.Accepted, w.Org.ID(), first.Accepted),
		"the next run sends what differs")
	scored(t, "run", leads, "-c", c, "--dry-run").want(t, exitOK, "0 would change")
	if s := scored(t, "run", leads, "-c", c).want(t, exitOK).summary(t); s.Sent != 0 || s.Unchanged != first.Accepted || patched(w) != 0 {
		t.Errorf("after the rebuild %d were sent: %+v", patched(w), s)
	}
	good := scoreRecords(w)
	bad := load(t, w, c)
	scored(t, "undo", bad.ID, "-c", c).want(t, exitOK, fmt.Sprintf("it wrote %[1]d; %[1]d came back", bad.Sent))
	back := scoreRecords(w)
	for key := range differing(good, back) {
		t.Fatalf("%s had %s, and an undo after the rebuild brings back %s", key, good[key], back[key])
	}
	scored(t, "run", leads, "-c", c).want(t, exitOK)
	agrees(t, w, c)
}

func TestARebuildDoesNotDisturbARun(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	l := openLedger(t, w)
	if _, err := l.Enter(t.Context(), leads, nil); err != nil {
		t.Fatal(err)
	}
	scored(t, "ledger", "rebuild", leads, "-c", c).want(t, exitTryAgain, "is being run by")
	scored(t, "ledger", "rebuild", "-c", c).want(t, exitUsage, "one job")
	scored(t, "ledger", "rebuild", "nobody", "-c", c).want(t, exitUsage, `no job "nobody"`)
	scored(t, "ledger", "-c", c).want(t, exitUsage, "ledger wants rebuild\n")
	scored(t, "ledger", "rebuid", leads, "-c", c).want(t, exitUsage, `ledger wants rebuild, and got "rebuid": did you mean rebuild?`)
}
