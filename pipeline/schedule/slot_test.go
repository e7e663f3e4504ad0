package schedule

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
)

var tryAgain error = &pipeline.Problem{Class: pipeline.TryAgain, Err: errors.New("the warehouse is restarting")}

// condition is a Condition that answers at once.
type condition func(slot time.Time, seen string) (value string, ready bool, why string, err error)

func (c condition) Ready(ctx context.Context, slot time.Time, seen string) (string, bool, string, error) {
	if ctx.Err() != nil {
		return "", false, "", ctx.Err()
	}
	return c(slot, seen)
}

func never(why string) condition {
	return func(time.Time, string) (string, bool, string, error) { return "", false, why, nil }
}

func TestASlotWaitsForItsData(t *testing.T) {
	inBubble(t, func(w *world) {
		job := w.job("leads", nil)
		job.Condition = condition(func(_ time.Time, seen string) (string, bool, string, error) {
			load := "first"
			if !time.Now().Before(clock("00:32:45")) {
				load = "second"
			}
			return load, load != seen, "no new data", nil
		})
		job.OnChange = true
		w.start(job)
		w.until(clock("00:32:10"))
		if s := w.state("leads"); s.Stage != "waiting for data" || s.Why != "no new data" || !s.Slot.Equal(clock("00:30:00")) {
			t.Errorf("%+v", s)
		}
		w.until(clock("00:58:00"))
		w.want("runs", w.begun("leads"), "00:15@00:15:00", "00:30@00:33:00")
		w.want("fates", w.fates("leads"), "00:15 run", "00:30 run", "00:45 skipped: no new data")
	})
}

// A watchdog of two seconds must not have the warehouse asked every half second.
func TestAConditionIsLookedAtEveryHalfMinuteHoweverOftenTheLoopTurns(t *testing.T) {
	inBubble(t, func(w *world) {
		w.poll = 500 * time.Millisecond
		looks := 0
		job := w.job("leads", nil)
		job.Condition = condition(func(time.Time, string) (string, bool, string, error) {
			looks++
			return "", false, "not yet", nil
		})
		w.start(job)
		w.until(clock("00:19:59"))
		if looks != 10 {
			t.Errorf("%d looks in five minutes, want 10", looks)
		}
	})
}

func TestASlotWhoseDataDoesNotComeIsSkipped(t *testing.T) {
	for _, c := range []struct {
		name      string
		condition condition
		onChange  bool
		want      string
		level     string
	}{
		{"nothing new is no fault", never("no new data"), true, "00:15 skipped: no new data", "INFO"},
		{"stale data is", never("the newest event is of 06:12"), false, "00:15 skipped: its data did not come: the newest event is of 06:12", "WARN"},
		{"a condition that can't be read", func(time.Time, string) (string, bool, string, error) {
			return "", false, "", errors.New("connection refused")
		}, true, "00:15 skipped: its condition could not be read: connection refused", "ERROR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				job := w.job("leads", nil)
				job.Condition, job.OnChange = c.condition, c.onChange
				w.start(job)
				w.until(clock("00:24:59"))
				w.want("fates before the start deadline", w.fates("leads"))
				w.until(clock("00:25:30"))
				w.want("fates", w.fates("leads"), c.want)
				w.want("runs", w.begun("leads"))
				w.logged("level="+c.level, "slot skipped", "slot=2000-01-01T00:15:00Z")
			})
		})
	}
}

func TestAConditionThatOnlyAPersonCanMendIsNotWaitedFor(t *testing.T) {
	inBubble(t, func(w *world) {
		job := w.job("leads", nil)
		job.Condition = condition(func(time.Time, string) (string, bool, string, error) {
			return "", false, "", &pipeline.Problem{Class: pipeline.Configuration, Err: errors.New("no such column"), Hint: "edit when:"}
		})
		w.start(job)
		w.until(clock("00:15:01"))
		w.want("fates", w.fates("leads"), "00:15 skipped: its condition could not be read: no such column")
		w.logged("level=ERROR", `hint="edit when:"`)
	})
}

