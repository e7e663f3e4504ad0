package ledger_test

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

func TestAttemptsAreCountedPerJobAndAsOf(t *testing.T) {
	l := fresh(t)
	tests := []struct {
		job     string
		asOf    time.Time
		attempt int
	}{
		{job, asOf, 0},
		{job, asOf, 1},
		{"other", asOf, 0},
		{job, asOf.Add(time.Second), 0},
		{job, asOf.Add(999 * time.Millisecond), 2}, // the fraction of a second is dropped
		{job, asOf.In(time.FixedZone("", 3600)), 3},
		{job, asOf.AddDate(0, -1, 0), 0},
	}
	for _, tt := range tests {
		run, err := l.Begin(t.Context(), tt.job, time.Time{}, tt.asOf)
		check(t, err)
		want, err := pipeline.NewRun(tt.job, time.Time{}, tt.asOf, tt.attempt, run.Started)
		check(t, err)
		if !reflect.DeepEqual(run, want) {
			t.Errorf("got %+v, want %+v", run, want)
		}
	}
}

func TestAnAsOfHasAThousandAttempts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	check(t, open(t, path).Close())
	execute(t, path, fmt.Sprintf(`INSERT INTO runs (id, job, as_of, attempt, version, started) VALUES ('x', '%s', %d, 998, 1, 1)`,
		job, asOf.UnixMilli()))
	l := open(t, path)
	if run := begin(t, l, 0); run.Attempt != pipeline.MaxAttempt {
		t.Errorf("got attempt %d, want the last one", run.Attempt)
	}
	_, err := l.Begin(t.Context(), job, time.Time{}, asOf)
	if err == nil || !strings.Contains(err.Error(), "attempt 1000") || pipeline.HintOf(err) == "" {
		t.Errorf("got %v, want an error with a hint", err)
	}
}

func TestRunsAreRecorded(t *testing.T) {
	l := fresh(t)
	slot := asOf.Add(-time.Minute)
	run, err := l.Begin(t.Context(), job, slot, asOf)
	check(t, err)
	summary := &pipeline.Summary{
		ID: run.ID, Job: job, Slot: "2026-11-22T13:14:00Z", AsOf: run.AsOf, Version: run.Version, Started: run.Started, Model: model,
		Read: 7, Scored: 5, Rejected: 2, Delivery: pipeline.Delivery{Changes: 3, Sent: 3, Accepted: 2, Refused: 1, APICalls: 4},
		Targets: []pipeline.TargetSummary{{Target: target, Error: "503", Delivery: pipeline.Delivery{Changes: 3}}},
		Stages:  pipeline.Stages{Read: 12}, End: pipeline.Partial, Reason: "1 of 3 changes were not accepted",
	}
	check(t, l.Finish(t.Context(), summary, nil, nil))
	manual := begin(t, l, 1)
	_, err = l.Begin(t.Context(), "other", time.Time{}, asOf)
	check(t, err)

	records, err := l.Runs(t.Context(), job, 10)
	check(t, err)
	if len(records) != 2 || records[0].ID != manual.ID || records[1].ID != run.ID {
		t.Fatalf("got %+v, want the job's two runs, newest first", records)
	}
	if r := records[0]; !r.Ended.IsZero() || r.End != "" || r.Summary != nil || !r.Slot.IsZero() {
		t.Errorf("got %+v, want an open run started by hand", r)
	}
	r := records[1]
	if r.End != pipeline.Partial || r.Reason != summary.Reason || r.Ended.Before(r.Started) || !r.Slot.Equal(slot) || r.Version != run.Version {
		t.Errorf("got %+v", r)
	}
	if !reflect.DeepEqual(r.Summary, summary) {
		t.Errorf("got  %+v\nwant %+v", r.Summary, summary)
	}
	if all, err := l.Runs(t.Context(), "", 2); err != nil || len(all) != 2 || all[0].Job != "other" {
		t.Errorf("got %+v, %v; want the two newest of all jobs", all, err)
	}
}

func TestARunIsFinishedOnce(t *testing.T) {
	l := fresh(t)
	run := begin(t, l, 0)
	finish(t, l, run)
	err := l.Finish(t.Context(), &pipeline.Summary{ID: run.ID, End: pipeline.Failed}, []pipeline.Rejection{{Key: "k"}}, nil)
	if err == nil || !strings.Contains(err.Error(), run.ID) {
		t.Errorf("got %v, want an error that names the run", err)
	}
	if records, err := l.Runs(t.Context(), job, 1); err != nil || records[0].End != pipeline.OK || count(t, l, "rejected") != 0 {
		t.Errorf("got %+v, %v; want the first end to stay", records, err)
	}
}

