package schedule

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"scored/pipeline"
)

func TestASlotIsRunAtItsInstantPlusJitter(t *testing.T) {
	inBubble(t, func(w *world) {
		job := w.job("leads", nil)
		job.Policy.Jitter = 20 * time.Second
		w.start(job)
		w.until(clock("00:16:00"))
		s := w.state("leads")
		if s.Stage != "running" || !s.Slot.Equal(clock("00:15:00")) || !s.Since.Equal(clock("00:15:20")) || !s.Next.Equal(clock("00:30:20")) {
			t.Errorf("in the middle: %+v", s)
		}
		w.until(clock("00:40:00"))
		w.want("runs", w.begun("leads"), "00:15@00:15:20", "00:30@00:30:20")
		w.want("fates", w.fates("leads"), "00:15 run", "00:30 run")
		s = w.state("leads")
		if s.Stage != "" || !s.Slot.IsZero() || s.Last.RunID != "run-003000" || !s.Next.Equal(clock("00:45:20")) {
			t.Errorf("at rest: %+v", s)
		}
		w.logged("level=INFO", `msg="slot started"`, "job=leads", "slot=2000-01-01T00:15:00Z")
		w.logged("level=INFO", `msg="slot ended"`, "job=leads", "slot=2000-01-01T00:15:00Z", "run_id=run-001500", "end=ok")
	})
}

// A year of a daemon's life: overlap, pauses, restarts in the middle of runs, downtime. 35,040 slots, each with one fate.
func TestAYearOfSlots(t *testing.T) {
	inBubble(t, func(w *world) {
		random := rand.New(rand.NewPCG(7, 7))
		w.prepare = func(s *Scheduler) { s.options.Poll = 10 * time.Minute } // twenty times fewer turns
		job := w.job("leads", func(ctx context.Context, slot time.Time) (*pipeline.Summary, error) {
			d := 2 * time.Minute
			if slot.Unix()/900%50 == 0 {
				d = 40 * time.Minute
			}
			return takes(ctx, slot, d)
		})
		job.RunDeadline = time.Hour
		w.start(job)
		end := midnight.AddDate(0, 0, 365)
		for day := midnight; day.Before(end); day = day.AddDate(0, 0, 1) {
			at := day.Add(time.Duration(random.Int64N(int64(12 * time.Hour))))
			switch random.IntN(10) {
			case 0:
				w.until(at)
				w.halt()
				time.Sleep(time.Duration(random.Int64N(int64(8 * time.Hour))))
				w.start(job)
			case 1:
				w.until(at)
				w.pause("leads", "holiday")
				time.Sleep(time.Duration(random.Int64N(int64(8 * time.Hour))))
				w.resume("leads")
			}
		}
		w.until(end.Add(10 * time.Minute))
		w.halt()
		counts := map[pipeline.Fate]int{}
		next := midnight.Add(15 * time.Minute)
		for _, s := range w.spans["leads"] {
			if !s.First.Equal(next) || !s.Last.Equal(s.First.Add(time.Duration(s.Count-1)*15*time.Minute)) {
				t.Fatalf("%+v follows a span that ends before %v", s, next)
			}
			counts[s.Fate] += s.Count
			next = s.Last.Add(15 * time.Minute)
		}
		total := counts[pipeline.Ran] + counts[pipeline.Skipped] + counts[pipeline.Missed]
		t.Logf("%d slots: %v", total, counts)
		if total != 35_040 || len(counts) != 3 {
			t.Errorf("%d slots: %v", total, counts)
		}
		slots := map[time.Time]bool{}
		for _, r := range w.runs {
			slots[r.slot] = true
		}
		if len(slots) != counts[pipeline.Ran] {
			t.Errorf("%d slots had a run, %d are accounted as run", len(slots), counts[pipeline.Ran])
		}
	})
}

