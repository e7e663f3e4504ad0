package faults

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"scored/cmd/scored/overlay"
	"scored/pipeline/warehouse/pgtest"
	"scored/sinks/salesforce/fakeorg"
)

// goodbye is how long a service manager waits at most.
const goodbye = 10 * time.Second

// stalls are what a daemon may wait for when it is told to stop. Each begins the wait, and returns a channel that is closed once
// it is on, and what ends it.
var stalls = map[string]func(w *world) (begun <-chan struct{}, end func()){
	"an upload to a Bulk job": func(w *world) (<-chan struct{}, func()) { return w.hold(http.MethodPut, "/batches") },
	"a Bulk job at work": func(w *world) (<-chan struct{}, func()) {
		w.org.HoldBulk()
		begun := make(chan struct{})
		w.org.Inject(fakeorg.Fault{Method: http.MethodGet, Path: "/jobs/ingest/", Rows: map[string]fakeorg.RowError{"nobody": {}},
			Before: func() { close(begun) }})
		return begun, w.org.ReleaseBulk
	},
	"a read": func(w *world) (<-chan struct{}, func()) {
		end := make(chan struct{})
		return w.cluster.Inject(pgtest.Fault{Match: "lead_key", Rows: 100, Stall: end}), func() { close(end) }
	},
}

// hold has the org not answer the next such request.
func (w *world) hold(method, path string) (begun <-chan struct{}, end func()) {
	taken, release := make(chan struct{}), make(chan struct{})
	w.org.Inject(fakeorg.Fault{Method: method, Path: path, Drop: true, Before: func() { close(taken); <-release }})
	return taken, func() { close(release) }
}

// longest is how long a stop may take, for a daemon that is told twice or not.
var longest = map[bool]time.Duration{false: goodbye, true: 3 * time.Second}

// TestStopping tells the daemon to stop in the midst of what takes long. It ends well and in time, or at once when it is told
// twice; and the next one leaves nothing behind.
func TestStopping(t *testing.T) {
	t.Log(repeat())
	build(t)
	for name, stall := range stalls {
		for _, twice := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", told twice"}[twice], func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, setup{bulk: true})
				p, end := w.stalled(t, build(t), stall)
				if took := p.tell(t, twice); took > longest[twice] {
					t.Errorf("it ended after %v", took)
				}
				status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
				killed := ok && status.Signaled() && status.Signal() == syscall.SIGTERM
				if code := p.cmd.ProcessState.ExitCode(); code != 0 && !(twice && killed) {
					t.Errorf("it ended with %s", p.cmd.ProcessState)
				}
				if strings.Contains(p.text(), "panic") {
					t.Error("it panicked")
				}
				end()
				w.move(t, 0.5)
				w.clean(t)
				w.agree(t)
			})
		}
	}
	t.Run("a read, told twice, and deaf to it", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, setup{bulk: true})
		p, end := w.stalled(t, edited(t, deaf, nil), stalls["a read"])
		if took := p.tell(t, true); took <= longest[true] {
			t.Errorf("it ended after %v: it heard the second signal", took)
		}
		end()
	})
}

// deaf takes no second signal.
var deaf = overlay.Instead("cmd/scored/main.go", "context.AfterFunc(ctx, func() { time.AfterFunc(time.Second, stop) })",
	"context.AfterFunc(ctx, func() { time.AfterFunc(time.Hour, stop) })")

// stalled starts a daemon, waits until it stalls, and returns it with what ends the wait.
func (w *world) stalled(t *testing.T, binary string, stall func(w *world) (<-chan struct{}, func())) (p *process, end func()) {
	t.Helper()
	w.clean(t)
	w.move(t, 0.5)
	begun, end := stall(w)
	p = w.start(t, binary, "daemon")
	select {
	case <-begun:
	case <-time.After(patience):
		t.Fatal("it does not begin")
	}
	return p, end
}

// tell tells the daemon to stop, and then, if it is told twice, again until it has ended. It returns how long that took.
func (p *process) tell(t *testing.T, twice bool) (took time.Duration) {
	t.Helper()
	begin := time.Now()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for ended := false; !ended; {
		select {
		case <-p.ended:
			ended = true
		case <-again.C:
			if twice && time.Since(begin) > time.Second {
				_ = p.cmd.Process.Signal(syscall.SIGTERM)
			}
		}
	}
	took = time.Since(begin)
	t.Logf("it ended after %v", took.Round(time.Millisecond))
	return took
}
