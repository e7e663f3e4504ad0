package ledger_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

// keyed are changes of so many slices of keys, each of which is a letter.
func keyed(slicesOfKeys ...string) (unsent [][]pipeline.Change) {
	for _, keys := range slicesOfKeys {
		var changes []pipeline.Change
		for _, key := range strings.Split(keys, "") {
			changes = append(changes, change(key, 1))
		}
		unsent = append(unsent, changes)
	}
	return unsent
}

func withdraw(ctx context.Context, l *ledger.Ledger, run *pipeline.Run, slicesOfKeys ...string) error {
	return l.Withdraw(ctx, run, target, slices.Values(keyed(slicesOfKeys...)))
}

// stopped is a run that was told to stop: of "a" to "g" it did not send a, b, e and g; c was not answered, d was accepted, and
// f refused. An earlier run left "b" open.
func stopped(t *testing.T, l *ledger.Ledger) (earlier, run *pipeline.Run) {
	t.Helper()
	earlier = begin(t, l, 0)
	intend(t, l, earlier, change("b", 1))
	finish(t, l, earlier)
	run = begin(t, l, 1)
	intend(t, l, run, keyed("abcdefg")[0]...)
	check(t, l.Confirm(t.Context(), run, target, slices.Concat(outcomes(pipeline.Unknown, "c"), outcomes(pipeline.Accepted, "d"),
		[]pipeline.Outcome{refusal("f", pipeline.Rejected, "F")})))
	return earlier, run
}

func TestWhatWasNotSentIsWithdrawnAndNothingElse(t *testing.T) {
	l := fresh(t)
	check(t, l.Bind(t.Context(), job, "other", org))
	earlier, run := stopped(t, l)
	check(t, l.Intend(t.Context(), run, "other", model, []pipeline.Change{change("a", 1)}))
	check(t, withdraw(t.Context(), l, run, "ab", "e", "g"))
	want := []pipeline.Confirmed{
		{Key: "b", Version: earlier.Version, Unsure: true},
		{Key: "c", Version: run.Version, Unsure: true},
		{Key: "d", Version: run.Version, Score: 1, Grade: "B", Model: model},
	}
	if got := arrived(t, l); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if n := count(t, l, "intents"); n != 3 { // "a" at the other target
		t.Errorf("%d intents are open", n)
	}
	check(t, withdraw(t.Context(), l, run))
}

func TestWhatIsNotSurelyUnsentIsNotWithdrawn(t *testing.T) {
	tests := []struct {
		name   string
		unsent []string
		want   string
	}{
		{"one between them was not answered", []string{"abe"}, `3 changes from "a" to "e" are not all`},
		{"a later one, so that the first stays too", []string{"ab", "eg", "cd"}, `2 changes from "c" to "d" are not all`},
		{"one that was accepted", []string{"de"}, `2 changes from "d" to "e" are not all`},
		{"one twice", []string{"a", "ab"}, `2 changes from "a" to "b" are not all`},
		{"one that was never intended", []string{"gx"}, `2 changes from "g" to "x" are not all`},
		{"in no order, with as many others between", []string{"agb"}, `3 changes from "a" to "b" are not all`},
		{"in no order, and one between them was not answered", []string{"agbe"}, `4 changes from "a" to "e" are not all`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := fresh(t)
			_, run := stopped(t, l)
			before := confirmed(t, l)
			if err := withdraw(t.Context(), l, run, tt.unsent...); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
			if after := confirmed(t, l); !reflect.DeepEqual(after, before) {
				t.Errorf("got  %+v\nwant %+v", after, before)
			}
		})
	}
}

func TestManyAreWithdrawnInOneStep(t *testing.T) {
	const n = 25_000
	l := fresh(t)
	changes, _ := rows(n)
	run := begin(t, l, 0)
	intend(t, l, run, changes...)
	confirm(t, l, run, pipeline.Accepted, changes[n-1].Key)
	if err := l.Withdraw(t.Context(), run, target, slices.Values([][]pipeline.Change{changes})); err == nil || count(t, l, "intents") != n-1 {
		t.Errorf("%d are open, %v", count(t, l, "intents"), err)
	}
	check(t, l.Withdraw(t.Context(), run, target, slices.Values([][]pipeline.Change{changes[:n-1]})))
	if got := count(t, l, "intents"); got != 0 {
		t.Errorf("%d are open", got)
	}
}

func TestOnlyAnOpenRunWithdraws(t *testing.T) {
	l := fresh(t)
	earlier, run := stopped(t, l)
	before := confirmed(t, l)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for want, err := range map[string]error{
		"no such run is open": withdraw(t.Context(), l, earlier, "b"),
		"not bound":           l.Withdraw(t.Context(), run, "elsewhere", slices.Values(keyed("a"))),
		"context canceled":    withdraw(cancelled, l, run, "a"),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	if after := confirmed(t, l); !reflect.DeepEqual(after, before) {
		t.Errorf("got  %+v\nwant %+v", after, before)
	}
}
