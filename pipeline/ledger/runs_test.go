package ledger_test

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
)

func TestAttemptsAreCountedPerJobAndAsOf(t *testing.T) {
	l := fresh(t)
	enter(t, l, "other")
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
		req := pipeline.Request{Trigger: pipeline.Manual, AsOf: tt.asOf}
		run, err := l.Begin(t.Context(), tt.job, req)
		check(t, err)
		want, err := pipeline.NewRun(tt.job, req, tt.attempt, run.Started)
		check(t, err)
		if !reflect.DeepEqual(run, want) {
			t.Errorf("got %+v, want %+v", run, want)
		}
	}
}

func TestAnAsOfHasAThousandAttempts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	check(t, open(t, path).Close())
	execute(t, path, fmt.Sprintf(`INSERT INTO runs (id, job, cause, as_of, attempt, version, started) VALUES ('x', '%s', 'manual', %d, 998, 1, 1)`,
		job, asOf.UnixMilli()))
	l := opened(t, path)
	if run := begin(t, l, 0); run.Attempt != pipeline.MaxAttempt {
		t.Errorf("got attempt %d, want the last one", run.Attempt)
	}
	_, err := l.Begin(t.Context(), job, pipeline.Request{Trigger: pipeline.Manual, AsOf: asOf})
	if err == nil || !strings.Contains(err.Error(), "attempt 1000") || pipeline.HintOf(err) == "" {
		t.Errorf("got %v, want an error with a hint", err)
	}
}

func TestRunsAreRecorded(t *testing.T) {
	l := fresh(t)
	slot := asOf.Add(-time.Minute)
	run := request(t, l, pipeline.Request{Trigger: pipeline.Scheduled, Slot: slot, AsOf: asOf})
	summary := &pipeline.Summary{
		ID: run.ID, Job: job, Trigger: pipeline.Scheduled, Slot: "2026-11-22T13:14:00Z", AsOf: run.AsOf, Version: run.Version, Started: run.Started, Model: model,
		Read: 7, Scored: 5, Rejected: 2, Delivery: pipeline.Delivery{Changes: 3, Sent: 3, Accepted: 2, Refused: 1, APICalls: 4},
		Targets: []pipeline.TargetSummary{{Target: target, Error: "503", Delivery: pipeline.Delivery{Changes: 3}}},
		Stages:  pipeline.Stages{Read: 12}, End: pipeline.Partial, Reason: "1 of 3 changes were not accepted",
	}
	check(t, l.Finish(t.Context(), summary, nil, nil, nil))
	manual := begin(t, l, 1)
	enter(t, l, "other")
	_, err := l.Begin(t.Context(), "other", pipeline.Request{Trigger: pipeline.Fill, AsOf: asOf})
	check(t, err)

	records, err := l.Runs(t.Context(), job, 10)
	check(t, err)
	if len(records) != 2 || records[0].ID != manual.ID || records[1].ID != run.ID {
		t.Fatalf("got %+v, want the job's two runs, newest first", records)
	}
	if r := records[0]; !r.Ended.IsZero() || r.End != "" || r.Summary != nil || !r.Slot.IsZero() || r.Trigger != pipeline.Manual {
		t.Errorf("got %+v, want an open run started by hand", r)
	}
	r := records[1]
	if r.Run != *run && !r.Started.Equal(run.Started.Truncate(time.Millisecond)) || r.Trigger != pipeline.Scheduled || !r.Slot.Equal(slot) {
		t.Errorf("got %+v, want %+v", r.Run, run)
	}
	if r.End != pipeline.Partial || r.Reason != summary.Reason || r.Ended.Before(r.Started) || r.Version != run.Version {
		t.Errorf("got %+v", r)
	}
	if !reflect.DeepEqual(r.Summary, summary) {
		t.Errorf("got  %+v\nwant %+v", r.Summary, summary)
	}
	if all, err := l.Runs(t.Context(), "", 2); err != nil || len(all) != 2 || all[0].Job != "other" || all[0].Trigger != pipeline.Fill {
		t.Errorf("got %+v, %v; want the two newest of all jobs", all, err)
	}
}

func TestARunIsFinishedOnce(t *testing.T) {
	l := fresh(t)
	run := begin(t, l, 0)
	finish(t, l, run)
	err := l.Finish(t.Context(), &pipeline.Summary{ID: run.ID, End: pipeline.Failed}, []pipeline.Rejection{{Key: "k"}}, nil, nil)
	if err == nil || !strings.Contains(err.Error(), run.ID) {
		t.Errorf("got %v, want an error that names the run", err)
	}
	if records, err := l.Runs(t.Context(), job, 1); err != nil || records[0].End != pipeline.OK || count(t, l, "rejected") != 0 {
		t.Errorf("got %+v, %v; want the first end to stay", records, err)
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
