package ledger_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

const (
	job    = "lead_scoring"
	target = "salesforce"
	model  = "lead_scoring@0a1b2c3d"
	org    = "00D000000000001"
)

var asOf = time.Date(2026, 11, 22, 13, 15, 0, 0, time.UTC)

func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		os.Exit(child(path))
	}
	goleak.VerifyTestMain(m)
}

// open opens a ledger and closes it with the test.
func open(t testing.TB, path string) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { check(t, l.Close()) })
	return l
}

func fresh(t testing.TB) *ledger.Ledger {
	t.Helper()
	l := open(t, filepath.Join(t.TempDir(), "ledger.db"))
	check(t, l.Bind(t.Context(), job, target, org))
	return l
}

// begin opens a run at so many minutes after asOf.
func begin(t testing.TB, l *ledger.Ledger, minutes int) *pipeline.Run {
	t.Helper()
	run, err := l.Begin(context.Background(), job, time.Time{}, asOf.Add(time.Duration(minutes)*time.Minute))
	check(t, err)
	return run
}

func finish(t testing.TB, l *ledger.Ledger, run *pipeline.Run) {
	t.Helper()
	check(t, l.Finish(context.Background(), &pipeline.Summary{ID: run.ID, Job: job, End: pipeline.OK}, nil, nil))
}

func change(key string, score int) pipeline.Change {
	return pipeline.Change{Score: pipeline.Score{Key: key, Score: score, Grade: "B"}}
}

func intend(t testing.TB, l *ledger.Ledger, run *pipeline.Run, changes ...pipeline.Change) {
	t.Helper()
	check(t, l.Intend(context.Background(), run, target, model, changes))
}

func confirm(t testing.TB, l *ledger.Ledger, run *pipeline.Run, status pipeline.Status, keys ...string) {
	t.Helper()
	check(t, l.Confirm(context.Background(), run, target, outcomes(status, keys...)))
}

func outcomes(status pipeline.Status, keys ...string) (list []pipeline.Outcome) {
	for _, key := range keys {
		list = append(list, pipeline.Outcome{Key: key, Status: status})
	}
	return list
}

// confirmed drains what the target confirmed.
func confirmed(t testing.TB, l *ledger.Ledger) (list []pipeline.Confirmed) {
	t.Helper()
	for c, err := range l.Confirmed(context.Background(), job, target) {
		check(t, err)
		list = append(list, c)
	}
	return list
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
