package salesforce_test

import (
	"strings"
	"testing"

	"scored/pipeline"
	"scored/sinks/salesforce"
	"scored/sinks/salesforce/fakeorg"
)

const tooling = "/tooling/query"

// guardedOrg has the validation rule, and a user who may see it.
func guardedOrg(o *fakeorg.Config, _ *salesforce.Config) {
	o.Objects[0].Rules = []fakeorg.Rule{fakeorg.NeverDecreases("Lead_Score_Version__c")}
	o.Users[0].ViewSetup = true
}

func TestTheGuardIsLookedFor(t *testing.T) {
	rule := func(edit func(*fakeorg.Rule)) func(*fakeorg.Config, *salesforce.Config) {
		return func(o *fakeorg.Config, c *salesforce.Config) {
			guardedOrg(o, c)
			edit(&o.Objects[0].Rules[0])
		}
	}
	answer := func(body string) fakeorg.Fault { return fakeorg.Fault{Path: tooling, Status: 200, Body: body} }
	for _, c := range []struct {
		name    string
		edit    func(*fakeorg.Config, *salesforce.Config)
		fault   fakeorg.Fault
		guarded bool
		warning string // what the log says, reason or hint
		asked   int    // requests of two preflights: a clear answer is asked for once
	}{
		{"it is there", guardedOrg, fakeorg.Fault{}, true, "", 1},
		{"named with its object", guardedOrg, answer(`{"totalSize":1,"done":true,"records":[{"ErrorDisplayField":"Lead.LEAD_Score_Version__c"}]}`),
			true, "", 1},
		{"among others", guardedOrg, answer(`{"totalSize":2,"done":true,"records":[{"ErrorDisplayField":null},{"ErrorDisplayField":"Lead_Score_Version__c"}]}`),
			true, "", 1},
		{"no rule", func(o *fakeorg.Config, _ *salesforce.Config) { o.Users[0].ViewSetup = true }, fakeorg.Fault{},
			false, "no active validation rule of Lead has its error beside Lead_Score_Version__c", 1},
		{"inactive", rule(func(r *fakeorg.Rule) { r.Inactive = true }), fakeorg.Fault{}, false, "deploy and activate the validation rule", 1},
		{"its error on top of the page", rule(func(r *fakeorg.Rule) { r.Field = "" }), fakeorg.Fault{}, true, "", 1},
		{"another's error on top of the page", rule(func(r *fakeorg.Rule) { r.Field, r.Message = "", "No." }), fakeorg.Fault{},
			false, "no active validation rule", 1},
		{"beside another field", rule(func(r *fakeorg.Rule) { r.Field, r.Message = "Lead_Score__c", "No." }), fakeorg.Fault{}, false, "no active validation rule", 1},
		{"of another object", func(o *fakeorg.Config, c *salesforce.Config) {
			guardedOrg(o, c)
			other := o.Objects[0]
			other.Name, other.KeyPrefix = "Visit__c", "a01"
			o.Objects[0].Rules = nil
			o.Objects = append(o.Objects, other)
		}, fakeorg.Fault{}, false, "no active validation rule of Lead", 1},
		{"the user may not look", func(o *fakeorg.Config, c *salesforce.Config) {
			guardedOrg(o, c)
			o.Users[0].ViewSetup = false
		}, fakeorg.Fault{}, false, "View Setup and Configuration", 1},
		{"no such endpoint", guardedOrg, fakeorg.Fault{Path: tooling, Status: 404, Body: fakeorg.Errors("NOT_FOUND", "Jane")},
			false, "NOT_FOUND", 1},
		{"forbidden", guardedOrg, fakeorg.Fault{Path: tooling, Status: 403, Body: fakeorg.Errors("INSUFFICIENT_ACCESS", "Jane")},
			false, "View Setup and Configuration", 1},
		{"busy", guardedOrg, fakeorg.Fault{Path: tooling, Status: 503, Body: "[]"}, false, "the next run asks again", 2},
		{"HTML", guardedOrg, answer("<html>Jane"), false, "the next run asks again", 2},
		{"another type", guardedOrg, answer(`{"totalSize":1,"done":true,"records":[{"ErrorDisplayField":7}]}`), false, "the next run asks again", 2},
		{"the day's requests are spent", guardedOrg, fakeorg.Fault{Path: tooling, Status: 403, Body: fakeorg.Errors("REQUEST_LIMIT_EXCEEDED", "Jane")},
			false, "the next run asks again", 2},
		{"no field for the version", func(o *fakeorg.Config, c *salesforce.Config) {
			guardedOrg(o, c)
			c.Fields = append(c.Fields[:4:4], c.Fields[5:]...)
		}, fakeorg.Fault{}, false, "no field is mapped to version", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.edit)
			if c.fault.Path != "" {
				c.fault.Times = -1
				w.org.Inject(c.fault)
			}
			for n := range 2 {
				ready, err := w.sink.Preflight(t.Context())
				if err != nil || ready.Guarded != c.guarded || ready.Identity != w.org.ID() {
					t.Errorf("preflight %d: %+v, error %v", n+1, ready, err)
				}
			}
			if got := w.requests("GET", tooling); got != c.asked {
				t.Errorf("%d requests, want %d", got, c.asked)
			}
			warnings := strings.Count(w.logged.String(), `"level":"WARN"`)
			if want := max(c.asked, 1); c.guarded && warnings > 0 || !c.guarded && warnings != want {
				t.Errorf("%d warnings for %d checks: %s", warnings, want, w.logged)
			}
			if !strings.Contains(w.logged.String(), c.warning) {
				t.Errorf("the log lacks %q: %s", c.warning, w.logged)
			}
		})
	}
}

