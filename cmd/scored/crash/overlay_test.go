package crash

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"scored/cmd/scored/overlay"
)

// switches are the edits by which negative controls do without what makes the binary safe, one at a time.
var switches = []overlay.Edit{
	overlay.Instead(write, "if err := d.Ledger.Intend(ctx, d.run, d.name(), model, changes); err != nil {",
		`if without("intents") {} else if err := d.Ledger.Intend(ctx, d.run, d.name(), model, changes); err != nil {`),
	overlay.Before(write, "if err := d.Ledger.Confirm(context.WithoutCancel(ctx), d.run, d.name(), outcomes); err != nil {",
		"if err := d.intendLate(ctx, book, outcomes); err != nil { return err }"),
	overlay.Behind(deliver, "func (d *delivery) settle(ctx context.Context, guarded bool) error {",
		`guarded = guarded || without("settling")`),
	overlay.Behind("pipeline/ledger/gate.go", "locked, err := lock.TryLock()", `locked = locked || without("gate")`),
	overlay.Instead(store, "tx, err = l.write.BeginTx(ctx, nil)", "tx, err = l.beginUpdate(ctx)"),
	overlay.Before(store, "defer func() { _ = tx.Rollback() }() // after Commit it does nothing",
		`if without("durability") { return l.explain(do(context.WithoutCancel(ctx), tx)) }`),
	overlay.Behind(store, "var errs []error", "errs = append(errs, writeOut())"),
}

// quick makes a Bulk job be asked about sooner than after a second.
var quick = overlay.Instead("sinks/salesforce/config.go", "DefaultFirstPoll     = time.Second",
	"DefaultFirstPoll = 20 * time.Millisecond")

// doctored builds the binary with the failpoints and the switches.
func doctored(t *testing.T) string {
	t.Helper()
	added := map[string]string{}
	for _, folder := range []string{"pipeline", "pipeline/ledger", "sinks/salesforce"} {
		add(t, added, folder, "failpoint.go")
	}
	add(t, added, "pipeline", "intents.go")
	add(t, added, "pipeline/ledger", "buffer.go")
	edits := slices.Concat([]overlay.Edit{quick}, failpointEdits(), switches)
	description, err := overlay.Write(t.TempDir(), root, edits, added)
	if err != nil {
		t.Fatal(err)
	}
	return build(t, "doctored", "-overlay", description)
}

// add puts a file of testdata into the package of a folder.
func add(t *testing.T, added map[string]string, folder, file string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	added[folder+"/overlay_"+file] = strings.Replace(string(text), "package failpoint", "package "+filepath.Base(folder), 1)
}
