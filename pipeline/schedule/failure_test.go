package schedule

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
)

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
		w.logged("level=ERROR", "this is a bug", "stack=", "failure_test.go", "job=bad")
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
