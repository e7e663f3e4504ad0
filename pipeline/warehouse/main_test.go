package warehouse

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"scored/pipeline"
	"scored/pipeline/warehouse/pgtest"
)

// cluster is shared by the tests of this package; it is nil without PostgreSQL.
var cluster *pgtest.Cluster

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if _, err := pgtest.Find(); err == nil {
		if cluster, err = pgtest.Start(context.Background(), pgtest.Options{}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	code := m.Run()
	if cluster != nil {
		if err := cluster.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// postgres returns the shared cluster without faults.
func postgres(t testing.TB) *pgtest.Cluster {
	t.Helper()
	if cluster == nil {
		return pgtest.New(t) // skips, or fails in CI
	}
	cluster.Calm()
	return cluster
}

var asOfNoon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func testRun(t testing.TB) *pipeline.Run {
	t.Helper()
	run, err := pipeline.NewRun("leads", pipeline.Request{AsOf: asOfNoon}, 0, asOfNoon)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// viaProxy is a source that sees Redshift: text results behind its handshake.
func viaProxy(t testing.TB, sql string) *Source {
	t.Helper()
	return newTestSource(t, Config{URL: postgres(t).URL(), QueryGroup: "scored-test"}, sql)
}

// direct is a source that reads binary results from plain PostgreSQL.
func direct(t testing.TB, sql string) *Source {
	t.Helper()
	s := newTestSource(t, Config{URL: postgres(t).DirectURL(), QueryGroup: "scored-test"}, sql)
	s.formats = []int16{binaryFormat}
	return s
}

// bothFormats runs a test on text through the proxy and on binary without it.
func bothFormats(t *testing.T, sql string, test func(*testing.T, *Source)) {
	t.Run("text", func(t *testing.T) { test(t, viaProxy(t, sql)) })
	t.Run("binary", func(t *testing.T) { test(t, direct(t, sql)) })
}

func newTestSource(t testing.TB, cfg Config, sql string) *Source {
	t.Helper()
	script, err := ParseScript("test.sql", []byte(sql))
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSource(cfg, script, "lead_key")
	if err != nil {
		t.Fatal(err)
	}
	s.connector.backoff = func(int) time.Duration { return 0 }
	return s
}

// table keeps what a source gives, row by row.
type table struct {
	begins  int
	columns []pipeline.Column
	keys    []string
	numbers map[string][]float64
	texts   map[string][]string // "" where missing
	batches []int
	failAt  int // Add fails at this batch, counted from 1
}

func (r *table) Begin(columns []pipeline.Column) error {
	*r = table{begins: r.begins + 1, columns: columns, numbers: map[string][]float64{}, texts: map[string][]string{}, failAt: r.failAt}
	return nil
}

func (r *table) Add(b *pipeline.Batch) error {
	r.batches = append(r.batches, b.Rows())
	if len(r.batches) == r.failAt {
		return errFull
	}
	r.keys = append(r.keys, b.Keys...)
	for _, c := range b.Columns {
		switch c.Kind {
		case pipeline.Number:
			r.numbers[c.Name] = append(r.numbers[c.Name], c.Numbers...)
		case pipeline.Text:
			for _, code := range c.Codes {
				text := ""
				if code != pipeline.NoText {
					text = c.Dict[code]
				}
				r.texts[c.Name] = append(r.texts[c.Name], text)
			}
		}
	}
	return nil
}

var errFull = fmt.Errorf("the consumer has had enough")

func read(t *testing.T, s *Source) *table {
	t.Helper()
	rows := &table{}
	if err := s.Read(t.Context(), testRun(t), rows); err != nil {
		t.Fatalf("%v\nhint: %s", err, pipeline.HintOf(err))
	}
	return rows
}
