package status_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"scored/pipeline"
	"scored/pipeline/status"
)

func TestHealthFollowsTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := status.New(quarters(time.Now()), quiet())
		expect := func(code int, word string) {
			t.Helper()
			got := get(s, "/healthz")
			if first, _, _ := strings.Cut(got.body, "\n"); got.code != code || first != word {
				t.Errorf("healthz answers %d %q, want %d %q", got.code, got.body, code, word)
			}
		}
		expect(200, "ok")
		time.Sleep(89 * time.Second)
		expect(200, "ok")
		time.Sleep(time.Second)
		expect(503, "stalled")
		if got := get(s, "/healthz"); !strings.Contains(got.body, "has not turned for 1 min 30 s") {
			t.Errorf("healthz does not say since when: %s", got.body)
		}
		s.Beat()
		expect(200, "ok")
	})
}

// The wall clock may be set forward or back meanwhile.
func TestTheBeatIsHeldAgainstAClockThatNobodySets(t *testing.T) {
	s := status.New(quarters(time.Now()), quiet())
	for _, beat := range []func(){func() {}, s.Beat} {
		beat()
		if last := s.LastBeat(); last == last.Round(0) {
			t.Errorf("the beat %s has no monotonic reading", last)
		}
	}
}

// Whatever becomes of its runs, a loop that turns is healthy: to restart it would help nobody.
func TestHealthIsNotFreshness(t *testing.T) {
	if got := get(status.New(quarters(time.Now()), quiet()), "/healthz"); got.code != 200 {
		t.Errorf("healthz answers %d %s", got.code, got.body)
	}
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// at makes the bubble's time so many minutes past noon.
func at(minutes int) { time.Sleep(time.Until(noon.Add(time.Duration(minutes) * time.Minute))) }

func TestReadiness(t *testing.T) {
	manual, fill, backfill := by(pipeline.Manual), by(pipeline.Fill), by(pipeline.Backfill)
	started := func(minute int) func(*board) {
		return func(b *board) { b.process.Started = noon.Add(time.Duration(minute) * time.Minute) }
	}
	type run struct {
		minute int
		end    pipeline.End
		shape  func(*pipeline.Summary)
	}
	for name, c := range map[string]struct {
		now   int // minutes after noon
		runs  []run
		shape func(*board)
		code  int
		words string
	}{
		"fresh at the bound":                              {44, []run{{0, "ok", nil}}, nil, 200, "lead_scoring: fresh: scores are as of 2026-11-22T12:00:00Z, 44 min ago"},
		"stale past it":                                   {45, []run{{0, "ok", nil}}, nil, 503, "lead_scoring: stale: scores are as of 2026-11-22T12:00:00Z, 45 min ago; 44 min are allowed"},
		"the last run is told":                            {60, []run{{0, "ok", nil}, {45, "failed", down}}, nil, 503, "the last run (as of 2026-11-22T12:45:00Z) ended failed: deliver to salesforce: no answer"},
		"never a success":                                 {0, nil, nil, 503, "stale: no run has succeeded yet; 44 min are allowed"},
		"a young process waits":                           {44, nil, started(0), 200, "waiting: the daemon started 44 min ago; no run has succeeded yet"},
		"but not for ever":                                {45, nil, started(0), 503, "stale: no run has succeeded yet"},
		"a young process, an old success":                 {60, []run{{0, "ok", nil}}, started(59), 503, "stale: scores are as of 2026-11-22T12:00:00Z, 1 h ago; 44 min are allowed"},
		"a young process, a fresh success":                {30, []run{{0, "ok", nil}}, started(29), 200, "fresh: scores are as of 2026-11-22T12:00:00Z"},
		"a young process whose runs fail":                 {30, []run{{15, "failed", down}}, started(14), 200, "waiting: the daemon started 16 min ago; no run has succeeded yet; the last run"},
		"a manual run counts":                             {60, []run{{0, "ok", nil}, {30, "ok", manual}}, nil, 200, "as of 2026-11-22T12:30:00Z"},
		"a filling backfill doesn't":                      {60, []run{{0, "ok", nil}, {30, "ok", fill}}, nil, 503, "as of 2026-11-22T12:00:00Z"},
		"nor one that delivers":                           {60, []run{{0, "ok", nil}, {30, "ok", backfill}}, nil, 503, "as of 2026-11-22T12:00:00Z"},
		"a failed run doesn't":                            {60, []run{{0, "ok", nil}, {30, "failed", nil}}, nil, 503, "ended failed"},
		"an interrupted run doesn't":                      {60, []run{{0, "ok", nil}, {30, "interrupted", nil}}, nil, 503, "ended interrupted"},
		"a partial one with all targets":                  {60, []run{{0, "ok", nil}, {30, "partial", nil}}, nil, 200, "as of 2026-11-22T12:30:00Z"},
		"a partial one without its target":                {60, []run{{0, "ok", nil}, {30, "partial", down}}, nil, 503, "ended partial: deliver to salesforce: no answer"},
		"a manual run as of the past makes nothing fresh": {60, []run{{-600, "ok", manual}}, nil, 503, "as of 2026-11-22T02:00:00Z"},
		"nor anything stale":                              {60, []run{{30, "ok", nil}, {-600, "ok", manual}}, nil, 200, "as of 2026-11-22T12:30:00Z"},
		"a paused job is as old as it may be": {600, []run{{0, "ok", nil}}, func(b *board) { b.jobs[0].Paused, b.jobs[0].Why = noon.Add(time.Hour), "undo" }, 200,
			"paused since 2026-11-22T13:00:00Z: undo; scores are as of 2026-11-22T12:00:00Z, 10 h ago"},
		"a schedule that can't be kept": {30, []run{{15, "ok", nil}}, func(b *board) { b.jobs[0].Trouble = "disk full" }, 503,
			"lead_scoring: stuck: the schedule can't be kept: disk full; scores are as of 2026-11-22T12:15:00Z"},
		"however long it was paused": {30, []run{{15, "ok", nil}}, func(b *board) { b.jobs[0].Trouble, b.jobs[0].Paused = "disk full", noon }, 503, "stuck"},
		"one stale job of two":       {60, []run{{30, "ok", nil}}, func(b *board) { b.jobs = append(b.jobs, status.Job{Name: "churn", Bound: time.Hour}) }, 503, "churn: stale"},
		"a ledger that can't be read": {30, []run{{15, "ok", nil}}, func(b *board) { b.err = errors.New("disk I/O error") }, 503,
			"lead_scoring: unknown: the ledger can't be read: read the runs of lead_scoring: disk I/O error"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at(c.now)
				b := quarters(time.Now())
				for _, r := range c.runs {
					shape := r.shape
					if shape == nil {
						shape = func(*pipeline.Summary) {}
					}
					b.ended(noon.Add(time.Duration(r.minute)*time.Minute), r.end, shape)
				}
				if c.shape != nil {
					c.shape(b)
				}
				got := get(status.New(b, quiet()), "/readyz")
				first, rest, _ := strings.Cut(got.body, "\n")
				if got.code != c.code || (first == "ready") != (c.code == 200) || !strings.Contains(rest, c.words) {
					t.Errorf("readyz answers %d\n%swant %d and %q", got.code, got.body, c.code, c.words)
				}
			})
		})
	}
}

