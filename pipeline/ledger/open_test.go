package ledger_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

func TestOpenRefuses(t *testing.T) {
	tests := []struct {
		name  string
		path  func(t *testing.T) string
		class pipeline.Class
		want  string
	}{
		{"a folder that is missing", func(t *testing.T) string { return filepath.Join(t.TempDir(), "missing", "ledger.db") },
			pipeline.Configuration, "no such file"},
		{"a folder that can't be written", func(t *testing.T) string { return filepath.Join(unwritable(t), "ledger.db") },
			pipeline.Configuration, "open ledger"},
		{"a file in place of the folder", func(t *testing.T) string { return filepath.Join(file(t, []byte("x")), "ledger.db") },
			pipeline.Configuration, "not a directory"},
		{"a folder in place of the file", func(t *testing.T) string { return t.TempDir() }, pipeline.Configuration, "is a directory"},
		{"a file that is no database", func(t *testing.T) string { return file(t, bytes.Repeat([]byte("lead,score\n"), 1000)) },
			pipeline.Configuration, "damaged"},
		{"a ledger with a damaged page", damaged, pipeline.Configuration, "damaged"},
		{"somebody else's database", foreign, pipeline.Configuration, "not a ledger of scored"},
		{"a ledger of a later version", later, pipeline.Configuration, "version 99"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := tt.path(t)
			before, _ := os.ReadFile(path)
			l, err := ledger.Open(path)
			if err == nil {
				t.Fatal(l.Close(), "it opened")
			}
			if pipeline.ClassOf(err) != tt.class || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) ||
				pipeline.HintOf(err) == "" {
				t.Errorf("got %v (class %d, hint %q), want %q with the path and a hint", err, pipeline.ClassOf(err), pipeline.HintOf(err), tt.want)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestReadOnlyRefuses(t *testing.T) {
	for name, path := range map[string]string{
		"no database": file(t, bytes.Repeat([]byte("lead,score\n"), 1000)), "somebody else's": foreign(t), "a later version": later(t),
	} {
		if l, err := ledger.OpenReadOnly(path); err == nil || pipeline.ClassOf(err) != pipeline.Configuration {
			t.Errorf("%s: got %v, %v", name, l, err)
		}
	}
}

func TestAPageDamagedLaterIsNamed(t *testing.T) {
	path := newPath(t)
	l := opened(t, path)
	run := begin(t, l, 0)
	changes, accepted := rows(1500)
	intend(t, l, run, changes...)
	check(t, l.Confirm(t.Context(), run, target, accepted))
	check(t, l.Close())
	var page int
	fmt.Sscan(query(t, path, `SELECT rootpage FROM sqlite_schema WHERE name = 'confirmed'`), &page)
	scribble(t, path, (page-1)*4096)
	if l, err := ledger.Open(path); pipeline.ClassOf(err) != pipeline.Configuration || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, %v, want a problem that names the file", l, err)
	}
	l, err := ledger.OpenReadOnly(path) // it does not look at all tables first
	check(t, err)
	defer l.Close()
	var last error
	for _, err := range l.Confirmed(t.Context(), job, target) {
		last = err
	}
	if pipeline.ClassOf(last) != pipeline.Configuration || !strings.Contains(last.Error(), path) {
		t.Errorf("got %v, want a problem that names the file: an unreadable ledger is not an empty one", last)
	}
}

func TestPathsMayHoldAnything(t *testing.T) {
	for _, name := range []string{"with space", "100%", "a?mode=memory", "x#y", "ünï", "a&b=c;d", "%41"} {
		folder := filepath.Join(t.TempDir(), name)
		check(t, os.Mkdir(folder, 0o700))
		path := filepath.Join(folder, "ledger.db")
		l := opened(t, path)
		check(t, l.LockDaemon())
		begin(t, l, 0)
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: got %v, %v; want a file for its owner only", name, info, err)
		}
		ro, err := ledger.OpenReadOnly(path)
		check(t, err)
		if records, err := ro.Runs(t.Context(), job, 1); err != nil || len(records) != 1 {
			t.Errorf("%s: got %v, %v", name, records, err)
		}
		check(t, ro.Close())
		for _, end := range []string{"-wal", "-shm", "." + job + ".gate", "." + job + ".next", ".daemon"} {
			if info, err := os.Stat(path + end); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s%s: got %v, %v; want a file for its owner only", name, end, info, err)
			}
		}
	}
}

