package ledger

import (
	"cmp"
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
const newest = 1

// application marks the file as a ledger of scored in SQLite's header ("scrd").
const application = 0x73637264

// migrate brings the file to the newest version, one transaction per version.
func (l *Ledger) migrate(ctx context.Context) error {
	version, err := schemaVersion(ctx, l.write)
	if err != nil {
		return l.explain(err)
	}
	// Only now: the mode is written into the file, and it may have been somebody else's.
	var mode string
	if err := l.write.QueryRowContext(ctx, `PRAGMA journal_mode = WAL`).Scan(&mode); err != nil || mode != "wal" {
		return l.explain(cmp.Or(err, fmt.Errorf("this file system gives journal mode %q and no WAL", mode)))
	}
	files, err := fs.Glob(schema.Schema, "*.sql") // in order of name, and so of version
	if err != nil {
		return err
	}
	for ; version < newest; version++ {
		script, err := fs.ReadFile(schema.Schema, files[version])
		if err != nil {
			return err
		}
		err = l.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, fmt.Sprintf("%s; PRAGMA user_version = %d; PRAGMA application_id = %d",
				script, version+1, application))
			return err
		})
		if err != nil {
			return fmt.Errorf("apply %s: %w", files[version], err)
		}
	}
	return nil
}

// schemaVersion returns 0 for an empty file and refuses one that is of a later version, or no ledger at all.
func schemaVersion(ctx context.Context, db *sql.DB) (int, error) {
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
	result, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		if p, ok := errors.AsType[*pipeline.Problem](err); ok {
			return &pipeline.Problem{Class: p.Class, Err: named, Hint: p.Hint}
		}
		return named
	}
	switch result.Code() & 0xff { // the rest are details of the same code
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return &pipeline.Problem{Class: pipeline.Configuration, Err: fmt.Errorf("%w: the file is damaged", named),
			Hint: "restore it from a backup and run once with --full, or move it away with its -wal and -shm files: " +
				"the next run starts a new one and sends every score again"}
	case sqlite3.SQLITE_FULL:
		return &pipeline.Problem{Class: pipeline.TryAgain, Err: named,
			Hint: "free some space on the disk that holds the ledger"}
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return &pipeline.Problem{Class: pipeline.TryAgain, Err: named,
			Hint: "close the other program that has the ledger open"}
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return &pipeline.Problem{Class: pipeline.Configuration, Err: named,
			Hint: "let the user that runs scored write the ledger, its -wal and -shm files and their folder"}
	}
	return named
}