func TestAfterDowntimeTheNewestSlotIsCaughtUpOnce(t *testing.T) {
	for _, down := range []time.Duration{0, 10 * time.Minute, 20 * time.Minute, 3 * time.Hour, 25 * time.Hour, 72 * time.Hour, 1000 * time.Hour} {
		t.Run(down.String(), func(t *testing.T) {
			inBubble(t, func(w *world) {
				w.start(w.job("leads", nil))
				w.until(clock("00:20:00"))
				w.halt()
				time.Sleep(down)
				back := time.Now()
				w.start(w.job("leads", nil))
				time.Sleep(4 * time.Minute)
				synctest.Wait()
				var after int
				for _, r := range w.runs {
					if r.at.Before(back) {
						continue
					}
					if after++; back.Sub(r.slot) > 15*time.Minute {
						t.Errorf("caught up %v, not the newest slot", r.slot)
					}
				}
				want, missed := 0, int((5*time.Minute+down)/(15*time.Minute))-1
				if missed >= 0 {
					want = 1
				}
				if after != want {
					t.Errorf("%d runs after the restart, want %d", after, want)
				}
				if missed > 0 {
					w.logged("level=WARN", "slots missed", "hint=")
					for _, s := range w.spans["leads"] {
						if s.Fate == pipeline.Missed && s.Count != missed {
							t.Errorf("%d missed, want %d", s.Count, missed)
						}
					}
				}
			})
		})
	}
}

func TestARunThatTakesTooLongCostsTheSlotsThatComeDueMeanwhile(t *testing.T) {
	inBubble(t, func(w *world) {
		job := w.job("leads", func(ctx context.Context, slot time.Time) (*pipeline.Summary, error) {
			if slot.Equal(clock("00:15:00")) {
				return takes(ctx, slot, 33*time.Minute)
			}
			return takes(ctx, slot, time.Minute)
		})
		job.RunDeadline = time.Hour
		w.start(job)
		w.until(clock("01:10:00"))
		w.want("runs", w.begun("leads"), "00:15@00:15:00", "01:00@01:00:00")
		w.want("fates", w.fates("leads"), "00:15 run", "00:30-00:45 (2) skipped: the run before was still going", "01:00 run")
		w.logged("level=WARN", "slots skipped", "reason=\"the run before was still going\"", "hint=")
	})
}

func TestTheRunDeadlineCountsAsFailed(t *testing.T) {
	inBubble(t, func(w *world) {
		w.start(w.job("leads", func(ctx context.Context, slot time.Time) (*pipeline.Summary, error) {
			return takes(ctx, slot, time.Hour)
		}))
		w.until(clock("00:31:00"))
		w.want("fates", w.fates("leads"), "00:15 run: failed: the run deadline of 14m0s passed")
		w.want("runs", w.begun("leads"), "00:15@00:15:00", "00:30@00:30:00")
	})
}

func TestAPauseIsKeptAndReadAtEveryTurn(t *testing.T) {
	inBubble(t, func(w *world) {
		w.start(w.job("leads", nil))
		w.until(clock("00:20:00"))
		w.pause("leads", "undo of run-001500")
		w.until(clock("00:21:00"))
		if s := w.state("leads"); s.Paused.IsZero() || s.PausedWhy != "undo of run-001500" {
			t.Errorf("%+v", s)
		}
		w.until(clock("00:31:00"))
		w.halt()
		w.until(clock("00:50:00"))
		w.start(w.job("leads", nil)) // the pause outlives the daemon
		w.until(clock("01:01:00"))
		w.resume("leads")
		w.until(clock("01:20:00"))
		w.want("fates", w.fates("leads"), "00:15 run", "00:30 skipped: paused: undo of run-001500", "00:45 skipped: paused: undo of run-001500",
			"01:00 skipped: paused: undo of run-001500", "01:15 run")
	})
}

func TestTheClockIsSetForward(t *testing.T) {
	inBubble(t, func(w *world) {
		w.start(w.job("leads", nil))
		w.until(clock("00:20:00"))
		w.locked(func() { w.set = 3 * time.Hour })
		w.until(clock("00:25:00")) // 03:25
		w.want("fates", w.fates("leads"), "00:15 run", "00:30-03:00 (11) missed: "+reasonUnkept, "03:15 run")
		if r := w.begun("leads")[1]; r > "03:15@00:20:30" {
			t.Errorf("the loop needed more than 30 s to notice: %s", r)
		}
	})
}

