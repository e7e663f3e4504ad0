// Package ledger is the local record of runs and of what each target confirmed: one SQLite file, written by one
// process.
//
// Every method that changes it has reached the disk when it returns (WAL with synchronous=FULL). The file holds keys,
// scores and the targets' own words about rows, and so is readable by its owner only; it never holds features.
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
	"time"

	"github.com/gofrs/flock"
	"modernc.org/sqlite"

	"scored/pipeline"
)

var _ pipeline.Ledger = (*Ledger)(nil)

// Ledger implements [pipeline.Ledger]. Its methods may be called from several goroutines; writes take turns.
type Ledger struct {
	path  string
	lock  *flock.Flock
	write *sql.DB // one connection; nil if opened read-only
	read  *sql.DB // sees the last commit and never waits for a writer; nil if there is no ledger yet
}

// Open opens the ledger for this process alone, creates or migrates it, and marks the runs that an earlier process left
// open as interrupted. The folder must exist. A ledger in use is a [pipeline.TryAgain] problem that names the process.
func Open(path string) (*Ledger, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	lock, err := acquire(path)
	if err != nil {
		return nil, err
	}
	l := &Ledger{path: path, lock: lock}
	if err := l.openBoth(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// OpenReadOnly opens the ledger beside whichever process may be writing it; methods that change it fail. A ledger that
// does not exist yet reads as an empty one.
func OpenReadOnly(path string) (*Ledger, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	l := &Ledger{path: path}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return l, nil
	}
	if err != nil {
		return nil, unusable(path, err)
	}
	if l.read, err = database(path, "mode=ro&_pragma=query_only(1)"); err != nil {
		return nil, err
	}
	version, err := schemaVersion(context.Background(), l.read)
	if err == nil && version < newest {
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
	// SQLite would create the file for everybody to read, and gives its own helper files the same permissions.
	file, err := os.OpenFile(l.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return unusable(l.path, err)
	}
	if err := file.Close(); err != nil {
		return unusable(l.path, err)
	}
	// Journal size: what a large delivery needed is given back to the disk.
	l.write, err = database(l.path, "mode=rw&_txlock=immediate&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)"+
		"&_pragma=journal_size_limit(67108864)")
	if err != nil {
		return err
	}
	l.write.SetMaxOpenConns(1)
	ctx := context.Background()
	if err := l.migrate(ctx); err != nil {
		return err
	}
	if err := l.interruptOpen(ctx); err != nil {
		return err
	}
	l.read, err = database(l.path, "mode=ro&_pragma=query_only(1)")
	return err
}

// Close closes the ledger and lets another process open it.
func (l *Ledger) Close() error {
	var errs []error
	if l.read != nil {
		errs = append(errs, l.read.Close())
	}
	if l.write != nil {
		errs = append(errs, l.write.Close())
	}
	if l.lock != nil {
		errs = append(errs, l.lock.Close())
	}
	return errors.Join(errs...)
}

// update runs one durable transaction. It ends with ctx, and its statements get a context that does not: for one that
// can end, the driver starts a goroutine per statement.
func (l *Ledger) update(ctx context.Context, do func(context.Context, *sql.Tx) error) error {
	if l.write == nil {
		return fmt.Errorf("ledger %s is open read-only", l.path)
	}
	tx, err := l.write.BeginTx(ctx, nil)
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

func database(path, options string) (*sql.DB, error) {
	uri := url.URL{Scheme: "file", Path: path,
		RawQuery: "_pragma=busy_timeout(10000)&_pragma=trusted_schema(0)&" + options}
	connector, err := sqlite.NewConnector(uri.String())
	if err != nil {
		return nil, fmt.Errorf("ledger %s: %w", path, err)
	}
	return sql.OpenDB(connector), nil
}

func millis(t time.Time) int64 { return t.UnixMilli() }

func instant(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
