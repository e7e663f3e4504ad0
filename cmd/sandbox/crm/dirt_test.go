package crm_test

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// The sample holds the dirt of real data: each kind occurs, and none is the rule.
func TestDirt(t *testing.T) {
	tables := past(t)
	is := func(values ...string) func(string) bool {
		return func(v string) bool { return slices.Contains(values, v) }
	}
	for _, c := range []struct {
		what, table, column string
		dirty               func(string) bool
	}{
		{"an age of 0", "crm.customers", "age", is("0")},
		{"an age of 180", "crm.customers", "age", is("180")},
		{"a missing age", "crm.customers", "age", is("")},
		{"a missing or empty region", "crm.leads", "region", is("")},
		{"a region in capitals", "crm.leads", "region", func(v string) bool { return v != "" && v == strings.ToUpper(v) }},
		{"a rare region", "crm.leads", "region", is("islands")},
		{"trailing blanks", "crm.leads", "region", func(v string) bool { return strings.HasSuffix(v, " ") }},
		{"a distance that can't be", "crm.leads", "distance_km", is("-1", "999999")},
		{"no company", "crm.leads", "company", is("")},
		{"a quote in a name", "crm.leads", "last_name", func(v string) bool { return strings.Contains(v, "'") }},
		{"an emoji", "crm.leads", "interest", func(v string) bool { return strings.Contains(v, "🚗") }},
		{"double quotes in a note", "crm.calls", "note", func(v string) bool { return strings.Contains(v, `"`) }},
		{"a negative duration", "crm.visits", "duration_seconds", func(v string) bool { return strings.HasPrefix(v, "-") }},
		{"a visit of a week", "crm.visits", "duration_seconds", is("604800")},
		{"a visit of nobody", "crm.visits", "lead_key", is("")},
		{"a visit of a lead that isn't", "crm.visits", "lead_key", func(v string) bool { return strings.HasPrefix(v, "X") }},
		{"a rare device", "crm.visits", "device", is("smart tv", "console")},
		{"an unknown source", "crm.visits", "traffic_source", is("n/a", "unknown", "?", "-", "test")},
		{"a clock in 1970", "crm.page_views", "event_ts", func(v string) bool { return strings.HasPrefix(v, "1970") }},
		{"a day on a page", "crm.page_views", "seconds_on_page", is("86400")},
		{"a price of 99,999,999", "crm.page_views", "price", is("99999999")},
		{"a budget of 1", "crm.vehicle_preferences", "budget", is("1")},
		{"a budget of 99,999,999", "crm.vehicle_preferences", "budget", is("99999999")},
		{"an absurd mileage", "crm.searches", "mileage_max", is("9999999", "-1")},
		{"a status with blanks or a capital", "crm.lead_status", "status", func(v string) bool {
			return v != strings.TrimSpace(strings.ToLower(v))
		}},
	} {
		rows, found := tables[c.table], 0
		for _, r := range rows {
			if c.dirty(r[c.column]) {
				found++
			}
		}
		if found == 0 || found > len(rows)*9/10 {
			t.Errorf("%s: in %d of %d rows of %s", c.what, found, len(rows), c.table)
		}
	}
}

func TestDuplicatesAndLateArrivals(t *testing.T) {
	tables := past(t)
	for table, id := range map[string]string{
		"crm.visits": "visit_id", "crm.page_views": "page_view_id", "crm.searches": "search_id", "crm.quotes": "quote_id",
		"crm.calls": "call_id", "crm.emails": "email_event_id", "crm.vehicle_preferences": "preference_id",
		"crm.lead_status": "status_id",
	} {
		first, twice, late := map[string]map[string]string{}, 0, 0
		for _, r := range tables[table] {
			if f, ok := first[r[id]]; ok {
				twice++
				if f["event_ts"] != r["event_ts"] || f["lead_key"] != r["lead_key"] || f["loaded_at"] > r["loaded_at"] {
					t.Errorf("%s: the copies of %s differ", table, r[id])
				}
				continue
			}
			first[r[id]] = r
			delay := instant(t, r["loaded_at"]).Sub(instant(t, r["event_ts"]))
			if delay < 0 {
				t.Errorf("%s: %s was loaded before it happened", table, r[id])
			}
			if delay > 3*time.Hour {
				late++
			}
		}
		if n := len(tables[table]); twice == 0 || late == 0 || twice > n/20 || late > n/5 {
			t.Errorf("%s: of %d rows, %d are copies and %d came late", table, n, twice, late)
		}
	}
}

func instant(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04:05.000", s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestLooseEnds(t *testing.T) {
	tables := past(t)
	customers, leads, active := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, r := range tables["crm.customers"] {
		customers[r["customer_id"]] = true
	}
	for table, rows := range tables {
		for _, r := range rows {
			if table != "crm.leads" && table != "crm.customers" {
				active[r["lead_key"]] = true
			}
		}
	}
	var alone, erased, silent int
	for _, r := range tables["crm.leads"] {
		id := r["customer_id"]
		leads[id] = true
		switch {
		case id == "":
			alone++
		case !customers[id]:
			erased++
		}
		if !active[r["lead_key"]] {
			silent++
		}
	}
	strangers := 0
	for id := range customers {
		if !leads[id] {
			strangers++
		}
	}
	if alone == 0 || erased == 0 || silent == 0 || strangers == 0 {
		t.Errorf("%d leads without customer, %d with an erased one, %d without any event, %d customers without lead: "+
			"want some of each",
			alone, erased, silent, strangers)
	}
}

// Some categories begin in the last three weeks: a model trained on labels of 30 days can't know them.
func TestLateCategories(t *testing.T) {
	tables, begin := past(t), sample().End().Add(-22*day)
	for _, c := range []struct{ table, column, value string }{
		{"crm.visits", "traffic_source", "assistant"},
		{"crm.searches", "fuel", "e-fuel"},
	} {
		found := 0
		for _, r := range tables[c.table] {
			if r[c.column] != c.value {
				continue
			}
			found++
			if at := instant(t, r["event_ts"]); at.Before(begin) && at.Year() > 1970 {
				t.Errorf("%s appears at %s, before %s", c.value, at, begin)
			}
		}
		if found == 0 {
			t.Errorf("%s does not appear", c.value)
		}
	}
}
