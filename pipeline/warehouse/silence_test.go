package warehouse

import (
	"context"
	"errors"
	"strconv"
	"syscall"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/warehouse/pgtest"
)

// endless fills whatever is between the server and a client that does not read.
const endless = "SELECT i AS lead_key, repeat('x', 1000) AS x FROM (SELECT row_number() OVER () AS i FROM pg_class a, pg_class b, pg_class c) t"

// hurry makes the source give up on a silent server after half a second, and on its goodbye after a tenth.
func hurry(s *Source) *Source {
	s.connector.config.StatementTimeout, s.connector.grace = 200*time.Millisecond, 300*time.Millisecond
	s.connector.farewell = 100 * time.Millisecond
	return s
}

// guarded is a context for calls that would otherwise hang. It ends before the driver by itself would let go of a
// server that does not answer, which takes 15 seconds.
func guarded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestASilentServerEndsTheRead(t *testing.T) {
	for _, tt := range []struct {
		name  string
		setUp time.Duration
		fault pgtest.Fault
		want  string
	}{
		{"at the query group", 500 * time.Millisecond, pgtest.Fault{Match: "query_group"}, "set query_group"},
		{"at the session's setup", 500 * time.Millisecond, pgtest.Fault{Match: "statement_timeout"}, "set up the session"},
		{"at the clock", 500 * time.Millisecond, pgtest.Fault{Match: "EPOCH"}, "read the warehouse's clock"},
		{"at a statement", time.Minute, pgtest.Fault{Match: "TEMP TABLE"}, "script test.sql:1: statement 1"},
		{"at the result", time.Minute, pgtest.Fault{Match: "lead_key"}, "script test.sql:2: statement 2"},
		{"in the result", time.Minute, pgtest.Fault{Match: "lead_key", Rows: 100}, "script test.sql:2: statement 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := hurry(viaProxy(t, "CREATE TEMP TABLE a AS SELECT 1 AS one;\n"+endless))
			s.connector.config.ConnectTimeout = tt.setUp
			release := make(chan struct{})
			tt.fault.Stall = release
			cluster.Inject(tt.fault)
			before := cluster.Logins()
			err := s.Read(guarded(t), testRun(t), &table{})
			wantProblem(t, err, pipeline.TryAgain, tt.want+": the warehouse did not answer to the end within 500ms")
			if got := cluster.Logins() - before; got != 1 {
				t.Errorf("%d attempts, want 1: each would take as long", got)
			}
			if tt.fault.Rows == 0 {
				close(release) // until then the proxy does not see that the client is gone
			}
			waitFor(t, "0", "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'scored'")
		})
	}
}

func TestASilentServerEndsColumns(t *testing.T) {
	s := hurry(viaProxy(t, "SELECT 1 AS lead_key"))
	release := make(chan struct{})
	cluster.Inject(pgtest.Fault{Match: "LIMIT 0", Stall: release})
	_, err := s.Columns(guarded(t), asOfNoon)
	wantProblem(t, err, pipeline.TryAgain, "read dataprep columns: script test.sql:1: statement 1: the warehouse did not answer")
	close(release)
}

// A frozen server takes the cancel request and answers neither that nor anything else.
func TestAFrozenServerHoldsNobody(t *testing.T) {
	db := pgtest.New(t)
	for _, tt := range []struct {
		name  string
		onAdd func(cancel context.CancelFunc) error
		check func(*testing.T, error)
	}{
		{"until the limit", func(context.CancelFunc) error { return nil }, func(t *testing.T, err error) {
			wantProblem(t, err, pipeline.TryAgain, "did not answer")
		}},
		{"who cancels", func(cancel context.CancelFunc) error { cancel(); return nil }, wantCanceled},
		{"who has had enough", func(context.CancelFunc) error { return errFull }, func(t *testing.T, err error) {
			if !errors.Is(err, errFull) {
				t.Errorf("got %v, want the consumer's error", err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := hurry(newTestSource(t, Config{URL: db.URL()}, endless))
			s.connector.config.StatementTimeout = 2 * time.Second // time enough for a batch
			guard := guarded(t)
			ctx, cancel := context.WithCancel(guard)
			defer cancel()
			frozen := false
			rows := &consumer{add: func() error {
				if !frozen {
					freeze(t, db)
					frozen = true
				}
				return tt.onAdd(cancel)
			}}
			err := s.Read(ctx, testRun(t), rows)
			if guard.Err() != nil {
				t.Fatal("Read waits for a server that does not answer")
			}
			if !frozen {
				t.Fatalf("the server was not frozen in time: %v", err)
			}
			tt.check(t, err)
		})
	}
}

// consumer takes batches as the function says.
type consumer struct{ add func() error }

func (c *consumer) Begin([]pipeline.Column) error { return nil }

func (c *consumer) Add(*pipeline.Batch) error { return c.add() }

// freeze stops the source's backend and the server's main process until the test ends.
func freeze(t *testing.T, db *pgtest.Cluster) {
	t.Helper()
	rows, err := db.Query(t.Context(), `(SELECT pid::text FROM pg_stat_activity WHERE application_name = 'scored' ORDER BY backend_start DESC LIMIT 1)
UNION ALL SELECT split_part(pg_read_file('postmaster.pid'), chr(10), 1)`)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 {
		t.Fatalf("%d processes, want 2", len(rows))
	}
	for _, row := range rows {
		pid, err := strconv.Atoi(row[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
	}
}