// A slot that waits gives way to the next one, which the wait must not cost.
func TestWaitingDoesNotCostTheNextSlot(t *testing.T) {
	inBubble(t, func(w *world) {
		job := w.job("leads", nil)
		job.Policy.Spec = spec(t, "*/5 * * * *", nil)
		job.Condition = condition(func(slot time.Time, _ string) (string, bool, string, error) {
			return "", slot.Equal(clock("00:10:00")), "not yet", nil
		})
		w.start(job)
		w.until(clock("00:14:00"))
		w.want("fates", w.fates("leads"), "00:05 skipped: its data did not come: not yet", "00:10 run")
		w.want("runs", w.begun("leads"), "00:10@00:10:00")
	})
}

func TestAConditionThatAnswersTooLateStartsNothing(t *testing.T) {
	inBubble(t, func(w *world) {
		job := w.job("leads", nil)
		job.Condition = condition(func(time.Time, string) (string, bool, string, error) {
			time.Sleep(12 * time.Minute)
			return "", true, "", nil
		})
		w.start(job)
		w.until(clock("00:28:00"))
		w.want("runs", w.begun("leads"))
		w.want("fates", w.fates("leads"), "00:15 skipped: it could not begin before its start deadline or the next slot")
	})
}

func TestAValueIsSeenWhenItsRunEndedWithoutError(t *testing.T) {
	for _, c := range []struct {
		name    string
		summary *pipeline.Summary
		err     error
		want    string
	}{
		{"ok", &pipeline.Summary{End: pipeline.OK}, nil, "v1"},
		{"partial, all per row", &pipeline.Summary{End: pipeline.Partial}, nil, "v1"},
		{"failed", &pipeline.Summary{End: pipeline.Failed}, errors.New("no"), ""},
		{"partial, a target failed", &pipeline.Summary{End: pipeline.Partial}, errors.New("no"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				job := w.job("leads", func(context.Context, time.Time) (*pipeline.Summary, error) { return c.summary, c.err })
				job.Condition = condition(func(time.Time, string) (string, bool, string, error) { return "v1", true, "", nil })
				w.start(job)
				w.until(clock("00:16:00"))
				if got := w.cursors["leads"].Seen; got != c.want {
					t.Errorf("seen %q, want %q", got, c.want)
				}
			})
		})
	}
}

func TestASlotWaitsForItsTurn(t *testing.T) {
	inBubble(t, func(w *world) {
		w.gate("leads") <- "backfill 2026-01-01"
		w.start(w.job("leads", nil))
		w.until(clock("00:20:00"))
		if s := w.state("leads"); s.Stage != "waiting for its turn" || s.Why != "backfill 2026-01-01" {
			t.Errorf("%+v", s)
		}
		w.until(clock("00:25:01"))
		w.want("fates", w.fates("leads"), "00:15 skipped: the job was busy: backfill 2026-01-01")
		w.logged("level=WARN", "slot skipped", "backfill 2026-01-01", "hint=")
		w.until(clock("00:33:00"))
		<-w.gate("leads")
		w.until(clock("00:40:00"))
		w.want("runs", w.begun("leads"), "00:30@00:33:00")
	})
}

// An undo pauses the job while it holds the gate: what it undid must not be written again by the slot that waits.
func TestAPauseHoldsForASlotThatWaitsForItsTurn(t *testing.T) {
	inBubble(t, func(w *world) {
		w.gate("leads") <- "undo"
		w.start(w.job("leads", nil))
		w.until(clock("00:16:00"))
		w.pause("leads", "undo")
		<-w.gate("leads")
		w.until(clock("00:20:00"))
		w.want("runs", w.begun("leads"))
		w.want("fates", w.fates("leads"), "00:15 skipped: paused: undo")
	})
}

