package pgtest

import (
	"context"
	"os"
)

// TB is what [New] needs of a test or benchmark.
type TB interface {
	Helper()
	Cleanup(func())
	Logf(format string, args ...any)
	Skipf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// New starts a cluster for one test and stops it afterwards. Without PostgreSQL on the machine the test is skipped, or
// fails where CI is true.
func New(t TB) *Cluster { t.Helper(); return NewWith(t, Options{}) }

// NewWith is [New] with options.
func NewWith(t TB, o Options) *Cluster {
	t.Helper()
	if o.Bin == "" {
		bin, err := Find()
		switch {
		case err == nil:
			o.Bin = bin
		case os.Getenv("CI") == "true":
			t.Fatalf("%v", err)
		default:
			t.Skipf("SKIP-postgres: %v", err)
		}
	}
	c, err := Start(context.Background(), o)
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Errorf("stop PostgreSQL: %v", err)
		}
	})
	return c
}
