package warehouse

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"scored/pipeline"
	"scored/pipeline/warehouse/pgtest"
)

const many = `SELECT i AS lead_key, i::float8 AS x FROM (SELECT row_number() OVER () AS i FROM pg_class a, pg_class b LIMIT 30000) t`

func TestErrorsNameScriptStatementAndPlace(t *testing.T) {
	for _, tt := range []struct{ name, sql, want string }{
		{"syntax", "CREATE TEMP TABLE a AS SELECT 1 AS x;\n\n-- a comment\nSELECT 'ä' AS lead_key,\n  :as_of AS at, :as_of AS at2 FROM a\n  WHERE ORDER BY x;\n",
			`script test.sql:6:9: statement 2 (from line 4): syntax error at or near "ORDER" (SQLSTATE 42601)`},
		{"column behind parameters and umlauts", "SELECT 'äöü' AS lead_key, :as_of AS ß, :as_of AS b, nonsense AS c",
			`script test.sql:1:53: statement 1 (from line 1): column "nonsense" does not exist (SQLSTATE 42703)`},
		{"table in the first statement", "CREATE TEMP TABLE a AS\nSELECT *\nFROM nowhere;\nSELECT 1 AS lead_key",
			`script test.sql:3:6: statement 1 (from line 1): relation "nowhere" does not exist (SQLSTATE 42P01)`},
		{"the end is missing", "SELECT 1 AS lead_key FROM (SELECT 1", "script test.sql:1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := viaProxy(t, tt.sql).Read(t.Context(), testRun(t), &table{})
			wantProblem(t, err, pipeline.Configuration, tt.want)
			_, err = viaProxy(t, tt.sql).Columns(t.Context(), asOfNoon)
			wantProblem(t, err, pipeline.Configuration, tt.want)
		})
	}
}

func TestErrorsDoNotQuoteData(t *testing.T) {
	if err := postgres(t).Exec(t.Context(), `CREATE TABLE IF NOT EXISTS people (email text); DELETE FROM people; INSERT INTO people VALUES ('john@example.com')`); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ expression, want string }{
		{"email::int", "invalid input syntax for type integer ... (the rest is withheld, it may quote data) (SQLSTATE 22P02)"},
		{"email::timestamp", "invalid input syntax for type timestamp"},
		{"1 / (length(email) - 16)", "division by zero (SQLSTATE 22012)"},
	} {
		err := viaProxy(t, "SELECT 'a' AS lead_key,\n"+tt.expression+" AS x FROM people").Read(t.Context(), testRun(t), &table{})
		wantProblem(t, err, 0, tt.want)
		if strings.Contains(err.Error(), "john") {
			t.Errorf("the error quotes data: %v", err)
		}
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
			t.Errorf("whoever unwraps the error finds data: %v", pg)
		}
		if !strings.Contains(err.Error(), "script test.sql:") {
			t.Errorf("no place: %v", err)
		}
	}
	got := describe(&pgconn.PgError{Code: "XX000", Message: "Invalid digit, Value 'john@example.com', Pos 0, Type: Integer"})
	if want := "Invalid digit, Value ... (the rest is withheld, it may quote data) (SQLSTATE XX000)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestClassesOfErrors(t *testing.T) {
	for _, tt := range []struct {
		code, message string
		class         pipeline.Class
		attempts      int
	}{
		{"XX000", "1023", pipeline.TryAgain, 3},
		{"40001", "could not serialize access", pipeline.TryAgain, 3},
		{"40P01", "deadlock detected", pipeline.TryAgain, 3},
		{"08006", "connection failure", pipeline.TryAgain, 3},
		{"57P01", "terminating connection due to administrator command", pipeline.TryAgain, 3},
		{"XX000", "could not open relation with OID 12", pipeline.TryAgain, 3},
		{"XX000", "conflict with concurrent transaction", pipeline.TryAgain, 3},
		{"57014", "Query cancelled on user's request", pipeline.TryAgain, 1},
		{"XX000", "1024", 0, 1},
		{"XX000", "internal error", 0, 1},
		{"42P01", "relation does not exist", pipeline.Configuration, 1},
		{"42501", "permission denied for relation leads", pipeline.Configuration, 1},
		{"0A000", "not supported", pipeline.Configuration, 1},
		{"28000", "not allowed", pipeline.Configuration, 1},
		{"3D000", "database does not exist", pipeline.Configuration, 1},
		{"22012", "division by zero", 0, 1},
	} {
		t.Run(tt.code+" "+tt.message, func(t *testing.T) {
			s := viaProxy(t, "SELECT 'a' AS lead_key, 1 AS x")
			cluster.Inject(pgtest.Fault{Match: "lead_key", Times: 9, Code: tt.code, Message: tt.message})
			before := cluster.Logins()
			err := s.Read(t.Context(), testRun(t), &table{})
			if err == nil {
				t.Fatal("no error")
			}
			if got := pipeline.ClassOf(err); got != tt.class {
				t.Errorf("class %d, want %d: %v", got, tt.class, err)
			}
			if got := cluster.Logins() - before; got != tt.attempts {
				t.Errorf("%d attempts, want %d", got, tt.attempts)
			}
		})
	}
}

