package pgtest_test

import (
	"testing"

	"scored/pipeline/warehouse/pgtest"
)

func TestACloneIsAClusterOfItsOwn(t *testing.T) {
	c := pgtest.NewWith(t, pgtest.Options{Password: "correct horse"})
	t.Setenv("PGPASSWORD", "correct horse")
	ctx := t.Context()
	const all = "SELECT string_agg(a::text, ',' ORDER BY a) FROM t"
	rows := func(c *pgtest.Cluster) string {
		t.Helper()
		rows, err := c.Query(ctx, all)
		if err != nil {
			t.Fatal(err)
		}
		return rows[0][0]
	}
	write := func(c *pgtest.Cluster, value string) {
		t.Helper()
		if err := c.Exec(ctx, "INSERT INTO t VALUES ("+value+")"); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Exec(ctx, "CREATE TABLE t (a int); INSERT INTO t VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	first, err := c.Clone(ctx)
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.Clone(ctx)
	if err != nil {
		t.Fatal(err)
	}
	write(c, "2")
	write(first, "3")
	write(second, "4")
	for i, tt := range []struct {
		cluster *pgtest.Cluster
		want    string
	}{{c, "1,2"}, {first, "1,3"}, {second, "1,4"}} {
		if got := rows(tt.cluster); got != tt.want {
			t.Errorf("cluster %d holds %s, want %s", i, got, tt.want)
		}
		if got := one(t, connect(t, tt.cluster.URL()), all); got != tt.want {
			t.Errorf("cluster %d shows its clients %s, want %s", i, got, tt.want)
		}
	}

	first.Inject(pgtest.Fault{Login: true, Code: "57P03", Message: "starting up"})
	if err := login(t, second.URL(), "correct horse"); err != nil {
		t.Errorf("a clone has another's fault: %v", err)
	}
	if err := login(t, first.URL(), "correct horse"); !hasCode(err, "57P03") {
		t.Errorf("a clone has no fault of its own: %v", err)
	}
	if err := login(t, first.URL(), "wrong"); !hasCode(err, "28P01") {
		t.Errorf("a clone takes any password: %v", err)
	}

	connect(t, first.DirectURL())
	for range 2 {
		if err := first.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if err := login(t, first.DirectURL(), "correct horse"); !hasCode(err, "3D000") {
		t.Errorf("a clone that was stopped is still there: %v", err)
	}
	if rows(c) != "1,2" || rows(second) != "1,4" {
		t.Error("the others are not what they were")
	}
	if err := second.Stop(); err != nil {
		t.Error(err)
	}
}
