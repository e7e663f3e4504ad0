package sql_test

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"scored/cmd/sandbox/crm"
	"scored/pipeline/warehouse"
)

// feature is a line of the script's last statement: a section, a name, and what it says of itself.
type feature struct{ section, name, comment string }

// described reads the features from the script's last statement.
func described(t *testing.T) []feature {
	t.Helper()
	section := regexp.MustCompile(`^    -- ((?:offline|online): [a-z ]+)$`)
	line := regexp.MustCompile(`^    .*?(\w+),? +-- (\S.+)$`)
	_, last, _ := strings.Cut(file(t, "dataprep/lead_scoring.sql"), "\nSELECT\n    o.lead_key,\n")
	last, _, _ = strings.Cut(last, "\nFROM ")
	var features []feature
	current := ""
	for text := range strings.Lines(last) {
		text = strings.TrimRight(text, "\n")
		if m := section.FindStringSubmatch(text); m != nil {
			current = m[1]
		} else if m := line.FindStringSubmatch(text); m != nil {
			features = append(features, feature{current, m[1], m[2]})
		} else if text != "" {
			t.Errorf("neither a section nor a feature with its comment: %q", text)
		}
	}
	return features
}

func TestFiftyEightFeatures(t *testing.T) {
	places, sections := map[string]int{}, map[string]bool{}
	for _, f := range described(t) {
		where, _, _ := strings.Cut(f.section, ":")
		places[where]++
		sections[f.section] = true
	}
	if want := map[string]int{"offline": 11, "online": 47}; !maps.Equal(places, want) {
		t.Errorf("features: %v, want %v", places, want)
	}
	want := []string{
		"offline: calls", "offline: emails", "offline: localisation",
		"online: quotes", "online: searches", "online: vehicle preferences", "online: viewed pages", "online: visits",
	}
	if got := slices.Sorted(maps.Keys(sections)); !slices.Equal(got, want) {
		t.Errorf("sections: %q, want %q", got, want)
	}
}

