package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

// crashed returns a ledger with one finished run and one whose process is about to die with a write on its way.
func crashed(t *testing.T) (*ledger.Ledger, string) {
	t.Helper()
	path := newPath(t)
	l := opened(t, path)
	finish(t, l, begin(t, l, 0))
	intend(t, l, begin(t, l, 1), change("k", 1))
	return l, path
}

func manual() pipeline.Request { return pipeline.Request{Trigger: pipeline.Manual, AsOf: asOf} }

func TestOnlyOneHoldsAJobsGate(t *testing.T) {
	path := newPath(t)
	one, two := open(t, path), open(t, path)
	for name, ledgers := range map[string][2]*ledger.Ledger{"two ledgers": {one, two}, "goroutines of one ledger": {one, one}} {
		t.Run(name, func(t *testing.T) {
			inside, second := ledgers[0], ledgers[1]
			enter(t, inside, job)
			waits, entered := make(chan string, 2), make(chan error)
			go func() {
				_, err := second.Enter(t.Context(), job, func(holder string) { waits <- holder })
				entered <- err
			}()
			select {
			case holder := <-waits:
				if want := fmt.Sprintf("process %d", os.Getpid()); holder != want {
					t.Errorf("it waits for %q, want %q", holder, want)
				}
			case err := <-entered:
				t.Fatalf("two hold the gate (%v)", err)
			}
			check(t, inside.Leave(job))
			check(t, <-entered)
			if len(waits) > 0 {
				t.Error("it said two times that it waits")
			}
			check(t, second.Leave(job))
		})
	}
}

func TestJobsHaveGatesOfTheirOwn(t *testing.T) {
	l := fresh(t)
	enter(t, l, "other")
	check(t, l.Leave(job))
	enter(t, l, job)
	check(t, l.Leave("other"))
}

// Whoever asks may be another user's process, or read from a ledger that nobody writes.
func TestItIsKnownWhetherAJobIsRunning(t *testing.T) {
	path := newPath(t)
	ro, err := ledger.OpenReadOnly(path)
	check(t, err)
	defer ro.Close()
	asks := func(when string, wantHeld, wantKnown bool) {
		t.Helper()
		if held, known := ro.Running(job); held != wantHeld || known != wantKnown {
			t.Errorf("%s: got held %v, known %v", when, held, known)
		}
	}
	asks("without a ledger", false, false)
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) > 0 {
		t.Errorf("got %v, %v; want no file created", entries, err)
	}
	holder := start(t, "contend", path)
	holder.line(t)
	asks("while another process runs it", true, true)
	holder.kill(t)
	asks("once that was killed", false, true)
	l := open(t, path)
	enter(t, l, job)
	asks("while this process runs it", true, true)
	if held, known := l.Running(job); !held || !known {
		t.Errorf("its holder is told held %v, known %v", held, known)
	}
	check(t, l.Leave(job))
	asks("once it was left", false, true)
	enter(t, l, job) // who asked left nothing locked
}

func TestARunNeedsItsJobsGate(t *testing.T) {
	path := newPath(t)
	l, beside := open(t, path), open(t, path)
	refused := func(when string) {
		t.Helper()
		if run, err := l.Begin(t.Context(), job, manual()); err == nil || !strings.Contains(err.Error(), "not entered") {
			t.Errorf("%s: got %v, %v; want an error", when, run, err)
		}
	}
	refused("before Enter")
	enter(t, beside, job)
	refused("while another ledger is in")
	check(t, beside.Leave(job))
	enter(t, l, "other")
	refused("in another job")
	enter(t, l, job)
	begin(t, l, 0)
	check(t, l.Leave(job))
	refused("after Leave")
	if err := l.Leave(job); err == nil {
		t.Error("a job can be left twice")
	}
	if n := count(t, l, "runs"); n != 1 {
		t.Errorf("there are %d runs", n)
	}
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	path := newPath(t)
	holder := start(t, "contend", path)
	holder.line(t)
	l := open(t, path)
	ctx, cancel := context.WithCancel(t.Context())
	orphans, err := l.Enter(ctx, job, func(string) { cancel() })
	pid := fmt.Sprintf("process %d", holder.Process.Pid)
	if pipeline.ClassOf(err) != pipeline.TryAgain || pipeline.HintOf(err) == "" || !errors.Is(err, context.Canceled) ||
		!strings.Contains(err.Error(), "job "+job+" is being run by "+pid) || orphans != nil {
		t.Errorf("got %v, %v (class %d, hint %q); want a problem that names job and process", orphans, err, pipeline.ClassOf(err), pipeline.HintOf(err))
	}
	if _, err := l.Begin(t.Context(), job, manual()); err == nil {
		t.Error("it can begin a run all the same")
	}
	holder.end(t)
	enter(t, l, job) // whoever gave up left nothing locked
}

