package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"scored/cmd/sandbox/world"
	"scored/pipeline"
	"scored/sinks/salesforce/fakeorg"
)

func TestAKilledBackfillGoesOnWhereItWas(t *testing.T) {
	w := newWorld(t)
	c := config(t, "timeout: 30s", "timeout: 3s")
	from := midnight(w, 3)
	args := []string{"backfill", leads, "-c", c, "--from", stamp(from), "--to", stamp(from.Add(2 * day)), "--step", "8h"}
	cmd := w.Command(t.Context(), build(t), args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan() && !strings.HasPrefix(lines.Text(), "2/6 "); {
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()

	runs := ledgerRuns(t, w)
	r := scored(t, args...).want(t, exitOK, "were done before", " ok, 0 partial, 0 failed")
	if again := len(r.summaries(t)); again == 0 || again > 4 {
		t.Errorf("%d windows were made after the kill, 2 of 6 were done before it", again)
	}
	for end := from.Add(8 * time.Hour); !end.After(from.Add(2 * day)); end = end.Add(8 * time.Hour) {
		historyAgrees(t, w, c, end)
	}
	if last := runs[0]; last.Ended.IsZero() {
		scored(t, "runs", "show", last.ID, "-c", c).want(t, exitOK, "interrupted: found dead at")
	}
	held := leadScores(w)
	for key, want := range computed(t, c, from.Add(2*day)) {
		if held[key] != want {
			t.Errorf("lead %s holds %q and not the last window's %s", key, held[key], want)
		}
	}
}

// A live run that comes due while a backfill of another process is at a window waits for that window, and goes before the
// next one.
func TestALiveRunGoesBetweenTheWindows(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	from := midnight(w, 3)
	underway, late := holdUp(w)
	cmd := startBackfill(t, w, build(t), c, from)
	<-underway
	out := &watched{want: fmt.Sprintf("waiting: process %d runs lead_scoring", cmd.Process.Pid), seen: make(chan struct{})}
	done := make(chan int)
	go func() { done <- execute(t.Context(), []string{"run", leads, "-c", c}, out, io.Discard) }()
	select {
	case <-out.seen:
		close(late)
	case code := <-done:
		close(late)
		t.Fatalf("the run ended with %d beside the backfill", code)
	}
	if code := <-done; code != exitOK {
		t.Errorf("the run's exit code is %d, and it printed\n%s", code, out.text.String())
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the backfill: %v\n%s", err, cmd.Stdout)
	}
	var order []pipeline.Trigger
	for _, r := range slices.Backward(ledgerRuns(t, w)) {
		order = append(order, r.Trigger)
	}
	if want := []pipeline.Trigger{pipeline.Backfill, pipeline.Manual, pipeline.Backfill, pipeline.Backfill}; !slices.Equal(order, want) {
		t.Errorf("the runs were made in the order %v, want %v", order, want)
	}
}

func TestABackfillWaitsForARunOfAnotherProcess(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	from := midnight(w, 3)
	underway, late := holdUp(w)
	cmd := w.Command(t.Context(), build(t), "run", leads, "-c", c)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-underway
	ctx, cancel := context.WithCancel(t.Context())
	args := []string{"backfill", leads, "-c", c, "--from", stamp(from), "--to", stamp(from.Add(2 * day)), "--step", "1d"}
	backfill := func(ctx context.Context, then func()) (code int, text string) {
		out := &watched{want: fmt.Sprintf("waiting: process %d runs lead_scoring", cmd.Process.Pid), seen: make(chan struct{})}
		done := make(chan int)
		go func() { done <- execute(ctx, args, out, io.Discard) }()
		select {
		case <-out.seen:
			then()
		case code := <-done:
			t.Errorf("the backfill ended with %d beside the run", code)
			return code, out.text.String()
		}
		code = <-done
		return code, out.text.String()
	}
	code, text := backfill(ctx, cancel)
	if code != exitTryAgain || !strings.Contains(text, "0 failed, 0 interrupted, 2 not begun") || !strings.Contains(text, "to go on: ") {
		t.Errorf("stopped while it waited: exit code %d\n%s", code, text)
	}
	if runs := ledgerRuns(t, w); len(runs) != 1 {
		t.Errorf("%d runs were begun beside each other", len(runs))
	}
	code, text = backfill(t.Context(), func() { close(late) })
	if code != exitOK || !strings.Contains(text, "2 windows: 2 ok") {
		t.Errorf("exit code %d\n%s", code, text)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the run: %v", err)
	}
}

func TestASignalStopsABackfillAtARequestBoundary(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	binary := build(t)
	// What is caught here is not ignored in a child, also where the tests are run under nohup.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP)
	defer signal.Stop(caught)
	for i, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM} {
		from := midnight(w, 6-3*i) // the second one has something to send
		underway, late := holdUp(w)
		cmd := startBackfill(t, w, binary, c, from)
		<-underway
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		close(late)
		err := cmd.Wait()
		text := cmd.Stdout.(*bytes.Buffer).String()
		if code := cmd.ProcessState.ExitCode(); code != exitTryAgain {
			t.Errorf("%s: exit code %d (%v), and it printed\n%s", sig, code, err, text)
		}
		if strings.Contains(text, " 0 not begun") || !strings.Contains(text, "to go on: scored backfill") {
			t.Errorf("%s: it printed\n%s", sig, text)
		}
		for _, r := range ledgerRuns(t, w) {
			if r.Ended.IsZero() || r.Summary == nil || r.Summary.Unknown != 0 {
				t.Errorf("%s: it left %+v", sig, r)
			}
		}
		scored(t, "backfill", leads, "-c", c, "--from", stamp(from), "--to", stamp(from.Add(3*day)), "--step", "1d", "--deliver").
			want(t, exitOK, "3 windows of 1d, ", " ok, 0 partial, 0 failed, 0 interrupted, 0 not begun")
		historyAgrees(t, w, c, from.Add(3*day))
	}
}

// holdUp lets the org keep the next write until late is closed, and says when it is there.
func holdUp(w *world.World) (underway, late chan struct{}) {
	underway, late = make(chan struct{}), make(chan struct{})
	w.Org.Inject(fakeorg.Fault{Method: http.MethodPatch, Before: func() { close(underway); <-late }})
	return underway, late
}

// startBackfill starts a delivering backfill of three days in a process of its own.
func startBackfill(t *testing.T, w *world.World, binary, config string, from time.Time) *exec.Cmd {
	t.Helper()
	cmd := w.Command(t.Context(), binary, "backfill", leads, "-c", config,
		"--from", stamp(from), "--to", stamp(from.Add(3*day)), "--step", "1d", "--deliver")
	cmd.Stdout, cmd.Stderr = &bytes.Buffer{}, &bytes.Buffer{}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}