func TestScriptsRunOnRedshiftAndPostgreSQL(t *testing.T) {
	for _, name := range []string{"dataprep/lead_scoring.sql", "dataprep/lead_scoring_labels.sql"} {
		script, err := warehouse.ParseScript(name, []byte(file(t, name)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range script.LintPortable() {
			t.Error(f)
		}
	}
}

// The rows of one as-of, and what must and must not change them. Every case compares with the same rows; those that
// rewrite the tables come last.
func TestLeadScoring(t *testing.T) {
	w, world := newWarehouse(t), town()
	w.load(t, world, time.Time{}, asOf)
	rows := w.features(t, asOf)
	table := w.run(t, "dataprep/lead_scoring.sql", asOf)
	w.load(t, world, asOf, world.Horizon())

	same := func(t *testing.T) {
		t.Helper()
		if changed := differ(rows, w.features(t, asOf)); len(changed) > 0 {
			t.Errorf("%d of %d rows changed", len(changed), len(rows))
		}
	}
	t.Run("every feature varies", func(t *testing.T) { everyFeatureVaries(t, w, table) })
	t.Run("absurd values are missing", func(t *testing.T) { absurdValuesAreMissing(t, w, table) })
	t.Run("what was loaded later does not show", same)
	t.Run("only leads with new events change", func(t *testing.T) { onlyLeadsWithNewEventsChange(t, w, rows) })
	t.Run("open leads are scored and labelled", func(t *testing.T) { openLeadsAreScoredAndLabelled(t, w, world, rows) })
	t.Run("the order of rows does not matter", func(t *testing.T) {
		for _, table := range w.tables(t) {
			w.exec(t, "CREATE TEMP TABLE shuffled AS SELECT * FROM "+table+" ORDER BY random(); TRUNCATE "+table+
				"; INSERT INTO "+table+" SELECT * FROM shuffled")
		}
		same(t)
	})
	t.Run("a row loaded twice counts once", func(t *testing.T) {
		for _, table := range w.tables(t) {
			w.exec(t, "INSERT INTO "+table+" SELECT * FROM "+table)
		}
		same(t)
	})
}

func everyFeatureVaries(t *testing.T, w *testWarehouse, table string) {
	t.Helper()
	columns := w.query(t, "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = '"+table+
		"' ORDER BY ordinal_position")
	names := []string{"lead_key"}
	for _, f := range described(t) {
		names = append(names, f.name)
	}
	texts := 0
	for i, c := range columns {
		if i >= len(names) || c[0] != names[i] {
			t.Fatalf("column %d is %s, which the script does not describe in that place", i, c[0])
		}
		switch c[1] {
		case "integer", "bigint", "double precision":
		case "text", "character varying":
			texts++
		default:
			t.Errorf("%s is %s, want whole numbers, double precision or text", c[0], c[1])
		}
		if n := w.query(t, "SELECT COUNT(DISTINCT "+c[0]+") FROM "+table)[0][0]; n < "2" && len(n) == 1 {
			t.Errorf("%s has %s distinct values", c[0], n)
		}
	}
	if len(columns) != len(names) || texts != 8 { // the key and seven features
		t.Errorf("%d columns, %d of them text, want %d and 8", len(columns), texts, len(names))
	}
}

// Whatever forms and trackers hold, a feature stays where a value can be.
func absurdValuesAreMissing(t *testing.T, w *testWarehouse, table string) {
	t.Helper()
	for _, c := range []struct {
		column    string
		low, high float64
	}{
		{"distance_km", 0.01, 2000},
		{"call_minutes_90d", 0, 90 * 240},
		{"email_open_share_90d", 0, 1},
		{"visit_minutes_max_90d", 0, 240},
		{"visit_minutes_median_90d", 0, 240},
		{"visit_gap_days_median_90d", 0, 89},
		{"weekend_share_90d", 0, 1},
		{"bounce_share_90d", 0, 1},
		{"days_since_visit", 0, 89},
		{"search_price_median_90d", 500, 500_000},
		{"search_results_mean_30d", 0, 100_000},
		{"page_seconds_p90_30d", 0, 3600},
		{"viewed_price_mean_30d", 500, 500_000},
		{"quote_discount_90d", 0, 1},
		{"budget", 1000, 500_000},
	} {
		r := w.query(t, "SELECT MIN("+c.column+"), MAX("+c.column+") FROM "+table)[0]
		low, errLow := strconv.ParseFloat(r[0], 64)
		high, errHigh := strconv.ParseFloat(r[1], 64)
		if errLow != nil || errHigh != nil || low < c.low || high > c.high {
			t.Errorf("%s is in %s to %s, want %v to %v", c.column, r[0], r[1], c.low, c.high)
		}
	}
}

func onlyLeadsWithNewEventsChange(t *testing.T, w *testWarehouse, rows map[string]string) {
	t.Helper()
	later := asOf.Add(9 * time.Hour)
	touched := map[string]bool{}
	for _, table := range w.tables(t) {
		if table == "crm.customers" {
			continue
		}
		for _, r := range w.query(t, "SELECT lead_key FROM "+table+" WHERE lead_key IS NOT NULL AND loaded_at > '"+
			asOf.Format(time.DateTime)+"' AND loaded_at <= '"+later.Format(time.DateTime)+"'") {
			touched[r[0]] = true
		}
	}
	changed := differ(rows, w.features(t, later))
	if len(changed) < 20 || len(changed) > len(rows)/2 {
		t.Errorf("%d of %d rows changed in nine hours, want some", len(changed), len(rows))
	}
	for key := range changed {
		if !touched[key] {
			t.Errorf("%s changed within the day, and nothing new is known of it", key)
		}
	}
	if next := differ(rows, w.features(t, asOf.Add(day))); len(next) < len(rows)/2 {
		t.Errorf("%d of %d rows changed from one day to the next: the windows don't move", len(next), len(rows))
	}
}

func openLeadsAreScoredAndLabelled(t *testing.T, w *testWarehouse, world *crm.World, rows map[string]string) {
	t.Helper()
	var open []string
	for l := range world.Leads(time.Time{}, asOf) {
		if l.Open() {
			open = append(open, l.Key)
		}
	}
	if got := slices.Sorted(maps.Keys(rows)); !slices.Equal(got, open) {
		t.Errorf("%d leads are scored, %d are open", len(got), len(open))
	}

	known, ever := bought(world, asOf.Add(30*day)), bought(world, world.Horizon())
	table := w.run(t, "dataprep/lead_scoring_labels.sql", asOf)
	labels := w.query(t, "SELECT lead_key, converted FROM "+table+" ORDER BY lead_key")
	var labelled []string
	sales := 0
	for _, r := range labels {
		labelled = append(labelled, r[0])
		converted := r[1] == "1"
		if converted {
			sales++
		}
		// A sale in time may become known late, so that the label lies between what is known then and in the end.
		if known[r[0]] && !converted || converted && !ever[r[0]] {
			t.Errorf("%s: converted is %s", r[0], r[1])
		}
	}
	if !slices.Equal(labelled, open) || sales == 0 || sales > len(open)/10 {
		t.Errorf("%d leads are labelled, %d of them converted; %d are open", len(labelled), sales, len(open))
	}
}

// bought returns the leads that were known at an instant to have bought.
func bought(world *crm.World, at time.Time) map[string]bool {
	keys := map[string]bool{}
	for l := range world.Leads(time.Time{}, at) {
		keys[l.Key] = l.Status == "converted"
	}
	return keys
}
