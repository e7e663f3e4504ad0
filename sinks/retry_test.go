package sinks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"scored/pipeline"
	"scored/sinks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var backoff = sinks.Backoff{Tries: 3, First: time.Second, Max: time.Minute}

// target is a sink that plays a script: in each try, a word per change (a status, with "!" if it is Settled, or "-" for one
// that never leaves), and how the try ends.
type target struct {
	tries []try
	got   [][]string // the keys of each try
}

type try struct {
	rows string
	err  error
}

func (t *target) Name() string { return "org" }
func (t *target) Calls() int   { return len(t.got) }

func (t *target) Preflight(context.Context) (pipeline.Ready, error) {
	t.got = append(t.got, nil)
	return pipeline.Ready{Identity: "00D", Guarded: true}, t.tries[len(t.got)-1].err
}

func (t *target) Write(_ context.Context, _ *pipeline.Run, _ string, changes []pipeline.Change,
	confirm func([]pipeline.Outcome) error) error {
	var keys []string
	for _, c := range changes {
		keys = append(keys, c.Key)
	}
	t.got = append(t.got, keys)
	plan := t.tries[len(t.got)-1]
	for i, word := range strings.Fields(plan.rows) {
		if word == "-" {
			continue
		}
		o := pipeline.Outcome{Key: keys[i], Code: strings.ToUpper(word)}
		word, o.Settled = strings.CutSuffix(word, "!")
		for o.Status = pipeline.Accepted; o.Status.String() != word; o.Status++ {
		}
		if err := confirm([]pipeline.Outcome{o}); err != nil {
			return err
		}
	}
	return plan.err
}

var (
	busy   = &pipeline.Problem{Class: pipeline.TryAgain, Err: errors.New("HTTP 503")}
	wrong  = &pipeline.Problem{Class: pipeline.Configuration, Err: errors.New("INVALID_FIELD")}
	spent  = &pipeline.Problem{Class: pipeline.Exhausted, Err: errors.New("REQUEST_LIMIT_EXCEEDED")}
	over   = &pipeline.Problem{Class: pipeline.Expired, Err: errors.New("INVALID_SESSION_ID")}
	broken = errors.New("a fault without a class")
)

func TestWrite(t *testing.T) {
	for _, c := range []struct {
		name  string
		tries []try
		sent  string // the keys of each try
		want  string // the outcomes as confirmed, in order
		err   error
	}{
		{"all is well", []try{{"accepted refused accepted", nil}}, "[a b c]", "a accepted, b refused, c accepted", nil},
		{"a locked row is sent again, alone", []try{{"accepted retry accepted", nil}, {"accepted", nil}},
			"[a b c] [b]", "a accepted, c accepted, b accepted", nil},
		{"a lost answer and what came after it", []try{{"accepted unknown -", busy}, {"accepted accepted", nil}},
			"[a b c] [b c]", "a accepted, b accepted late, c accepted", nil},
		{"tries are spent", []try{{"unknown - -", busy}, {"unknown - -", busy}, {"unknown - -", busy}},
			"[a b c] [a b c] [a b c]", "a unknown", busy},
		{"a lock that stays is reported once, at the end",
			[]try{{"retry accepted accepted", nil}, {"retry", nil}, {"retry", nil}}, "[a b c] [a] [a]",
			"b accepted, c accepted, a retry", nil},
		{"each settled row starts the count anew",
			[]try{{"unknown - -", busy}, {"accepted - -", busy}, {"- -", busy}, {"accepted -", busy}, {"-", busy},
				{"accepted", nil}},
			"[a b c] [a b c] [b c] [b c] [c] [c]", "a accepted late, b accepted, c accepted", nil},
		{"a refusal does not settle what may have been applied", []try{{"unknown - -", busy},
			{"refused accepted accepted", nil}, {"refused", nil}, {"refused", nil}},
			"[a b c] [a b c] [a] [a]", "b accepted, c accepted, a unknown", nil},
		{"once unknown, a row that never left again stays unknown", []try{{"unknown - -", busy}, {"- - -", wrong}},
			"[a b c] [a b c]", "a unknown", wrong},
		{"a row that was given back undone is sent again", []try{{"accepted unprocessed accepted", nil}, {"accepted", nil}},
			"[a b c] [b]", "a accepted, c accepted, b accepted", nil},
		{"given back to the end", []try{{"unprocessed retry accepted", nil}, {"retry unprocessed", nil}, {"unprocessed retry", nil}},
			"[a b c] [a b] [a b]", "c accepted, a unprocessed, b retry", nil},
		{"a stale row is settled", []try{{"stale accepted accepted", nil}}, "[a b c]", "a stale, b accepted, c accepted", nil},
		{"what is older than the target holds can do no harm any more", []try{{"unknown - -", busy}, {"stale accepted accepted", nil}},
			"[a b c] [a b c]", "a stale, b accepted, c accepted", nil},
		{"once unknown, being given back says nothing of the first request", []try{{"unknown - -", busy},
			{"unprocessed accepted accepted", nil}, {"retry", nil}, {"unprocessed", nil}},
			"[a b c] [a b c] [a] [a]", "b accepted, c accepted, a unknown", nil},
		{"what became of the very request settles it", []try{{"unknown unknown unknown", busy},
			{"refused! accepted! retry!", nil}, {"refused", nil}},
			"[a b c] [a b c] [c]", "a refused, b accepted, c refused", nil},
		{"rows have their share of requests, and no more", []try{{"accepted unknown unknown", busy}, {"unknown unknown", busy},
			{"unknown unknown", busy}}, "[a b c] [b c] [b c]", "a accepted, b unknown, c unknown", busy},
		{"a session that no login brings back is final", []try{{"accepted - -", over}}, "[a b c]", "a accepted", over},
		{"a configuration error is final", []try{{"retry - -", wrong}}, "[a b c]", "a retry", wrong},
		{"an error without a class is final", []try{{"- - -", broken}}, "[a b c]", "", broken},
		{"a spent daily limit is final", []try{{"accepted - -", spent}}, "[a b c]", "a accepted", spent},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				inner := &target{tries: c.tries}
				got, err := write(t.Context(), sinks.Retry(inner, backoff, slog.New(slog.DiscardHandler)))
				if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
					t.Errorf("error is %v, want %v", err, c.err)
				}
				if pipeline.ClassOf(err) != pipeline.ClassOf(c.err) {
					t.Errorf("class is %v, want %v", pipeline.ClassOf(err), pipeline.ClassOf(c.err))
				}
				if got := strings.Join(got, ", "); got != c.want {
					t.Errorf("confirmed %q, want %q", got, c.want)
				}
				if sent := strings.Trim(fmt.Sprint(inner.got), "[]"); sent != strings.Trim(c.sent, "[]") {
					t.Errorf("sent %s, want %s", sent, c.sent)
				}
			})
		})
	}
}

