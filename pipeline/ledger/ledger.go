// Package ledger is the local record of runs, of what each target confirmed and of where each job's schedule stands: one
// SQLite file, and lock files beside it.
//
// Every method that changes it has reached the disk when it returns (WAL with synchronous=FULL). The file holds keys,
// scores with their reasons and the targets' own words about rows, and so is readable by its owner only; it never holds
// features. It must stay where it is while it is open: every write fails once its path is another file, or none.
//
// Several processes on one machine share a ledger: the daemon, a run or a backfill by hand, a pause. Three rules keep them
// apart. Writes take turns: each is one short transaction. A job has one run at a time: whoever runs it holds the job's
// gate, from [Ledger.Enter] to [Ledger.Leave], and [Ledger.Begin] refuses a run without it. A ledger has one daemon:
// [Ledger.LockDaemon]. Gate and daemon are locks of the kernel's on files, which it takes back when their holder dies. So
// a run that is open while its job's gate is free is one whose process died, and whoever enters next ends it; nobody else
// ever touches another process's run.
package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"scored/pipeline"
)

// patience is how long this process waits for another one's transaction: that of a million intents takes a while.
const patience = time.Minute

// busyTimeout is how long a write waits within SQLite, which looks more often than [patiently] does.
const busyTimeout = 250 * time.Millisecond

// lookAgain is how often a lock that is held is tried.
const lookAgain = 25 * time.Millisecond

var _ pipeline.Ledger = (*Ledger)(nil)

// Ledger implements [pipeline.Ledger]. Its methods may be called from several goroutines; writes take turns.
type Ledger struct {
	path  string
	write *sql.DB // one connection; nil if opened read-only
	read  *sql.DB // sees the last commit and never waits for a writer; nil if there is no ledger yet

	opened fs.FileInfo // the file behind both

	mu     sync.Mutex
	gates  map[string]*flock.Flock // held, by job
	daemon *flock.Flock            // nil unless held
}

// Open opens the ledger beside the other processes that use it, and creates or migrates it. The folder must exist.
func Open(path string) (*Ledger, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	l := &Ledger{path: path, gates: map[string]*flock.Flock{}}
	if err := l.openBoth(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// OpenReadOnly opens the ledger beside the processes that write it; methods that change it fail. A ledger that does not
// exist yet reads as an empty one.
func OpenReadOnly(path string) (*Ledger, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	l := &Ledger{path: path}
	if l.opened, err = os.Stat(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return l, nil
		}
		return nil, unusable(path, err)
	}
	if l.read, err = database(path, patience, "mode=ro&_pragma=query_only(1)"); err != nil {
		return nil, err
	}
	version, err := schemaVersion(context.Background(), l.read)
	switch {
	case err == nil && version == 0: // another process is about to fill it
		err = l.read.Close()
		l.read = nil
	case err == nil && version < newest:
		err = &pipeline.Problem{Class: pipeline.TryAgain,
			Err:  fmt.Errorf("its schema is version %d, this program reads %d", version, newest),
			Hint: "make a run with this version of scored: it migrates the ledger"}
	}
	if err != nil {
		return nil, errors.Join(l.explain(err), l.Close())
	}
	return l, nil
}

func (l *Ledger) openBoth() (err error) {
	if err := l.makeFile(l.path); err != nil {
		return unusable(l.path, err)
	}
	if l.opened, err = os.Stat(l.path); err != nil { // before SQLite opens it: a change between is noticed by the first write
		return unusable(l.path, err)
	}
	if err := checkLog(l.path); err != nil {
		return err
	}
	// Journal size: what a large delivery needed is given back to the disk.
	l.write, err = database(l.path, busyTimeout, "mode=rw&_txlock=immediate&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)"+
		"&_pragma=journal_size_limit(67108864)&_pragma=temp_store(MEMORY)")
	if err != nil {
		return err
	}
	l.write.SetMaxOpenConns(1)
	if err := l.migrate(context.Background()); err != nil {
		return err
	}
	if l.read, err = database(l.path, patience, "mode=ro&_pragma=query_only(1)"); err != nil {
		return err
	}
	return l.checkTables(context.Background())
}

// Close closes the ledger, leaves the jobs that were entered and, if this was the daemon's, lets another be the daemon.
func (l *Ledger) Close() error {
	var errs []error
	for _, db := range []*sql.DB{l.read, l.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(append(errs, l.unlock())...)
}

// update runs one durable transaction. It ends with ctx, and its statements get a context that does not: for one that
// can end, the driver starts a goroutine per statement.
func (l *Ledger) update(ctx context.Context, do func(context.Context, *sql.Tx) error) error {
	if l.write == nil {
		return l.readOnly()
	}
	if err := l.inPlace(); err != nil {
		return err
	}
	var tx *sql.Tx
	err := patiently(func() (err error) {
		tx, err = l.write.BeginTx(ctx, nil)
		return err
	})
	if err != nil {
		return l.explain(err)
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	if err = do(context.WithoutCancel(ctx), tx); err == nil {
		err = tx.Commit()
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return l.explain(err)
}

// patiently tries again while another process is writing. SQLite's own waiting is kept short, for it does not end with a
// context as each new try does, and there is none at all when two processes put a new file into WAL mode.
func patiently(try func() error) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(lookAgain) {
		err := try()
		if resultCode(err) != sqlite3.SQLITE_BUSY || time.Now().After(deadline) {
			return err
		}
	}
}

func (l *Ledger) readOnly() error { return fmt.Errorf("ledger %s is open read-only", l.path) }

func database(path string, busy time.Duration, options string) (*sql.DB, error) {
	uri := url.URL{Scheme: "file", Path: path,
		RawQuery: fmt.Sprintf("_pragma=busy_timeout(%d)&_pragma=trusted_schema(0)&%s", busy.Milliseconds(), options)}
	connector, err := sqlite.NewConnector(uri.String())
	if err != nil {
		return nil, fmt.Errorf("ledger %s: %w", path, err)
	}
	return sql.OpenDB(connector), nil
}

func millis(t time.Time) int64 { return t.UnixMilli() }

func instant(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// optional is NULL for the zero time.
func optional(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: millis(t), Valid: !t.IsZero()}
}

// optionalInstant is the zero time for NULL.
func optionalInstant(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return instant(ms.Int64)
}
