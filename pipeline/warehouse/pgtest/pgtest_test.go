package pgtest_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"

	"scored/pipeline/warehouse/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connect(t *testing.T, url string) *pgconn.PgConn {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func one(t *testing.T, conn *pgconn.PgConn, sql string) string {
	t.Helper()
	results, err := conn.Exec(t.Context(), sql).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return string(results[len(results)-1].Rows[0][0])
}

func TestTheHandshakeIsRedshifts(t *testing.T) {
	c := pgtest.New(t)
	for _, tt := range []struct {
		name, url string
		want      map[string]string
	}{
		{"plain", c.URL(), map[string]string{"server_version": "8.0.2", "client_encoding": "UNICODE", "standard_conforming_strings": ""}},
		{"UTF8 asked for", c.URL() + "&client_encoding=UTF8", map[string]string{"client_encoding": "UTF8"}},
		{"direct", c.DirectURL(), map[string]string{"standard_conforming_strings": "on", "padb_version": ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn := connect(t, tt.url)
			for name, want := range tt.want {
				if got := conn.ParameterStatus(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
	if connect(t, c.URL()).ParameterStatus("padb_version") == "" {
		t.Error("padb_version is missing")
	}
}

func TestFloatsComeInFifteenDigitsUnlessTheClientAsksForMore(t *testing.T) {
	c := pgtest.New(t)
	const sql = "SELECT 0.1::float8 + 0.2::float8"
	if got := one(t, connect(t, c.URL()), sql); got != "0.3" {
		t.Errorf("by default: %s", got)
	}
	if got := one(t, connect(t, c.URL()+"&extra_float_digits=2"), sql); got != "0.30000000000000004" {
		t.Errorf("asked at start-up: %s", got)
	}
	conn := connect(t, c.URL())
	one(t, conn, "SET extra_float_digits TO 2; SELECT 1")
	if got := one(t, conn, sql); got != "0.30000000000000004" {
		t.Errorf("asked by SET: %s", got)
	}
}

func TestItSpeaksRedshiftsDialectWhereItCan(t *testing.T) {
	c := pgtest.New(t)
	conn := connect(t, c.URL())
	if got := one(t, conn, `SELECT length('a\nb')`); got != "3" {
		t.Errorf("a backslash is no escape: length %s", got)
	}
	if got := one(t, conn, `SET query_group TO 'leads'; SHOW query_group`); got != "leads" {
		t.Errorf("query_group is %q", got)
	}
	_, err := conn.CopyFrom(t.Context(), strings.NewReader("1\n"), "COPY t FROM STDIN")
	if !hasCode(err, "0A000") {
		t.Errorf("COPY FROM STDIN: %v", err)
	}
	if got := one(t, conn, "SELECT 1"); got != "1" {
		t.Errorf("the connection is lost after a refusal: %s", got)
	}
}

func TestHelpersReachThePlainServer(t *testing.T) {
	c := pgtest.New(t)
	if err := c.Exec(t.Context(), "CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, NULL)"); err != nil {
		t.Fatal(err)
	}
	if err := c.Copy(t.Context(), "COPY t FROM STDIN CSV", strings.NewReader("2,x\n")); err != nil {
		t.Fatal(err)
	}
	rows, err := c.Query(t.Context(), "SELECT a, b FROM t ORDER BY a")
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"1", pgtest.Null}, {"2", "x"}}
	if !slices.EqualFunc(rows, want, slices.Equal) {
		t.Errorf("got %q, want %q", rows, want)
	}
	if err := c.Exec(t.Context(), "SELECT nonsense"); !hasCode(err, "42703") {
		t.Errorf("a wrong query: %v", err)
	}
	if len(c.Queries()) != 0 {
		t.Errorf("the helpers went through the proxy: %q", c.Queries())
	}
}

func TestFaultsStrikeTheQueryTheyAreMeantFor(t *testing.T) {
	c := pgtest.New(t)
	config, err := pgx.ParseConfig(c.URL())
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	count := func(t *testing.T, sql string) (int, error) {
		t.Helper()
		conn, err := pgx.ConnectConfig(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.Background()) }()
		rows, err := conn.Query(t.Context(), sql)
		if err != nil {
			return 0, err
		}
		n := 0
		for rows.Next() {
			n++
		}
		if rows.Err() == nil {
			var alive int
			if err := conn.QueryRow(t.Context(), "SELECT 1").Scan(&alive); err != nil {
				t.Errorf("the connection is lost: %v", err)
			}
		}
		return n, rows.Err()
	}
	const series = "SELECT generate_series(1, 1000)"

	t.Run("error on the second", func(t *testing.T) {
		fault := pgtest.SerializableConflict()
		fault.Match, fault.Skip = "series", 1
		fired := c.Inject(fault)
		if n, err := count(t, series); n != 1000 || err != nil {
			t.Errorf("first: %d rows, %v", n, err)
		}
		if n, err := count(t, series); n != 0 || !hasCode(err, "XX000") || !strings.Contains(err.Error(), "1023") {
			t.Errorf("second: %d rows, %v", n, err)
		}
		<-fired
		if n, err := count(t, series); n != 1000 || err != nil {
			t.Errorf("third: %d rows, %v", n, err)
		}
	})
	t.Run("error midway", func(t *testing.T) {
		c.Inject(pgtest.Fault{Match: "series", Rows: 10, Code: "57P01", Message: "terminating connection"})
		if n, err := count(t, series); n != 10 || !hasCode(err, "57P01") {
			t.Errorf("%d rows, %v", n, err)
		}
	})
	t.Run("reset midway", func(t *testing.T) {
		c.Inject(pgtest.Fault{Match: "series", Rows: 10, Reset: true})
		if n, err := count(t, series); n > 10 || err == nil {
			t.Errorf("%d rows, %v", n, err)
		}
	})
	t.Run("stall midway", func(t *testing.T) {
		release := make(chan struct{})
		fired := c.Inject(pgtest.Fault{Match: "series", Rows: 10, Stall: release})
		done := make(chan error)
		go func() {
			_, err := count(t, series)
			done <- err
		}()
		<-fired
		close(release)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Run("calm", func(t *testing.T) {
		c.Inject(pgtest.SerializableConflict())
		c.Calm()
		if _, err := count(t, series); err != nil {
			t.Error(err)
		}
	})
}

func TestLoginsCanFail(t *testing.T) {
	c := pgtest.NewWith(t, pgtest.Options{Password: "correct horse"})
	c.Inject(pgtest.Fault{Login: true, Reset: true, Times: 2})
	c.Inject(pgtest.Fault{Login: true, Code: "28P01", Message: "password authentication failed"})
	for range 2 {
		if err := login(t, c.URL(), "correct horse"); err == nil || hasCode(err, "28P01") {
			t.Errorf("want a reset, got %v", err)
		}
	}
	if err := login(t, c.URL(), "correct horse"); !hasCode(err, "28P01") {
		t.Errorf("want 28P01, got %v", err)
	}
	if err := login(t, c.URL(), "correct horse"); err != nil {
		t.Errorf("after the faults: %v", err)
	}
	if err := login(t, c.URL(), "wrong"); !hasCode(err, "28P01") {
		t.Errorf("the server itself takes any password: %v", err)
	}
	if got := c.Logins(); got != 5 {
		t.Errorf("%d logins, want 5", got)
	}
}

func TestStopLeavesNothing(t *testing.T) {
	base, err := os.MkdirTemp("/tmp", "pgtest-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(base, 0o777); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	t.Setenv("TMPDIR", base)
	c := pgtest.New(t)
	conn := connect(t, c.URL())
	stalled := c.Inject(pgtest.Fault{Stall: make(chan struct{})})
	failed := make(chan error)
	go func() {
		_, err := conn.Exec(context.Background(), "SELECT 1").ReadAll()
		failed <- err
	}()
	<-stalled
	if entries, _ := os.ReadDir(base); len(entries) != 1 {
		t.Fatalf("the cluster is not where the test looks: %v", entries)
	}
	for range 2 {
		if err := c.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-failed; err == nil {
		t.Error("a stalled query went through")
	}
	if entries, _ := os.ReadDir(base); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
	if out, _ := exec.Command("pgrep", "-f", base).Output(); len(out) != 0 {
		t.Errorf("still running: %s", out)
	}
}

func TestFindSaysWhereItLooked(t *testing.T) {
	t.Setenv("PG_BIN", t.TempDir())
	if _, err := pgtest.Find(); err == nil || !strings.Contains(err.Error(), "PG_BIN") {
		t.Errorf("a wrong PG_BIN: %v", err)
	}
	t.Setenv("PG_BIN", "")
	bin, err := pgtest.Find()
	if err != nil {
		t.Skipf("SKIP-postgres: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := pgtest.Find(); err != nil && !strings.Contains(err.Error(), "PATH") {
		t.Errorf("without PATH: %v", err)
	}
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(bin, "initdb"), filepath.Join(dir, "initdb")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	if got, err := pgtest.Find(); err != nil || got != bin {
		t.Errorf("by a link on PATH: %s, %v; want %s", got, err, bin)
	}
}

// login connects with a password, and says how that went.
func login(t *testing.T, url, password string) error {
	t.Helper()
	config, err := pgconn.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.Password = password
	conn, err := pgconn.ConnectConfig(t.Context(), config)
	if err != nil {
		return err
	}
	return conn.Close(t.Context())
}

func hasCode(err error, code string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == code
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		c := pgtest.New(b)
		if err := c.Stop(); err != nil {
			b.Fatal(err)
		}
	}
}