// abc returns the changes a, b and c.
func abc() []pipeline.Change {
	var changes []pipeline.Change
	for _, key := range []string{"a", "b", "c"} {
		changes = append(changes, pipeline.Change{Score: pipeline.Score{Key: key}})
	}
	return changes
}

// write sends the changes a, b and c and returns what was confirmed, "key status" each, or fails on a second report.
func write(ctx context.Context, sink pipeline.Sink) (confirmed []string, err error) {
	seen := map[string]bool{}
	err = sink.Write(ctx, &pipeline.Run{}, "m@1", abc(), func(outcomes []pipeline.Outcome) error {
		for _, o := range outcomes {
			if seen[o.Key] {
				return fmt.Errorf("%s was reported twice", o.Key)
			}
			seen[o.Key] = true
			word := o.Key + " " + o.Status.String()
			if o.Late {
				word += " late"
			}
			confirmed = append(confirmed, word)
		}
		return nil
	})
	return confirmed, err
}

func TestWaitsGrowAndKeepToTheCeiling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const tries = 12
		var starts []time.Time
		b := sinks.Backoff{Tries: tries, First: time.Second, Max: 10 * time.Second}
		sink := sinks.Retry(sinkFunc(func(context.Context) error {
			starts = append(starts, time.Now())
			return busy
		}), b, slog.New(slog.DiscardHandler))
		for range 50 {
			starts = nil
			if _, err := sink.Preflight(t.Context()); !errors.Is(err, busy) {
				t.Fatal(err)
			}
			if len(starts) != tries {
				t.Fatalf("%d tries, want %d", len(starts), tries)
			}
			for n := 1; n < tries; n++ {
				ceiling := min(time.Second<<(n-1), b.Max)
				if wait := starts[n].Sub(starts[n-1]); wait < 0 || wait >= ceiling {
					t.Errorf("wait %d is %s, the ceiling %s", n, wait, ceiling)
				}
			}
		}
	})
}

func TestTheContextEndsTheWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		inner := &target{tries: []try{{"unknown - -", busy}}}
		sink := sinks.Retry(inner, sinks.Backoff{Tries: 9, First: time.Hour, Max: time.Hour}, slog.New(slog.DiscardHandler))
		time.AfterFunc(time.Nanosecond, cancel)
		got, err := write(ctx, sink)
		if fmt.Sprint(got) != "[a unknown]" || !errors.Is(err, busy) || len(inner.got) != 1 {
			t.Errorf("confirmed %v after %d tries, error %v", got, len(inner.got), err)
		}
	})
}

