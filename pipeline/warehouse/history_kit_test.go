package warehouse

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/warehouse/pgtest"
)

// newTestHistory is a history behind the proxy, whose schema does not exist.
func newTestHistory(t testing.TB) *History {
	t.Helper()
	db := postgres(t)
	execute(t, db, "DROP SCHEMA IF EXISTS scored CASCADE")
	return historyAt(t, db.URL())
}

func historyAt(t testing.TB, address string) *History {
	t.Helper()
	h, err := NewHistory(Config{URL: address}, "scored")
	if err != nil {
		t.Fatal(err)
	}
	h.connector.backoff = func(int) time.Duration { return 0 }
	return h
}

// ready makes the history's tables.
func ready(t testing.TB, h *History) {
	t.Helper()
	if err := h.Write(t.Context(), testRun(t), "m@1", changes("first"), ignore); err != nil {
		t.Fatal(err)
	}
	if err := h.AppendRuns(t.Context(), []pipeline.Record{{Run: *testRun(t)}}); err != nil {
		t.Fatal(err)
	}
	execute(t, cluster, "DELETE FROM scored.scores; DELETE FROM scored.runs")
	h.calls.Store(0)
}

func execute(t testing.TB, db *pgtest.Cluster, script string) {
	t.Helper()
	if err := db.Exec(t.Context(), script); err != nil {
		t.Fatal(err)
	}
}

func query1(t testing.TB, sql string) string {
	t.Helper()
	rows, err := cluster.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	return rows[0][0]
}

func wantRows(t testing.TB, table, want string) {
	t.Helper()
	if got := query1(t, "SELECT count(*) FROM scored."+table); got != want {
		t.Errorf("%s has %s rows, want %s", table, got, want)
	}
}

// changes are of the keys, the score being the place in the list.
func changes(keys ...string) []pipeline.Change {
	list := make([]pipeline.Change, len(keys))
	for i, key := range keys {
		list[i].Score = pipeline.Score{Key: key, Probability: float64(i) / 7, Score: i % 101, Grade: string(rune('A' + i%5))}
	}
	return list
}

// numbered are so many changes, with probabilities of all sizes.
func numbered(n int) []pipeline.Change {
	random := rand.New(rand.NewPCG(3, 4))
	list := make([]pipeline.Change, n)
	for i := range list {
		list[i].Score = pipeline.Score{Key: fmt.Sprintf("00Q%09d", i), Probability: math.Pow(random.Float64(), 9), Score: i % 101, Grade: "B"}
	}
	return list
}

func ignore([]pipeline.Outcome) error { return nil }

// tally keeps what is confirmed: the statuses by key, and the sizes of the calls.
type tally struct {
	status map[string]pipeline.Status
	sizes  []int
}

func (c *tally) confirm(outcomes []pipeline.Outcome) error {
	if c.status == nil {
		c.status = map[string]pipeline.Status{}
	}
	for _, o := range outcomes {
		if _, twice := c.status[o.Key]; twice {
			return fmt.Errorf("%s is reported twice", o.Key)
		}
		c.status[o.Key] = o.Status
	}
	c.sizes = append(c.sizes, len(outcomes))
	return nil
}

// count returns how many keys have the status.
func (c *tally) count(status pipeline.Status) int {
	n := 0
	for _, s := range c.status {
		if s == status {
			n++
		}
	}
	return n
}

func (c *tally) want(t *testing.T, accepted, unknown int) {
	t.Helper()
	if c.count(pipeline.Accepted) != accepted || c.count(pipeline.Unknown) != unknown || len(c.status) != accepted+unknown {
		t.Errorf("%d accepted and %d unknown of %d reported, want %d and %d",
			c.count(pipeline.Accepted), c.count(pipeline.Unknown), len(c.status), accepted, unknown)
	}
}

// sent returns how many of the proxy's queries from the n-th on hold a text.
func sent(n int, text string) int {
	count := 0
	for _, q := range cluster.Queries()[n:] {
		if strings.Contains(q, text) {
			count++
		}
	}
	return count
}

// asRole makes a role that may log in and nothing more, and returns the proxy's address for it.
func asRole(t *testing.T, name string) string {
	t.Helper()
	execute(t, cluster, "CREATE ROLE "+name+" LOGIN")
	t.Cleanup(func() {
		if err := cluster.Exec(context.Background(), "DROP OWNED BY "+name+"; DROP ROLE "+name); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(cluster.URL())
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(name)
	return u.String()
}

func newest(t testing.TB, h *History, job string, below int64) []pipeline.Confirmed {
	t.Helper()
	var list []pipeline.Confirmed
	for c, err := range h.Newest(t.Context(), job, below) {
		if err != nil {
			t.Fatalf("%v\nhint: %s", err, pipeline.HintOf(err))
		}
		list = append(list, c)
	}
	return list
}
