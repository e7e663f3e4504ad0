package sql_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"scored/cmd/sandbox/crm"
	"scored/pipeline/warehouse/pgtest"
	"scored/sql"
)

const day = 24 * time.Hour

// asOf is a busy hour of a day in the sample's history, which goes on for five weeks after it.
var asOf = time.Date(2026, time.March, 10, 14, 0, 0, 0, time.UTC)

func town() *crm.World {
	return crm.Simulate(crm.Options{Seed: 7, End: asOf, Days: 100, Leads: 900, Ahead: 35 * day})
}

// testWarehouse is a PostgreSQL with the sample's tables.
type testWarehouse struct {
	*pgtest.Cluster
	results int
}

func newWarehouse(t *testing.T) *testWarehouse {
	t.Helper()
	w := &testWarehouse{Cluster: pgtest.New(t)}
	w.exec(t, file(t, "sample/schema.sql"))
	return w
}

// load loads what the sample loaded in (from, to].
func (w *testWarehouse) load(t *testing.T, world *crm.World, from, to time.Time) {
	t.Helper()
	for l := range world.Loads(from, to) {
		if err := w.Copy(t.Context(), l.Copy(), bytes.NewReader(l.CSV)); err != nil {
			t.Fatalf("load %s: %v", l.Table, err)
		}
	}
	w.exec(t, "ANALYZE")
}

func (w *testWarehouse) exec(t *testing.T, script string) {
	t.Helper()
	if err := w.Exec(t.Context(), script); err != nil {
		t.Fatal(err)
	}
}

func (w *testWarehouse) query(t *testing.T, statement string) [][]string {
	t.Helper()
	rows, err := w.Query(t.Context(), statement)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return rows
}

// run runs a dataprep script in a session of its own and leaves its result in a table, whose name it returns.
func (w *testWarehouse) run(t *testing.T, script string, at time.Time) string {
	t.Helper()
	w.results++
	table := fmt.Sprintf("result_%d", w.results)
	text := strings.ReplaceAll(file(t, script), ":as_of", at.Format("'2006-01-02 15:04:05'::timestamp"))
	last := strings.LastIndex(text, ";\n\nSELECT") + len(";\n\n")
	w.exec(t, text[:last]+"CREATE TABLE "+table+" AS\n"+text[last:])
	return table
}

// features runs the lead scoring script and returns its rows by lead, each as text.
func (w *testWarehouse) features(t *testing.T, at time.Time) map[string]string {
	t.Helper()
	rows := map[string]string{}
	for _, r := range w.query(t, "SELECT * FROM "+w.run(t, "dataprep/lead_scoring.sql", at)) {
		if _, twice := rows[r[0]]; twice {
			t.Errorf("%s: two rows", r[0])
		}
		rows[r[0]] = strings.Join(r[1:], "|")
	}
	if len(rows) < 300 {
		t.Fatalf("%d rows as of %s, want more", len(rows), at)
	}
	return rows
}

// tables returns the names of the sample's tables.
func (w *testWarehouse) tables(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, r := range w.query(t, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'crm'") {
		names = append(names, "crm."+r[0])
	}
	return names
}

func file(t *testing.T, name string) string {
	t.Helper()
	text, err := sql.Files.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// differ returns the leads whose rows are not the same in both.
func differ(a, b map[string]string) map[string]bool {
	keys := map[string]bool{}
	for key, row := range a {
		if b[key] != row {
			keys[key] = true
		}
	}
	for key, row := range b {
		if a[key] != row {
			keys[key] = true
		}
	}
	return keys
}