func TestTheClockIsSetBackALittle(t *testing.T) {
	inBubble(t, func(w *world) {
		w.start(w.job("leads", nil))
		w.until(clock("00:18:00"))
		w.locked(func() { w.set = -8 * time.Minute }) // 00:10: 00:15 comes again
		w.until(clock("00:37:00"))                    // 00:29
		w.want("runs", w.begun("leads"), "00:15@00:15:00")
		w.until(clock("00:45:00")) // 00:37
		w.want("runs", w.begun("leads"), "00:15@00:15:00", "00:30@00:38:00")
	})
}

func TestTheClockIsSetBackFar(t *testing.T) {
	inBubble(t, func(w *world) {
		w.start(w.job("leads", nil))
		w.until(clock("05:20:00"))
		w.locked(func() { w.set = -5 * time.Hour })
		w.until(clock("05:35:00")) // 00:35
		w.logged("level=WARN", "the clock was set back", "hint=")
		if runs := w.begun("leads"); runs[len(runs)-1] != "00:30@05:30:00" {
			t.Errorf("the schedule did not go on from the new time: %v", runs[len(runs)-2:])
		}
		if n := len(w.begun("leads")); n != 22 {
			t.Errorf("%d runs, want 21 before the step and one after it", n)
		}
	})
}

func TestAPanicEndsItsRunOnly(t *testing.T) {
	inBubble(t, func(w *world) {
		bad := w.job("bad", func(ctx context.Context, slot time.Time) (*pipeline.Summary, error) {
			if slot.Equal(clock("00:15:00")) {
				panic("index out of range")
			}
			return takes(ctx, slot, time.Minute)
		})
		w.start(bad, w.job("good", nil))
		w.until(clock("00:40:00"))
		w.want("fates", w.fates("bad"), "00:15 run: failed: panic: index out of range", "00:30 run")
		w.want("the other job's fates", w.fates("good"), "00:15 run", "00:30 run")
		w.logged("level=ERROR", "this is a bug", "stack=", "scheduler_test.go", "job=bad")
	})
}

func TestAPanicInTheConditionEndsItsSlotOnly(t *testing.T) {
	inBubble(t, func(w *world) {
		job := w.job("leads", nil)
		job.Condition = condition(func(slot time.Time, _ string) (string, bool, string, error) {
			if slot.Equal(clock("00:15:00")) {
				panic("no such column")
			}
			return "", true, "", nil
		})
		w.start(job)
		w.until(clock("00:40:00"))
		w.want("fates", w.fates("leads"), "00:15 skipped: its condition could not be read: panic: no such column", "00:30 run")
	})
}

func TestAPanicAtTheGateLeavesItFree(t *testing.T) {
	inBubble(t, func(w *world) {
		job := w.job("leads", nil)
		job.Policy.StartDeadline = 2 * time.Minute
		w.torn = true
		w.start(job)
		w.until(clock("00:18:00"))
		w.want("fates", w.fates("leads"), "00:15 skipped: its turn could not be taken: panic: a torn page")
		w.logged("level=ERROR", "the slot's turn could not be taken: another attempt follows", "a torn page", "hint=")
		if n := len(w.gate("leads")); n != 0 {
			t.Error("the gate is held by nobody")
		}
		w.locked(func() { w.torn = false })
		w.until(clock("00:33:00"))
		w.want("runs", w.begun("leads"), "00:30@00:30:00")
	})
}

func TestAPanicInTheObserverChangesNothing(t *testing.T) {
	inBubble(t, func(w *world) {
		w.deaf = true
		w.start(w.job("leads", nil), w.job("unopened", func(context.Context, time.Time) (*pipeline.Summary, error) {
			return nil, errors.New("disk full")
		}))
		w.until(clock("00:33:00"))
		w.want("fates", w.fates("leads"), "00:15 run", "00:30 run")
		w.want("fates of runs that can't be opened", w.fates("unopened"), "00:15 run: failed: disk full", "00:30 run: failed: disk full")
		w.logged("level=ERROR", "this is a bug", "a label too few", "stack=", "job=leads")
	})
}

