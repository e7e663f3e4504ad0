package schedule

import (
	"context"
	"errors"
	"testing"
	"time"

	"scored/pipeline"
)

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
