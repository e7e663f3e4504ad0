package ledger_test

import (
	"context"
	"errors"
	"testing"

	"scored/pipeline"
)

// Deleting millions of rows takes longer than the end of a run may: it is done afterwards, step by step.
func TestWhatIsNotKeptIsDeletedInSteps(t *testing.T) {
	const n, step = 60_000, 50_000
	path := newPath(t)
	l := opened(t, path)
	changes, accepted := rows(n)
	old := begin(t, l, 0)
	intend(t, l, old, changes...)
	check(t, l.Confirm(t.Context(), old, target, accepted))
	finish(t, l, old)
	earlier(t, path, job, pipeline.Manual, 500)
	execute(t, path, `UPDATE runs SET wrote = 2000000 WHERE number = 501;
		INSERT INTO rejected SELECT 1, n, 'k', 'r' FROM (SELECT row_number() OVER () AS n FROM replaced LIMIT 3)`)

	finish(t, l, begin(t, l, 1))
	if got := count(t, l, "replaced"); got != n || count(t, l, "rejected") != 503 {
		t.Errorf("%d and %d rows are left: the end of a run waited for them", got, count(t, l, "rejected"))
	}
	if err := unread(t, l, old.ID); err == nil {
		t.Error("what is about to be deleted can still be undone")
	}
	more, err := l.TidyStep(t.Context(), job)
	if got := count(t, l, "replaced"); !more || err != nil || got != n-step || count(t, l, "rejected") != 500 {
		t.Errorf("%d and %d rows are left after a step: %t, %v", got, count(t, l, "rejected"), more, err)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Tidy(stopped, job); !errors.Is(err, context.Canceled) || count(t, l, "replaced") != n-step {
		t.Errorf("%d are left, %v", count(t, l, "replaced"), err)
	}
	check(t, l.Tidy(t.Context(), "other"))
	if got := count(t, l, "replaced"); got != n-step {
		t.Errorf("%d are left: another job's were deleted", got)
	}
	check(t, l.Tidy(t.Context(), job))
	if got := count(t, l, "replaced"); got != 0 || query(t, path, `SELECT sum(untidy) FROM runs`) != "0" {
		t.Errorf("%d are left", got)
	}
	if got := len(confirmed(t, l)); got != n {
		t.Errorf("of what is confirmed, %d entries are left", got)
	}
}