func TestASIGTERMBeforeTheRunBeginsIsNoFailure(t *testing.T) {
	inBubble(t, func(w *world) {
		w.start(w.job("leads", func(ctx context.Context, _ time.Time) (*pipeline.Summary, error) {
			<-ctx.Done() // the ledger is busy until then
			return nil, fmt.Errorf("open run in ledger: %w", ctx.Err())
		}))
		w.until(clock("00:16:00"))
		w.halt()
		w.want("fates", w.fates("leads"))
		if text := w.text(); strings.Contains(text, "level=ERROR") || w.ended != 0 {
			t.Errorf("the observer was told of %d runs, and the log has\n%s", w.ended, text)
		}
		w.logged("level=INFO", "slot stays due: the daemon is stopping")
	})
}

func TestSIGTERMDrains(t *testing.T) {
	inBubble(t, func(w *world) {
		slow := w.job("slow", func(ctx context.Context, slot time.Time) (*pipeline.Summary, error) {
			<-ctx.Done()
			time.Sleep(5 * time.Second) // to the next request boundary
			return ended(slot, pipeline.Interrupted, "stopped"), ctx.Err()
		})
		done := w.job("done", func(ctx context.Context, slot time.Time) (*pipeline.Summary, error) {
			<-ctx.Done()
			return ended(slot, pipeline.OK, ""), nil // it was at its end
		})
		w.start(slow, done)
		w.until(clock("00:17:00"))
		w.halt()
		if now := time.Now(); !now.Equal(clock("00:17:05")) {
			t.Errorf("Run returned at %s, not when the last work had ended", now)
		}
		w.want("fates of what was cut short", w.fates("slow"))
		w.want("fates of what had ended", w.fates("done"), "00:15 run")
		w.until(clock("00:20:00"))
		w.start(w.job("slow", nil))
		w.until(clock("00:25:00"))
		w.want("runs", w.begun("slow"), "00:15@00:15:00", "00:15@00:20:00")
		w.want("fates", w.fates("slow"), "00:15 run")
	})
}

func TestARestartDoesNotAccountForASlotThatWaits(t *testing.T) {
	for stage, prepare := range map[string]func(w *world, job *Job){
		"waiting for data":     func(_ *world, job *Job) { job.Condition = never("not yet") },
		"waiting for its turn": func(w *world, _ *Job) { w.gate("leads") <- "a backfill" },
		"retrying at ": func(_ *world, job *Job) {
			run := job.Run
			job.Run = func(ctx context.Context, slot time.Time) (*pipeline.Summary, error) {
				_, _ = run(ctx, slot)
				return nil, tryAgain
			}
		},
	} {
		t.Run(stage, func(t *testing.T) {
			inBubble(t, func(w *world) {
				job := w.job("leads", func(context.Context, time.Time) (*pipeline.Summary, error) { return nil, nil })
				prepare(w, &job)
				w.start(job)
				w.until(clock("00:15:10"))
				if s := w.state("leads"); !strings.HasPrefix(s.Stage, stage) || !s.Slot.Equal(clock("00:15:00")) {
					t.Errorf("%+v", s)
				}
				w.halt()
				w.want("fates", w.fates("leads"))
				select {
				case <-w.gate("leads"):
				default:
				}
				before := len(w.begun("leads"))
				w.until(clock("00:16:00"))
				w.start(w.job("leads", nil))
				w.until(clock("00:20:00"))
				w.want("runs", w.begun("leads")[before:], "00:15@00:16:00")
				w.want("fates", w.fates("leads"), "00:15 run")
			})
		})
	}
}

