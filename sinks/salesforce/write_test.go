package salesforce_test

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"scored/pipeline"
	"scored/sinks"
	"scored/sinks/salesforce"
	"scored/sinks/salesforce/fakeorg"
)

func TestAThousandRowsAreFiveCalls(t *testing.T) {
	w := newWorld(t, nil)
	changes := w.insert(1000, false)
	if _, err := w.sink.Preflight(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := w.sink.Calls()
	d := w.deliver(t.Context(), w.sink, changes, nil)
	d.want(t, map[pipeline.Status]int{pipeline.Accepted: 1000}, false, 0)
	if calls := w.sink.Calls() - before; calls != 5 || d.confirms != 5 || w.requests("PATCH", composite) != 5 {
		t.Errorf("%d calls, %d confirmations, %d requests, want 5 each", calls, d.confirms, w.requests("PATCH", composite))
	}
	if u := w.sink.LastUsage(); u.Used != 7 || u.Limit != 15_000 {
		t.Errorf("usage is %+v, want 7 of 15000", u)
	}
}

func TestUpdateByID(t *testing.T) {
	w := newWorld(t, updateByID)
	if _, err := w.sink.Preflight(t.Context()); err != nil {
		t.Fatal(err)
	}
	changes := w.insert(9, true)
	changes[1].Key = changes[1].Key[:15]          // the short form is another name for the record
	changes[3].Key = "L000123"                    // not an Id
	changes[4].Key = "005" + changes[4].Key[3:15] // a user's, not a lead's
	for key, change := range map[int]func(string, string) error{5: w.org.Delete, 6: w.org.Purge} {
		if err := change("Lead", changes[key].Key); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.org.Update("Lead", changes[7].Key, map[string]any{"IsConverted": true}); err != nil {
		t.Fatal(err)
	}
	d := w.deliver(t.Context(), w.sink, changes, nil)
	d.want(t, map[pipeline.Status]int{pipeline.Accepted: 4, pipeline.Refused: 5}, false, 0)
	for i, code := range []string{"", "", "", "MALFORMED_ID", "MALFORMED_ID", "ENTITY_IS_DELETED",
		"INVALID_CROSS_REFERENCE_KEY", "CANNOT_UPDATE_CONVERTED_LEAD", ""} {
		class := map[string]pipeline.Class{"": 0, "ENTITY_IS_DELETED": pipeline.Terminal, "CANNOT_UPDATE_CONVERTED_LEAD": pipeline.Terminal,
			"MALFORMED_ID": pipeline.Rejected, "INVALID_CROSS_REFERENCE_KEY": pipeline.Rejected}[code]
		if got := d.outcomes[changes[i].Key]; got.Code != code || got.Class != class {
			t.Errorf("row %d: %+v, want %q, class %s", i, got, code, class)
		}
	}
	requests := w.org.Requests()
	if last := requests[len(requests)-1]; last.Rows != 8 || last.Path != "/services/data/v66.0/composite/sobjects" {
		t.Errorf("%d rows to %s: what is no Id must stay at home", last.Rows, last.Path)
	}
}

func TestRowsThatCannotBeSentNeedNoRequest(t *testing.T) {
	w := newWorld(t, updateByID)
	changes := w.insert(2, true)
	changes[0].Key, changes[1].Probability = "x", math.NaN()
	d := w.deliver(t.Context(), w.sink, changes, nil)
	d.want(t, map[pipeline.Status]int{pipeline.Refused: 2}, false, 0)
	if n := w.requests("", ""); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestACreatedRecordIsReported(t *testing.T) {
	w := newWorld(t, func(o *fakeorg.Config, _ *salesforce.Config) {
		field(o, "LastName").Nillable, field(o, "Company").Nillable = true, true
	})
	changes := w.insert(2, false)
	changes = append(changes, pipeline.Change{Score: pipeline.Score{Key: "L-erased", Score: 50, Grade: "B", Probability: 0.5}})
	d := w.deliver(t.Context(), w.sink, changes, nil)
	d.want(t, map[pipeline.Status]int{pipeline.Accepted: 3}, false, 0)
	for key, o := range d.outcomes {
		if o.Created != (key == "L-erased") {
			t.Errorf("%s: created %t", key, o.Created)
		}
	}
}

func TestKeysAndTextAreEscaped(t *testing.T) {
	w := newWorld(t, nil)
	const key = `L"\/<é> ;`
	if _, err := w.org.Insert("Lead", map[string]any{"LastName": "Jane", "Company": "Acme", "Lead_Key__c": key}); err != nil {
		t.Fatal(err)
	}
	change := pipeline.Change{Score: pipeline.Score{Key: key, Score: 1, Grade: `"A\`, Probability: 1e-7}}
	d := w.deliver(t.Context(), w.sink, []pipeline.Change{change}, nil)
	d.want(t, map[pipeline.Status]int{pipeline.Accepted: 1}, false, 0)
}

// A field that a request leaves out keeps what it holds; an empty one has to be sent.
func TestAScoreWithoutReasonsEmptiesTheField(t *testing.T) {
	w := newWorld(t, nil)
	changes := w.insert(2, false)
	w.deliver(t.Context(), w.sink, changes, nil).want(t, map[pipeline.Status]int{pipeline.Accepted: 2}, false, 0)
	changes[0].Reasons = ""
	w.deliver(t.Context(), w.sink, changes, nil).want(t, map[pipeline.Status]int{pipeline.Accepted: 2}, false, 0)
	if got := w.records()[changes[0].Key]["Lead_Score_Reasons__c"]; got != nil {
		t.Errorf("the field still holds %q", got)
	}
}

// The longest reasons fit, counted as Salesforce counts; of longer ones the org says so, and no log repeats them.
func TestTheFieldForReasonsHolds255(t *testing.T) {
	w := newWorld(t, nil)
	changes := w.insert(2, false)
	changes[0].Reasons = strings.Repeat("é", 253) + "🚗"
	changes[1].Reasons = strings.Repeat("é", 254) + "🚗"
	d := w.deliver(t.Context(), w.sink, changes, nil)
	d.want(t, map[pipeline.Status]int{pipeline.Accepted: 1, pipeline.Refused: 1}, false, 0)
	if o := d.outcomes[changes[1].Key]; o.Code != "STRING_TOO_LONG" || !slices.Equal(o.Fields, []string{"Lead_Score_Reasons__c"}) {
		t.Errorf("got %+v", o)
	}
	if strings.Contains(w.logged.String(), "éé") {
		t.Errorf("reasons are in the log: %s", w.logged)
	}
}

func TestRowErrorsStayWithTheirRows(t *testing.T) {
	w := newWorld(t, nil)
	changes := w.insert(250, false)
	key := func(i int) string { return changes[i].Key }
	rows := map[string]fakeorg.RowError{
		key(0): fakeorg.Locked("00Q"),
		key(1): {Code: "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", Message: "LeadTrigger: UNABLE_TO_LOCK_ROW, unable to obtain"},
		key(2): {Code: "FIELD_CUSTOM_VALIDATION_EXCEPTION", Message: strings.Repeat("Jane ", 100),
			Fields: []string{"Lead_Score__c"}},
		key(3): {Code: "DUPLICATES_DETECTED", Message: "You're creating a duplicate record"},
		// In the second request.
		key(249): {Code: "INVALID_FIELD_FOR_INSERT_UPDATE", Message: "Unable to create/update fields",
			Fields: []string{"Lead_Grade__c"}},
	}
	w.org.Inject(fakeorg.Fault{Path: composite, Times: -1, Rows: rows})
	d := w.deliver(t.Context(), w.sink, changes, nil)
	d.want(t, map[pipeline.Status]int{pipeline.Accepted: 245, pipeline.Retry: 2, pipeline.Refused: 3}, false, 0)
	for k, want := range rows {
		got := d.outcomes[k]
		if got.Code != want.Code || !slices.Equal(got.Fields, want.Fields) ||
			!strings.HasPrefix(want.Message, got.Message) || len(got.Message) > 255 {
			t.Errorf("%s: %+v, want %+v", k, got, want)
		}
	}
}

func TestAnOlderVersionLosesToANewerOne(t *testing.T) {
	w := newWorld(t, func(o *fakeorg.Config, _ *salesforce.Config) {
		o.Objects[0].Rules = []fakeorg.Rule{fakeorg.NeverDecreases("Lead_Score_Version__c")}
	})
	changes := w.insert(3, false)
	w.runs = 10
	w.deliver(t.Context(), w.sink, changes, nil).want(t, map[pipeline.Status]int{pipeline.Accepted: 3}, false, 0)
	w.runs = 5
	d := w.deliver(t.Context(), w.sink, changes, nil)
	d.want(t, map[pipeline.Status]int{pipeline.Stale: 3}, false, 0)
	for key, o := range d.outcomes {
		if o.Class != pipeline.Outdated || o.Code != "FIELD_CUSTOM_VALIDATION_EXCEPTION" {
			t.Errorf("%s: %+v", key, o)
		}
	}
}

func TestAMappingThatEveryRowMeetsEndsTheDelivery(t *testing.T) {
	w := newWorld(t, func(o *fakeorg.Config, _ *salesforce.Config) { o.Users[0].Editable = []string{"Lead_Score__c"} })
	d := w.deliver(t.Context(), w.sink, w.insert(1000, false), nil)
	d.want(t, map[pipeline.Status]int{pipeline.Refused: 200}, true, pipeline.Configuration)
	if !strings.Contains(d.err.Error(), "Lead_Grade__c") || w.requests("PATCH", composite) != 1 {
		t.Errorf("%d requests; error %v", w.requests("PATCH", composite), d.err)
	}
}

func TestASpentDailyLimitStopsTheDeliveryAndIsNotRetried(t *testing.T) {
	w := newWorld(t, func(o *fakeorg.Config, _ *salesforce.Config) { o.DailyAPILimit = 10 })
	changes := w.insert(1000, false)
	w.org.SpendAPICalls(8)
	d := w.deliver(t.Context(), sinks.Retry(w.sink, fast, w.config.Log), changes, nil)
	d.want(t, map[pipeline.Status]int{pipeline.Accepted: 400}, true, pipeline.Exhausted)
	if w.requests("PATCH", composite) != 3 {
		t.Errorf("%d requests; error %v", w.requests("PATCH", composite), d.err)
	}
	if u := w.sink.LastUsage(); u.Used != 10 || u.Limit != 10 {
		t.Errorf("usage is %+v, want 10 of 10", u)
	}
}

func TestAnEndedContextStopsAtTheNextRequest(t *testing.T) {
	w := newWorld(t, nil)
	changes := w.insert(1000, false)
	ctx, cancel := context.WithCancel(t.Context())
	w.org.Inject(fakeorg.Fault{Path: composite, Skip: 1, Rows: map[string]fakeorg.RowError{}, Before: cancel})
	d := w.deliver(ctx, w.sink, changes, nil)
	d.want(t, map[pipeline.Status]int{pipeline.Accepted: 400}, true, 0)
	if !errors.Is(d.err, context.Canceled) || w.requests("PATCH", composite) != 2 {
		t.Errorf("%d requests; error %v", w.requests("PATCH", composite), d.err)
	}
}

func TestAFailedConfirmationStopsTheDelivery(t *testing.T) {
	w := newWorld(t, nil)
	full := errors.New("disk full")
	run := &pipeline.Run{Version: 1}
	err := w.sink.Write(t.Context(), run, model, w.insert(600, false), func([]pipeline.Outcome) error { return full })
	if !errors.Is(err, full) || w.requests("PATCH", composite) != 1 {
		t.Errorf("%d requests; error %v", w.requests("PATCH", composite), err)
	}
}

func TestConcurrentDeliveries(t *testing.T) {
	w := newWorld(t, nil)
	changes := w.insert(800, false)
	run := &pipeline.Run{Version: 1}
	var wg sync.WaitGroup
	for part := range slices.Chunk(changes, 200) {
		wg.Go(func() {
			accepted := 0
			err := w.sink.Write(context.Background(), run, model, part, func(outcomes []pipeline.Outcome) error {
				accepted += len(outcomes)
				return nil
			})
			if err != nil || accepted != 200 {
				t.Errorf("%d accepted, error %v", accepted, err)
			}
		})
	}
	wg.Wait()
	if n := w.requests("", tokenPath); n != 1 {
		t.Errorf("%d logins, want 1", n)
	}
}

func TestAssignmentRulesStayOut(t *testing.T) {
	w := newWorld(t, func(o *fakeorg.Config, _ *salesforce.Config) { o.Objects[0].AssignTo = "router@acme.example" })
	changes := w.insert(3, false)
	rep, router := w.org.UserID("rep@acme.example"), w.org.UserID("router@acme.example")
	for _, r := range w.org.Records("Lead") {
		if err := w.org.Update("Lead", r.ID, map[string]any{"OwnerId": rep}); err != nil {
			t.Fatal(err)
		}
	}
	owner := func(key string) any { return w.records()[key]["OwnerId"] }

	w.deliver(t.Context(), w.sink, changes, nil).want(t, map[pipeline.Status]int{pipeline.Accepted: 3}, false, 0)
	for _, c := range changes {
		if owner(c.Key) != rep {
			t.Errorf("a score gave %s to another owner", c.Key)
		}
	}
	for _, r := range w.org.Requests() {
		if r.Method == "PATCH" && r.Header.Get("Sforce-Auto-Assign") != "FALSE" {
			t.Errorf("%s was sent with Sforce-Auto-Assign %q", r.Path, r.Header.Get("Sforce-Auto-Assign"))
		}
	}

	// The rule is there: the same write without the header gives the lead away.
	w.rawPatch(composite+"/Lead/Lead_Key__c",
		`{"records":[{"attributes":{"type":"Lead"},"Lead_Key__c":"`+changes[0].Key+`","Lead_Score__c":1}]}`)
	if owner(changes[0].Key) != router {
		t.Error("the control failed: without the header the owner stays too")
	}
}

// rawPatch writes as a client that sets no headers of its own.
func (w *world) rawPatch(path, body string) {
	w.Helper()
	client := w.server.Client()
	resp, err := client.PostForm(w.server.URL+tokenPath, url.Values{"grant_type": {"client_credentials"},
		"client_id": {clientID}, "client_secret": {clientSecret}})
	if err != nil {
		w.Fatal(err)
	}
	answer, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		w.Fatal(err)
	}
	_, token, _ := strings.Cut(string(answer), `"access_token":"`)
	token, _, _ = strings.Cut(token, `"`)
	req, err := http.NewRequest("PATCH", w.server.URL+"/services/data/v66.0"+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	if resp, err = client.Do(req); err != nil {
		w.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		w.Fatalf("HTTP %d", resp.StatusCode)
	}
}
