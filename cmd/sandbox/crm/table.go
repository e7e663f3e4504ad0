package crm

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// table holds the rows of one source table as CSV, all in one text.
type table struct {
	name, columns string
	text          []byte
	rows          []row
}

// row is one row: where its values stand in the text (all but loaded_at, which is the table's last column), and when it
// was loaded, in Unix milliseconds. A row that was loaded twice is there twice.
type row struct {
	loaded   int64
	from, to int
}

// The source tables. The columns are those of sql/sample/schema.sql, loaded_at last.
const (
	customers = iota
	leads
	statuses
	visits
	searches
	pageViews
	quotes
	calls
	emails
	preferences
	numTables
)

func newTables() [numTables]table {
	return [numTables]table{
		customers: {name: "crm.customers", columns: "customer_id, event_ts, first_name, last_name, age, city, region, " +
			"country"},
		leads: {name: "crm.leads", columns: "lead_key, version, event_ts, created_at, customer_id, first_name, " +
			"last_name, company, city, region, area, distance_km, interest, owner_name"},
		statuses: {name: "crm.lead_status", columns: "status_id, lead_key, event_ts, status"},
		visits:   {name: "crm.visits", columns: "visit_id, lead_key, event_ts, device, traffic_source, duration_seconds"},
		searches: {name: "crm.searches", columns: "search_id, lead_key, event_ts, visit_id, brand, body_type, fuel, " +
			"price_max, mileage_max, results"},
		pageViews: {name: "crm.page_views", columns: "page_view_id, lead_key, event_ts, visit_id, page_type, vehicle_id, " +
			"price, seconds_on_page"},
		quotes: {name: "crm.quotes", columns: "quote_id, lead_key, event_ts, vehicle_id, list_price, amount, months"},
		calls: {name: "crm.calls", columns: "call_id, lead_key, event_ts, direction, outcome, duration_seconds, " +
			"note"},
		emails: {name: "crm.emails", columns: "email_event_id, lead_key, event_ts, email_id, campaign, action"},
		preferences: {name: "crm.vehicle_preferences", columns: "preference_id, lead_key, event_ts, brand, body_type, " +
			"fuel, budget, mileage_max"},
	}
}

// add appends a row that was loaded at each of the instants.
func (t *table) add(loaded []time.Time, values ...any) {
	from := len(t.text)
	for _, v := range values {
		t.text = append(appendValue(t.text, v), ',')
	}
	for _, at := range loaded {
		t.rows = append(t.rows, row{at.UnixMilli(), from, len(t.text)})
	}
}

// seal brings the rows into the order in which they were loaded.
func (t *table) seal() {
	slices.SortStableFunc(t.rows, func(a, b row) int { return cmp.Compare(a.loaded, b.loaded) })
}

// between returns the rows that were loaded in (from, to].
func (t *table) between(from, to time.Time) []row {
	after := func(r row, at time.Time) int { return cmp.Compare(r.loaded, at.UnixMilli()+1) }
	lo, _ := slices.BinarySearchFunc(t.rows, from, after)
	hi, _ := slices.BinarySearchFunc(t.rows, to, after)
	return t.rows[lo:max(lo, hi)]
}

// load returns the rows as they are loaded.
func (t *table) load(rows []row) Load {
	size := 0
	for _, r := range rows {
		size += r.to - r.from + len("2006-01-02 15:04:05.000\n")
	}
	b := make([]byte, 0, size)
	for _, r := range rows {
		b = append(b, t.text[r.from:r.to]...)
		b = append(appendValue(b, time.UnixMilli(r.loaded)), '\n')
	}
	return Load{Table: t.name, Columns: t.columns + ", loaded_at", Rows: len(rows), CSV: b}
}

// Load is a number of rows for one table.
type Load struct {
	Table   string // crm.visits
	Columns string // separated by commas
	Rows    int
	CSV     []byte // a line per row, no header; NULL is empty, an empty text is in quotes
}

// Copy returns the statement that takes the CSV.
func (l Load) Copy() string { return "COPY " + l.Table + " (" + l.Columns + ") FROM STDIN CSV" }

// appendValue appends a value as PostgreSQL's CSV has it.
func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return b
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case float64:
		return strconv.AppendFloat(b, v, 'f', -1, 64)
	case time.Time:
		return v.UTC().AppendFormat(b, "2006-01-02 15:04:05.000")
	case string:
		b = append(b, '"')
		for i := range len(v) {
			if v[i] == '"' {
				b = append(b, '"')
			}
			b = append(b, v[i])
		}
		return append(b, '"')
	default:
		panic(fmt.Sprintf("crm: no CSV for %T", v))
	}
}