func TestJobsRunSideBySide(t *testing.T) {
	inBubble(t, func(w *world) {
		release := make(chan struct{})
		blocked := w.job("blocked", func(_ context.Context, slot time.Time) (*pipeline.Summary, error) {
			<-release
			return ended(slot, pipeline.OK, ""), nil
		})
		w.start(blocked, w.job("leads", nil))
		w.until(clock("01:05:00"))
		w.want("the other's runs", w.begun("leads"), "00:15@00:15:00", "00:30@00:30:00", "00:45@00:45:00", "01:00@01:00:00")
		w.want("its runs", w.begun("blocked"), "00:15@00:15:00")
		close(release)
		w.until(clock("01:20:00"))
		w.want("fates", w.fates("blocked"), "00:15 run", "00:30-01:00 (3) skipped: the run before was still going", "01:15 run")
	})
}

func TestTheBeatStopsWhenWorkOutlivesItsContext(t *testing.T) {
	inBubble(t, func(w *world) {
		release := make(chan struct{})
		w.start(w.job("leads", nil), w.job("stuck", func(_ context.Context, slot time.Time) (*pipeline.Summary, error) {
			if slot.Equal(clock("00:15:00")) {
				<-release // deaf to its context
			}
			return ended(slot, pipeline.OK, ""), nil
		}))
		beats := func(from, to string) int {
			w.until(clock(from))
			before := w.beaten()
			w.until(clock(to))
			return w.beaten() - before
		}
		if n := beats("00:16:00", "00:29:00"); n < 26 {
			t.Errorf("%d beats in 13 minutes while all was well", n)
		}
		if n := beats("00:29:00", "00:30:00"); n < 2 {
			t.Errorf("%d beats in the minute of grace", n)
		}
		if n := beats("00:30:01", "00:40:00"); n != 0 {
			t.Errorf("%d beats while a run was a minute past its deadline", n)
		}
		close(release)
		if n := beats("00:40:01", "00:45:00"); n < 9 {
			t.Errorf("%d beats when all was well again", n)
		}
	})
}

func TestTheLoopSleepsNoLongerThanItMay(t *testing.T) {
	for poll, want := range map[time.Duration]int{0: 20, -time.Second: 20, time.Hour: 20, 30 * time.Second: 20, 10 * time.Second: 60, 500 * time.Millisecond: 1200} {
		t.Run(poll.String(), func(t *testing.T) {
			inBubble(t, func(w *world) {
				w.poll = poll
				w.start(w.job("leads", nil))
				before := w.beaten()
				w.until(clock("00:10:00"))
				if n := w.beaten() - before; n != want {
					t.Errorf("%d beats in ten quiet minutes, want %d", n, want)
				}
			})
		})
	}
}

func TestASuspendIsNoReasonForTheBeatToStop(t *testing.T) {
	inBubble(t, func(w *world) {
		w.start(w.job("leads", func(ctx context.Context, slot time.Time) (*pipeline.Summary, error) {
			return takes(ctx, slot, 10*time.Minute)
		}))
		w.until(clock("00:16:00"))
		w.locked(func() { w.set = 5 * time.Hour }) // the wall clock went on, the run's timers did not
		before := w.beaten()
		w.until(clock("00:24:00"))
		if n := w.beaten() - before; n < 16 {
			t.Errorf("%d beats in 8 minutes", n)
		}
	})
}

func TestTheLoopBeatsWhileItDrains(t *testing.T) {
	inBubble(t, func(w *world) {
		w.start(w.job("leads", func(ctx context.Context, slot time.Time) (*pipeline.Summary, error) {
			<-ctx.Done()
			time.Sleep(2*time.Minute + 50*time.Second)
			return ended(slot, pipeline.Interrupted, "stopped"), ctx.Err()
		}))
		w.until(clock("00:16:00"))
		before := w.beaten()
		w.halt()
		if n := w.beaten() - before; n != 3 {
			t.Errorf("%d beats, want two in the minute of grace and one at the end", n)
		}
	})
}

