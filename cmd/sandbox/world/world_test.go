package world_test

import (
	"io"
	"os"
	"testing"
	"time"

	"scored/cmd/sandbox/crm"
	"scored/cmd/sandbox/world"
	"scored/pipeline/warehouse/pgtest"
)

// size is what there is in a world.
type size struct {
	rows  string // in the warehouse's table of leads
	leads int    // in the org
}

func sizeOf(t *testing.T, w *world.World) size {
	t.Helper()
	rows, err := w.Cluster.Query(t.Context(), "SELECT count(*) FROM crm.leads")
	if err != nil {
		t.Fatal(err)
	}
	return size{rows[0][0], len(w.Org.Records("Lead"))}
}

func TestACloneIsAWorldOfItsOwn(t *testing.T) {
	if _, err := pgtest.Find(); err != nil && os.Getenv("CI") != "true" {
		t.Skipf("SKIP-postgres: %v", err)
	}
	options := crm.Demo(time.Date(2026, time.March, 4, 10, 0, 0, 0, time.UTC))
	options.Leads, options.Days = 100, 20
	w, err := world.New(t.Context(), options, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	clone := func() *world.World {
		t.Helper()
		c, err := w.Clone(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	loaded, c := sizeOf(t, w), clone()
	if got := sizeOf(t, c); got != loaded || loaded.leads == 0 {
		t.Fatalf("the clone holds %+v, and what it was made of %+v", got, loaded)
	}
	if _, err := c.Load(t.Context(), c.CRM.Horizon()); err != nil {
		t.Fatal(err)
	}
	if got := sizeOf(t, c); got.rows == loaded.rows || got.leads == loaded.leads {
		t.Fatalf("two days brought nothing to all of %+v", got)
	}
	if got := sizeOf(t, w); got != loaded {
		t.Errorf("what was loaded into a clone is in what it was made of: %+v", got)
	}
	if got := sizeOf(t, clone()); got != loaded {
		t.Errorf("what was loaded into a clone is in another: %+v", got)
	}
	if c.Dir == w.Dir {
		t.Errorf("both keep their state in %s", c.Dir)
	}
}
