package schedule

import (
	"context"
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