func TestReplaceWhileRunning(t *testing.T) {
	inBubble(t, func(w *world) {
		gone := w.job("gone", func(ctx context.Context, slot time.Time) (*pipeline.Summary, error) {
			return takes(ctx, slot, 20*time.Minute) // beyond the next slot, which is nobody's any more
		})
		gone.RunDeadline = time.Hour
		w.start(w.job("kept", nil), gone, w.job("changed", nil))
		w.until(clock("00:16:00"))
		kept := w.job("kept", func(_ context.Context, slot time.Time) (*pipeline.Summary, error) {
			return ended(slot, pipeline.Partial, "the new one"), nil
		})
		changed := w.job("changed", nil)
		changed.Policy.Spec = spec(t, "*/10 * * * *", nil)
		w.scheduler.Replace([]Job{w.job("never", nil)}) // the last one counts
		w.scheduler.Replace([]Job{changed, w.job("new", nil), kept})
		synctest.Wait()
		var names []string
		for _, s := range w.scheduler.Snapshot() {
			names = append(names, s.Name+" "+s.Stage)
		}
		w.want("states", names, "changed running", "new ", "kept running", "gone running")
		w.until(clock("00:36:00"))
		w.want("kept", w.fates("kept"), "00:15 run", "00:30 run: partial: the new one")
		w.want("gone", w.fates("gone"), "00:15 run")
		w.want("changed", w.fates("changed"), "00:15 run", "00:20 run", "00:30 run")
		w.want("new", w.fates("new"), "00:30 run")
		w.want("never", w.fates("never"))
		if n := len(w.scheduler.Snapshot()); n != 3 {
			t.Errorf("%d jobs in the snapshot", n)
		}
	})
}

func TestANewSpecHasNoPast(t *testing.T) {
	inBubble(t, func(w *world) {
		daily := w.job("leads", nil)
		daily.Policy.Spec = spec(t, "0 0 * * *", nil)
		w.start(daily)
		w.until(clock("12:01:00"))
		w.scheduler.Replace([]Job{w.job("leads", nil)})
		w.until(clock("12:20:00"))
		w.want("fates", w.fates("leads"), "12:15 run")
		w.scheduler.Replace(nil)
		w.until(clock("12:40:00"))
		w.scheduler.Replace([]Job{w.job("leads", nil)})
		w.until(clock("12:44:00"))
		w.want("fates after it was away", w.fates("leads"), "12:15 run", "12:30 run")
	})
}

// At the moment of the change, the slot of both specs waits for its jitter.
func TestANewSpecKeepsTheSlotThatWaitsForItsJitter(t *testing.T) {
	for _, c := range []struct {
		name, old, text string
		change          string
		fates           []string
		next            string
	}{
		{"on weekdays only", "0 6 * * *", "0 6 * * 1-6", "06:00:10", []string{"06:00 run"}, "2000-01-01T06:00:20.000Z"}, // a Saturday
		{"twice as often", "*/30 * * * *", "*/15 * * * *", "00:30:10", []string{"00:30 run", "00:45 run"}, "2000-01-01T00:30:20.000Z"},
		{"the slot is not in the new spec", "0 6 * * *", "30 6 * * *", "06:00:10", []string{"06:30 run"}, "2000-01-01T06:30:20.000Z"},
		{"the slot has been run", "0 6 * * *", "0,30 6 * * *", "06:00:25", []string{"06:00 run", "06:30 run"}, "2000-01-01T06:30:20.000Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				at := func(text string) Job {
					job := w.job("leads", func(_ context.Context, slot time.Time) (*pipeline.Summary, error) {
						return ended(slot, pipeline.OK, ""), nil
					})
					job.Policy.Spec, job.Policy.Jitter = spec(t, text, nil), 20*time.Second
					return job
				}
				w.start(at(c.old))
				w.until(clock(c.change))
				w.scheduler.Replace([]Job{at(c.text)})
				w.until(clock(c.change).Add(31 * time.Minute))
				got := w.fates("leads")
				w.want("fates", got[:min(len(got), len(c.fates))], c.fates...)
				w.logged("level=INFO", `msg="schedule changed: slots begin anew"`, "job=leads", "next="+c.next)
			})
		})
	}
}

