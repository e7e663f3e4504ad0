package ledger_test

import (
	"fmt"
	"reflect"
	"testing"

	"scored/pipeline"
)

func TestRowsComeBackAsTheyWereGiven(t *testing.T) {
	l := fresh(t)
	other, run := begin(t, l, 0), begin(t, l, 1)
	rejected := []pipeline.Rejection{{Key: "z", Reason: "column income: missing"}, {Key: "a", Reason: "duplicate key: 2 rows have it"}}
	refused := []pipeline.RefusedRow{
		{Target: target, Outcome: pipeline.Outcome{Key: "k1", Status: pipeline.Refused, Class: pipeline.Rejected, Code: "FIELD_X", Fields: []string{"A__c", "B__c"}, Message: "no"}},
		{Target: target, Outcome: pipeline.Outcome{Key: "k2", Status: pipeline.Accepted, Created: true, Fields: []string{}}},
		{Target: "other", Outcome: pipeline.Outcome{Key: "k1", Status: pipeline.Retry, Fields: []string{}}},
		{Target: target, Outcome: pipeline.Outcome{Key: "k0", Status: pipeline.Unknown, Fields: []string{}}},
		{Target: target, Outcome: pipeline.Outcome{Key: "", Status: pipeline.NotSent, Fields: []string{}}},
	}
	log := []string{`{"msg":"run started"}`, "", `{"msg":"run ended"}`}
	check(t, l.Finish(t.Context(), &pipeline.Summary{ID: run.ID, End: pipeline.Partial}, rejected, refused, log))
	finish(t, l, other)
	for _, tt := range []struct {
		id       string
		rejected []pipeline.Rejection
		refused  []pipeline.RefusedRow
		log      []string
	}{{run.ID, rejected, refused, log}, {other.ID, nil, nil, nil}, {"unheard of", nil, nil, nil}} {
		gotRejected, err := l.Rejected(t.Context(), tt.id)
		check(t, err)
		gotRefused, err := l.Refused(t.Context(), tt.id)
		check(t, err)
		gotLog, err := l.Lines(t.Context(), tt.id)
		check(t, err)
		if !reflect.DeepEqual(gotRejected, tt.rejected) || !reflect.DeepEqual(gotRefused, tt.refused) || !reflect.DeepEqual(gotLog, tt.log) {
			t.Errorf("%s: got  %+v\n%+v\n%q\nwant %+v\n%+v\n%q", tt.id, gotRejected, gotRefused, gotLog, tt.rejected, tt.refused, tt.log)
		}
	}
}

func TestRowsAreKeptUpToALimit(t *testing.T) {
	l := fresh(t)
	run := begin(t, l, 0)
	rejected := make([]pipeline.Rejection, 10_003)
	for i := range rejected {
		rejected[i] = pipeline.Rejection{Key: "same", Reason: "column income: missing"}
	}
	check(t, l.Finish(t.Context(), &pipeline.Summary{ID: run.ID, End: pipeline.Partial, Cut: 4}, rejected, nil, nil))
	records, err := l.Runs(t.Context(), job, 1)
	check(t, err)
	if records[0].Cut != 3+4 || count(t, l, "rejected") != 10_000 {
		t.Errorf("got %+v; want 10,000 kept, and 3 and the summary's 4 counted", records)
	}
}

// earlier records runs that ended long ago, each with a row of every kind and a line.
func earlier(t *testing.T, path, job string, trigger pipeline.Trigger, runs int) {
	t.Helper()
	execute(t, path, fmt.Sprintf(`
		CREATE TEMP TABLE made AS WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < %d)
			SELECT n + (SELECT ifnull(max(number), 0) FROM runs) AS number FROM n;
		INSERT INTO runs (number, id, job, cause, as_of, attempt, version, started, ended, outcome, summary, kept)
			SELECT number, '%[2]s-' || number, '%[2]s', '%[3]s', number, 0, number, 1, 1, 'ok', '{}', 1 FROM made;
		INSERT INTO rejected SELECT number, 1, 'k', 'r' FROM made;
		INSERT INTO refused SELECT number, 1, 't', 'k', 'refused', '', '[]', '', 0, '' FROM made;
		INSERT INTO lines SELECT number, 1, 'line' FROM made`, runs, job, trigger))
}

// Of each job the newest 500 live runs keep their rows and log, and the newest 500 of its backfills.
func TestOldRunsLoseTheirRowsAndLog(t *testing.T) {
	path := newPath(t)
	check(t, open(t, path).Close())
	for _, job := range []string{job, "other"} {
		earlier(t, path, job, pipeline.Manual, 502)
		earlier(t, path, job, pipeline.Fill, 502)
	}
	l := opened(t, path)
	for _, step := range []struct {
		req            pipeline.Request
		live, backfill int // runs of the job with rows, this one not among them
	}{
		{pipeline.Request{Trigger: pipeline.Scheduled, Slot: asOf, AsOf: asOf}, 499, 502},
		{pipeline.Request{Trigger: pipeline.Backfill, AsOf: asOf}, 499, 499},
		{pipeline.Request{Trigger: pipeline.Fill, AsOf: asOf}, 499, 498},
		{pipeline.Request{Trigger: pipeline.Manual, AsOf: asOf}, 498, 498},
	} {
		run := request(t, l, step.req)
		check(t, l.Finish(t.Context(), &pipeline.Summary{ID: run.ID, End: pipeline.OK}, nil, nil, []string{"line of " + run.ID}))
		check(t, l.Tidy(t.Context(), job))
		if log, err := l.Lines(t.Context(), run.ID); err != nil || len(log) != 1 {
			t.Errorf("the log of the newest run is %q, %v", log, err)
		}
		for _, table := range []string{"rejected", "refused", "lines"} {
			kept := func(job, trigger string) string {
				return query(t, path, fmt.Sprintf(`SELECT count(*) || ' from ' || (min(run) - (SELECT min(number) FROM runs WHERE job = '%[1]s' AND cause = '%[2]s'))
					FROM %[3]s JOIN runs ON number = run WHERE job = '%[1]s' AND cause = '%[2]s' AND as_of < 10000`, job, trigger, table))
			}
			got := []string{kept(job, "manual"), kept(job, "fill"), kept("other", "manual"), kept("other", "fill")}
			want := []string{fmt.Sprint(step.live, " from ", 502-step.live), fmt.Sprint(step.backfill, " from ", 502-step.backfill), "502 from 0", "502 from 0"}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("after %s, %s are kept of %q, want %q", run.ID, table, got, want)
			}
		}
	}
	if n := count(t, l, "runs"); n != 4*502+4 {
		t.Errorf("%d runs are there, want all", n)
	}
}
