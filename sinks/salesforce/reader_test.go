package salesforce_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/sinks/salesforce"
	"scored/sinks/salesforce/fakeorg"
)

// versions reads the versions of the keys.
func (w *world) versions(keys []string) (map[string]int64, error) {
	got := map[string]int64{}
	err := w.sink.Standing(w.Context(), asking(keys), func(key string, version int64, _ bool) error {
		if _, twice := got[key]; twice {
			w.Errorf("%s was told twice", key)
		}
		got[key] = version
		return nil
	})
	if err != nil {
		fmt.Fprintln(w.logged, err, pipeline.HintOf(err))
	}
	return got, err
}

// asking asks for keys of which nothing is known.
func asking(keys []string) (written []pipeline.Written) {
	for _, key := range keys {
		written = append(written, pipeline.Written{Key: key})
	}
	return written
}

func keysOf(changes []pipeline.Change) (keys []string) {
	for _, c := range changes {
		keys = append(keys, c.Key)
	}
	return keys
}

func TestVersionsAreReadInBlocks(t *testing.T) {
	for name, byID := range map[string]bool{"by external id": false, "by Id": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(o *fakeorg.Config, c *salesforce.Config) {
				if byID {
					updateByID(o, c)
				}
			})
			changes := w.insert(1000, byID)
			w.deliver(t.Context(), w.sink, changes[:700], nil).want(t, map[pipeline.Status]int{accepted: 700}, false, 0)
			version := w.records()[changes[0].Key]["Lead_Score_Version__c"].(float64)
			unknown := []string{"L-nobody", "x"}
			if byID {
				unknown = []string{"00QDn00000zzzzz", "no Id"}
				changes[5].Key = changes[5].Key[:15]
			}
			got, err := w.versions(append(keysOf(changes), unknown...))
			if err != nil || len(got) != 1000 {
				t.Fatalf("%d keys, error %v", len(got), err)
			}
			for i, c := range changes {
				if want := map[bool]int64{true: int64(version)}[i < 700]; got[c.Key] != want {
					t.Errorf("%s has version %d, want %d", c.Key, got[c.Key], want)
				}
			}
			queries := 0
			for _, r := range w.org.Requests() {
				if strings.HasSuffix(r.Path, "/query") {
					queries++
					if len(r.Path)+len(r.Query) > 9_000 {
						t.Errorf("a URL of %d bytes", len(r.Path)+len(r.Query))
					}
				}
			}
			if queries < 2 || queries > 5 {
				t.Errorf("%d queries", queries)
			}
			fmt.Fprintln(w.logged, len(got))
		})
	}
}

func TestKeysInAQueryAreEscaped(t *testing.T) {
	w := newWorld(t, nil)
	keys := []string{`it's`, `back\slash`, `both\'`, `') OR (Id != null`, "tab\tand\nline", "Größe 東京 🚗 & = + % #", strings.Repeat("'", 40)}
	for _, key := range keys {
		if _, err := w.org.Insert("Lead", map[string]any{"LastName": "Jane", "Company": "Acme", "Lead_Key__c": key,
			"Lead_Score_Version__c": 7.0}); err != nil {
			t.Fatal(err)
		}
	}
	w.insert(3, false)
	for _, ask := range [][]string{keys, keys[3:4], {"', 'L000001"}} {
		got, err := w.versions(ask)
		want := map[string]int64{}
		for _, key := range ask {
			if slices.Contains(keys, key) {
				want[key] = 7
			}
		}
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("%q: %v, error %v", ask, got, err)
		}
	}
}

// A key is found as it was given, also where the org writes it in another case.
func TestKeysAreFoundInAnotherCase(t *testing.T) {
	w := newWorld(t, nil)
	changes := w.insert(2, false)
	w.deliver(t.Context(), w.sink, changes, nil)
	got, err := w.versions([]string{"l000001", "L000002"})
	if err != nil || len(got) != 2 || got["l000001"] == 0 || got["L000002"] == 0 {
		t.Errorf("%v, error %v", got, err)
	}
}

// Where the field tells upper from lower case, so does what is told.
func TestKeysThatDifferInCaseAlone(t *testing.T) {
	w := newWorld(t, func(o *fakeorg.Config, _ *salesforce.Config) { field(o, "Lead_Key__c").CaseSensitive = true })
	want := map[string]int64{"abc": 1, "ABC": 2}
	for key, version := range want {
		if _, err := w.org.Insert("Lead", map[string]any{"LastName": "Jane", "Company": "Acme", "Lead_Key__c": key,
			"Lead_Score_Version__c": float64(version)}); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := w.versions([]string{"ABC", "abc"}); err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, error %v", got, err)
	}
}

func TestReadingEnds(t *testing.T) {
	w := newWorld(t, nil)
	full := errors.New("disk full")
	calls := 0
	err := w.sink.Standing(t.Context(), asking(keysOf(w.insert(5, false))), func(string, int64, bool) error { calls++; return full })
	if !errors.Is(err, full) || calls != 1 {
		t.Errorf("error %v after %d calls", err, calls)
	}
	if err := w.sink.Standing(t.Context(), nil, nil); err != nil || w.requests("GET", "") != 1 {
		t.Errorf("no keys need no request: %d; error %v", w.requests("GET", ""), err)
	}
}