func TestReadOnlyWithoutALedgerIsEmpty(t *testing.T) {
	folder := t.TempDir()
	for _, path := range []string{filepath.Join(folder, "ledger.db"), filepath.Join(folder, "missing", "ledger.db"), file(t, nil)} {
		l, err := ledger.OpenReadOnly(path)
		check(t, err)
		at, err := l.Unsettled(t.Context(), job, target)
		check(t, err)
		records, err := l.Runs(t.Context(), job, 1)
		check(t, err)
		cursor, err := l.Cursor(t.Context(), job)
		check(t, err)
		slots, err := l.Slots(t.Context(), job, time.Time{}, 1)
		check(t, err)
		lost, err := l.Lost(t.Context(), job, time.Time{}, 1)
		check(t, err)
		found, err := l.Find(t.Context(), "", 1)
		check(t, err)
		if got := confirmed(t, l); len(got) > 0 || !at.IsZero() || len(records)+len(found) > 0 || cursor != (pipeline.Cursor{}) || len(slots)+len(lost) > 0 {
			t.Errorf("got %v, %v, %v, %v, %v, %v, %v", got, at, records, found, cursor, slots, lost)
		}
		if version := swept(t, l, job, target); version != 0 {
			t.Errorf("got %d", version)
		}
		check(t, l.Close())
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) > 0 {
		t.Errorf("got %v, %v; want no file created", entries, err)
	}
}

func TestReadOnlyBesideAWriter(t *testing.T) {
	path := newPath(t)
	l := opened(t, path)
	ro, err := ledger.OpenReadOnly(path)
	check(t, err)
	defer ro.Close()
	run := begin(t, l, 0)
	intend(t, l, run, change("k", 1))
	if got := confirmed(t, ro); len(got) != 1 || !got[0].Unsure {
		t.Errorf("got %+v, want what the writer committed", got)
	}
	for range ro.Confirmed(t.Context(), job, target) { // a reader in the middle does not hold up the writer
		confirm(t, l, run, pipeline.Accepted, "k")
	}
	if got := confirmed(t, ro); len(got) != 1 || got[0].Unsure {
		t.Errorf("got %+v, want what the writer committed", got)
	}
	if records, err := ro.Runs(t.Context(), job, 1); err != nil || records[0].End != "" {
		t.Errorf("got %+v, %v: a reader doesn't interrupt the writer's run", records, err)
	}
}

func TestReadOnlyWritesNothing(t *testing.T) {
	path := newPath(t)
	l := opened(t, path)
	run := begin(t, l, 0)
	check(t, l.Close())
	before, err := os.ReadFile(path)
	check(t, err)
	ro, err := ledger.OpenReadOnly(path)
	check(t, err)
	_, entered := ro.Enter(t.Context(), job, nil)
	_, begun := ro.Begin(t.Context(), job, pipeline.Request{Trigger: pipeline.Manual, AsOf: asOf})
	_, resumed := ro.Resume(t.Context(), job)
	for what, err := range map[string]error{
		"Enter":      entered,
		"LockDaemon": ro.LockDaemon(),
		"Begin":      begun,
		"Bind":       ro.Bind(t.Context(), job, target, org),
		"Sweep":      ro.Sweep(t.Context(), run, target),
		"Intend":     ro.Intend(t.Context(), run, target, model, nil),
		"Confirm":    ro.Confirm(t.Context(), run, target, nil),
		"Finish":     ro.Finish(t.Context(), &pipeline.Summary{ID: run.ID}, nil, nil, nil),
		"Published":  ro.Published(t.Context(), []string{run.ID}),
		"Account":    ro.Account(t.Context(), job, asOf, nil),
		"Saw":        ro.Saw(t.Context(), job, "1"),
		"Pause":      ro.Pause(t.Context(), job, "test"),
		"Resume":     resumed,
	} {
		if err == nil || !strings.Contains(err.Error(), "read-only") {
			t.Errorf("%s: got %v", what, err)
		}
	}
	check(t, ro.Close())
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed (%v)", err)
	}
}

// A killed process can't show what a power cut would: that every commit waits for the disk is a setting.
func TestCommitsReachTheDisk(t *testing.T) {
	l := fresh(t)
	for name, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
		if got, err := l.Pragma(name); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", name, got, err, want)
		}
	}
}

func TestClosedTwoTimes(t *testing.T) {
	l := fresh(t)
	check(t, l.Close())
	check(t, l.Close())
}

func file(t *testing.T, content []byte) string {
	t.Helper()
	path := newPath(t)
	check(t, os.WriteFile(path, content, 0o600))
	return path
}

// unwritable returns a folder in which nobody, not even root, creates a file.
func unwritable(t *testing.T) string {
	t.Helper()
	if os.Geteuid() == 0 {
		return "/sys/kernel"
	}
	folder := t.TempDir()
	check(t, os.Chmod(folder, 0o500))
	return folder
}

func damaged(t *testing.T) string {
	t.Helper()
	path := newPath(t)
	check(t, open(t, path).Close())
	scribble(t, path, 100) // the root page of the schema
	return path
}

func scribble(t *testing.T, path string, at int) {
	t.Helper()
	content, err := os.ReadFile(path)
	check(t, err)
	copy(content[at:], bytes.Repeat([]byte{0xff}, 4096))
	check(t, os.WriteFile(path, content, 0o600))
}