// A clock goes on between two looks at it.
func TestASlotThatComesDueAtTheMomentOfTheChangeIsNotLost(t *testing.T) {
	for early := range 10 {
		inBubble(t, func(w *world) {
			creeps := false
			w.prepare = func(s *Scheduler) {
				s.options.Now = func() time.Time {
					w.locked(func() {
						if creeps {
							w.set += time.Millisecond
						}
					})
					return w.now()
				}
			}
			job := func(text string) Job {
				job := w.job("leads", nil)
				job.Policy.Spec, job.Policy.Jitter = spec(t, text, nil), 20*time.Second
				return job
			}
			w.start(job("0 6 * * *"))
			w.until(clock("06:00:20").Add(-time.Duration(early) * time.Millisecond / 2))
			w.locked(func() { creeps = true })
			w.scheduler.Replace([]Job{job("0 6 * * 1-6")})
			w.until(clock("06:05:00"))
			w.want(fmt.Sprintf("fates, %d half milliseconds before it", early), w.fates("leads"), "06:00 run")
		})
	}
}

// Every minute is a slot of each of these specs: however often one follows another, each minute has one run.
func TestNewSpecsOneAfterTheOtherCostNoSlot(t *testing.T) {
	inBubble(t, func(w *world) {
		random := rand.New(rand.NewPCG(3, 3))
		job := func() Job {
			job := w.job("leads", func(_ context.Context, slot time.Time) (*pipeline.Summary, error) {
				return ended(slot, pipeline.OK, ""), nil
			})
			text := []string{"*/10 * * * * *", "*/15 * * * * *", "*/20 * * * * *", "*/30 * * * * *", "0 * * * * *"}[random.IntN(5)]
			job.Policy.Spec = spec(t, text, nil)
			job.Policy.Jitter = time.Duration(random.Int64N(int64(job.Policy.Spec.shortest() / 10)))
			return job
		}
		w.start(job())
		for range 2000 {
			time.Sleep(time.Duration(random.Int64N(int64(7 * time.Second))))
			w.scheduler.Replace([]Job{job()})
			synctest.Wait()
		}
		w.halt()
		runs := map[time.Time]int{}
		var last time.Time
		for _, s := range w.spans["leads"] {
			if runs[s.First]++; runs[s.First] > 1 || s.Count != 1 || s.Fate != pipeline.Ran {
				t.Fatalf("%+v, of %d of this slot", s, runs[s.First])
			}
			last = s.First
		}
		for minute := midnight.Add(time.Minute); !minute.After(last); minute = minute.Add(time.Minute) {
			if runs[minute] != 1 {
				t.Fatalf("%v has %d runs", minute, runs[minute])
			}
		}
		if last.Before(midnight.Add(time.Hour)) {
			t.Fatalf("the last slot was %v", last)
		}
	})
}

func TestANewSpecSurvivesAJournalThatFails(t *testing.T) {
	inBubble(t, func(w *world) {
		daily := w.job("leads", nil)
		daily.Policy.Spec = spec(t, "0 0 * * *", nil)
		w.start(daily)
		w.until(clock("12:01:00"))
		w.locked(func() { w.broken = errors.New("disk full") })
		w.scheduler.Replace([]Job{w.job("leads", nil)})
		w.until(clock("12:03:00"))
		w.locked(func() { w.broken = nil })
		w.until(clock("12:20:00"))
		w.want("fates", w.fates("leads"), "12:15 run")
	})
}

