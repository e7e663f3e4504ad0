package ledger_test

import (
	"reflect"
	"strings"
	"testing"

	"scored/pipeline"
)

func TestAFullDiskLosesNothingAcknowledged(t *testing.T) {
	l := fresh(t)
	changes, accepted := rows(800)
	run := begin(t, l, 0)
	intend(t, l, run, changes[:400]...)
	before := confirmed(t, l)

	check(t, l.LimitPages(2))
	err := l.Intend(t.Context(), run, target, model, changes[400:])
	if pipeline.ClassOf(err) != pipeline.TryAgain || !strings.Contains(pipeline.HintOf(err), "space") {
		t.Fatalf("got %v (hint %q), want a problem: try again with more space", err, pipeline.HintOf(err))
	}
	if after := confirmed(t, l); !reflect.DeepEqual(after, before) {
		t.Error("a failed write left something behind")
	}
	check(t, l.LimitPages(10_000))
	intend(t, l, run, changes[400:]...)
	check(t, l.Confirm(t.Context(), run, target, accepted))
}