// Who reads it takes it line by line.
func TestReadinessIsALineAJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(60)
		for name, shape := range map[string]func(*board){
			"why it is paused":  func(b *board) { b.jobs[0].Paused, b.jobs[0].Why = noon, "undo\nready\r\nall" },
			"a run's reason":    func(b *board) { b.runs[0].Reason = "no answer\nready\u2028x" },
			"a ledger's error":  func(b *board) { b.err = errors.New("disk\nready") },
			"a schedule's want": func(b *board) { b.jobs[0].Trouble = "disk\nready" },
		} {
			b := quarters(time.Now())
			b.ended(noon, pipeline.Failed)
			shape(b)
			got := get(status.New(b, quiet()), "/readyz")
			if strings.Count(got.body, "\n") != 2 || strings.ContainsAny(got.body, "\r\u2028") || !strings.Contains(got.body, " ready") && got.code == 503 {
				t.Errorf("%s: readyz answers %q", name, got.body)
			}
		}
	})
}

func TestASuccessIsFoundBeyondManyBackfills(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(30)
		b := quarters(time.Now())
		b.ended(noon, pipeline.OK)
		for i := range 3000 {
			b.ended(noon.Add(-time.Duration(i)*time.Hour), pipeline.OK, by(pipeline.Fill))
		}
		if got := get(status.New(b, quiet()), "/readyz"); got.code != 200 || !strings.Contains(got.body, "as of 2026-11-22T12:00:00Z") {
			t.Errorf("readyz answers %d %s", got.code, got.body)
		}
	})
}

func TestANearSuccessIsFoundWithoutReadingTheWholeLedger(t *testing.T) {
	now := time.Now()
	b := quarters(now)
	for i := 3000; i >= 0; i-- {
		b.ended(now.Truncate(15*time.Minute).Add(-time.Duration(i)*15*time.Minute), pipeline.OK)
	}
	if got := get(status.New(b, quiet()), "/readyz"); got.code != 200 || b.asked > 100 {
		t.Errorf("readyz answers %d and reads %d runs", got.code, b.asked)
	}
}