func foreign(t *testing.T) string {
	t.Helper()
	path := newPath(t)
	execute(t, path, `CREATE TABLE runs (x)`)
	return path
}

func later(t *testing.T) string {
	t.Helper()
	path := newPath(t)
	check(t, open(t, path).Close())
	execute(t, path, `PRAGMA user_version = 99`)
	return path
}

// raw opens the file as any SQLite client would.
func raw(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path}).String())
	check(t, err)
	return db
}

func execute(t *testing.T, path, statement string) {
	t.Helper()
	db := raw(t, path)
	defer db.Close()
	_, err := db.Exec(statement)
	check(t, err)
}

func query(t *testing.T, path, statement string) (text string) {
	t.Helper()
	db := raw(t, path)
	defer db.Close()
	check(t, db.QueryRow(statement).Scan(&text))
	return text
}

func count(t *testing.T, l *ledger.Ledger, table string) (n int) {
	t.Helper()
	_, err := fmt.Sscan(query(t, l.Path(), `SELECT count(*) FROM `+table), &n)
	check(t, err)
	return n
}

func TestMayBeOpenedByManyAtOnce(t *testing.T) {
	const many = 6
	var children []*process
	for range many {
		children = append(children, start(t, "open", ""))
	}
	for range 8 {
		path := newPath(t)
		for _, c := range children {
			c.tell(t, path)
		}
		ended := make(chan error, many)
		for i := range many { // goroutines beside the processes
			go func() { ended <- openAndWrite(path, fmt.Sprint("goroutine", i)) }()
		}
		for range many {
			check(t, <-ended)
		}
		for _, c := range children {
			c.line(t)
		}
		l := open(t, path)
		if n := count(t, l, "jobs"); n != 2*many {
			t.Fatalf("%d of %d writes are there", n, 2*many)
		}
		entries, err := os.ReadDir(filepath.Dir(path))
		check(t, err)
		for _, e := range entries {
			if strings.Contains(e.Name(), ".new") {
				t.Errorf("%s was left", e.Name())
			}
		}
		check(t, l.Close())
	}
	for _, c := range children {
		c.end(t)
	}
}

// writing returns a transaction of another connection that keeps writers out.
func writing(t *testing.T, path string) *sql.Tx {
	t.Helper()
	db := raw(t, path)
	t.Cleanup(func() { db.Close() })
	tx, err := db.Begin()
	check(t, err)
	_, err = tx.Exec(`CREATE TABLE x (x)`)
	check(t, err)
	return tx
}

// staysOut fails if the call ends. Nothing tells from outside that it waits; SQLite alone gives up sooner than this.
func staysOut(t *testing.T, ended <-chan error) {
	t.Helper()
	select {
	case err := <-ended:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(400 * time.Millisecond):
	}
}

func TestOpenWaitsForAnotherProcessThatMakesTheLedger(t *testing.T) {
	path := file(t, nil)
	other := writing(t, path)
	opening := make(chan error, 1)
	go func() { opening <- openAndWrite(path, job) }()
	staysOut(t, opening)
	check(t, other.Rollback())
	check(t, <-opening)
}

func TestAWriteWaitsForThatOfAnotherProcess(t *testing.T) {
	path := newPath(t)
	l := open(t, path)
	other := writing(t, path)
	ctx, cancel := context.WithCancel(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- l.Saw(ctx, job, "first") }()
	staysOut(t, first)
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	go func() { second <- l.Saw(t.Context(), job, "second") }()
	staysOut(t, second)
	check(t, other.Rollback())
	check(t, <-second)
	if c := cursor(t, l); c.Seen != "second" {
		t.Errorf("got %+v", c)
	}
}

// A process that died while it made the ledger leaves a file without tables.
func TestAnEmptyDatabaseIsALedgerToBe(t *testing.T) {
	path := newPath(t)
	execute(t, path, `PRAGMA journal_mode = WAL`)
	ro, err := ledger.OpenReadOnly(path)
	check(t, err)
	if records, err := ro.Runs(t.Context(), "", 1); err != nil || len(records) > 0 {
		t.Errorf("got %v, %v", records, err)
	}
	check(t, ro.Close())
	begin(t, opened(t, path), 0)
}

// A process loses every lock that it has on a file when it closes any descriptor of it.
func TestOpeningTwiceInAProcessKeepsTheFirstOnesLocks(t *testing.T) {
	path := newPath(t)
	open(t, path)
	check(t, open(t, path).Close())
	child := start(t, "who locks", path)
	if got, want := child.line(t), fmt.Sprint(os.Getpid()); got != want {
		t.Errorf("the file is locked by process %s, want %s: another process could take itself for the last", got, want)
	}
	child.end(t)
}