func TestRowsLeftByTheContextEndTheDeliveryWithItsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		inner := &target{tries: []try{{"retry accepted accepted", nil}}}
		sink := sinks.Retry(inner, sinks.Backoff{Tries: 9, First: time.Hour, Max: time.Hour}, slog.New(slog.DiscardHandler))
		time.AfterFunc(time.Nanosecond, cancel)
		if _, err := write(ctx, sink); !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v, want the context's", err)
		}
	})
}

func TestNoWaitOutlastsTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		defer cancel()
		start := time.Now()
		inner := &target{tries: []try{{"- - -", busy}}}
		sink := sinks.Retry(inner, sinks.Backoff{Tries: 9, First: time.Hour, Max: time.Hour}, slog.New(slog.DiscardHandler))
		if _, err := write(ctx, sink); !errors.Is(err, busy) || time.Since(start) != 0 {
			t.Errorf("error is %v after %s", err, time.Since(start))
		}
	})
}

func TestAFailedConfirmationEndsTheDelivery(t *testing.T) {
	full := errors.New("disk full")
	inner := &target{tries: []try{{"unknown accepted accepted", busy}}}
	sink := sinks.Retry(inner, backoff, slog.New(slog.DiscardHandler))
	var reported []string
	err := sink.Write(t.Context(), &pipeline.Run{}, "m@1", abc(), func(outcomes []pipeline.Outcome) error {
		for _, o := range outcomes {
			reported = append(reported, o.Key+" "+o.Status.String())
		}
		return full
	})
	if !errors.Is(err, full) || len(inner.got) != 1 {
		t.Errorf("error is %v after %d tries", err, len(inner.got))
	}
	if fmt.Sprint(reported) != "[b accepted a unknown]" {
		t.Errorf("reported %v: what may have been applied must not pass for unsent", reported)
	}
}

func TestPreflight(t *testing.T) {
	for _, c := range []struct {
		name  string
		tries []try
		calls int
		err   error
	}{
		{"recovers", []try{{err: busy}, {err: busy}, {}}, 3, nil},
		{"gives up", []try{{err: busy}, {err: busy}, {err: busy}}, 3, busy},
		{"does not repeat a configuration error", []try{{err: wrong}}, 1, wrong},
		{"does not repeat a spent limit", []try{{err: spent}}, 1, spent},
		{"does not repeat a login that does not help", []try{{err: over}}, 1, over},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				inner := &target{tries: c.tries}
				sink := sinks.Retry(inner, backoff, slog.New(slog.DiscardHandler))
				ready, err := sink.Preflight(t.Context())
				if err != c.err && !errors.Is(err, c.err) {
					t.Errorf("error is %v, want %v", err, c.err)
				}
				if ready != (pipeline.Ready{Identity: "00D", Guarded: true}) {
					t.Errorf("found %+v", ready)
				}
				if sink.Calls() != c.calls || sink.Name() != "org" {
					t.Errorf("%d calls of %s, want %d", sink.Calls(), sink.Name(), c.calls)
				}
			})
		})
	}
}

func TestEachRetryIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		inner := &target{tries: []try{{"accepted unknown -", busy}, {"accepted accepted", nil}}}
		if _, err := write(t.Context(), sinks.Retry(inner, backoff, slog.New(slog.NewTextHandler(&log, nil)))); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"trying again", "target=org", "stage=deliver", "attempt=2", "rows=2",
			`reason="HTTP 503"`} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log lacks %s: %s", want, log.String())
			}
		}
	})
}

// Rows that came back are why a delivery without an error is tried again; the log says what the target said of how many.
func TestALoggedRetryTellsTheCodesOfItsRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		inner := &target{tries: []try{{"retry unprocessed retry", nil}, {"accepted retry retry", nil}, {"accepted accepted", nil}}}
		if _, err := write(t.Context(), sinks.Retry(inner, backoff, slog.New(slog.NewTextHandler(&log, nil)))); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 2 || !strings.HasSuffix(lines[0], `rows=3 codes="map[RETRY:2 UNPROCESSED:1]"`) ||
			!strings.HasSuffix(lines[1], "rows=2 codes=map[RETRY:2]") {
			t.Errorf("the log is %q", lines)
		}
	})
}

// sinkFunc is a sink of which only the preflight matters.
type sinkFunc func(context.Context) error

func (sinkFunc) Name() string { return "org" }
func (sinkFunc) Calls() int   { return 0 }
func (f sinkFunc) Preflight(ctx context.Context) (pipeline.Ready, error) {
	return pipeline.Ready{}, f(ctx)
}
func (sinkFunc) Write(context.Context, *pipeline.Run, string, []pipeline.Change, func([]pipeline.Outcome) error) error {
	return nil
}
