package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"scored/pipeline/ledger"
	"scored/sinks/salesforce/fakeorg"
)

// ledgerHolds says whether the bytes stand in any file of the ledger.
func ledgerHolds(t *testing.T, dir, text string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "ledger.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte(text)) {
			return true
		}
	}
	return false
}

func TestForgetErasesAPersonFromTheLedger(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	ruled, person := twoKeys(t, c)
	w.Org.Inject(fakeorg.Fault{Method: http.MethodPatch, Times: 1, Rows: map[string]fakeorg.RowError{
		person: {Code: "FIELD_CUSTOM_VALIDATION_EXCEPTION", Message: "no"},
		ruled:  {Code: "DUPLICATE_VALUE", Message: "the same as " + person},
	}})
	scored(t, "run", leads, "-c", c).want(t, exitPartial)
	scored(t, "quarantine", "retry", leads, person, "-c", c).want(t, exitOK)
	scored(t, "run", leads, "-c", c).want(t, exitOK)
	all := scored(t, "forget", "--key", person, "--dry-run", "-c", c).want(t, exitOK, "WOULD BE ERASED",
		"2     confirmed scores", "1     rows that targets did not accept", "log lines").out
	if !ledgerHolds(t, w.Dir, person) {
		t.Fatal("a look erased something")
	}

	beside, err := ledger.Open(filepath.Join(w.Dir, "ledger.db")) // as the daemon has it, in the midst of a run
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	if _, err := beside.Enter(t.Context(), leads, nil); err != nil {
		t.Fatal(err)
	}
	r := make(chan result, 1)
	out := &watched{want: "waiting: process", seen: make(chan struct{})}
	go func() {
		var log bytes.Buffer
		r <- result{execute(t.Context(), []string{"forget", leads, "--key", person, "-c", c}, out, &log), out.text.String(), log.String()}
	}()
	<-out.seen
	if !ledgerHolds(t, w.Dir, person) {
		t.Error("it erased something while a run was going on")
	}
	if err := beside.Leave(leads); err != nil {
		t.Fatal(err)
	}
	gone := (<-r).want(t, exitOK, "ERASED", "DELETE FROM scored.scores WHERE job IN ('"+leads+"') AND score_key = '"+person+"'")
	if erased := strings.TrimSpace(after(gone.out, "ERASED")); !strings.HasPrefix(erased, strings.TrimSpace(before(after(all, "WOULD BE ERASED"), "not erased"))) {
		t.Errorf("it erased\n%s\nand would have erased\n%s", erased, all)
	}
	if ledgerHolds(t, w.Dir, person) {
		t.Error("the ledger's files still hold the key")
	}
	if !ledgerHolds(t, w.Dir, ruled) {
		t.Error("the ledger lost another key")
	}
	scored(t, "forget", "--key", person, "-c", c).want(t, exitOK, "the ledger holds nothing of this key")
	if s := scored(t, "run", leads, "-c", c).want(t, exitOK).summary(t); s.Sent != 1 {
		t.Errorf("the warehouse still has the lead, and the next run sent %d", s.Sent)
	}
}

func before(text, word string) string { head, _, _ := strings.Cut(text, word); return head }

func after(text, word string) string { _, tail, _ := strings.Cut(text, word); return tail }

func TestForgetWaitsForAWriteThatMayArrive(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	w.Org.Inject(fakeorg.Fault{Method: http.MethodPatch, Times: -1, Drop: true})
	scored(t, "run", leads, "-c", c)
	for key := range leadScores(w) {
		scored(t, "forget", "--key", key, "--dry-run", "-c", c).want(t, exitOK, "but not now: ", "the write may still arrive", "was never answered")
		scored(t, "forget", "--key", key, "-c", c).want(t, exitTryAgain, "the write may still arrive", "try again after 20")
		return
	}
	t.Error("the org holds no score")
}

func TestForgetUsage(t *testing.T) {
	newLedger(t)
	c := config(t)
	for args, text := range map[string]string{
		"":                   "forget wants --key KEY",
		"--key=":             "forget wants --key KEY",
		"nobody --key L1":    `no job "nobody"`,
		"one two --key L1":   "forget wants the name of one job or none",
		"lead_scoring --key": "flag needs an argument",
	} {
		scored(t, append([]string{"forget", "-c", c}, strings.Fields(args)...)...).want(t, exitUsage, text)
	}
	scored(t, "forget", "--key", "L1", "-c", c).want(t, exitOK, "the ledger holds nothing of this key", "the next run scores it again")
}