func TestARunLeftOpenIsInterrupted(t *testing.T) {
	l, path := crashed(t)
	check(t, l.Close())
	l = open(t, path)
	records, err := l.Runs(t.Context(), job, 10)
	check(t, err)
	if len(records) != 2 {
		t.Fatalf("got %d runs, want 2", len(records))
	}
	r := records[0]
	if r.End != pipeline.Interrupted || r.Reason != "the process ended before the run did" || r.Ended.IsZero() || r.Summary != nil {
		t.Errorf("got %+v, want an interrupted run", r)
	}
	if records[1].End != pipeline.OK {
		t.Errorf("got %+v: a run that ended stays as it was", records[1])
	}
	if err := l.Intend(t.Context(), &r.Run, target, model, nil); err == nil {
		t.Error("an interrupted run takes intents")
	}
}

func TestRowsAreKeptUpToALimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l := open(t, path)
	run := begin(t, l, 0)
	rejected := make([]pipeline.Rejection, 10_003)
	for i := range rejected {
		rejected[i] = pipeline.Rejection{Key: "same", Reason: "column income: missing"}
	}
	refused := []pipeline.RefusedRow{
		{Target: target, Outcome: pipeline.Outcome{Key: "k1", Status: pipeline.Refused, Code: "FIELD_X", Fields: []string{"A__c", "B__c"}, Message: "no"}},
		{Target: target, Outcome: pipeline.Outcome{Key: "k2", Status: pipeline.Accepted, Created: true}},
	}
	check(t, l.Finish(t.Context(), &pipeline.Summary{ID: run.ID, End: pipeline.Partial}, rejected, refused))
	records, err := l.Runs(t.Context(), job, 1)
	if err != nil || records[0].Cut != 3 || count(t, l, "rejected") != 10_000 {
		t.Errorf("got %+v, %v; want 10,000 kept and 3 counted", records, err)
	}
	got := query(t, path, `SELECT group_concat(concat_ws('|', row, target, key, outcome, code, fields, message, created), ' ') FROM refused`)
	want := `1|salesforce|k1|refused|FIELD_X|["A__c","B__c"]|no|0 2|salesforce|k2|accepted||[]||1`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestOldRunsLoseTheirRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l := open(t, path)
	row := []pipeline.Rejection{{Key: "k", Reason: "r"}}
	old := begin(t, l, 0)
	check(t, l.Finish(t.Context(), &pipeline.Summary{ID: old.ID, End: pipeline.OK}, row, []pipeline.RefusedRow{{Target: target}}))
	check(t, l.Close())
	execute(t, path, `INSERT INTO runs (number, id, job, as_of, attempt, version, started) VALUES (500, 'later', 'x', 1, 1, 1, 1)`)
	l = open(t, path)
	run := begin(t, l, 1)
	check(t, l.Finish(t.Context(), &pipeline.Summary{ID: run.ID, End: pipeline.OK}, row, nil))
	if rejected, refused := count(t, l, "rejected"), count(t, l, "refused"); rejected != 1 || refused != 0 {
		t.Errorf("got %d rejected and %d refused rows, want the last run's only", rejected, refused)
	}
	if records, err := l.Runs(t.Context(), "", 10); err != nil || len(records) != 3 {
		t.Errorf("got %d runs, %v; want all of them still there", len(records), err)
	}
}

func TestBind(t *testing.T) {
	l := fresh(t)
	check(t, l.Bind(t.Context(), job, target, org))
	err := l.Bind(t.Context(), job, target, "00D000000000002")
	if pipeline.ClassOf(err) != pipeline.Configuration || !strings.Contains(pipeline.HintOf(err), "state_dir") {
		t.Fatalf("got %v (hint %q), want a configuration problem", err, pipeline.HintOf(err))
	}
	for _, word := range []string{job, target, org, "00D000000000002"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q doesn't name %s", err, word)
		}
	}
	check(t, l.Bind(t.Context(), job, target, org)) // the mismatch left no trace
	check(t, l.Bind(t.Context(), "other", target, "00D000000000002"))
	if err := l.Bind(t.Context(), "third", target, ""); err == nil {
		t.Error("a target without an identity was bound")
	}
}

// crashed returns a ledger with one finished run and one whose process is about to die with a write on its way.
func crashed(t *testing.T) (*ledger.Ledger, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger.db")
	l, err := ledger.Open(path)
	check(t, err)
	check(t, l.Bind(t.Context(), job, target, org))
	finish(t, l, begin(t, l, 0))
	intend(t, l, begin(t, l, 1), change("k", 1))
	return l, path
}
