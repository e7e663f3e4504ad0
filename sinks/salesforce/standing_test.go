package salesforce_test

import (
	"testing"

	"scored/pipeline"
	"scored/sinks/salesforce"
	"scored/sinks/salesforce/fakeorg"
)

// unedited says of each key whether the record still has what was written, as its stand says.
func (w *world) unedited(written []pipeline.Written) map[string]bool {
	w.Helper()
	got := map[string]bool{}
	err := w.sink.Standing(w.Context(), written, func(key string, _ int64, stands bool) error {
		got[key] = stands
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
	return got
}

// standing is what the ledger says of changes that were written.
func standing(run *pipeline.Run, changes []pipeline.Change) (written []pipeline.Written) {
	for _, c := range changes {
		written = append(written, pipeline.Written{Key: c.Key, Version: run.Version, Stands: []pipeline.Stand{
			{Version: run.Version, Empty: c.Clear, Score: c.Score.Score, Grade: c.Grade, Model: model, Reasons: &c.Reasons}}})
	}
	return written
}

// write writes changes, all of which are accepted.
func (w *world) write(run *pipeline.Run, changes []pipeline.Change) {
	w.Helper()
	err := w.sink.Write(w.Context(), run, model, changes, func(outcomes []pipeline.Outcome) error {
		for _, o := range outcomes {
			if o.Status != pipeline.Accepted {
				w.Errorf("%+v", o)
			}
		}
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
}

func TestWhatAPersonEditedStandsNoMore(t *testing.T) {
	first, second := &pipeline.Run{Version: 7}, &pipeline.Run{Version: 8}
	for _, c := range []struct {
		name   string
		edit   map[string]any
		clear  bool // the run cleared the fields
		stands bool
	}{
		{name: "nothing", stands: true},
		{name: "a field of the rep's own", edit: map[string]any{"Status": "Working"}, stands: true},
		{name: "the score", edit: map[string]any{"Lead_Score__c": 3.0}},
		{name: "the score, away", edit: map[string]any{"Lead_Score__c": nil}},
		{name: "the grade", edit: map[string]any{"Lead_Grade__c": "Z"}},
		{name: "the reasons", edit: map[string]any{"Lead_Score_Reasons__c": "Up: I know her."}},
		{name: "the reasons, away", edit: map[string]any{"Lead_Score_Reasons__c": nil}},
		{name: "the model", edit: map[string]any{"Lead_Score_Model__c": "me"}},
		{name: "all, by another run", edit: map[string]any{"Lead_Score_Version__c": 9.0}},
		{name: "nothing of empty fields", clear: true, stands: true},
		{name: "a score into empty fields", clear: true, edit: map[string]any{"Lead_Score__c": 0.0}},
		{name: "a grade into empty fields", clear: true, edit: map[string]any{"Lead_Grade__c": "A"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			changes := w.insert(2, false)
			w.write(first, changes)
			if c.clear {
				changes[0] = pipeline.Change{Score: pipeline.Score{Key: changes[0].Key}, Clear: true}
			}
			w.write(second, changes)
			for _, r := range w.org.Records("Lead") {
				if r.Fields["Lead_Key__c"] == changes[0].Key && c.edit != nil {
					if err := w.org.Update("Lead", r.ID, c.edit); err != nil {
						t.Fatal(err)
					}
				}
			}
			got := w.unedited(standing(second, changes))
			if got[changes[0].Key] != c.stands || !got[changes[1].Key] {
				t.Errorf("stands %v, want %t and, of what nobody touched, true", got, c.stands)
			}
		})
	}
}

// What the mapping or the ledger lacks is no difference.
func TestWhatIsNotKnownIsNotCompared(t *testing.T) {
	w := newWorld(t, func(_ *fakeorg.Config, c *salesforce.Config) {
		c.Fields = []salesforce.Field{{Field: "Lead_Score__c", Value: salesforce.Score},
			{Field: "Lead_Score_Version__c", Value: salesforce.Version}, {Field: "Lead_Score_Reasons__c", Value: salesforce.Reasons}}
	})
	run, changes := &pipeline.Run{Version: 7}, w.insert(2, false)
	w.write(run, changes)
	written := standing(run, changes)
	written[0].Stands[0].Grade, written[0].Stands[0].Model = "Z", "none" // no field has them
	other := "Up: something else."
	written[0].Stands[0].Reasons, written[1].Stands[0].Reasons = nil, &other
	if got := w.unedited(written); !got[changes[0].Key] || got[changes[1].Key] {
		t.Errorf("stands %v", got)
	}
}

// The org cuts blanks off at the ends of an external id, and a warehouse does not.
func TestAKeyWithBlanksIsFound(t *testing.T) {
	w := newWorld(t, nil)
	changes := w.insert(1, false)
	changes[0].Key += " "
	w.write(&pipeline.Run{Version: 7}, changes)
	if got := w.unedited(standing(&pipeline.Run{Version: 7}, changes)); !got[changes[0].Key] {
		t.Errorf("stands %v", got)
	}
	w.write(&pipeline.Run{Version: 8}, []pipeline.Change{{Score: pipeline.Score{Key: changes[0].Key}, Clear: true}})
}

func TestWhetherTheOrgHoldsScores(t *testing.T) {
	w := newWorld(t, nil)
	changes := w.insert(2, false)
	for _, want := range []bool{false, true} {
		if got, err := w.sink.Any(t.Context()); err != nil || got != want {
			t.Errorf("got %t, %v, want %t", got, err, want)
		}
		w.write(&pipeline.Run{Version: 7}, changes)
	}
}