// What lies before the change is accounted for by the old spec, though it takes several turns.
func TestANewSpecTakesOverAfterAllThatIsDue(t *testing.T) {
	inBubble(t, func(w *world) {
		seconds := w.job("leads", func(_ context.Context, slot time.Time) (*pipeline.Summary, error) {
			return ended(slot, pipeline.OK, ""), nil
		})
		seconds.Policy.Spec = spec(t, "* * * * * *", nil)
		w.cursors["leads"] = pipeline.Cursor{Accounted: midnight}
		w.until(midnight.Add((atOnce + 1000) * time.Second))
		began := time.Now().UTC()
		w.prepare = func(s *Scheduler) { s.adopt([]Job{w.job("leads", nil)}) }
		w.start(seconds)
		w.until(began.Add(20 * time.Minute))
		n := 0
		for _, s := range w.spans["leads"] {
			if !s.First.After(began) {
				n += s.Count
			}
		}
		if n != atOnce+1000 {
			t.Errorf("%d slots have a fate, %d were due", n, atOnce+1000)
		}
		if at := w.runs[0]; !at.slot.Equal(began) || !at.at.Equal(began) {
			t.Errorf("the newest slot was %s and ran at %s, want both %s", at.slot, at.at, began)
		}
	})
}

// The slot that is due at the very moment of the change belongs to the old spec; nothing else does.
func TestANewSpecTakesOverAfterTheSlotThatIsDue(t *testing.T) {
	inBubble(t, func(w *world) {
		daily := w.job("leads", nil)
		daily.Policy.Spec = spec(t, "0 1 * * *", nil)
		w.start(daily)
		w.until(clock("00:30:00"))
		w.halt()
		w.until(clock("12:01:00"))
		w.start(daily)
		w.scheduler.Replace([]Job{w.job("leads", nil)})
		w.until(clock("12:20:00"))
		w.want("fates", w.fates("leads"), "01:00 run", "12:15 run")
	})
}

func TestAfterAJournalThatFailedTheNewestSlotIsCaughtUp(t *testing.T) {
	inBubble(t, func(w *world) {
		w.start(w.job("leads", nil))
		w.until(clock("00:16:00"))
		w.locked(func() { w.broken = errors.New("disk full") })
		w.until(clock("00:50:00"))
		w.want("fates while it fails", w.fates("leads"))
		if s := w.state("leads"); !strings.Contains(s.Trouble, "disk full") {
			t.Errorf("%+v", s)
		}
		w.logged("level=ERROR", "the schedule could not be kept", "disk full", "job=leads",
			"the newest slot is caught up when it works again, the others are recorded as missed")
		w.locked(func() { w.broken = nil })
		w.until(clock("01:02:59"))
		w.want("fates", w.fates("leads"), "00:15 run", "00:30 missed: "+reasonUnkept, "00:45 run", "01:00 run")
		w.want("runs", w.begun("leads"), "00:15@00:15:00", "00:45@00:50:30", "01:00@01:00:00")
		w.logged("level=WARN", "slots missed", "the schedule could not be kept", "the machine slept, or its clock was set forward")
		if strings.Contains(w.text(), "why it was down") {
			t.Errorf("the log says that the daemon was down:\n%s", w.text())
		}
	})
}

// The process is up since an hour that has not come yet, by the clock as it is now.
func TestAClockThatWasSetBackDoesNotMakeTheDaemonDown(t *testing.T) {
	inBubble(t, func(w *world) {
		w.set = 5 * time.Hour
		w.start(w.job("leads", nil))
		w.until(clock("00:10:00"))
		w.locked(func() { w.set = 0 })
		w.until(clock("00:20:00"))
		w.locked(func() { w.broken = errors.New("disk full") })
		w.until(clock("01:04:00"))
		w.locked(func() { w.broken = nil })
		w.until(clock("01:08:00"))
		w.want("fates", w.fates("leads"), "00:15 run", "00:30 run", "00:45 missed: "+reasonUnkept, "01:00 run")
	})
}

func TestAJournalThatFailsAtTheEndIsReported(t *testing.T) {
	inBubble(t, func(w *world) {
		w.start(w.job("leads", func(ctx context.Context, slot time.Time) (*pipeline.Summary, error) {
			<-ctx.Done()
			return ended(slot, pipeline.OK, ""), nil
		}))
		w.until(clock("00:16:00"))
		w.locked(func() { w.broken = errors.New("disk full") })
		if err := w.stop(); err == nil || !strings.Contains(err.Error(), "disk full") {
			t.Errorf("Run: %v", err)
		}
		w.stop = nil
	})
}
