package ledger_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

const logFrame = 24 + 4096

// left is what a process leaves that is killed: the file, and the log of what it committed.
func left(t *testing.T) (file, log []byte) {
	t.Helper()
	l := fresh(t)
	for minute := range 3 {
		run := begin(t, l, minute)
		changes, accepted := rows(300)
		intend(t, l, run, changes...)
		check(t, l.Confirm(t.Context(), run, target, accepted))
		finish(t, l, run)
	}
	file, err := os.ReadFile(l.Path())
	check(t, err)
	log, err = os.ReadFile(l.Path() + "-wal")
	check(t, err)
	if len(log) < 20*logFrame {
		t.Fatalf("a log of %d bytes is too little", len(log))
	}
	return file, log
}

// openLeft opens what a process left.
func openLeft(t *testing.T, file, log []byte) error {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "")
	check(t, err)
	path := filepath.Join(dir, "ledger.db")
	check(t, os.WriteFile(path, file, 0o600))
	check(t, os.WriteFile(path+"-wal", log, 0o600))
	l, err := ledger.Open(path)
	if err == nil {
		check(t, l.Close())
	}
	return err
}

// SQLite takes a log with a damaged page for one that ends before it, and forgets all that was committed after.
func TestADamagedLogIsRefused(t *testing.T) {
	file, log := left(t)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		at := rng.IntN(len(log) - logFrame) // the last frame can't be told from one that was being written
		damaged := slices.Clone(log)
		damaged[at] ^= 1 << rng.IntN(8)
		err := openLeft(t, file, damaged)
		if pipeline.ClassOf(err) != pipeline.Configuration || !strings.Contains(err.Error(), "damaged") ||
			!strings.Contains(pipeline.HintOf(err), "rebuild") {
			t.Errorf("byte %d of %d: error %v, hint %q", at, len(log), err, pipeline.HintOf(err))
		}
	}
}

// Wherever a process was when it was killed, its log is no damaged one.
func TestALogThatEndsAnywhereIsRead(t *testing.T) {
	file, log := left(t)
	rng := rand.New(rand.NewPCG(3, 4))
	for n := range 40 {
		end := rng.IntN(len(log))
		torn := log[:end]
		if n%2 == 0 { // it was being written over an older one
			torn = slices.Concat(torn, make([]byte, len(log)-end))
		}
		if err := openLeft(t, file, torn); err != nil {
			t.Errorf("ended after %d of %d bytes: %v", end, len(log), err)
		}
	}
	check(t, openLeft(t, file, log))
}
