package salesforce_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/sinks/salesforce"
	"scored/sinks/salesforce/fakeorg"
)

type counts = map[pipeline.Status]int

func TestTheNumberOfChangesChoosesThePath(t *testing.T) {
	for _, c := range []struct {
		name    string
		edit    func(*fakeorg.Config, *salesforce.Config)
		changes int
		bulk    bool
	}{
		{"2,000", nil, 2000, false},
		{"2,001", nil, 2001, true},
		{"2,001 by Id", updateByID, 2001, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, j := newBulkWorld(t, func(o *fakeorg.Config, s *salesforce.Config) {
				s.BulkThreshold = 0
				if c.edit != nil {
					c.edit(o, s)
				}
			})
			changes := w.insert(c.changes, c.edit != nil)
			w.deliver(t.Context(), w.sink, changes, nil).want(t, counts{accepted: c.changes}, false, 0)
			if bulk := w.requests("", ingest) > 0; bulk != c.bulk || bulk == (w.requests("", composite) > 0) {
				t.Errorf("%d requests for jobs, %d for collections", w.requests("", ingest), w.requests("", composite))
			}
			if c.bulk && (w.sink.Calls() != 6 || w.requests("", ingest) != 6) {
				t.Errorf("%d calls, want those of %q", w.sink.Calls(), fullSteps)
			}
			if c.bulk && !slices.Equal(j.steps, []string{"creating", "created", "closed"}) {
				t.Errorf("the journal was told %q", j.steps)
			}
			if jobs := w.org.Jobs(); len(jobs) > 0 {
				t.Errorf("the org still has %v", jobs)
			}
			w.wantTidy(j)
		})
	}
}

func TestEveryRowOfAJobHasItsOwnEnd(t *testing.T) {
	w, j := newBulkWorld(t, func(o *fakeorg.Config, _ *salesforce.Config) {
		field(o, "LastName").Nillable, field(o, "Company").Nillable = true, true
		o.Objects[0].Rules = []fakeorg.Rule{fakeorg.NeverDecreases("Lead_Score_Version__c")}
	})
	changes := w.insert(9, false)
	ids := map[string]string{}
	for _, r := range w.org.Records("Lead") {
		ids[r.Fields["Lead_Key__c"].(string)] = r.ID
	}
	change := func(i int, fields map[string]any) {
		if err := w.org.Update("Lead", ids[changes[i].Key], fields); err != nil {
			t.Fatal(err)
		}
	}
	change(1, map[string]any{"IsConverted": true})
	change(2, map[string]any{"Lead_Score_Version__c": 9e15})
	changes[4].Probability = math.NaN()
	changes[5].Reasons = "#N/A"
	changes[6].Grade = strings.Repeat("A", 300)
	changes = append(changes, pipeline.Change{Score: pipeline.Score{Key: "L9-erased", Score: 50, Grade: "B", Probability: 0.5}})
	w.org.Inject(fakeorg.Fault{Method: "POST", Path: ingest, Rows: map[string]fakeorg.RowError{changes[3].Key: fakeorg.Locked("00Q")}})
	d := w.deliver(t.Context(), w.sink, changes, nil)
	d.want(t, counts{accepted: 4, refused: 4, stale: 1, again: 1}, false, 0)
	for i, want := range map[int]string{
		1: "refused terminal CANNOT_UPDATE_CONVERTED_LEAD []",
		2: "stale stale FIELD_CUSTOM_VALIDATION_EXCEPTION [Lead_Score_Version__c]",
		3: "retry transient UNABLE_TO_LOCK_ROW []",
		4: "refused rejected INVALID_NUMBER []",
		5: "refused rejected INVALID_TEXT []",
		6: "refused rejected STRING_TOO_LONG [Lead_Grade__c]",
	} {
		o := d.outcomes[changes[i].Key]
		if got := fmt.Sprint(o.Status, " ", o.Class, " ", o.Code, " ", o.Fields); got != want {
			t.Errorf("row %d: %s, want %s", i, got, want)
		}
	}
	for key, o := range d.outcomes {
		if o.Created != (key == "L9-erased") {
			t.Errorf("%s: created %t", key, o.Created)
		}
	}
	w.wantTidy(j)
}

func TestAJobFindsRecordsByBothFormsOfTheirID(t *testing.T) {
	w, _ := newBulkWorld(t, updateByID)
	changes := w.insert(6, true)
	changes[1].Key, changes[3].Key = changes[1].Key[:15], changes[3].Key[:15]
	changes[4].Key = changes[4].Key[:15] + "-AA" // no Id
	d := w.deliver(t.Context(), w.sink, changes, nil)
	d.want(t, counts{accepted: 5, refused: 1}, false, 0)
	if o := d.outcomes[changes[4].Key]; o.Code != "MALFORMED_ID" {
		t.Errorf("%+v", o)
	}
}

// Text that CSV gives a meaning to arrives as it is; what the org takes for an empty field is not sent as text.
func TestKeysAndTextsSurviveCSV(t *testing.T) {
	w, _ := newBulkWorld(t, nil)
	var changes []pipeline.Change
	for i, text := range []string{`"`, `""`, `a,b`, "a\nb", "a\r\nb", `"a","b"`, `é ☃ 𝄞`, `=1+1`, `,`, `#N/A2`, `--`, `a:b --`} {
		key := fmt.Sprintf("L%02d%s", i, text)
		if _, err := w.org.Insert("Lead", map[string]any{"LastName": "Jane", "Company": "Acme", "Lead_Key__c": key}); err != nil {
			t.Fatal(err)
		}
		changes = append(changes, pipeline.Change{Score: pipeline.Score{Key: key, Score: i, Grade: text, Reasons: text}})
	}
	w.deliver(t.Context(), w.sink, changes, nil).want(t, counts{accepted: len(changes)}, false, 0)
}

