package faults

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

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
				w.clean(t)
				w.move(t, 0.5)
				begun, end := stall(w)
				p := w.start(t, build(t), "daemon")
				select {
				case <-begun:
				case <-time.After(patience):
					t.Fatal("it does not begin")
				}
				p.tell(t, twice)
				end()
				w.move(t, 0.5)
				w.clean(t)
				w.agree(t)
			})
		}
	}
}

// tell tells the daemon to stop, and then, if it is told twice, again until it has ended.
func (p *process) tell(t *testing.T, twice bool) {
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
	took := time.Since(begin)
	t.Logf("it ended after %v", took.Round(time.Millisecond))
	if most := map[bool]time.Duration{false: goodbye, true: 3 * time.Second}[twice]; took > most {
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
}
