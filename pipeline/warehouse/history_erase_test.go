package warehouse

import (
	"math"
	"strings"
	"testing"

	"scored/pipeline"
)

func TestTheStatementErasesAKeyAndNoOther(t *testing.T) {
	h := newTestHistory(t)
	keys := []string{"a", "a ", `a'b\`, `a' || 'b`, `x') OR ('1'='1`, "é\tü", "ab", `\'; DROP TABLE scored.scores; --`}
	for i, job := range []string{"leads", "others", "third"} {
		run, err := pipeline.NewRun(job, pipeline.Request{AsOf: asOfNoon}, i, asOfNoon)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Write(t.Context(), run, "m@1", changes(keys...), ignore); err != nil {
			t.Fatal(err)
		}
	}
	left := func(job string) (n int) {
		t.Helper()
		for _, key := range keys {
			found, err := h.ScoresOf(t.Context(), job, key, math.MaxInt64, 9)
			if err != nil {
				t.Fatal(err)
			}
			n += len(found)
		}
		return n
	}
	s, err := h.connector.open(t.Context(), h.connector.config.Log)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for i, key := range keys {
		statement := Erasure(h.schema, []string{"leads", "others"}, key)
		if strings.ContainsAny(statement, "\\\t") {
			t.Errorf("a backslash means one thing to PostgreSQL and another to Redshift: %s", statement)
		}
		if err := h.exec(t.Context(), s, "erase", historyStatement{place: "erase", text: statement}); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		if a, b, c := left("leads"), left("others"), left("third"); a != len(keys)-i-1 || b != a || c != len(keys) {
			t.Fatalf("behind %s of the three jobs' %d keys %d, %d and %d are left", statement, len(keys), a, b, c)
		}
	}
}
