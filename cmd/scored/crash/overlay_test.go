package crash

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// edit puts a line into a source file of the product: before the anchor, behind it, or in its place. The anchor is a whole line
// but for the blanks around it, and must be there exactly once.
type edit struct {
	file, anchor string
	where        place
	line         string
}

type place int

const (
	behind place = iota
	before
	instead
)

// switches are the edits by which negative controls do without what makes the binary safe, one at a time.
var switches = []edit{
	{"pipeline/write.go", "if err := d.Ledger.Intend(ctx, d.run, d.name(), model, changes); err != nil {", instead,
		`if without("intents") {} else if err := d.Ledger.Intend(ctx, d.run, d.name(), model, changes); err != nil {`},
	{"pipeline/write.go", "if err := d.Ledger.Confirm(context.WithoutCancel(ctx), d.run, d.name(), outcomes); err != nil {", before,
		"if err := d.intendLate(ctx, book, outcomes); err != nil { return err }"},
	{"pipeline/delivery.go", "func (d *delivery) settle(ctx context.Context, guarded bool) error {", behind,
		`guarded = guarded || without("settling")`},
	{"pipeline/ledger/gate.go", "locked, err := lock.TryLock()", behind, `locked = locked || without("gate")`},
	{"pipeline/ledger/ledger.go", "tx, err = l.write.BeginTx(ctx, nil)", instead, "tx, err = l.beginUpdate(ctx)"},
	{"pipeline/ledger/ledger.go", "defer func() { _ = tx.Rollback() }() // after Commit it does nothing", before,
		`if without("durability") { return l.explain(do(context.WithoutCancel(ctx), tx)) }`},
	{"pipeline/ledger/ledger.go", "var errs []error", behind, "errs = append(errs, writeOut())"},
}

// quick makes a Bulk job be asked about sooner than after a second.
var quick = edit{"sinks/salesforce/config.go", "DefaultFirstPoll     = time.Second", instead,
	"DefaultFirstPoll = 20 * time.Millisecond"}

// doctored builds the binary with the failpoints and the switches.
func doctored(t *testing.T) string {
	t.Helper()
	o := overlay{t: t, dir: t.TempDir(), sources: map[string][]string{}, replace: map[string]string{}}
	for _, e := range append(append([]edit{quick}, failpointEdits()...), switches...) {
		o.apply(e)
	}
	for _, folder := range []string{"pipeline", "pipeline/ledger", "sinks/salesforce"} {
		o.add(folder, "failpoint.go")
	}
	o.add("pipeline", "intents.go")
	o.add("pipeline/ledger", "buffer.go")
	return build(t, "doctored", "-overlay", o.write())
}

// overlay gathers what go build is to read in other files' places.
type overlay struct {
	t       *testing.T
	dir     string
	sources map[string][]string // lines, by path
	replace map[string]string
}

func (o *overlay) apply(e edit) {
	o.t.Helper()
	lines := o.sources[e.file]
	if lines == nil {
		text, err := os.ReadFile(filepath.Join(root, e.file))
		if err != nil {
			o.t.Fatal(err)
		}
		lines = strings.Split(string(text), "\n")
	}
	at, found := 0, 0
	for i, line := range lines {
		if strings.TrimSpace(line) == e.anchor {
			at, found = i, found+1
		}
	}
	if found != 1 {
		o.t.Fatalf("%s has the line %q %d times, want once: give %q another anchor", e.file, e.anchor, found, e.line)
	}
	next := append([]string{}, lines[:at]...)
	switch e.where {
	case before:
		next = append(next, e.line, lines[at])
	case behind:
		next = append(next, lines[at], e.line)
	case instead:
		next = append(next, e.line)
	}
	o.sources[e.file] = append(next, lines[at+1:]...)
}

// add puts a file of testdata into the package of a folder.
func (o *overlay) add(folder, file string) {
	o.t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		o.t.Fatal(err)
	}
	own := strings.Replace(string(text), "package failpoint", "package "+filepath.Base(folder), 1)
	o.sources[folder+"/overlay_"+file] = strings.Split(own, "\n")
}

// write writes the files, and the description that go build reads, whose path it returns.
func (o *overlay) write() string {
	o.t.Helper()
	for file, lines := range o.sources {
		original, err := filepath.Abs(filepath.Join(root, file))
		if err != nil {
			o.t.Fatal(err)
		}
		o.replace[original] = filepath.Join(o.dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(o.replace[original], []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			o.t.Fatal(err)
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": o.replace})
	if err != nil {
		o.t.Fatal(err)
	}
	path := filepath.Join(o.dir, "overlay.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		o.t.Fatal(err)
	}
	return path
}
