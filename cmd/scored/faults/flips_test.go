package faults

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"scored/sinks/salesforce/fakeorg"
)

// image is a ledger as it lay on the disk, with what org and data were then.
type image struct {
	files  map[string][]byte // by the end of their name: "" and, of one whose process was killed, "-wal"
	org    map[string]fakeorg.Record
	now    []row
	before []row // the data of an earlier run
}

var scoreFields = []string{"Lead_Score__c", "Lead_Grade__c", "Lead_Score_Model__c", "Lead_Score_Version__c"}

// take makes a ledger with some runs in it, and the image of it: of a daemon that was killed, or of runs that ended.
func (w *world) take(t *testing.T, killed bool) *image {
	t.Helper()
	w.clean(t)
	p := w.start(t, build(t), "daemon")
	for n := range 3 {
		w.move(t, 0.5)
		w.awaitQuiet(t, p)
		if n == 1 {
			w.before = slices.Clone(w.rows)
		}
	}
	if killed {
		_ = p.cmd.Process.Kill()
		p.end(t)
	} else {
		p.stop(t)
	}
	i := &image{files: map[string][]byte{}, org: map[string]fakeorg.Record{},
		now: slices.Clone(w.rows), before: slices.Clone(w.before)}
	for _, end := range []string{"", "-wal"} {
		text, err := os.ReadFile(filepath.Join(w.state, "ledger.db"+end))
		if err == nil {
			i.files[end] = text
		} else if !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	for _, r := range w.org.Records("Lead") {
		i.org[r.ID] = r
	}
	w.agree(t)
	return i
}

// restore brings ledger, org and data back to the image; but for the data, which may be what it was before or go elsewhere.
func (w *world) restore(t *testing.T, i *image) {
	t.Helper()
	old, err := filepath.Glob(filepath.Join(w.state, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	for end, text := range i.files {
		if err := os.WriteFile(filepath.Join(w.state, "ledger.db"+end), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range w.org.Records("Lead") {
		was, ok := i.org[r.ID]
		if !ok {
			if err := w.org.Purge("Lead", r.ID); err != nil {
				t.Fatal(err)
			}
			continue
		}
		fields := map[string]any{}
		for _, name := range scoreFields {
			fields[name] = was.Fields[name]
		}
		if err := w.org.Update("Lead", r.ID, fields); err != nil {
			t.Fatal(err)
		}
	}
	w.rows, w.before = slices.Clone(i.now), slices.Clone(i.before)
	switch w.rng.IntN(3) {
	case 0: // the data stays as it is
		w.update(t, everyone())
	case 1: // it is what it was before: what a ledger that forgot takes for unchanged
		w.rows = slices.Clone(i.before)
		w.update(t, everyone())
	default:
		w.update(t, everyone())
		w.move(t, 0.3)
	}
}

// flip flips one bit of the ledger, half of the time near the key of a lead, and says where.
func (w *world) flip(t *testing.T, i *image, end string) string {
	t.Helper()
	text := slices.Clone(i.files[end])
	at := w.rng.IntN(len(text))
	if w.rng.IntN(2) == 0 {
		if near := bytes.Index(text[at:], []byte("L000")); near >= 0 {
			at += near + w.rng.IntN(48) - 12
			at = min(max(at, 0), len(text)-1)
		}
	}
	bit := w.rng.IntN(8)
	text[at] ^= 1 << bit
	if err := os.WriteFile(filepath.Join(w.state, "ledger.db"+end), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("bit %d of byte %d (page %d) of ledger.db%s, which has %d", bit, at, at/4096+1, end, len(text))
}

// TestFlippedBits flips a bit of a ledger before a run, again and again. The run says that the ledger is damaged, or it leaves the
// org as a fresh computation has it: no score that is wrong or stale, and no panic. FLIPS is how often.
func TestFlippedBits(t *testing.T) {
	t.Log(repeat())
	build(t)
	for name, end := range map[string]string{"a ledger at rest": "", "a killed daemon's ledger": "", "a killed daemon's log": "-wal"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, setup{})
			i := w.take(t, name != "a ledger at rest")
			outcomes := map[string]int{}
			for range number("FLIPS", 45) / 3 {
				w.restore(t, i)
				outcomes[w.flipped(t, w.flip(t, i, end))]++
			}
			for _, what := range slices.Sorted(maps.Keys(outcomes)) {
				t.Logf("%5d %s", outcomes[what], what)
			}
		})
	}
}

// flipped makes a run with the damaged ledger, and says what became of it.
func (w *world) flipped(t *testing.T, where string) string {
	t.Helper()
	before, fresh := w.holds(), w.scores(t)
	p := w.start(t, build(t), "run", job)
	code, text, after := p.end(t), p.text(), w.holds()
	complain := func(what string) {
		t.Errorf("%s: exit code %d, %s; it said\n%s", where, code, what, text)
	}
	wrong := differ(after, fresh)
	switch {
	case strings.Contains(text, "panic"):
		complain("a panic")
	case code == 0 && wrong > 0:
		complain(fmt.Sprintf("%d leads are wrong, and nobody knows", wrong))
	case code == 0:
		return "harmless"
	case between(after, before, fresh) > 0 || len(w.org.Records("Lead")) != leads:
		complain("the org has what never was right")
	case strings.Contains(text, "is damaged"):
		return "detected"
	case wrong == 1 && code == 3 && strings.Contains(text, "a version that is newer than now"): // the runbook has it
		return "detected: the version of a lead is of a time to come"
	case wrong == 0:
		return fmt.Sprintf("harmless, exit code %d", code)
	case strings.Contains(text, "  -> ") || strings.Contains(text, `"hint"`) || strings.Contains(text, w.ledger(t)):
		return fmt.Sprintf("exit code %d: %s", code, reasonOf(p))
	default:
		complain("nothing says what to do, nor names the file")
	}
	return "WRONG"
}

// reasonOf is why a run ended as it did.
func reasonOf(p *process) string {
	for _, l := range p.logged("run ended") {
		return l.Reason
	}
	return p.text()
}

func everyone() (all []int) {
	for i := range leads {
		all = append(all, i)
	}
	return all
}
