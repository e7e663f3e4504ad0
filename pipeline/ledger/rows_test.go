package ledger_test

import (
	"reflect"
	"testing"

	"scored/pipeline"
)

func TestRowsComeBackAsTheyWereGiven(t *testing.T) {
	l := fresh(t)
	other, run := begin(t, l, 0), begin(t, l, 1)
	rejected := []pipeline.Rejection{{Key: "z", Reason: "column income: missing"}, {Key: "a", Reason: "duplicate key: 2 rows have it"}}
	refused := []pipeline.RefusedRow{
		{Target: target, Outcome: pipeline.Outcome{Key: "k1", Status: pipeline.Refused, Code: "FIELD_X", Fields: []string{"A__c", "B__c"}, Message: "no"}},
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
	check(t, l.Finish(t.Context(), &pipeline.Summary{ID: run.ID, End: pipeline.Partial}, rejected, nil, nil))
	records, err := l.Runs(t.Context(), job, 1)
	check(t, err)
	if records[0].Cut != 3 || count(t, l, "rejected") != 10_000 {
		t.Errorf("got %+v; want 10,000 kept and 3 counted", records)
	}
}

func TestOldRunsLoseTheirRowsAndLog(t *testing.T) {
	path := newPath(t)
	l := opened(t, path)
	row, refused := []pipeline.Rejection{{Key: "k", Reason: "r"}}, []pipeline.RefusedRow{{Target: target, Outcome: pipeline.Outcome{Status: pipeline.Refused}}}
	old := begin(t, l, 0)
	check(t, l.Finish(t.Context(), &pipeline.Summary{ID: old.ID, End: pipeline.OK}, row, refused, []string{"old"}))
	check(t, l.Close())
	execute(t, path, `INSERT INTO runs (number, id, job, cause, as_of, attempt, version, started) VALUES (500, 'later', 'x', 'manual', 1, 1, 1, 1)`)
	l = opened(t, path)
	run := begin(t, l, 1)
	check(t, l.Finish(t.Context(), &pipeline.Summary{ID: run.ID, End: pipeline.OK}, row, nil, []string{"new"}))
	for table, want := range map[string]int{"rejected": 1, "refused": 0, "lines": 1} {
		if got := count(t, l, table); got != want {
			t.Errorf("got %d rows in %s, want %d: the last run's only", got, table, want)
		}
	}
	if records, err := l.Runs(t.Context(), "", 10); err != nil || len(records) != 3 {
		t.Errorf("got %d runs, %v; want all of them still there", len(records), err)
	}
}