func TestWhatTheOrgHolds(t *testing.T) {
	w := newWorld(t, func(_ *fakeorg.Config, c *salesforce.Config) { c.BulkThreshold = 2500 })
	changes := w.insert(2500, false)
	w.deliver(t.Context(), w.sink, changes[:2300], nil).want(t, map[pipeline.Status]int{accepted: 2300}, false, 0)
	cleared := []pipeline.Change{{Score: pipeline.Score{Key: changes[0].Key}, Clear: true}}
	if err := w.sink.Write(t.Context(), &pipeline.Run{Version: 1 << 51}, model, cleared, func([]pipeline.Outcome) error { return nil }); err != nil {
		t.Fatal(err)
	}
	edit := func(key int, fields map[string]any) {
		for _, r := range w.org.Records("Lead") {
			if r.Fields["Lead_Key__c"] == changes[key].Key {
				if err := w.org.Update("Lead", r.ID, fields); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	edit(1, map[string]any{"Lead_Grade__c": nil})
	edit(2, map[string]any{"Lead_Key__c": nil})
	before := w.requests("GET", "/query")

	got := map[string]pipeline.Holding{}
	for h, err := range w.sink.Held(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got[h.Key] = h
	}
	if len(got) != 2299 || w.requests("GET", "/query")-before != 2 {
		t.Errorf("%d records in %d pages", len(got), w.requests("GET", "/query")-before)
	}
	for i, c := range changes[:2300] {
		h, there := got[c.Key]
		switch {
		case i == 2: // it has lost its key
			if there {
				t.Errorf("%+v", h)
			}
		case i < 2:
			if h.Version == 0 || h.Whole || h.Score != 0 || h.Grade != "" || h.Model != "" {
				t.Errorf("%+v", h)
			}
		default:
			want := pipeline.Holding{Key: c.Key, Score: c.Score.Score, Grade: c.Grade, Model: model, Version: h.Version, Whole: true,
				Probability: math.Round(c.Probability*1e6) / 1e6, Reasons: c.Reasons, ScoredAt: time.Date(2026, 11, 22, 13, 30, 7, 0, time.UTC)}
			if !sameHeld(h, want) || h.Version == 0 {
				t.Fatalf("%+v, want %+v", h, want)
			}
		}
	}
	before = w.requests("GET", "/query")
	for range w.sink.Held(t.Context()) {
		break
	}
	if n := w.requests("GET", "/query") - before; n != 1 {
		t.Errorf("%d pages for who wanted one record", n)
	}
}

// Without fields for grade and model what is held says nothing of them; without one for the version nothing can be read.
func TestWhatIsNotMappedIsNotRead(t *testing.T) {
	w := newWorld(t, func(_ *fakeorg.Config, c *salesforce.Config) {
		c.Fields = []salesforce.Field{{Field: "Lead_Score__c", Value: salesforce.Score}, {Field: "Lead_Score_Version__c", Value: salesforce.Version}}
	})
	if err := w.sink.Write(t.Context(), &pipeline.Run{Version: 5, Started: time.Now()}, model, w.insert(2, false),
		func([]pipeline.Outcome) error { return nil }); err != nil {
		t.Fatal(err)
	}
	n := 0
	for h, err := range w.sink.Held(t.Context()) {
		if n++; err != nil || h.Whole || h.Version != 5 {
			t.Errorf("%+v, error %v", h, err)
		}
	}
	if n != 2 {
		t.Errorf("%d records", n)
	}
	unversioned := newWorld(t, func(_ *fakeorg.Config, c *salesforce.Config) { c.Fields = c.Fields[:1] })
	_, err := unversioned.versions([]string{"L000001"})
	for _, held := range unversioned.sink.Held(t.Context()) {
		err = errors.Join(err, held)
	}
	if pipeline.ClassOf(err) != pipeline.Configuration || strings.Count(err.Error(), "no field is mapped to version") != 2 || unversioned.requests("", "") != 0 {
		t.Errorf("error %v", err)
	}
}

// sameHeld compares what is held; a probability that is not known equals another.
func sameHeld(a, b pipeline.Holding) bool {
	same := a.Probability == b.Probability || math.IsNaN(a.Probability) && math.IsNaN(b.Probability)
	a.Probability, b.Probability = 0, 0
	return same && a == b
}

func TestAnswersThatAreNoScores(t *testing.T) {
	record := func(fields string) string { return `{"totalSize":1,"done":true,"records":[{` + fields + `}]}` }
	for _, c := range []struct {
		name, body string
		class      pipeline.Class
		held       *pipeline.Holding // nil for an error
	}{
		{"a score of a person", record(`"Lead_Key__c":"a","Lead_Score_Version__c":7,"Lead_Score__c":55.5,"Lead_Grade__c":"A","Lead_Score_Model__c":"m"`),
			0, &pipeline.Holding{Key: "a", Version: 7, Probability: math.NaN()}},
		{"a score beyond", record(`"Lead_Key__c":"a","Lead_Score_Version__c":7,"Lead_Score__c":101,"Lead_Grade__c":"A","Lead_Score_Model__c":"m"`),
			0, &pipeline.Holding{Key: "a", Version: 7, Probability: math.NaN()}},
		{"a version beyond", record(`"Lead_Key__c":"a","Lead_Score_Version__c":1e300`), 0, &pipeline.Holding{Key: "a", Version: 1 << 53, Probability: math.NaN()}},
		{"names in another case", record(`"LEAD_KEY__C":"a","lead_score_version__c":7,"lead_score__c":5,"lead_grade__c":"A","lead_score_model__c":"m"`),
			0, &pipeline.Holding{Key: "a", Version: 7, Score: 5, Grade: "A", Model: "m", Whole: true, Probability: math.NaN()}},
		{"what rides along", record(`"Lead_Key__c":"a","Lead_Score_Version__c":7,"Lead_Score__c":5,"Lead_Grade__c":"A","Lead_Score_Model__c":"m",` +
			`"Lead_Score_Probability__c":0.25,"Lead_Score_Reasons__c":"Up: Jane","Lead_Scored_At__c":"2026-11-22T14:15:00.000+0100"`),
			0, &pipeline.Holding{Key: "a", Version: 7, Score: 5, Grade: "A", Model: "m", Whole: true, Probability: 0.25, Reasons: "Up: Jane",
				ScoredAt: time.Date(2026, 11, 22, 13, 15, 0, 0, time.UTC)}},
		{"a time that is none", record(`"Lead_Key__c":"a","Lead_Score_Version__c":7,"Lead_Score__c":5,"Lead_Grade__c":"A","Lead_Score_Model__c":"m",` +
			`"Lead_Scored_At__c":"Jane"`), pipeline.TryAgain, nil},
		{"no key", record(`"Lead_Score_Version__c":7`), pipeline.TryAgain, nil},
		{"a key that is a number", record(`"Lead_Key__c":1,"Lead_Score_Version__c":7`), pipeline.TryAgain, nil},
		{"a version that is a text", record(`"Lead_Key__c":"a","Lead_Score_Version__c":"Jane"`), pipeline.TryAgain, nil},
		{"a score that is a text", record(`"Lead_Key__c":"a","Lead_Score_Version__c":7,"Lead_Score__c":"Jane"`), pipeline.TryAgain, nil},
		{"a grade that is a list", record(`"Lead_Key__c":"a","Lead_Score_Version__c":7,"Lead_Score__c":1,"Lead_Grade__c":["Jane"]`), pipeline.TryAgain, nil},
		{"a null record", `{"totalSize":1,"done":true,"records":[null]}`, pipeline.TryAgain, nil},
		{"HTML", "<html>Jane", pipeline.TryAgain, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.org.Inject(fakeorg.Fault{Path: "/query", Status: 200, Body: c.body})
			for h, err := range w.sink.Held(t.Context()) {
				if (err == nil) != (c.held != nil) || err == nil && !sameHeld(h, *c.held) || pipeline.ClassOf(err) != c.class {
					t.Errorf("%+v, error %v", h, err)
				}
				fmt.Fprintln(w.logged, err)
			}
		})
	}
}

func TestUsageIsAskedForOnce(t *testing.T) {
	w := newWorld(t, func(o *fakeorg.Config, _ *salesforce.Config) { o.DailyAPILimit = 100 })
	w.org.SpendAPICalls(40)
	for range 3 {
		if u, err := w.sink.Usage(t.Context()); err != nil || u != (pipeline.Usage{Used: 41, Limit: 100}) {
			t.Errorf("%+v, error %v", u, err)
		}
	}
	w.deliver(t.Context(), w.sink, w.insert(201, false), nil)
	u, err := w.sink.Usage(t.Context())
	if err != nil || u.Used != 43 || u != w.sink.LastUsage() || w.requests("GET", "/limits") != 1 {
		t.Errorf("%+v after %d requests, error %v", u, w.requests("GET", "/limits"), err)
	}
	other := w.newSink(w.config)
	w.org.Inject(fakeorg.Fault{Path: "/limits", Status: 403, Body: fakeorg.Errors("INSUFFICIENT_ACCESS", "Jane")},
		fakeorg.Fault{Path: "/limits", Status: 503, Body: "[]"})
	if u, err := other.Usage(t.Context()); err != nil || u != (pipeline.Usage{}) {
		t.Errorf("who may not ask got %+v, error %v", u, err)
	}
	if _, err := other.Usage(t.Context()); pipeline.ClassOf(err) != pipeline.TryAgain || !strings.HasPrefix(err.Error(), "read the org's API limits: ") {
		t.Errorf("error %v", err)
	}
}
