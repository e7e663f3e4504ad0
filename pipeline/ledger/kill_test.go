package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

const (
	childRows    = 20
	childRefuses = "refused" // after all the others
)

func TestNothingAcknowledgedIsLostWhenKilled(t *testing.T) {
	path := newPath(t)
	doubts := 0
	acknowledged := map[string]int{"begun": -1, "intended": -1, "confirmed": -1} // the last attempt
	finished := map[int]bool{}
	said := map[string]map[int]bool{}
	for range 20 {
		child := start(t, "deliver", path)
		hear := func() {
			var word string
			var attempt int
			fmt.Sscan(child.out.Text(), &word, &attempt)
			if said[word] == nil {
				said[word] = map[int]bool{}
			}
			said[word][attempt] = true
			if word == "finished" {
				finished[attempt] = true
			} else {
				acknowledged[word] = attempt
			}
		}
		for range 1 + rand.IntN(25) {
			child.line(t)
			hear()
		}
		check(t, child.Process.Kill())
		for child.out.Scan() { // what it wrote before it died was acknowledged
			hear()
		}
		if err := child.Wait(); err == nil || err.Error() != "signal: killed" {
			t.Fatalf("the child ended by itself: %v", err)
		}

		ro, err := ledger.OpenReadOnly(path)
		check(t, err)
		left := confirmed(t, ro)
		check(t, ro.Close())
		l, err := ledger.Open(path)
		check(t, err)
		orphans := enter(t, l, job)
		records, err := l.Runs(t.Context(), job, 1000)
		check(t, err)
		if len(records) <= acknowledged["begun"] {
			t.Fatalf("run %d was acknowledged, and there are %d", acknowledged["begun"], len(records))
		}
		for i, r := range records {
			if r.End != pipeline.OK && (finished[r.Attempt] || r.End != pipeline.Interrupted) {
				t.Errorf("run %d (acknowledged as finished: %v) is %q", r.Attempt, finished[r.Attempt], r.End)
			}
			if found := slices.Contains(orphans, r.ID); found != (i == 0 && r.End == pipeline.Interrupted) {
				t.Errorf("run %d, the last but %d, ended %q; found as an orphan: %v", r.Attempt, i, r.End, found)
			}
		}
		entries := confirmed(t, l)
		if !slices.Equal(left, entries) {
			t.Error("a dry run between crash and restart sees something else")
		}
		entries = slices.DeleteFunc(entries, func(c pipeline.Confirmed) bool { return c.Key == childRefuses })
		journalHasWhatWasSaid(t, l, said)
		if list := quarantined(t, l); len(said["confirmed"]) > 0 && (len(list) != 1 || list[0].Attempts < len(said["confirmed"])) {
			t.Errorf("after %d refusals: %+v", len(said["confirmed"]), list)
		}
		if acknowledged["intended"] >= 0 && len(entries) != childRows {
			t.Fatalf("%d entries, want %d", len(entries), childRows)
		}
		for _, c := range entries {
			attempt := int(c.Version % 1000)
			if attempt < acknowledged["intended"] {
				t.Errorf("%s: got %+v, and attempt %d was intended", c.Key, c, acknowledged["intended"])
			}
			if sure := c.Model != "" || acknowledged["confirmed"] < 0; !sure || c.Score < acknowledged["confirmed"] || !c.Unsure && c.Score != attempt {
				t.Errorf("%s: got %+v, and attempt %d was confirmed", c.Key, c, acknowledged["confirmed"])
			}
			if c.Unsure {
				doubts++
			}
		}
		check(t, l.Close())
	}
	t.Logf("%d runs, %d of %d entries in doubt after a kill", acknowledged["begun"]+1, doubts, 20*childRows)
}

// journalHasWhatWasSaid checks that what was created is open until it is closed: between the last word before and the first
// one after, either may be so.
func journalHasWhatWasSaid(t *testing.T, l *ledger.Ledger, said map[string]map[int]bool) {
	t.Helper()
	open := map[int]string{}
	jobs, err := l.Journal(job, target).Open(t.Context())
	check(t, err)
	for _, r := range jobs {
		record, _, err := l.Run(t.Context(), r.Run)
		check(t, err)
		open[record.Attempt] = "has " + r.ID
	}
	for attempt := range said["begun"] {
		switch got := open[attempt]; {
		case said["closed"][attempt] && got != "",
			said["created"][attempt] && !said["confirmed"][attempt] && got != "has 750",
			said["creating"][attempt] && !said["confirmed"][attempt] && got == "",
			!said["intended"][attempt] && got != "" && got != "has ":
			t.Errorf("run %d: the journal %q", attempt, got)
		}
	}
}