func TestAGateThatFailsIsTriedUntilTheStartDeadline(t *testing.T) {
	inBubble(t, func(w *world) {
		w.shut = errors.New("read-only file system")
		w.start(w.job("leads", nil))
		w.until(clock("00:26:00"))
		w.want("fates", w.fates("leads"), "00:15 skipped: its turn could not be taken: read-only file system")
		if n := strings.Count(w.text(), "another attempt follows"); n < 19 || n > 20 {
			t.Errorf("%d attempts in ten minutes", n)
		}
		w.until(clock("00:31:00"))
		w.locked(func() { w.shut = nil })
		w.until(clock("00:35:00"))
		w.want("runs", w.begun("leads"), "00:30@00:31:30")
	})
}

func TestOrphansAreLogged(t *testing.T) {
	inBubble(t, func(w *world) {
		w.orphans = []string{"leads-20000101T000000Z-0"}
		w.start(w.job("leads", nil))
		w.until(clock("00:16:00"))
		w.logged("level=WARN", "an earlier run was found dead", "run_id=leads-20000101T000000Z-0", "job=leads")
	})
}

// The random source of these tests gives the longest pause, but for a second: 29 s, 59 s, 1 min 59 s, 3 min 59 s twice.
func TestRetriesWithinTheSlot(t *testing.T) {
	quick := func(_ context.Context, slot time.Time) (*pipeline.Summary, error) {
		return ended(slot, pipeline.Failed, "the warehouse is restarting"), tryAgain
	}
	for _, c := range []struct {
		name  string
		tries int
		limit time.Duration
		prior int // attempts of a process that was killed
		run   func(ctx context.Context, slot time.Time) (*pipeline.Summary, error)
		want  []string
		fate  string
	}{
		{"as many as are allowed", 3, 14 * time.Minute, 0, quick,
			[]string{"00:15@00:15:00", "00:15@00:15:29", "00:15@00:16:28"}, "00:15 run: failed: the warehouse is restarting"},
		{"attempts of a process that was killed count", 3, 14 * time.Minute, 2, quick,
			[]string{"00:15@00:15:00"}, "00:15 run: failed: the warehouse is restarting"},
		{"never past the run deadline", 9, 5 * time.Minute, 0, quick,
			[]string{"00:15@00:15:00", "00:15@00:15:29", "00:15@00:16:28", "00:15@00:18:27"}, "00:15 run: failed: the warehouse is restarting"},
		{"never past the next slot", 9, time.Hour, 0, quick,
			[]string{"00:15@00:15:00", "00:15@00:15:29", "00:15@00:16:28", "00:15@00:18:27", "00:15@00:22:26", "00:15@00:26:25"},
			"00:15 run: failed: the warehouse is restarting"},
		{"the deadline covers all attempts", 3, 3 * time.Minute, 0,
			func(ctx context.Context, slot time.Time) (*pipeline.Summary, error) {
				if time.Now().Before(clock("00:15:29")) {
					return nil, tryAgain
				}
				return takes(ctx, slot, time.Hour)
			}, []string{"00:15@00:15:00", "00:15@00:15:29"}, "00:15 run: failed: the run deadline of 3m0s passed"},
		{"not what is left to the next slot", 3, 14 * time.Minute, 0,
			func(_ context.Context, slot time.Time) (*pipeline.Summary, error) {
				err := &pipeline.Problem{Class: pipeline.TryAgain, Err: errors.New("busy"), Later: true}
				return ended(slot, pipeline.Failed, "busy"), fmt.Errorf("deliver: %w", err)
			}, []string{"00:15@00:15:00"}, "00:15 run: failed: busy"},
		{"not what a person must mend", 3, 14 * time.Minute, 0,
			func(_ context.Context, slot time.Time) (*pipeline.Summary, error) {
				return ended(slot, pipeline.Failed, "no such column"), &pipeline.Problem{Class: pipeline.Configuration, Err: errors.New("no such column")}
			}, []string{"00:15@00:15:00"}, "00:15 run: failed: no such column"},
		{"until it works", 3, 14 * time.Minute, 0,
			func(ctx context.Context, slot time.Time) (*pipeline.Summary, error) {
				if time.Now().Before(clock("00:15:29")) {
					return quick(ctx, slot)
				}
				return ended(slot, pipeline.OK, ""), nil
			}, []string{"00:15@00:15:00", "00:15@00:15:29"}, "00:15 run"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				job := w.job("leads", c.run)
				job.Policy.Tries, job.RunDeadline = c.tries, c.limit
				w.cursors["leads"] = pipeline.Cursor{Tried: clock("00:15:00"), Tries: c.prior}
				w.start(job)
				w.until(clock("00:29:59"))
				w.want("runs", w.begun("leads"), c.want...)
				w.want("fates", w.fates("leads"), c.fate)
				if w.ended != len(c.want) {
					t.Errorf("the observer was told of %d runs", w.ended)
				}
			})
		})
	}
}

