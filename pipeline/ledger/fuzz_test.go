package ledger_test

import (
	"testing"
	"time"

	"scored/pipeline"
)

// FuzzColumns: a text that is damaged, or that another program wrote, ends in an error, and not in the end of the process.
func FuzzColumns(f *testing.F) {
	for _, text := range []string{`{"run_id":"x","end":"ok","targets":[{"target":"salesforce"}]}`, `{"model":"m@1","columns":[{}],"scores":[1,2]}`,
		`["A__c"]`, `null`, `[]`, ``, `{"profile":`, `{"targets":null,"stages_ms":{"read":1e99}}`, "\xff", `{"scores":[` + `1,1,1,1,1,1,1,1,1,1,1,1,1]}`} {
		f.Add(text)
	}
	l := fresh(f)
	run := begin(f, l, 0)
	intend(f, l, run, change("k", 1))
	confirmOutcome := []pipeline.Outcome{{Key: "k", Status: pipeline.Refused, Class: pipeline.Rejected, Fields: []string{"A__c"}}}
	check(f, l.Confirm(f.Context(), run, target, confirmOutcome))
	check(f, l.Finish(f.Context(), &pipeline.Summary{ID: run.ID, Job: job, End: pipeline.OK, Profile: &pipeline.Profile{}}, nil,
		[]pipeline.RefusedRow{{Target: target, Outcome: confirmOutcome[0]}}, []string{"line"}))
	db := raw(f, l.Path())
	f.Cleanup(func() { check(f, db.Close()) })
	f.Fuzz(func(t *testing.T, text string) {
		for _, statement := range []string{`UPDATE runs SET summary = ?, profile = ?1`, `UPDATE refused SET fields = ?`,
			`UPDATE quarantine SET fields = ?`, `UPDATE lines SET line = ?`} {
			if _, err := db.ExecContext(t.Context(), statement, text); err != nil {
				t.Skip(err)
			}
		}
		records, err := l.Runs(t.Context(), job, 10)
		if err == nil && (len(records) != 1 || records[0].ID != run.ID) {
			t.Errorf("%d runs", len(records))
		}
		if lines, err := l.Lines(t.Context(), run.ID); err != nil || len(lines) != 1 || lines[0] != text {
			t.Errorf("the line %q is read as %q, %v", text, lines, err)
		}
		_, _ = l.Refused(t.Context(), run.ID)
		_, _ = l.Quarantine(t.Context(), "", "")
		_, _ = l.Baseline(t.Context(), job)
		_, _, _ = l.Held(t.Context(), job)
		_ = l.Rule(t.Context(), run.ID, pipeline.Discarded)
		_, _ = l.Spent(t.Context(), time.Time{})
	})
}
