package main

import (
	"context"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

func TestADutyIsAShareOfTheTime(t *testing.T) {
	for _, tt := range []struct {
		duty         percent
		worked, rest time.Duration
	}{
		{100, time.Hour, 0},
		{50, time.Minute, time.Minute},
		{25, time.Minute, 3 * time.Minute},
		{1, 24 * time.Hour, 99 * 24 * time.Hour},
		{75, 3 * time.Second, time.Second},
	} {
		if got := tt.duty.after(tt.worked); got != tt.rest {
			t.Errorf("%d %% of %s: a rest of %s, want %s", tt.duty, tt.worked, got, tt.rest)
		}
	}
}

func TestABackfillRestsAfterAWindow(t *testing.T) {
	rest := func(ctx context.Context, duty percent, a *ahead) time.Duration {
		b := &backfill{duty: duty, ahead: a, job: &job{console: newConsole(io.Discard, io.Discard)}}
		start := time.Now()
		b.rest(ctx, &pipeline.Summary{Duration: 60_000})
		return time.Since(start)
	}
	synctest.Test(t, func(t *testing.T) {
		if got := rest(t.Context(), 20, nil); got != 4*time.Minute {
			t.Errorf("after a minute it rested for %s", got)
		}
		if got := rest(t.Context(), 100, nil); got != 0 {
			t.Errorf("it rested for %s, and may work all the time", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got := rest(ctx, 20, nil); got != time.Second {
			t.Errorf("it was stopped after a second, and rested for %s", got)
		}

		source := &hourly{}
		a := newAhead(t.Context(), source, leads, hours(6), 2, func() bool { return false })
		defer a.close()
		if err := window(t, a, hours(1)[0]); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // two are being read, for a second
		got := rest(t.Context(), 50, a)
		if reads, _, _ := source.did(); got != time.Second+61*time.Second || len(reads) != 3 {
			t.Errorf("with reads under way it took %s, and %v", got, reads)
		}
	})
}

func TestARestIsMadeBetweenWindowsOnly(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	from := midnight(w, 2)
	start := time.Now()
	r := scored(t, "backfill", leads, "-c", c, "--from", stamp(from), "--to", stamp(from.Add(2*day)), "--step", "1d", "--duty", "50").
		want(t, exitOK, "2 windows: 2 ok")
	took, runs := time.Since(start), r.summaries(t)
	if first := time.Duration(runs[0].Duration) * time.Millisecond; took < 2*first+time.Duration(runs[1].Duration)*time.Millisecond {
		t.Errorf("it took %s with windows of %d and %d ms", took, runs[0].Duration, runs[1].Duration)
	}
}

// What live runs take in a day is theirs: a backfill that finds no more stops, says when it may go on, and goes on with what
// it had not sent.
func TestABackfillStopsWhereTheBudgetIsTheLiveRuns(t *testing.T) {
	w := newWorld(t)
	c := daysApart(t)
	from := midnight(w, 4)
	scored(t, "run", leads, "-c", c, "--as-of", stamp(from)).want(t, exitOK) // so that it is known what one takes
	stretch := []string{"backfill", leads, "-c", c, "--from", stamp(from), "--to", stamp(from.Add(2 * day)), "--step", "1d", "--deliver"}
	plan := scored(t, "budget", "-c", c).want(t, exitOK).out
	spare := regexp.MustCompile(`a backfill may use +(\d+)`).FindStringSubmatch(plan)
	if spare == nil {
		t.Fatalf("the budget does not say what a backfill may use:\n%s", plan)
	}
	w.Org.SpendAPICalls(calls(t, spare[1]))
	held := leadScores(w)
	r := scored(t, stretch...).want(t, exitTryAgain, "1/2 as of "+stamp(from.Add(day))+": partial, ", "deferred", "1 not begun",
		"the API budget leaves nothing to a backfill while others", "to go on: scored backfill", " --from "+stamp(from)+" ")
	if s := r.summary(t); s.Deferred == 0 || s.Sent != 0 || s.History == nil || s.History.Accepted == 0 || len(differing(held, leadScores(w))) != 0 {
		t.Errorf("it sent %d and deferred %d: %+v", s.Sent, s.Deferred, s.History)
	}
	scored(t, append(stretch, "--dry-run")...).want(t, exitOK, ": to make, lead_scoring-", " changes for lack of API calls", "2 to make")
	t.Setenv("SCORED_SALESFORCE_API_RESERVE", "0")
	scored(t, stretch...).want(t, exitOK, "2 windows: 2 ok")
	now := leadScores(w)
	for key, want := range computed(t, c, from.Add(2*day)) {
		if now[key] != want {
			t.Errorf("lead %s holds %q and not the last window's %s", key, now[key], want)
		}
	}
	t.Setenv("SCORED_SALESFORCE_API_RESERVE", "20")
	live := scored(t, "run", leads, "-c", c, "--as-of", stamp(from.Add(3*day))).want(t, exitOK).summary(t)
	if live.Sent == 0 || live.Deferred != 0 {
		t.Errorf("a live run sent %d, and deferred %d", live.Sent, live.Deferred)
	}
}

func TestABackfillSaysWhenItsOwnCallsAreFreeAgain(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	from := midnight(w, 3)
	scored(t, "run", leads, "-c", c, "--as-of", stamp(from)).want(t, exitOK)
	spare := regexp.MustCompile(`a backfill may use +(\d+)`).FindStringSubmatch(scored(t, "budget", "-c", c).want(t, exitOK).out)
	w.Org.SpendAPICalls(calls(t, spare[1]) - 3)
	r := scored(t, "backfill", leads, "-c", c, "--from", stamp(from), "--to", stamp(from.Add(3*day)), "--step", "1d", "--deliver").
		want(t, exitTryAgain, "the API budget leaves nothing to a backfill before "+time.Now().UTC().AddDate(0, 0, 1).Format("2006-01-02"))
	sent := 0
	for _, s := range r.summaries(t) {
		sent += s.Sent
	}
	if sent == 0 {
		t.Errorf("it had some calls, and sent nothing:\n%s", r.out)
	}
}

// The warehouse can tell the queries of a backfill from those of live runs.
func TestABackfillHasAQueryGroupOfItsOwn(t *testing.T) {
	newWorld(t)
	for _, tt := range []struct{ config, want string }{{"", "live"}, {"slow", "slow"}} {
		c := config(t, "query_group: scored ", "query_group: live ", `backfill_query_group: ""`, `backfill_query_group: "`+tt.config+`"`)
		b := &backfill{}
		t.Setenv("SCORED_STATE_DIR", t.TempDir())
		j, err := wire(c, leads, ledger.OpenReadOnly, newConsole(io.Discard, io.Discard), b.configure)
		if err != nil {
			t.Fatal(err)
		}
		j.close()
		if got := b.cfg.Warehouse.QueryGroup; got != tt.want {
			t.Errorf("%q: the group is %q, want %q", tt.config, got, tt.want)
		}
	}
	broken := config(t, `backfill_query_group: ""`, `backfill_query_group: "it's"`)
	scored(t, "backfill", leads, "-c", broken, "--from", "2026-01-01", "--to", "2026-01-02", "--step", "1d", "--dry-run").
		want(t, exitConfiguration, "backfill_query_group")
	if live := scored(t, "run", leads, "-c", broken, "--dry-run"); strings.Contains(live.log, "backfill_query_group") {
		t.Errorf("a live run has nothing to do with it:\n%s", live.log)
	}
}

func calls(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
