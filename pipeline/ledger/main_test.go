package ledger_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
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
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(play(role))
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

// opened opens a ledger, enters the job and binds its target.
func opened(t testing.TB, path string) *ledger.Ledger {
	t.Helper()
	l := open(t, path)
	enter(t, l, job)
	check(t, l.Bind(t.Context(), job, target, org))
	return l
}

func fresh(t testing.TB) *ledger.Ledger {
	t.Helper()
	return opened(t, newPath(t))
}

func newPath(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "ledger.db")
}

// enter takes a job's gate, which must be free, and returns the orphans.
func enter(t testing.TB, l *ledger.Ledger, job string) []string {
	t.Helper()
	orphans, err := l.Enter(context.Background(), job, func(holder string) { t.Errorf("%s runs the job %s", holder, job) })
	check(t, err)
	return orphans
}

// begin opens a run at so many minutes after asOf.
func begin(t testing.TB, l *ledger.Ledger, minutes int) *pipeline.Run {
	t.Helper()
	return request(t, l, pipeline.Request{Trigger: pipeline.Manual, AsOf: asOf.Add(time.Duration(minutes) * time.Minute)})
}

func request(t testing.TB, l *ledger.Ledger, req pipeline.Request) *pipeline.Run {
	t.Helper()
	run, err := l.Begin(context.Background(), job, req)
	check(t, err)
	return run
}

func finish(t testing.TB, l *ledger.Ledger, run *pipeline.Run) {
	t.Helper()
	check(t, l.Finish(context.Background(), &pipeline.Summary{ID: run.ID, Job: job, End: pipeline.OK}, nil, nil, nil))
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

// arrived is what the target confirmed or may have received, whatever waits in quarantine.
func arrived(t testing.TB, l *ledger.Ledger) (list []pipeline.Confirmed) {
	t.Helper()
	for _, c := range confirmed(t, l) {
		if c.Until = (time.Time{}); c.Version > 0 {
			list = append(list, c)
		}
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

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}