func TestWhatNoUploadCanCarryIsNotSent(t *testing.T) {
	w, j := newBulkWorld(t, nil)
	var changes []pipeline.Change
	for _, key := range []string{"", "#N/A", "a\xff"} {
		changes = append(changes, pipeline.Change{Score: pipeline.Score{Key: key}})
	}
	w.deliver(t.Context(), w.sink, changes, nil).want(t, counts{refused: 3}, false, 0)
	if n := w.requests("", ""); n > 0 {
		t.Errorf("%d requests for nothing", n)
	}
	w.wantTidy(j)
}

func TestAnEmptyValueEmptiesTheFieldThroughAJob(t *testing.T) {
	w, _ := newBulkWorld(t, nil)
	changes := w.insert(3, false)
	w.deliver(t.Context(), w.sink, changes, nil).want(t, counts{accepted: 3}, false, 0)
	changes[0].Reasons = ""
	changes[1] = pipeline.Change{Score: pipeline.Score{Key: changes[1].Key}, Clear: true}
	scored := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	changes[2].Origin = &pipeline.Origin{Model: "lead@before", ScoredAt: scored}
	got := sent(t, w, changes)
	records := w.records()
	if records[changes[0].Key]["Lead_Score_Reasons__c"] != nil {
		t.Error("reasons are still there")
	}
	for _, f := range mapping() {
		if held := records[changes[1].Key][f.Field]; (held != nil) != (f.Value == salesforce.Version) {
			t.Errorf("%s of the cleared lead holds %v", f.Field, held)
		}
	}
	if back := records[changes[2].Key]; back["Lead_Score_Model__c"] != "lead@before" || !back["Lead_Scored_At__c"].(time.Time).Equal(scored) {
		t.Errorf("the origin is %v at %v", back["Lead_Score_Model__c"], back["Lead_Scored_At__c"])
	}
	for _, o := range got {
		if o.Status != accepted {
			t.Errorf("%+v", o)
		}
	}
}

// sent writes changes of which the org holds something else than world.deliver expects.
func sent(t *testing.T, w *world, changes []pipeline.Change) (got []pipeline.Outcome) {
	t.Helper()
	run := &pipeline.Run{ID: "leads-x", Version: 1795353300000999, Started: time.Now()}
	err := w.sink.Write(t.Context(), run, model, changes, func(outcomes []pipeline.Outcome) error {
		got = append(got, outcomes...)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return got
}

func TestUploadsAreCutAtARow(t *testing.T) {
	const limit = 1000
	w, j := newBulkWorld(t, func(_ *fakeorg.Config, c *salesforce.Config) { c.UploadLimit = limit })
	changes := w.insert(30, false)
	changes[7].Probability = math.NaN()
	var sizes []int
	w.config.Journal = &watching{journal: j, closed: func() {
		for _, job := range w.org.Jobs() {
			sizes = append(sizes, job.Bytes)
		}
	}}
	d := w.deliver(t.Context(), w.newSink(w.config), changes, nil)
	d.want(t, counts{accepted: 29, refused: 1}, false, 0)
	if len(sizes) < 4 || slices.Max(sizes) > limit || slices.Max(sizes) < limit/2 {
		t.Errorf("uploads of %d bytes, limit %d", sizes, limit)
	}
	w.wantTidy(j)
}

// watching is a journal with somebody who looks at the org whenever a job is closed.
type watching struct {
	*journal
	closed func()
}

func (j *watching) Closed(ctx context.Context, run, id string) error {
	j.closed()
	return j.journal.Closed(ctx, run, id)
}

func TestARowLargerThanAnUploadIsAnUpload(t *testing.T) {
	w, j := newBulkWorld(t, func(_ *fakeorg.Config, c *salesforce.Config) { c.UploadLimit = 1 })
	w.deliver(t.Context(), w.sink, w.insert(3, false), nil).want(t, counts{accepted: 3}, false, 0)
	if n := w.requests("POST", ingest); n != 3 {
		t.Errorf("%d jobs, want 3", n)
	}
	w.wantTidy(j)
}

func TestChangesOutOfOrderAreNotSent(t *testing.T) {
	w, _ := newBulkWorld(t, nil)
	changes := w.insert(3, false)
	for _, wrong := range [][]pipeline.Change{{changes[0], changes[2], changes[1]}, {changes[0], changes[0], changes[1]}} {
		w.deliver(t.Context(), w.sink, wrong, nil).want(t, counts{}, true, 0)
	}
	if n := w.requests("", ingest); n > 0 {
		t.Errorf("%d requests", n)
	}
}

func TestWithoutAJournalNoJobIsMade(t *testing.T) {
	w, _ := newBulkWorld(t, func(_ *fakeorg.Config, c *salesforce.Config) { c.Journal = nil })
	changes := w.insert(3, false)
	w.deliver(t.Context(), w.sink, changes, nil).want(t, counts{}, true, 0)
	if n := w.requests("", ingest); n > 0 {
		t.Errorf("%d requests", n)
	}
	w.deliver(t.Context(), w.sink, changes[:2], nil).want(t, counts{accepted: 2}, false, 0)
}
