package main

import (
	"fmt"
	"os"
	"path/filepath"
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

func TestALostLedgerIsReadBackFromTheOrg(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	first := scored(t, "run", leads, "-c", c).want(t, exitOK).summary(t)
	files, err := filepath.Glob(filepath.Join(w.Dir, "ledger.db*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
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
	scored(t, "ledger", "-c", c).want(t, exitUsage, "ledger wants rebuild")
}
