package schedule

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"scored/pipeline"
)

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
