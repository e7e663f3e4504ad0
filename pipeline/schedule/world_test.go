package schedule

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"scored/pipeline"
)

// midnight is when time begins in a bubble.
var midnight = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// clock is an instant of the bubble's first day.
func clock(text string) time.Time {
	t, err := time.Parse("15:04:05", text)
	if err != nil {
		panic(err)
	}
	return midnight.Add(t.Sub(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)))
}

// world is a journal, an observer, a log and a clock for schedulers that run one after the other, as a daemon that is
// started again.
type world struct {
	*testing.T
	mu      sync.Mutex
	cursors map[string]pipeline.Cursor
	spans   map[string][]pipeline.Span
	gates   map[string]chan string // holds the holder
	orphans []string               // the next Enter finds them
	broken  error                  // what every write of the journal fails with
	torn    bool                   // reading a cursor panics, but for the loop
	deaf    bool                   // the observer panics when it is told of a run
	shut    error                  // what Enter fails with
	runs    []attempt              // in the order in which they were begun
	counted map[string]int         // slots that the observer was told of
	ended   int                    // runs that the observer was told of
	beats   int
	set     time.Duration    // how far the clock was set
	poll    time.Duration    // as an option
	prepare func(*Scheduler) // changes a scheduler before its loop begins; may be nil
	lines   bytes.Buffer

	scheduler *Scheduler
	stop      func() error // as SIGTERM: returns when Run has
}

type attempt struct {
	job      string
	slot, at time.Time
}

// inBubble runs a test in a world of its own, where time passes when everybody waits.
func inBubble(t *testing.T, test func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{
			T: t, cursors: map[string]pipeline.Cursor{}, spans: map[string][]pipeline.Span{}, gates: map[string]chan string{},
			counted: map[string]int{},
		}
		test(w)
		if w.stop != nil {
			w.halt()
		}
		for job, gate := range w.gates {
			if len(gate) > 0 {
				t.Errorf("the gate of %s is still held", job)
			}
		}
		for job, spans := range w.spans {
			n := 0
			for _, s := range spans {
				n += s.Count
			}
			if w.counted[job] != n {
				t.Errorf("%s: the observer was told of %d slots, the journal of %d", job, w.counted[job], n)
			}
		}
	})
}

// start runs the jobs until w.stop or w.halt.
func (w *world) start(jobs ...Job) {
	ctx, cancel := context.WithCancelCause(w.Context())
	w.scheduler = New(w, w, slog.New(slog.NewTextHandler(&syncWriter{w}, nil)), jobs, Options{
		Beat:   func() { w.locked(func() { w.beats++ }) },
		Now:    w.now,
		Poll:   w.poll,
		Random: func(limit time.Duration) time.Duration { return limit - time.Second },
	})
	if w.prepare != nil {
		w.prepare(w.scheduler)
	}
	done := make(chan error, 1)
	go func(s *Scheduler) { done <- s.Run(ctx) }(w.scheduler)
	w.stop = func() error {
		cancel(errors.New("SIGTERM"))
		err := <-done
		done <- err
		return err
	}
	synctest.Wait()
}

func (w *world) halt() {
	w.Helper()
	if err := w.stop(); err != nil {
		w.Errorf("Run: %v", err)
	}
	w.stop = nil
}

// until lets time pass to an instant of the bubble.
func (w *world) until(at time.Time) {
	w.Helper()
	if at.Before(time.Now()) {
		w.Fatalf("%s has passed", at)
	}
	time.Sleep(time.Until(at))
	synctest.Wait()
}

func (w *world) locked(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.set)
}

type syncWriter struct{ *world }

func (w *syncWriter) Write(p []byte) (n int, err error) {
	w.locked(func() { n, err = w.lines.Write(p) })
	return n, err
}

// job runs every quarter of an hour for two minutes, unless run says otherwise.
func (w *world) job(name string, run func(ctx context.Context, slot time.Time) (*pipeline.Summary, error)) Job {
	if run == nil {
		run = func(ctx context.Context, slot time.Time) (*pipeline.Summary, error) {
			return takes(ctx, slot, 2*time.Minute)
		}
	}
	return Job{
		Name:        name,
		Policy:      Policy{Spec: spec(w, "*/15 * * * *", nil), StartDeadline: 10 * time.Minute, Tries: 3},
		RunDeadline: 14 * time.Minute,
		Run: func(ctx context.Context, slot time.Time) (*pipeline.Summary, error) {
			w.locked(func() {
				c := w.cursors[name]
				if !c.Tried.Equal(slot) {
					c.Tried, c.Tries = slot, 0
				}
				c.Tries++
				w.cursors[name] = c
				w.runs = append(w.runs, attempt{name, slot, time.Now().UTC()})
			})
			return run(ctx, slot)
		},
	}
}

