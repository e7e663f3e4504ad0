package salesforce

import (
	"math"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
)

// all maps every value.
var all = &Config{Object: "Lead", Operation: Upsert, ExternalID: "Lead_Key__c", Fields: []Field{{"Score__c", Score}, {"Grade__c", Grade},
	{"Probability__c", Probability}, {"Model__c", Model}, {"Version__c", Version}, {"Scored_At__c", ScoredAt}, {"Reasons__c", Reasons}}}

// plain writes fields as a person would read them.
var plain = format{null: "-", text: func(dst []byte, text string) []byte { return append(dst, "<"+text+">"...) }}

func TestWhatFieldsAreGiven(t *testing.T) {
	run := &pipeline.Run{Version: 1795353300000001, Started: time.Date(2026, 11, 22, 14, 15, 7, 900, time.FixedZone("CET", 3600))}
	whole := pipeline.Score{Key: "L1", Probability: 0.123456789, Score: 87, Grade: "A", Reasons: "Up: visited."}
	for _, c := range []struct {
		name   string
		change pipeline.Change
		want   string
	}{
		{"a score", pipeline.Change{Score: whole}, "87 <A> 0.123457 <lead@1> 1795353300000001 <2026-11-22T13:15:07Z> <Up: visited.>"},
		{"nothing but zeros", pipeline.Change{Score: pipeline.Score{Key: "L1"}}, "0 - 0.000000 <lead@1> 1795353300000001 <2026-11-22T13:15:07Z> -"},
		{"cleared, whatever else is there", pipeline.Change{Score: whole, Clear: true}, "- - - - 1795353300000001 - -"},
		{"brought back", pipeline.Change{Score: whole, Origin: &pipeline.Origin{Model: "old@2", ScoredAt: time.Date(2026, 10, 1, 1, 0, 0, 0,
			time.FixedZone("CEST", 7200))}}, "87 <A> 0.123457 <old@2> 1795353300000001 <2026-09-30T23:00:00Z> <Up: visited.>"},
		{"brought back without a probability", pipeline.Change{Score: pipeline.Score{Key: "L1", Probability: math.NaN(), Grade: "A"},
			Origin: &pipeline.Origin{Model: "old@2", ScoredAt: time.Unix(0, 0)}}, "0 <A> - <old@2> 1795353300000001 <1970-01-01T00:00:00Z> -"},
		{"cleared by an undo", pipeline.Change{Clear: true, Origin: &pipeline.Origin{Model: "old@2"}}, "- - - - 1795353300000001 - -"},
	} {
		var got []string
		for _, f := range all.Fields {
			got = append(got, string(f.Value.append(nil, row{shared: share(run, "lead@1"), change: &c.change}, plain)))
		}
		if joined := strings.Join(got, " "); joined != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, joined, c.want)
		}
	}
}

func TestARecordAsJSON(t *testing.T) {
	s := &Sink{cfg: *all}
	changes := []pipeline.Change{
		{Score: pipeline.Score{Key: `L"1`, Score: 5, Grade: "B", Probability: 0.5, Reasons: "é\n\""}}, {Score: pipeline.Score{Key: "L2"}, Clear: true},
	}
	b := s.prepare(&pipeline.Run{Version: 7, Started: time.Unix(0, 0)}, "m@1", changes, nil)
	want := `{"allOrNone":false,"records":[{"attributes":{"type":"Lead"},"Lead_Key__c":"L\"1","Score__c":5,"Grade__c":"B",` +
		`"Probability__c":0.500000,"Model__c":"m@1","Version__c":7,"Scored_At__c":"1970-01-01T00:00:00Z","Reasons__c":"é\n\""},` +
		`{"attributes":{"type":"Lead"},"Lead_Key__c":"L2","Score__c":null,"Grade__c":null,"Probability__c":null,"Model__c":null,` +
		`"Version__c":7,"Scored_At__c":null,"Reasons__c":null}]}`
	if string(b.body) != want {
		t.Errorf("got  %s\nwant %s", b.body, want)
	}
}

func TestUnsendable(t *testing.T) {
	const id = "00QDn0000000001"
	update := &Config{Operation: Update}
	change := func(key string, probability float64, clear bool) *pipeline.Change {
		return &pipeline.Change{Score: pipeline.Score{Key: key, Probability: probability}, Clear: clear}
	}
	for _, c := range []struct {
		name   string
		config *Config
		change *pipeline.Change
		key    string
		code   string
	}{
		{"an external id is anything", all, change("x", 0.5, false), "x", ""},
		{"an Id gets its long form", update, change(id, 0.5, false), "00QDn0000000001MAA", ""},
		{"no Id", update, change("x", 0.5, false), "", "MALFORMED_ID"},
		{"no number", all, change("x", math.NaN(), false), "", "INVALID_NUMBER"},
		{"no finite number", all, change("x", math.Inf(-1), false), "", "INVALID_NUMBER"},
		{"an undo may not know the probability", all, &pipeline.Change{Score: pipeline.Score{Key: "x", Probability: math.NaN()},
			Origin: &pipeline.Origin{Model: "m"}}, "x", ""},
		{"but knows it if it is there", all, &pipeline.Change{Score: pipeline.Score{Key: "x", Probability: math.Inf(1)},
			Origin: &pipeline.Origin{Model: "m"}}, "", "INVALID_NUMBER"},
		{"of what is cleared no number is sent", all, change("x", math.NaN(), true), "x", ""},
	} {
		key, why := c.config.unsendable(c.change)
		if key != c.key || why.Code != c.code || (why.Status == pipeline.Refused) != (c.code != "") {
			t.Errorf("%s: %q, %+v", c.name, key, why)
		}
		if c.code != "" && (why.Class != pipeline.Rejected || why.Key != c.change.Key || !strings.HasPrefix(why.Message, "not sent: ")) {
			t.Errorf("%s: %+v", c.name, why)
		}
	}
}
