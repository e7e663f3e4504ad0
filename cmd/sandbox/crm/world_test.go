package crm_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"scored/cmd/sandbox/crm"
)

const day = 24 * time.Hour

// town is a world that is quick to simulate and large enough to hold every kind of dirt.
func town() crm.Options {
	end := time.Date(2026, time.March, 10, 8, 0, 0, 0, time.UTC)
	return crm.Options{Seed: 7, End: end, Days: 100, Leads: 900, Ahead: 3 * day}
}

// sample is the town up to 30 days beyond its end, and history its rows up to the end, by table.
var sample = sync.OnceValue(func() *crm.World {
	o := town()
	o.Ahead = 30 * day
	return crm.Simulate(o)
})

var history = sync.OnceValues(func() (map[string][]map[string]string, error) {
	tables := map[string][]map[string]string{}
	for l := range sample().Loads(time.Time{}, sample().End()) {
		rows, err := read(l)
		if err != nil {
			return nil, err
		}
		tables[l.Table] = rows
	}
	return tables, nil
})

// read returns a load's rows by column.
func read(l crm.Load) ([]map[string]string, error) {
	columns := strings.Split(l.Columns, ", ")
	r := csv.NewReader(bytes.NewReader(l.CSV))
	r.FieldsPerRecord = len(columns)
	records, err := r.ReadAll()
	if err != nil || len(records) != l.Rows {
		return nil, fmt.Errorf("%s: %d lines for %d rows: %w", l.Table, len(records), l.Rows, err)
	}
	rows := make([]map[string]string, len(records))
	for i, record := range records {
		rows[i] = make(map[string]string, len(columns))
		for j, column := range columns {
			rows[i][column] = record[j]
		}
	}
	return rows, nil
}

// past returns the rows of every table up to the end of the sample.
func past(t *testing.T) map[string][]map[string]string {
	t.Helper()
	tables, err := history()
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

// digest identifies all that was loaded in (from, to].
func digest(w *crm.World, from, to time.Time) string {
	h := sha256.New()
	for l := range w.Loads(from, to) {
		fmt.Fprintf(h, "%s\n%s", l.Copy(), l.CSV)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func TestSameOptionsGiveSameBytes(t *testing.T) {
	w := crm.Simulate(town())
	if again := crm.Simulate(town()); digest(w, time.Time{}, w.Horizon()) != digest(again, time.Time{}, w.Horizon()) {
		t.Error("the same options gave other rows")
	}
	o := town()
	o.Seed++
	if other := crm.Simulate(o); digest(w, time.Time{}, w.Horizon()) == digest(other, time.Time{}, w.Horizon()) {
		t.Error("another seed gave the same rows")
	}
}

// A world that ends five hours later has the past of the first, followed by what the first streams in those hours.
func TestTheStreamContinuesTheHistory(t *testing.T) {
	o := town()
	w := crm.Simulate(o)
	o.End, o.Ahead = o.End.Add(5*time.Hour), 0
	later := crm.Simulate(o)

	got := map[string][]byte{}
	add := func(from, to time.Time) (rows int) {
		for l := range w.Loads(from, to) {
			got[l.Table] = append(got[l.Table], l.CSV...)
			rows += l.Rows
		}
		return rows
	}
	add(time.Time{}, w.End())
	streamed := 0
	for at := w.End(); at.Before(later.End()); at = at.Add(10 * time.Second) {
		streamed += add(at, at.Add(10*time.Second))
	}
	if streamed < 100 {
		t.Errorf("%d rows in five hours of the stream, want more", streamed)
	}
	for l := range later.Loads(time.Time{}, later.End()) {
		if !bytes.Equal(got[l.Table], l.CSV) {
			t.Errorf("%s: the history up to the later end is not the earlier history and the stream", l.Table)
		}
	}
}

func TestTheStreamTouchesFewLeadsAtATime(t *testing.T) {
	w := sample()
	most := 0
	for at := w.End(); at.Before(w.End().Add(day)); at = at.Add(10 * time.Second) {
		touched := map[string]bool{}
		for l := range w.Loads(at, at.Add(10*time.Second)) {
			rows, err := read(l)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				touched[r["lead_key"]] = true
			}
		}
		most = max(most, len(touched))
	}
	if most < 2 || most > 40 {
		t.Errorf("at most %d leads touched within ten seconds, want 2 to 40", most)
	}
}

func TestLeadsArriveOnceAndInOrder(t *testing.T) {
	w := sample()
	keys := func(from, to time.Time) (keys []string) {
		for l := range w.Leads(from, to) {
			keys = append(keys, l.Key)
			if l.FirstName == "" || l.LastName == "" || l.City == "" || l.Interest == "" || l.Owner == "" {
				t.Errorf("%s: a rep would miss something: %+v", l.Key, l)
			}
		}
		return keys
	}
	all := keys(time.Time{}, w.Horizon())
	if len(all) < 600 || !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Errorf("%d leads, not in order or not once", len(all))
	}
	parts := slices.Concat(keys(time.Time{}, w.End()), keys(w.End(), w.Horizon()))
	slices.Sort(parts)
	if !slices.Equal(parts, all) {
		t.Errorf("%d leads up to the end and after it, %d in all", len(parts), len(all))
	}
}

// The share of open leads that buy within 30 days: rare enough to make the classes unbalanced.
func TestConversionsAreRare(t *testing.T) {
	w := sample()
	bought := map[string]bool{}
	for l := range w.Leads(time.Time{}, w.Horizon()) {
		bought[l.Key] = l.Status == "converted"
	}
	open, converted := 0, 0
	for l := range w.Leads(time.Time{}, w.End()) {
		if l.Open() {
			open++
			if bought[l.Key] {
				converted++
			}
		}
	}
	rate := float64(converted) / float64(open)
	t.Logf("%d of %d open leads converted within 30 days: %.1f %%", converted, open, 100*rate)
	if rate < 0.005 || rate > 0.10 {
		t.Errorf("%.2f %% of the open leads converted within 30 days, want 0.5 to 10 %%", 100*rate)
	}
}

// Behaviour is the cause and never the effect of a sale: a row that came after it would tell the future.
func TestNothingFollowsASale(t *testing.T) {
	tables := past(t)
	sold := map[string]string{}
	for _, r := range tables["crm.lead_status"] {
		if strings.EqualFold(strings.TrimSpace(r["status"]), "converted") {
			sold[r["lead_key"]] = r["event_ts"]
		}
	}
	if len(sold) < 50 {
		t.Fatalf("%d sales, want more", len(sold))
	}
	for table, rows := range tables {
		if table == "crm.leads" {
			continue // an address may be corrected at any time
		}
		for _, r := range rows {
			if at, ok := sold[r["lead_key"]]; ok && r["event_ts"] > at {
				t.Errorf("%s: %s did something at %s, after the sale at %s", table, r["lead_key"], r["event_ts"], at)
			}
		}
	}
}

func BenchmarkSimulate(b *testing.B) {
	o := town()
	rows := 0
	b.ReportAllocs()
	for b.Loop() {
		w := crm.Simulate(o)
		for l := range w.Loads(time.Time{}, w.End()) {
			rows += l.Rows
		}
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}