func ended(slot time.Time, end pipeline.End, reason string) *pipeline.Summary {
	return &pipeline.Summary{ID: "run-" + slot.Format("150405"), AsOf: slot, End: end, Reason: reason}
}

// takes is a run of some length that ends as the Runner's do.
func takes(ctx context.Context, slot time.Time, d time.Duration) (*pipeline.Summary, error) {
	select {
	case <-time.After(d):
		return ended(slot, pipeline.OK, ""), nil
	case <-ctx.Done():
		end := pipeline.Failed
		if errors.Is(ctx.Err(), context.Canceled) {
			end = pipeline.Interrupted
		}
		return ended(slot, end, context.Cause(ctx).Error()), ctx.Err()
	}
}

// begun returns the runs of a job so far, as slot@begin.
func (w *world) begun(job string) (list []string) {
	w.locked(func() {
		for _, r := range w.runs {
			if r.job == job {
				list = append(list, r.slot.Format("15:04")+"@"+r.at.Format("15:04:05"))
			}
		}
	})
	return list
}

// fates returns what the journal has of a job, as slot, fate and reason.
func (w *world) fates(job string) (list []string) {
	w.locked(func() {
		for _, s := range w.spans[job] {
			text := s.First.Format("15:04")
			if s.Count > 1 {
				text += fmt.Sprintf("-%s (%d)", s.Last.Format("15:04"), s.Count)
			}
			text += " " + string(s.Fate)
			if s.Reason != "" {
				text += ": " + s.Reason
			}
			list = append(list, text)
		}
	})
	return list
}

func (w *world) want(what string, got []string, want ...string) {
	w.Helper()
	if !slices.Equal(got, want) {
		w.Errorf("%s:\ngot  %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func (w *world) logged(parts ...string) {
	w.Helper()
	for line := range strings.Lines(w.text()) {
		if !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(line, p) }) {
			return
		}
	}
	w.Errorf("no log line has %q:\n%s", parts, w.text())
}

func (w *world) text() (text string) {
	w.locked(func() { text = w.lines.String() })
	return text
}

func (w *world) beaten() (n int) {
	w.locked(func() { n = w.beats })
	return n
}

func (w *world) state(job string) JobState {
	w.Helper()
	for _, s := range w.scheduler.Snapshot() {
		if s.Name == job {
			return s
		}
	}
	w.Fatalf("no job %s in the snapshot", job)
	return JobState{}
}

// The journal.

func (w *world) Cursor(ctx context.Context, job string) (pipeline.Cursor, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, slots := ctx.Deadline(); w.torn && slots {
		panic("a torn page")
	}
	return w.cursors[job], nil
}

func (w *world) Account(ctx context.Context, job string, accounted time.Time, spans []pipeline.Span) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken != nil || ctx.Err() != nil {
		return errors.Join(w.broken, ctx.Err())
	}
	c := w.cursors[job]
	c.Accounted = accounted
	w.cursors[job] = c
	w.spans[job] = append(w.spans[job], spans...)
	return nil
}

func (w *world) Saw(_ context.Context, job, value string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.cursors[job]
	c.Seen = value
	w.cursors[job] = c
	return w.broken
}

func (w *world) gate(job string) chan string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gates[job] == nil {
		w.gates[job] = make(chan string, 1)
	}
	return w.gates[job]
}

func (w *world) Enter(ctx context.Context, job string, waiting func(holder string)) (orphans []string, err error) {
	w.locked(func() { err = w.shut })
	if err := errors.Join(err, ctx.Err()); err != nil {
		return nil, err
	}
	gate := w.gate(job)
	select {
	case gate <- "a scheduled run":
	default:
		holder := <-gate
		gate <- holder
		waiting(holder)
		select {
		case gate <- "a scheduled run":
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	w.locked(func() { orphans, w.orphans = w.orphans, nil })
	return orphans, nil
}

func (w *world) Leave(job string) error {
	select {
	case <-w.gate(job):
		return nil
	default:
		return errors.New("the gate is not held")
	}
}

func (w *world) pause(job, why string) {
	w.locked(func() {
		c := w.cursors[job]
		c.Paused, c.PausedWhy = time.Now(), why
		w.cursors[job] = c
	})
}

func (w *world) resume(job string) {
	w.locked(func() {
		c := w.cursors[job]
		c.Paused, c.PausedWhy = time.Time{}, ""
		w.cursors[job] = c
	})
}

// The observer.

func (w *world) SlotsAccounted(job string, spans []pipeline.Span) {
	w.locked(func() {
		for _, s := range spans {
			w.counted[job] += s.Count
		}
	})
}

func (w *world) RunEnded(string, *pipeline.Summary, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended++
	if w.deaf {
		panic("a label too few")
	}
}
