package salesforce_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"scored/sinks"
	"scored/sinks/salesforce"
	"scored/sinks/salesforce/fakeorg"
	"scored/sinks/sinktest"
)

// The suite runs on both operations, both APIs, and with and without tries again. The Bulk API gets jobs of a few rows, so
// that a delivery has several; what it began it calls off, and looks whether that worked.
func TestConformance(t *testing.T) {
	for _, c := range []struct {
		name                string
		byID, bulk, retried bool
	}{
		{"collections, upsert", false, false, false},
		{"collections, update", true, false, false},
		{"collections, tried again", false, false, true},
		{"bulk, upsert", false, true, false},
		{"bulk, update", true, true, false},
		{"bulk, tried again", true, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := sinktest.Harness{Block: 200, Guarded: true, Creates: !c.byID, Retried: c.retried}
			if c.bulk {
				h.Block, h.Parting = 3, 2
			}
			h.Open = func(tb testing.TB, records int) *sinktest.World {
				return openConforming(tb.(*testing.T), records, c.byID, c.bulk, c.retried)
			}
			sinktest.Run(t, h)
		})
	}
}

// conforming is an org in the hands of the suite.
type conforming struct {
	*world
	ids  map[string]string // of the records, by key
	rows map[string]fakeorg.RowError
}

func openConforming(t *testing.T, records int, byID, bulk, retried bool) *sinktest.World {
	jobs := &journal{fail: map[string]error{}}
	w := newWorld(t, func(o *fakeorg.Config, c *salesforce.Config) {
		o.Objects[0].Rules = []fakeorg.Rule{fakeorg.NeverDecreases("Lead_Score_Version__c")}
		o.Users[0].ViewSetup = true
		field(o, "LastName").Nillable, field(o, "Company").Nillable = true, true
		c.Timeout = 3 * time.Second
		if byID {
			updateByID(o, c)
		}
		if bulk {
			c.BulkThreshold, c.UploadLimit, c.FirstPoll, c.Journal = 1, 700, time.Millisecond, jobs
		}
	})
	h := &conforming{world: w, ids: map[string]string{}, rows: map[string]fakeorg.RowError{}}
	arrived := h.proxy()
	sw := &sinktest.World{Sink: w.sink, Held: h.held, Met: func() bool { return w.org.ClearFaults() == 0 }, Meet: h.meet,
		Arrived: arrived.Wait, Resume: resumeAny(w.sink)}
	for _, c := range w.insert(records+1, byID) {
		sw.Keys = append(sw.Keys, c.Key)
	}
	for _, r := range w.org.Records("Lead") {
		key, _ := r.Fields["Lead_Key__c"].(string)
		h.ids[key], h.ids[r.ID] = r.ID, r.ID
	}
	sw.Absent = sw.Keys[records]
	sw.Keys = sw.Keys[:records]
	if err := w.org.Purge("Lead", h.ids[sw.Absent]); err != nil {
		t.Fatal(err)
	}
	row := func(e fakeorg.RowError) func(string) { return func(key string) { h.rows[key] = e; h.meetRows() } }
	sw.Refuse = row(fakeorg.RowError{Code: "DUPLICATES_DETECTED", Message: "Use one of these records?"})
	sw.Lock = row(fakeorg.Locked("00Q"))
	sw.Unlock = func(key string) { delete(h.rows, key); h.meetRows() }
	if _, err := w.sink.Preflight(t.Context()); err != nil {
		t.Fatal(err)
	}
	if retried {
		sw.Sink = sinks.Retry(w.sink, fast, w.config.Log)
	}
	return sw
}

// proxy gives the world another sink, to an address of the org that tells what has arrived.
func (h *conforming) proxy() *sync.WaitGroup {
	working := &sync.WaitGroup{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		working.Add(1)
		defer working.Done()
		h.org.ServeHTTP(w, r)
	}))
	server.Config.ErrorLog = h.server.Config.ErrorLog
	h.Cleanup(server.Close)
	config := h.config
	config.LoginURL = server.URL
	h.sink = h.newSink(config)
	return working
}

func (h *conforming) meet(nth int, f sinktest.Fault) {
	fault := fakeorg.Fault{Path: "/services/data/", Skip: nth - 1, Before: f.Before}
	switch f.Kind {
	case sinktest.TurnedAway:
		fault.Status, fault.Body = http.StatusTooManyRequests, fakeorg.Errors("TOO_MANY_REQUESTS", "Slow down")
	case sinktest.Fails:
		fault.Reset = true
	case sinktest.Applied:
		fault.Drop = true
	}
	h.org.Inject(fault)
}

// meetRows makes rows fail in every request.
func (h *conforming) meetRows() {
	h.org.ClearFaults()
	h.org.Inject(fakeorg.Fault{Times: -1, Rows: maps.Clone(h.rows)})
}

// held returns what the org holds of a key.
func (h *conforming) held(key string) (v sinktest.Values) {
	id, ok := h.ids[key]
	if r, there := h.org.Record(id); ok && there {
		return h.values(r)
	}
	// A record that a delivery created.
	for _, r := range h.org.Records("Lead") {
		if r.Fields["Lead_Key__c"] == key {
			return h.values(r)
		}
	}
	return sinktest.Values{}
}

func (h *conforming) values(r fakeorg.Record) (v sinktest.Values) {
	f := r.Fields
	version, ok := f["Lead_Score_Version__c"].(float64)
	if !ok {
		return v
	}
	v.Version = int64(version)
	names := []string{"Lead_Score__c", "Lead_Grade__c", "Lead_Score_Probability__c", "Lead_Score_Model__c", "Lead_Scored_At__c", "Lead_Score_Reasons__c"}
	if !slices.ContainsFunc(names, func(name string) bool { return f[name] != nil }) {
		v.Empty = true
		return v
	}
	score, _ := f["Lead_Score__c"].(float64)
	v.Score = int(score)
	v.Grade, _ = f["Lead_Grade__c"].(string)
	v.Probability, _ = f["Lead_Score_Probability__c"].(float64)
	v.Model, _ = f["Lead_Score_Model__c"].(string)
	v.Reasons, _ = f["Lead_Score_Reasons__c"].(string)
	v.ScoredAt, _ = f["Lead_Scored_At__c"].(time.Time)
	v.ScoredAt = v.ScoredAt.UTC()
	return v
}