// A row that every validation rule but the guard objects to is refused; one that the guard objects to is stale.
func TestOnlyTheGuardMakesARowStale(t *testing.T) {
	w := newWorld(t, func(o *fakeorg.Config, c *salesforce.Config) {
		guardedOrg(o, c)
		o.Objects[0].Rules = append(o.Objects[0].Rules, fakeorg.Rule{Name: "No_Zero", Message: "Jane", Field: "Lead_Score__c",
			Broken: func(_, after fakeorg.Values) bool { return after.Get("Lead_Score__c") == 0.0 }})
	})
	changes := w.insert(3, false)
	w.runs = 10
	w.deliver(t.Context(), w.sink, changes[2:], nil).want(t, map[pipeline.Status]int{accepted: 1}, false, 0)
	w.runs = 5
	d := w.deliver(t.Context(), w.sink, changes, nil)
	d.want(t, map[pipeline.Status]int{accepted: 1, refused: 1, pipeline.Stale: 1}, false, 0)
	if o := d.outcomes[changes[2].Key]; o.Status != pipeline.Stale || o.Class != pipeline.Outdated {
		t.Errorf("%+v", o)
	}
}

func TestTextsOfTheBundleThatDoNotFitStayAtHome(t *testing.T) {
	for _, c := range []struct {
		name  string
		edit  func(*fakeorg.Config, *salesforce.Config)
		grade string
		want  string // the error; "" for success
	}{
		{"they fit", func(o *fakeorg.Config, _ *salesforce.Config) {
			field(o, "Lead_Score_Model__c").Length, field(o, "Lead_Grade__c").Length = len(model), 2
		}, "é1", ""},
		{"the model", func(o *fakeorg.Config, _ *salesforce.Config) { field(o, "Lead_Score_Model__c").Length = len(model) - 1 }, "A",
			"field Lead_Score_Model__c has room for 12 characters, and the bundle's model needs 13"},
		{"a grade", func(o *fakeorg.Config, _ *salesforce.Config) { field(o, "Lead_Grade__c").Length = 2 }, "A🚗",
			"field Lead_Grade__c has room for 2 characters, and the bundle's grade needs 3"},
		{"neither has a field", func(_ *fakeorg.Config, c *salesforce.Config) { c.Fields = c.Fields[:1] }, strings.Repeat("A", 300), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.edit)
			if _, err := w.sink.Preflight(t.Context()); err != nil {
				t.Fatal(err)
			}
			changes := w.insert(2, false)
			changes[1].Grade = c.grade
			err := w.sink.Write(t.Context(), &pipeline.Run{Version: 1}, model, changes, func([]pipeline.Outcome) error { return nil })
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if pipeline.ClassOf(err) != pipeline.Configuration || !strings.Contains(err.Error(), c.want) || w.requests("PATCH", "") != 0 {
				t.Errorf("error %v after %d writes", err, w.requests("PATCH", ""))
			}
			describes := w.requests("GET", "/describe")
			if _, err := w.sink.Preflight(t.Context()); err != nil || w.requests("GET", "/describe") != describes+1 {
				t.Errorf("the field was not looked at again; error %v", err)
			}
		})
	}
}

// A rule that warns of duplicates must not refuse a score; and a client that does not say so is refused by it.
func TestWritesPassAWarningOfDuplicates(t *testing.T) {
	w := newWorld(t, nil)
	w.deliver(t.Context(), w.sink, w.insert(3, false), nil).want(t, map[pipeline.Status]int{accepted: 3}, false, 0)
	for _, r := range w.org.Requests() {
		want := map[bool]string{true: "allowSave=true"}[r.Method != "GET" && strings.HasPrefix(r.Path, "/services/data/")]
		if got := r.Header.Get("Sforce-Duplicate-Rule-Header"); got != want {
			t.Errorf("%s %s was sent with %q, want %q", r.Method, r.Path, got, want)
		}
	}
}
