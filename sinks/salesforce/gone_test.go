package salesforce_test

import (
	"testing"

	"scored/pipeline"
	"scored/sinks"
	"scored/sinks/salesforce"
	"scored/sinks/salesforce/fakeorg"
)

// bare makes an org that takes a lead with nothing in it.
func bare(o *fakeorg.Config, _ *salesforce.Config) {
	field(o, "LastName").Nillable, field(o, "Company").Nillable = true, true
}

// purge erases the lead of a key, whichever of its keys that is.
func (w *world) purge(key string) {
	w.Helper()
	for _, r := range w.org.Records("Lead") {
		if r.Fields["Lead_Key__c"] != key && r.ID != key {
			continue
		}
		if err := w.org.Purge("Lead", r.ID); err != nil {
			w.Fatal(err)
		}
	}
}

// What clears a lead that is not in the org does not bring it back; the others are cleared, and scores are written.
func TestALeadThatIsGoneIsNotClearedIntoBeing(t *testing.T) {
	for name, c := range map[string]struct {
		byID bool
		rows int // beyond 2 it is a job
	}{
		"collections, upsert": {false, 2}, "bulk, upsert": {false, 9}, "collections, update": {true, 2}, "bulk, update": {true, 9},
	} {
		t.Run(name, func(t *testing.T) {
			w, j := newBulkWorld(t, func(o *fakeorg.Config, s *salesforce.Config) {
				bare(o, s)
				if c.byID {
					updateByID(o, s)
				}
			})
			changes := w.insert(c.rows, c.byID)
			w.purge(changes[0].Key)
			for i := range changes {
				changes[i].Clear = i%3 < 2
			}
			before := len(w.org.Records("Lead"))
			got := sent(t, w, changes)
			if len(got) != c.rows || len(w.org.Records("Lead")) != before {
				t.Errorf("%d outcomes; %d leads, there were %d", len(got), len(w.org.Records("Lead")), before)
			}
			for _, o := range got {
				switch gone := o.Key == changes[0].Key; {
				case gone && (o.Status != refused || o.Class != pipeline.Terminal || o.Code == ""),
					!gone && o.Status != accepted, o.Created:
					t.Errorf("%+v", o)
				}
			}
			w.wantTidy(j)
		})
	}
}

// A score may still make a record, which is reported: that is what upsert is for, and only clearing is held back.
func TestOnlyWhatClearsIsAskedFor(t *testing.T) {
	w, _ := newBulkWorld(t, bare)
	changes := w.insert(3, false)
	w.purge(changes[0].Key)
	for _, n := range []int{2, 3} {
		sent(t, w, changes[:n])
	}
	if n := w.requests("GET", "/query"); n != 0 {
		t.Errorf("%d questions", n)
	}
	for i := range changes {
		changes[i].Clear = true
	}
	sent(t, w, changes[:2])
	sent(t, w, changes)
	if n := w.requests("GET", "/query"); n != 2 {
		t.Errorf("%d questions, want one for each delivery", n)
	}
}

// Keys that no question can have are for the org to refuse.
func TestAnEmptyKeyIsNotAskedFor(t *testing.T) {
	w, _ := newBulkWorld(t, bare)
	changes := []pipeline.Change{{Clear: true}, {Score: pipeline.Score{Key: `L'1\`}, Clear: true}}
	got := sent(t, w, changes)
	if len(got) != 2 || got[0].Status != refused || got[0].Class == pipeline.Terminal || got[1].Class != pipeline.Terminal {
		t.Errorf("%+v", got)
	}
}

// Without an answer to the question nothing is cleared, and nothing is unknown.
func TestAQuestionThatFails(t *testing.T) {
	for _, rows := range []int{2, 5} {
		for name, c := range map[string]struct {
			fault fakeorg.Fault
			class pipeline.Class
		}{
			"500":              {fakeorg.Fault{Status: 500}, pipeline.TryAgain},
			"HTML":             {fakeorg.Fault{Status: 200, Body: "<html>"}, pipeline.TryAgain},
			"no more requests": {fakeorg.Fault{Status: 403, Body: fakeorg.Errors("REQUEST_LIMIT_EXCEEDED", "x")}, pipeline.Exhausted},
			"not the key": {fakeorg.Fault{Status: 200, Body: `{"totalSize":1,"done":true,"records":[{"Lead_Key__c":7}]}`},
				pipeline.TryAgain},
		} {
			w, j := newBulkWorld(t, bare)
			changes := w.insert(rows, false)
			for i := range changes {
				changes[i].Clear = true
			}
			c.fault.Path = "/query"
			w.org.Inject(c.fault)
			d := w.deliver(t.Context(), w.sink, changes, nil)
			if d.want(t, counts{}, true, c.class); t.Failed() {
				t.Fatal(name, rows)
			}
			w.wantTidy(j)
			w.org.Inject(c.fault)
			if c.class == pipeline.TryAgain {
				got, run := 0, &pipeline.Run{ID: "leads-x", Version: 1795353300000999}
				err := sinks.Retry(w.sink, fast, w.config.Log).Write(t.Context(), run, model, changes,
					func(outcomes []pipeline.Outcome) error { got += len(outcomes); return nil })
				if err != nil || got != rows {
					t.Errorf("%s: %d of %d rows, %v", name, got, rows, err)
				}
			}
		}
	}
}
