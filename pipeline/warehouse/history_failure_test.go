package warehouse

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"scored/pipeline"
	"scored/pipeline/warehouse/pgtest"
)

// tenRows are the parameters of an INSERT of ten scores.
const tenRows = 5 + 10*4

const insertScores = "INSERT INTO scored.scores"

// What an INSERT can meet, and what becomes of a second batch that meets it: ten changes go before it, five are in it.
func TestWhatBecomesOfABatch(t *testing.T) {
	const first, second = 10, 5
	for _, tt := range []struct {
		name     string
		fault    pgtest.Fault
		class    pipeline.Class // 0 if the delivery succeeds
		accepted int
		unknown  int
		logins   int
	}{
		{"conflict", pgtest.Fault{Code: "XX000", Message: "1023"}, 0, first + second, 0, 2},
		{"conflicts, often", pgtest.Fault{Code: "40001", Message: "could not serialize access", Times: 5}, 0, first + second, 0, 6},
		{"deadlock", pgtest.Fault{Code: "40P01", Message: "deadlock detected"}, 0, first + second, 0, 2},
		{"conflicts without end", pgtest.Fault{Code: "XX000", Message: "1023", Times: 99}, pipeline.TryAgain, first, 0, 6},
		{"reset", pgtest.Fault{Reset: true}, pipeline.TryAgain, first, second, 1},
		{"shutdown", pgtest.Fault{Code: "57P01", Message: "terminating connection"}, pipeline.TryAgain, first, second, 1},
		{"a connection error of the server's", pgtest.Fault{Code: "08006", Message: "connection failure"}, pipeline.TryAgain, first, second, 1},
		{"completion unknown", pgtest.Fault{Code: "40003", Message: "statement completion unknown"}, 99, first, second, 1},
		{"canceled on the server", pgtest.Fault{Code: "57014", Message: "Query cancelled on user's request"}, pipeline.TryAgain, first, 0, 1},
		{"disk full", pgtest.Fault{Code: "53100", Message: "disk full"}, 99, first, 0, 1},
		{"no permission any more", pgtest.Fault{Code: "42501", Message: "permission denied"}, pipeline.Configuration, first, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newTestHistory(t)
			ready(t, h)
			h.parameters = tenRows
			tt.fault.Match, tt.fault.Skip = insertScores, 1
			cluster.Inject(tt.fault)
			before := cluster.Logins()
			var got tally
			err := h.Write(t.Context(), testRun(t), "m@1", numbered(first+second), got.confirm)
			switch tt.class {
			case 0:
				if err != nil {
					t.Error(err)
				}
			case 99: // without a class
				if err == nil || pipeline.ClassOf(err) != 0 {
					t.Errorf("got %v", err)
				}
			default:
				wantProblem(t, err, tt.class, "insert into scored.scores")
			}
			got.want(t, tt.accepted, tt.unknown)
			if logins := cluster.Logins() - before; logins != tt.logins {
				t.Errorf("%d connections, want %d", logins, tt.logins)
			}
			cluster.Calm()
			stored := strconv.Itoa(tt.accepted)
			wantRows(t, "scores", stored)
			if got := query1(t, "SELECT count(DISTINCT score_key) FROM scored.scores"); got != stored {
				t.Errorf("%s keys in %s rows", got, stored)
			}
			wantGone(t)
		})
	}
}

// wantGone waits until the server is rid of every session: of one that said goodbye, it is soon.
func wantGone(t *testing.T) {
	t.Helper()
	waitFor(t, "0", "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'scored'")
}

// A batch that was applied although no answer came is in the table once, and Unknown.
func TestAnAnswerThatIsLost(t *testing.T) {
	h := newTestHistory(t)
	ready(t, h)
	deaf := historyAt(t, strings.Replace(cluster.URL(), cluster.Addr(), relay(t, cluster.Addr(), insertScores), 1))
	var got tally
	err := deaf.Write(t.Context(), testRun(t), "m@1", changes("a", "b"), got.confirm)
	wantProblem(t, err, pipeline.TryAgain, "insert into scored.scores: the connection was lost")
	got.want(t, 0, 2)
	wantRows(t, "scores", "2")
}

// relay passes connections on until a client says the word: the server's answer to that is lost with the connection. It
// returns its address.
func relay(t *testing.T, to, word string) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() { _ = listener.Close(); running.Wait() })
	serve := func(client net.Conn) {
		defer func() { _ = client.Close() }()
		server, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer func() { _ = server.Close() }()
		said := make(chan struct{})
		running.Go(func() {
			defer func() { _ = client.Close() }()
			buffer := make([]byte, 1<<16)
			for {
				n, err := server.Read(buffer)
				if err != nil {
					return
				}
				select {
				case <-said:
					return
				default:
				}
				if _, err := client.Write(buffer[:n]); err != nil {
					return
				}
			}
		})
		buffer := make([]byte, 1<<16)
		for {
			n, err := client.Read(buffer)
			if err != nil {
				return
			}
			if bytes.Contains(buffer[:n], []byte(word)) {
				close(said)
			}
			if _, err := server.Write(buffer[:n]); err != nil {
				return
			}
		}
	}
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { serve(client) })
		}
	})
	return listener.Addr().String()
}

func TestALostConnectionBeforeTheFirstBatchCostsNothing(t *testing.T) {
	h := newTestHistory(t)
	ready(t, h)
	cluster.Inject(pgtest.Fault{Match: "statement_timeout", Reset: true})
	var got tally
	if err := h.Write(t.Context(), testRun(t), "m@1", changes("a"), got.confirm); err != nil {
		t.Fatal(err)
	}
	got.want(t, 1, 0)
	wantRows(t, "scores", "1")
}

