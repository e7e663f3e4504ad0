package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"scored/pipeline"
	schema "scored/sql/ledger"
)

// newest is the schema version that this program reads and writes.
const newest = 4

// application marks the file as a ledger of scored in SQLite's header ("scrd").
const application = 0x73637264

// moreSpace is the hint of a disk that is full.
const moreSpace = "free some space on the disk that holds the ledger"

// migrate brings the file to the newest version, in one transaction: of several processes that find it old, one does it.
func (l *Ledger) migrate(ctx context.Context) error {
	if _, err := schemaVersion(ctx, l.write); err != nil {
		return l.explain(err)
	}
	// Only now: the mode is written into the file, and it may have been somebody else's.
	if err := l.useWAL(ctx); err != nil {
		return l.explain(err)
	}
	files, err := fs.Glob(schema.Schema, "*.sql") // in order of name, and so of version
	if err != nil {
		return err
	}
	return l.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		version, err := schemaVersion(ctx, tx)
		if err != nil {
			return err
		}
		for ; version < newest; version++ {
			script, err := fs.ReadFile(schema.Schema, files[version])
			if err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, fmt.Sprintf("%s; PRAGMA user_version = %d; PRAGMA application_id = %d",
				script, version+1, application))
			if err != nil {
				return fmt.Errorf("apply %s: %w", files[version], err)
			}
		}
		return nil
	})
}

// useWAL puts the file into WAL mode, where readers don't wait for writers.
func (l *Ledger) useWAL(ctx context.Context) error {
	var mode string
	err := patiently(func() error { return l.write.QueryRowContext(ctx, `PRAGMA journal_mode = WAL`).Scan(&mode) })
	if err == nil && mode != "wal" {
		err = fmt.Errorf("this file system gives journal mode %q and no WAL", mode)
	}
	return err
}

// schemaVersion returns 0 for an empty file and refuses one that is of a later version, or no ledger at all.
func schemaVersion(ctx context.Context, db interface {
	QueryRowContext(ctx context.Context, query string, arguments ...any) *sql.Row
}) (int, error) {
	var version, mark, tables int
	err := db.QueryRowContext(ctx, `SELECT user_version, application_id, (SELECT count(*) FROM sqlite_schema)
		FROM pragma_user_version, pragma_application_id`).Scan(&version, &mark, &tables)
	switch {
	case err != nil:
		return 0, err
	case mark != application && tables+version > 0:
		return 0, &pipeline.Problem{Class: pipeline.Configuration,
			Err:  errors.New("this SQLite file is not a ledger of scored"),
			Hint: "point state_dir at the folder of scored's own ledger, or at an empty one"}
	case version > newest:
		return 0, &pipeline.Problem{Class: pipeline.Configuration,
			Err:  fmt.Errorf("its schema is version %d, this program knows versions up to %d", version, newest),
			Hint: "a newer scored wrote it: install that version again"}
	}
	return version, nil
}

// explain names the ledger in an error and says what can be done where SQLite's result code tells.
func (l *Ledger) explain(err error) error {
	if err == nil {
		return nil
	}
	named := fmt.Errorf("ledger %s: %w", l.path, err)
	if p, ok := errors.AsType[*pipeline.Problem](err); ok {
		return &pipeline.Problem{Class: p.Class, Err: named, Hint: p.Hint}
	}
	if garbled(err) {
		return l.damaged(err)
	}
	switch resultCode(err) {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return l.damaged(err)
	case sqlite3.SQLITE_FULL:
		return &pipeline.Problem{Class: pipeline.TryAgain, Err: named, Hint: moreSpace}
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return &pipeline.Problem{Class: pipeline.TryAgain, Err: named,
			Hint: "try again; if that doesn't help, close the other program that has the ledger open"}
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return &pipeline.Problem{Class: pipeline.Configuration, Err: named, Hint: l.barred()}
	case sqlite3.SQLITE_IOERR: // a full disk gives this, too, for files that SQLite maps into memory
		return &pipeline.Problem{Class: pipeline.TryAgain, Err: named,
			Hint: "see that the disk which holds the ledger has space, and whether it is failing (its errors are in the kernel's log)"}
	}
	return named
}

// resultCode is SQLite's code for the error, without the details in its upper bits; 0 if it isn't SQLite's.
func resultCode(err error) int {
	if result, ok := errors.AsType[*sqlite.Error](err); ok {
		return result.Code() & 0xff
	}
	return 0
}