func TestAReadStartsAnewWhenTheWarehouseAsksForIt(t *testing.T) {
	for _, tt := range []struct {
		name   string
		faults []pgtest.Fault
		begins int
	}{
		{"conflict", []pgtest.Fault{pgtest.SerializableConflict()}, 1},
		{"conflict in the result", []pgtest.Fault{{Match: "lead_key", Rows: 20000, Code: "XX000", Message: "1023"}}, 2},
		{"reset in the result", []pgtest.Fault{{Match: "lead_key", Rows: 20000, Reset: true}}, 2},
		{"reset in the first statement", []pgtest.Fault{{Match: "TEMP TABLE", Reset: true}}, 1},
		{"two of them", []pgtest.Fault{{Match: "lead_key", Rows: 20000, Reset: true}, {Match: "lead_key", Rows: 9000, Code: "57P01"}}, 3},
		{"at the session's setup", []pgtest.Fault{{Match: "statement_timeout", Reset: true}}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := viaProxy(t, "CREATE TEMP TABLE a AS SELECT 1 AS one;"+many)
			for _, f := range tt.faults {
				cluster.Inject(f)
			}
			before := cluster.Logins()
			got := read(t, s)
			if got.begins != tt.begins || len(got.keys) != 30000 || len(got.numbers["x"]) != 30000 {
				t.Errorf("%d begins, %d keys, %d values; want %d, 30000, 30000", got.begins, len(got.keys), len(got.numbers["x"]), tt.begins)
			}
			if attempts := cluster.Logins() - before; attempts != len(tt.faults)+1 {
				t.Errorf("%d attempts, want %d", attempts, len(tt.faults)+1)
			}
		})
	}
}

func TestAConsumersErrorEndsTheRead(t *testing.T) {
	s := viaProxy(t, many)
	before := cluster.Logins()
	rows := &table{failAt: 2}
	if err := s.Read(t.Context(), testRun(t), rows); !errors.Is(err, errFull) {
		t.Errorf("got %v, want the consumer's error", err)
	}
	if rows.begins != 1 || cluster.Logins() != before+1 {
		t.Errorf("the read began %d times", rows.begins)
	}
	wantNoQuery(t)
}

// hook calls back when a batch comes.
type hook struct {
	table
	onAdd func()
}

func (h *hook) Add(b *pipeline.Batch) error {
	h.onAdd()
	return h.table.Add(b)
}

func TestCancelReachesTheServer(t *testing.T) {
	t.Run("in the result", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := viaProxy(t, `SELECT i AS lead_key, repeat('x', 1000) AS x FROM (SELECT row_number() OVER () AS i FROM pg_class a, pg_class b, pg_class c) t`)
		err := s.Read(ctx, testRun(t), &hook{onAdd: cancel})
		wantCanceled(t, err)
		wantNoQuery(t)
	})
	t.Run("in a statement", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := viaProxy(t, `CREATE TEMP TABLE a AS SELECT 1 AS x FROM pg_sleep(600); SELECT 1 AS lead_key`)
		done := make(chan error)
		go func() { done <- s.Read(ctx, testRun(t), &table{}) }()
		waitFor(t, "1", "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'scored' AND query LIKE '%pg_sleep%' AND state = 'active'")
		cancel()
		wantCanceled(t, <-done)
		wantNoQuery(t)
	})
	t.Run("before a connection", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		wantCanceled(t, viaProxy(t, many).Read(ctx, testRun(t), &table{}))
		_, err := viaProxy(t, many).Columns(ctx, asOfNoon)
		if !errors.Is(err, context.Canceled) || err.Error() != "read dataprep columns: context canceled" {
			t.Errorf("Columns says %v", err)
		}
	})
	t.Run("before the next attempt", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := viaProxy(t, many)
		s.connector.backoff = func(int) time.Duration { cancel(); return time.Minute }
		cluster.Inject(pgtest.SerializableConflict())
		wantCanceled(t, s.Read(ctx, testRun(t), &table{}))
	})
}

func wantCanceled(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	wantNoPrefix(t, err)
}

// wantNoQuery checks that the server is rid of the source's session by the time that Read has returned.
func wantNoQuery(t *testing.T) {
	t.Helper()
	rows, err := cluster.Query(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'scored'")
	if err != nil {
		t.Fatal(err)
	}
	if rows[0][0] != "0" {
		t.Errorf("%s sessions are still there", rows[0][0])
	}
}

func waitFor(t *testing.T, want, sql string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		rows, err := cluster.Query(t.Context(), sql)
		if err != nil {
			t.Fatal(err)
		}
		if rows[0][0] == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s gives %s, want %s", sql, rows[0][0], want)
		}
	}
}

func TestAStatementMayNotTakeLongerThanAllowed(t *testing.T) {
	s := newTestSource(t, Config{URL: postgres(t).URL(), StatementTimeout: 20 * time.Millisecond}, "SELECT 1 AS lead_key FROM pg_sleep(600)")
	err := s.Read(t.Context(), testRun(t), &table{})
	wantProblem(t, err, pipeline.TryAgain, "SQLSTATE 57014")
	if !strings.Contains(pipeline.HintOf(err), "statement_timeout") {
		t.Errorf("hint %q", pipeline.HintOf(err))
	}
}

func TestTheClocksMustAgree(t *testing.T) {
	for _, tt := range []struct {
		off    time.Duration
		agrees bool
	}{{0, true}, {time.Minute, true}, {-time.Minute, true}, {3 * time.Minute, false}, {-3 * time.Minute, false}} {
		t.Run(tt.off.String(), func(t *testing.T) {
			s := viaProxy(t, "SELECT 1 AS lead_key")
			s.connector.now = func() time.Time { return time.Now().Add(tt.off) }
			err := s.Read(t.Context(), testRun(t), &table{})
			if tt.agrees && err != nil {
				t.Error(err)
			}
			if !tt.agrees {
				wantProblem(t, err, pipeline.Configuration, "the warehouse's clock is")
			}
		})
	}
}
