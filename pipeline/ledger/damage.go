package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"scored/pipeline"
)

// damagedHint is what to do about a damaged ledger. Nothing of it is needed but what the org has, too.
const damagedHint = "move it away with its -wal and -shm files; then scored ledger rebuild JOB reads back what the org holds, " +
	"and the next run sends what differs"

// outOfOrder is what no check of a table finds: SQLite takes it for granted that keys are in order, and may miss one that isn't.
var outOfOrder = &pipeline.Problem{Class: pipeline.Configuration, Hint: damagedHint,
	Err: errors.New("keys are out of order: the file is damaged")}

// deciding are the tables by which runs decide what is sent. The others are for people, and for an undo, and hold much more.
var deciding = []string{"confirmed", "intents", "targets", "runs", "jobs", "quarantine", "remote_jobs"}

// checkTables looks for pages and rows of the deciding tables that can't be as they were written: of another type, too
// long, or missing. It takes about a third of a second for a million leads.
func (l *Ledger) checkTables(ctx context.Context) error {
	for _, table := range deciding {
		var found string
		if err := l.read.QueryRowContext(ctx, "PRAGMA quick_check("+table+")").Scan(&found); err != nil {
			return l.explain(err)
		}
		if found != "ok" {
			return l.damaged(fmt.Errorf("table %s: %s", table, strings.Join(strings.Fields(found), " ")))
		}
	}
	return nil
}

// garbled says that a JSON column does not hold what was written: SQLite and Go word that differently.
func garbled(err error) bool {
	if _, syntax := errors.AsType[*json.SyntaxError](err); syntax {
		return true
	}
	_, kind := errors.AsType[*json.UnmarshalTypeError](err)
	return kind || strings.Contains(err.Error(), "malformed JSON")
}

// damaged is the problem of a file that is not as it was written.
func (l *Ledger) damaged(err error) error {
	return &pipeline.Problem{Class: pipeline.Configuration,
		Err: fmt.Errorf("ledger %s: %w: the file is damaged", l.path, err), Hint: damagedHint}
}