func TestTheGateIsFreeBetweenAttempts(t *testing.T) {
	inBubble(t, func(w *world) {
		w.start(w.job("leads", func(_ context.Context, slot time.Time) (*pipeline.Summary, error) {
			return ended(slot, pipeline.Failed, "x"), tryAgain
		}))
		w.until(clock("00:15:10"))
		if s := w.state("leads"); s.Stage != "retrying at 2000-01-01T00:15:29Z" || s.Why != "the warehouse is restarting" {
			t.Errorf("%+v", s)
		}
		w.gate("leads") <- "a run by hand" // would block if the gate were held
		w.until(clock("00:17:00"))
		w.want("runs while the gate is held", w.begun("leads"), "00:15@00:15:00")
		<-w.gate("leads")
		w.until(clock("00:17:01"))
		w.want("runs", w.begun("leads"), "00:15@00:15:00", "00:15@00:17:00")
	})
}

func TestARunThatCouldNotBeOpenedIsLogged(t *testing.T) {
	inBubble(t, func(w *world) {
		w.start(w.job("leads", func(context.Context, time.Time) (*pipeline.Summary, error) {
			return nil, &pipeline.Problem{Err: errors.New("open run in ledger: disk full"), Hint: "make room"}
		}))
		w.until(clock("00:16:00"))
		w.logged("level=ERROR", "the run failed", "disk full", `hint="make room"`)
		w.want("fates", w.fates("leads"), "00:15 run: failed: open run in ledger: disk full")
	})
}

func TestACrashLoopComesToAnEnd(t *testing.T) {
	inBubble(t, func(w *world) {
		w.cursors["leads"] = pipeline.Cursor{Accounted: clock("00:00:00"), Tried: clock("00:15:00"), Tries: 3}
		w.until(clock("00:20:00"))
		w.start(w.job("leads", nil))
		w.until(clock("00:33:00"))
		w.want("fates", w.fates("leads"), "00:15 run: gave up after 3 attempts", "00:30 run")
		w.want("runs", w.begun("leads"), "00:30@00:30:00")
		w.logged("level=ERROR", "gave up after 3 attempts", "hint=")
	})
}

// A planned stop and a late start are no error.
func TestASlotThatWasCutShortNamesItsRun(t *testing.T) {
	inBubble(t, func(w *world) {
		w.cursors["leads"] = pipeline.Cursor{Accounted: clock("00:00:00"), Tried: clock("00:15:00"), TriedRun: "leads-20000101T001500Z-0"}
		w.until(clock("00:50:00"))
		w.start(w.job("leads", nil))
		w.until(clock("00:55:00"))
		w.want("fates", w.fates("leads"), "00:15 run: "+reasonOvertook, "00:30 missed: "+reasonMissed, "00:45 run")
		if run := w.spans["leads"][0].RunID; run != "leads-20000101T001500Z-0" {
			t.Errorf("the span has run %q", run)
		}
		w.logged("level=WARN", "slot ended without a run that ended", "run_id=leads-20000101T001500Z-0", "stopped or killed", "hint=")
		if strings.Contains(w.text(), "level=ERROR") {
			t.Errorf("an error was logged:\n%s", w.text())
		}
	})
}