func TestAnEndedContextDoesNotEnter(t *testing.T) {
	path := newPath(t)
	l := open(t, path)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Enter(ctx, job, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	enter(t, open(t, path), job)
}

// Each leaves only when the other waits, and comes back at once: without a place in line it would find the gate open.
func TestWhoeverWaitsGoesFirst(t *testing.T) {
	const turns = 20
	path := newPath(t)
	waits := [2]chan struct{}{make(chan struct{}, 1), make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	var order []int
	contender := func(me int, l *ledger.Ledger) error {
		for turn := range turns {
			if _, err := l.Enter(ctx, job, func(string) { waits[me] <- struct{}{} }); err != nil {
				return err
			}
			mu.Lock()
			again := len(order) > 0 && order[len(order)-1] == me
			order = append(order, me)
			mu.Unlock()
			if again {
				cancel()
				return fmt.Errorf("contender %d went before the one that waited: %v", me, order)
			}
			if turn < turns-1 {
				select {
				case <-waits[1-me]:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			if err := l.Leave(job); err != nil {
				return err
			}
		}
		return nil
	}
	ended := make(chan error, 2)
	for me := range 2 {
		l := open(t, path)
		go func() { ended <- contender(me, l) }()
	}
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestABackfillOfAnotherProcessLetsALiveRunThrough(t *testing.T) {
	path := newPath(t)
	backfill := start(t, "contend", path)
	l := open(t, path)
	lines := make(chan string)
	go func() {
		defer close(lines)
		for backfill.out.Scan() {
			lines <- backfill.out.Text()
		}
	}()
	for range 10 {
		<-lines // the backfill is in
		entered := make(chan error, 1)
		waits := make(chan struct{})
		go func() {
			_, err := l.Enter(t.Context(), job, func(string) { close(waits) })
			entered <- err
		}()
		<-waits
		backfill.tell(t, "leave, and come back")
		if line := <-lines; line != "waits" {
			t.Fatalf("the backfill came back with %q before the live run", line)
		}
		check(t, <-entered)
		finish(t, l, begin(t, l, 1))
		check(t, l.Leave(job))
	}
	<-lines
	check(t, backfill.stdin.Close())
	for range lines {
	}
	check(t, backfill.Wait())
}

func TestAKilledHolderFreesTheGateAndLeavesAnOrphan(t *testing.T) {
	path := newPath(t)
	l := open(t, path)
	for range 5 {
		holder := start(t, "contend", path)
		orphan := holder.line(t)
		var orphans []string
		entered := make(chan error, 1)
		waits := make(chan struct{})
		go func() {
			var err error
			orphans, err = l.Enter(t.Context(), job, func(string) { close(waits) })
			entered <- err
		}()
		<-waits
		holder.kill(t)
		check(t, <-entered)
		if !slices.Equal(orphans, []string{orphan}) {
			t.Errorf("got the orphans %q, want %q", orphans, orphan)
		}
		r, ok, err := l.Run(t.Context(), orphan)
		if err != nil || !ok || r.End != pipeline.Interrupted || r.Reason != "the process ended before the run did" || r.Ended.IsZero() || r.Summary != nil {
			t.Errorf("got %+v, %v, %v; want an interrupted run", r, ok, err)
		}
		check(t, l.Bind(t.Context(), job, target, org))
		if err := l.Intend(t.Context(), &r.Run, target, model, nil); err == nil || !strings.Contains(err.Error(), "no such run is open") {
			t.Errorf("got %v; an interrupted run takes no intents", err)
		}
		check(t, l.Leave(job))
	}
}

func TestOnlyTheEnteredJobsRunsAreOrphans(t *testing.T) {
	l, path := crashed(t)
	enter(t, l, "other")
	other, err := l.Begin(t.Context(), "other", manual())
	check(t, err)
	check(t, l.Close())
	l = open(t, path)
	orphans := enter(t, l, job)
	records, err := l.Runs(t.Context(), "", 10)
	check(t, err)
	if len(records) != 3 || !slices.Equal(orphans, []string{records[1].ID}) {
		t.Fatalf("got %q of %+v", orphans, records)
	}
	for i, want := range []pipeline.End{"", pipeline.Interrupted, pipeline.OK} {
		if records[i].End != want {
			t.Errorf("got %+v, want %q", records[i], want)
		}
	}
	if orphans := enter(t, l, "other"); !slices.Equal(orphans, []string{other.ID}) {
		t.Errorf("got %q, want %q", orphans, other.ID)
	}
}

func TestARunOfAnotherProcessIsNoOrphan(t *testing.T) {
	path := newPath(t)
	child := start(t, "contend", path)
	running := child.line(t)
	for range 3 {
		l := open(t, path)
		enter(t, l, "other")
		check(t, l.Saw(t.Context(), job, "x"))
		if r, ok, err := l.Run(t.Context(), running); err != nil || !ok || r.End != "" {
			t.Errorf("got %+v, %v, %v; want an open run", r, ok, err)
		}
		check(t, l.Close())
	}
	child.tell(t, "finish") // it could not if its run had been ended
	child.line(t)
	child.end(t)
}

func TestCloseLeavesEveryJob(t *testing.T) {
	path := newPath(t)
	l := open(t, path)
	enter(t, l, job)
	enter(t, l, "other")
	check(t, l.LockDaemon())
	check(t, l.Close())
	l = open(t, path)
	enter(t, l, job)
	enter(t, l, "other")
	check(t, l.LockDaemon())
}

func TestALedgerHasOneDaemon(t *testing.T) {
	path := newPath(t)
	first := start(t, "daemon", path)
	first.line(t)
	l := open(t, path)
	err := l.LockDaemon()
	if pipeline.ClassOf(err) != pipeline.TryAgain || pipeline.HintOf(err) == "" || !strings.Contains(err.Error(), path) ||
		!strings.Contains(err.Error(), fmt.Sprintf("process %d", first.Process.Pid)) {
		t.Errorf("got %v (class %d, hint %q), want a problem that names process %d", err, pipeline.ClassOf(err), pipeline.HintOf(err), first.Process.Pid)
	}
	enter(t, l, job) // a run works beside the daemon
	finish(t, l, begin(t, l, 0))
	first.kill(t)
	check(t, l.LockDaemon())
	if err := open(t, path).LockDaemon(); pipeline.ClassOf(err) != pipeline.TryAgain {
		t.Errorf("got %v, want one daemon in a process, too", err)
	}
}

func TestItIsKnownWhetherAnotherRunIsWanted(t *testing.T) {
	path := newPath(t)
	one, two := open(t, path), open(t, path)
	asks := func(when string, want bool) {
		t.Helper()
		if got := one.Wanted(job); got != want {
			t.Errorf("%s: got %v", when, got)
		}
	}
	asks("before any run", false)
	enter(t, one, job)
	asks("in its own run", false)
	waits, entered := make(chan string, 1), make(chan error)
	go func() {
		_, err := two.Enter(t.Context(), job, func(holder string) { waits <- holder })
		entered <- err
	}()
	<-waits
	asks("while another run waits", true)
	check(t, one.Leave(job))
	check(t, <-entered)
	asks("while another run is made", true)
	check(t, two.Leave(job))
	asks("after it", false)
}
