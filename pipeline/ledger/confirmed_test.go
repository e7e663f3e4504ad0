package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"scored/pipeline"
)

func TestConfirmedComesInOrderOfBytes(t *testing.T) {
	l := fresh(t)
	keys := []string{"b", "B", "a", "aa", "é", "e\u0301", "", " ", "L10", "L9", "Ω", "\U0001F600", "\uffff", "a'b\"c", "nul\x00nul", "nul\x00", "\xff"}
	run := begin(t, l, 0)
	for i, key := range keys {
		intend(t, l, run, change(key, i))
		if i%2 == 0 {
			confirm(t, l, run, pipeline.Accepted, key)
		}
	}
	var got []string
	for _, c := range confirmed(t, l) {
		if i := slices.Index(keys, c.Key); c.Unsure != (i%2 == 1) || !c.Unsure && c.Score != i {
			t.Errorf("%q: got %+v", c.Key, c)
		}
		got = append(got, c.Key)
	}
	slices.Sort(keys)
	if !slices.Equal(got, keys) {
		t.Errorf("got %q, want %q", got, keys)
	}
}

func TestWritesMayComeBetweenTheEntries(t *testing.T) {
	l := fresh(t)
	run := begin(t, l, 0)
	var changes []pipeline.Change
	var keys []string
	for i := range 300 {
		changes = append(changes, change(fmt.Sprintf("k%04d", i), 1))
		keys = append(keys, changes[i].Key)
	}
	intend(t, l, run, changes...)
	confirm(t, l, run, pipeline.Accepted, keys...)
	finish(t, l, run)

	next := begin(t, l, 1)
	seen := 0
	for c, err := range l.Confirmed(t.Context(), job, target) {
		check(t, err)
		if c.Unsure || c.Version != run.Version {
			t.Fatalf("got %+v: an entry shows what was known when the iteration began", c)
		}
		if seen%100 == 0 {
			intend(t, l, next, change(c.Key, 2), change(keys[len(keys)-1-seen/100], 2))
			if _, err := l.Unsettled(t.Context(), job, target); err != nil {
				t.Fatal(err)
			}
		}
		seen++
	}
	if seen != len(keys) {
		t.Errorf("got %d entries, want %d", seen, len(keys))
	}
}

func TestConfirmedCanBeLeftEarly(t *testing.T) {
	l := fresh(t)
	run := begin(t, l, 0)
	intend(t, l, run, change("a", 1), change("b", 1))
	for range 50 { // a leaked reader would use up connections, and Close would wait for it
		for range l.Confirmed(t.Context(), job, target) {
			break
		}
	}
}