func TestABatchThatCouldNotLeaveIsSentAgain(t *testing.T) {
	h := newTestHistory(t)
	ready(t, h)
	w := &scoreWriter{History: h, logger: h.log("r", "leads"), run: testRun(t), model: "m@1", table: scoreLog()}
	defer w.hangUp()
	var err error
	if w.session, err = h.connector.open(t.Context(), w.logger); err != nil {
		t.Fatal(err)
	}
	w.session.close() // lost since the batch before
	var got tally
	if err := w.deliver(t.Context(), changes("a"), got.confirm); err != nil {
		t.Fatal(err)
	}
	got.want(t, 1, 0)
	wantRows(t, "scores", "1")
	if h.Calls() != 1 {
		t.Errorf("%d calls, want 1", h.Calls())
	}
}

// locked holds the scores against INSERTs until the returned function is called.
func locked(t *testing.T) (release func()) {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), cluster.DirectURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	if _, err := conn.Exec(t.Context(), "BEGIN; LOCK TABLE scored.scores IN SHARE MODE").ReadAll(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := conn.Exec(context.Background(), "COMMIT").ReadAll(); err != nil {
			t.Error(err)
		}
	}
}

const waitingInserts = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%" + insertScores + "%'"

func TestAWriteThatIsToldToStop(t *testing.T) {
	t.Run("before it connects", func(t *testing.T) {
		h := newTestHistory(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var got tally
		before := cluster.Logins()
		err := h.Write(ctx, testRun(t), "m@1", changes("a"), got.confirm)
		if !errors.Is(err, context.Canceled) || cluster.Logins() != before {
			t.Errorf("%v, %d logins", err, cluster.Logins()-before)
		}
		got.want(t, 0, 0)
	})
	t.Run("between batches", func(t *testing.T) {
		h := newTestHistory(t)
		ready(t, h)
		h.parameters = tenRows
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var got tally
		err := h.Write(ctx, testRun(t), "m@1", numbered(30), func(o []pipeline.Outcome) error {
			cancel()
			return got.confirm(o)
		})
		wantCanceled(t, err)
		got.want(t, 10, 0)
		wantRows(t, "scores", "10")
	})
	for _, tt := range []struct {
		name     string
		patience time.Duration
		accepted int
	}{
		{"in a batch that ends by itself", time.Minute, 1},
		{"in a batch that does not end", 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newTestHistory(t)
			ready(t, h)
			h.patience, h.answer = tt.patience, time.Minute
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			release := locked(t)
			var got tally
			done := make(chan error)
			go func() { done <- h.Write(ctx, testRun(t), "m@1", changes("a"), got.confirm) }()
			waitFor(t, "1", waitingInserts)
			cancel()
			if tt.accepted > 0 {
				release()
				if err := <-done; err != nil {
					t.Errorf("the last batch was answered: %v", err)
				}
			} else {
				wantCanceled(t, <-done)
				release()
			}
			got.want(t, tt.accepted, 0)
			wantRows(t, "scores", map[int]string{0: "0", 1: "1"}[tt.accepted])
			wantGone(t)
		})
	}
}

// A frozen server answers neither the INSERT nor the cancel request.
func TestAFrozenServerHoldsNoWrite(t *testing.T) {
	db := pgtest.New(t)
	h := historyAt(t, db.URL())
	if err := h.Write(t.Context(), testRun(t), "m@1", changes("first"), ignore); err != nil {
		t.Fatal(err)
	}
	h.patience, h.answer, h.connector.farewell = 10*time.Millisecond, 100*time.Millisecond, 100*time.Millisecond
	guard := guarded(t)
	ctx, cancel := context.WithCancel(guard)
	defer cancel()
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	struck := db.Inject(pgtest.Fault{Match: insertScores, Stall: release})
	var got tally
	done := make(chan error)
	go func() { done <- h.Write(ctx, testRun(t), "m@1", changes("a"), got.confirm) }()
	<-struck
	freeze(t, db)
	cancel()
	wantCanceled(t, <-done)
	if guard.Err() != nil {
		t.Fatal("Write waits for a server that does not answer")
	}
	got.want(t, 0, 1)
}

func TestASilentServerEndsAWrite(t *testing.T) {
	h := newTestHistory(t)
	ready(t, h)
	h.connector.config.StatementTimeout, h.connector.grace = 200*time.Millisecond, 300*time.Millisecond
	h.patience, h.answer, h.connector.farewell = 10*time.Millisecond, 100*time.Millisecond, 100*time.Millisecond
	release := make(chan struct{})
	cluster.Inject(pgtest.Fault{Match: insertScores, Stall: release})
	before := cluster.Logins()
	var got tally
	err := h.Write(guarded(t), testRun(t), "m@1", changes("a"), got.confirm)
	wantProblem(t, err, pipeline.TryAgain, "insert into scored.scores: the warehouse did not answer to the end within 500ms")
	got.want(t, 0, 1)
	if logins := cluster.Logins() - before; logins > 2 { // the second asks to cancel
		t.Errorf("%d logins", logins)
	}
	close(release)
	wantGone(t)
}

func TestNewestStartsAnew(t *testing.T) {
	h := newTestHistory(t)
	ready(t, h)
	if err := h.Write(t.Context(), testRun(t), "m@1", numbered(1000), ignore); err != nil {
		t.Fatal(err)
	}
	cluster.Inject(pgtest.Fault{Match: "ROW_NUMBER", Rows: 500, Reset: true})
	cluster.Inject(pgtest.SerializableConflict())
	if got := newest(t, h, "leads", testRun(t).Version+1); len(got) != 1000 {
		t.Errorf("%d keys, want 1000", len(got))
	}
}
