package warehouse

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/warehouse/pgtest"
)

func newTestProbe(t *testing.T, sql string) *Probe {
	t.Helper()
	p, err := NewProbe(Config{URL: postgres(t).URL()}, "leads.when", sql)
	if err != nil {
		t.Fatal(err)
	}
	p.connector.backoff = func(int) time.Duration { return 0 }
	return p
}

func TestAProbesValueIsText(t *testing.T) {
	for _, tt := range []struct{ sql, want string }{
		{"SELECT 'é'", "é"},
		{"SELECT NULL", ""},
		{"SELECT ''", ""},
		{"SELECT 42;", "42"},
		{"SELECT 0.1::float8", "0.1"},
		{"SELECT COUNT(*) FROM pg_namespace WHERE nspname = 'pg_catalog'", "1"},
		{"SELECT :as_of", "2026-11-22 12:00:00"},
		{"-- the newest load\nWITH loads AS (SELECT TIMESTAMP '2026-11-22 11:45:00.25' AS at) SELECT MAX(at) FROM loads WHERE at < :as_of", "2026-11-22 11:45:00.25"},
		{"SELECT MAX(at) FROM (SELECT :as_of AS at) AS loads WHERE at < :as_of", ""},
		{"SELECT '2026-11-22 13:00+01'::timestamptz", "2026-11-22 12:00:00+00"},
		{"SELECT repeat('x', 1024)", strings.Repeat("x", 1024)},
	} {
		got, err := newTestProbe(t, tt.sql).Value(t.Context(), asOfNoon)
		if err != nil || got != tt.want {
			t.Errorf("%s is %q, %v; want %q", tt.sql, got, err, tt.want)
		}
	}
	last := cluster.Queries()[len(cluster.Queries())-1]
	if want := "/* scored when leads.when:1 */ SELECT"; !strings.HasPrefix(last, want) {
		t.Errorf("the query begins with %.60q, want %q", last, want)
	}
}

func TestAProbeIsOneSelect(t *testing.T) {
	for _, tt := range []struct{ sql, want string }{
		{"", "script leads.when:1:1: the script holds no statement"},
		{"SELECT 1;\nSELECT 2", "script leads.when:2:1: a condition is one statement, this has 2"},
		{"CREATE TEMP TABLE a AS SELECT 1; SELECT 2", "a condition is one statement, this has 2"},
		{"DELETE FROM leads", "the last statement must be SELECT or WITH, it is DELETE"},
		{"SELECT MAX(at) FROM loads WHERE at < GETDATE()", "leads.when:1:38: GETDATE reads the clock"},
		{"SELECT MAX(at) INTO x FROM loads", "SELECT INTO creates a permanent table"},
		{"SELECT 'open", "leads.when:1:8"},
	} {
		_, err := NewProbe(Config{URL: "postgres://u@localhost/d"}, "leads.when", tt.sql)
		wantProblem(t, err, pipeline.Configuration, tt.want)
	}
	_, err := NewProbe(Config{URL: "localhost"}, "leads.when", "SELECT 1")
	wantProblem(t, err, pipeline.Configuration, "warehouse.url")
}

func TestAProbeSaysWhatIsWrongWithItsResult(t *testing.T) {
	for _, tt := range []struct{ sql, want string }{
		{"SELECT 1 WHERE :as_of IS NULL", "script leads.when:1:1: the condition gives no row"},
		{"SELECT 1 AS a, 2 AS b", "the condition gives 2 columns"},
		{"SELECT 1 AS a, 2 AS b WHERE :as_of IS NULL", "the condition gives 2 columns"},
		{"SELECT", "the condition gives 0 columns"},
		{"SELECT 1 UNION ALL SELECT 2", "the condition gives more than one row"},
		{"SELECT 1 FROM pg_class a, pg_class b, pg_class c", "the condition gives more than one row"},
		{"SELECT repeat('x', 1025)", "the condition's value has 1025 bytes, more than 1024"},
		{"SELECT MAX(at)\nFROM nowhere", `script leads.when:2:6: statement 1 (from line 1): relation "nowhere" does not exist`},
	} {
		_, err := newTestProbe(t, tt.sql).Value(t.Context(), asOfNoon)
		wantProblem(t, err, pipeline.Configuration, tt.want)
		wantGone(t)
	}
	_, err := newTestProbe(t, "SELECT 'john'::int").Value(t.Context(), asOfNoon)
	if err == nil || strings.Contains(err.Error(), "john") {
		t.Errorf("got %v", err)
	}
}

func TestAProbeStartsAnew(t *testing.T) {
	p := newTestProbe(t, "SELECT 'fresh'")
	cluster.Inject(pgtest.Fault{Match: "fresh", Code: "XX000", Message: "1023"})
	cluster.Inject(pgtest.Fault{Match: "fresh", Reset: true})
	if got, err := p.Value(t.Context(), asOfNoon); err != nil || got != "fresh" {
		t.Errorf("%q, %v", got, err)
	}
	cluster.Inject(pgtest.Fault{Match: "fresh", Code: "XX000", Message: "1023", Times: 9})
	got, err := p.Value(t.Context(), asOfNoon)
	wantProblem(t, err, pipeline.TryAgain, "script leads.when:1: statement 1: 1023")
	if got != "" {
		t.Errorf("got %q with an error", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Value(ctx, asOfNoon); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