func TestConfirmedEndsWithItsContext(t *testing.T) {
	l := fresh(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var last error
	for _, err := range l.Confirmed(ctx, job, target) {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("got %v, want the context's error", last)
	}
}

func TestUnsettled(t *testing.T) {
	l := fresh(t)
	unsettled := func() time.Time {
		t.Helper()
		at, err := l.Unsettled(t.Context(), job, target)
		check(t, err)
		return at
	}
	if at := unsettled(); !at.IsZero() {
		t.Errorf("got %v of an empty ledger, want the zero time", at)
	}
	run := begin(t, l, 0)
	start := time.Now().Truncate(time.Millisecond)
	intend(t, l, run, change("a", 1), change("b", 1))
	if at := unsettled(); at.Before(start) || at.After(time.Now()) {
		t.Errorf("got %v, want the time of the intents", at)
	}
	confirm(t, l, run, pipeline.Accepted, "a")
	confirm(t, l, run, pipeline.Unknown, "b")
	end := time.Now().Truncate(time.Millisecond)
	finish(t, l, run)
	if at := unsettled(); at.Before(end) || at.After(time.Now()) {
		t.Errorf("got %v, want the end of the run: its last request may have left just before", at)
	}
	next := begin(t, l, 1)
	intend(t, l, next, change("b", 1))
	confirm(t, l, next, pipeline.Accepted, "b")
	if at := unsettled(); !at.IsZero() {
		t.Errorf("got %v, want the zero time once everything is settled", at)
	}
}

func TestUnsettledOfADeadProcessIsWhenItsJobWasEnteredAgain(t *testing.T) {
	l, path := crashed(t)
	check(t, l.Close())
	execute(t, path, `UPDATE intents SET at = at - 600000`)
	entered := time.Now().Truncate(time.Millisecond)
	l = opened(t, path)
	at, err := l.Unsettled(t.Context(), job, target)
	if err != nil || at.Before(entered) || at.After(time.Now()) {
		t.Errorf("got %v, %v; its last request may have left long after its intents", at, err)
	}
}

func TestUnsettledIsNeverInTheFuture(t *testing.T) {
	l, path := crashed(t)
	check(t, l.Close())
	execute(t, path, `UPDATE runs SET ended = 9000000000000, outcome = 'interrupted'`)
	l = open(t, path)
	if at, err := l.Unsettled(t.Context(), job, target); err != nil || at.After(time.Now()) {
		t.Errorf("got %v, %v", at, err)
	}
}

func TestWhatABackfillFilledIsMarkedUntilAnotherRunConfirmsTheKey(t *testing.T) {
	l := fresh(t)
	filled := func() bool { return confirmed(t, l)[0].Filled }
	for i, step := range []struct {
		trigger pipeline.Trigger
		status  pipeline.Status
		want    bool
	}{
		{pipeline.Fill, pipeline.Accepted, true},
		{pipeline.Scheduled, pipeline.Refused, true},
		{pipeline.Scheduled, pipeline.Unknown, true},
		{pipeline.Scheduled, pipeline.Accepted, false},
		{pipeline.Fill, pipeline.Accepted, true},
		{pipeline.Manual, pipeline.Accepted, false},
		{pipeline.Fill, pipeline.Accepted, true},
		{pipeline.Backfill, pipeline.Accepted, false},
	} {
		req := pipeline.Request{Trigger: step.trigger, AsOf: asOf.Add(time.Duration(i) * time.Minute)}
		if step.trigger == pipeline.Scheduled {
			req.Slot = req.AsOf
		}
		run := request(t, l, req)
		intend(t, l, run, change("k", i))
		confirm(t, l, run, step.status, "k")
		if filled() != step.want {
			t.Errorf("step %d, %s by %s: filled is %v", i, step.status, step.trigger, filled())
		}
	}
	late := request(t, l, pipeline.Request{Trigger: pipeline.Fill, AsOf: asOf})
	intend(t, l, late, change("k", 99))
	confirm(t, l, late, pipeline.Accepted, "k")
	if filled() {
		t.Error("an older version doesn't replace what is confirmed, nor whose it is")
	}
}

// What was refused is not unheard of: it is told from a key that the target never was sent, whether it waits or is due. Of what was
// confirmed of a key before, a refusal that is due takes nothing.
func TestWhatWasRefusedStaysKnown(t *testing.T) {
	l := fresh(t)
	first := delivered(t, l, 0, pipeline.Outcome{Key: "b", Status: pipeline.Accepted})
	delivered(t, l, 1, refusal("a", pipeline.Rejected, "X"), refusal("b", pipeline.Rejected, "X"), refusal("c", pipeline.Terminal, "T"))
	old := pipeline.Confirmed{Key: "b", Score: 0, Grade: "B", Model: model, Version: first.Version}
	age(t, l, 14*time.Minute)
	want := []pipeline.Confirmed{{Key: "a"}, old, {Key: "c", Until: pipeline.Never}}
	if got := confirmed(t, l); !slices.Equal(got, want) {
		t.Errorf("once it is due:\ngot  %+v\nwant %+v", got, want)
	}
	age(t, l, -24*time.Hour)
	if got := confirmed(t, l); !slices.Equal(got, want) {
		t.Errorf("after a clock that was ahead:\ngot  %+v\nwant %+v", got, want)
	}
	delivered(t, l, 2, outcomes(pipeline.Accepted, "a")...)
	if got := confirmed(t, l)[0]; got.Model == "" || !got.Until.IsZero() {
		t.Errorf("once it was accepted: got %+v", got)
	}
}
