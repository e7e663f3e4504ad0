package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"scored/cmd/sandbox/world"
	"scored/pipeline"
	"scored/pipeline/ledger"
	"scored/sinks/salesforce/fakeorg"
)

// often is a schedule on which a test need not wait long for a slot.
const often = `cron: "*/2 * * * * *"`

// process is a daemon in a process of its own, with what it logged.
type process struct {
	*testing.T
	cmd    *exec.Cmd
	status string // address of its pages
	ended  chan struct{}

	mu    sync.Mutex
	lines []line
	grown chan struct{} // closed when there is another line, or no other will come
}

// line is what tests look at in a log line.
type line struct {
	Msg, Slot, Reason, Error, Level string
	RunID                           string `json:"run_id"`
	End                             pipeline.End
	Accepted                        int `json:"rows_accepted"`
	text                            string
}

// startDaemon starts the production binary as a daemon.
func startDaemon(t *testing.T, w *world.World, binary, config string) *process {
	t.Helper()
	p := &process{T: t, status: freeAddress(t), ended: make(chan struct{}), grown: make(chan struct{})}
	p.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), binary, "daemon", "-c", config)
	p.cmd.Env = append(os.Environ(), "SCORED_STATUS_LISTEN="+p.status)
	p.cmd.Env = append(p.cmd.Env, w.Environment()...)
	out, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(out)
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("the daemon logged\n%s", p.text())
		}
	})
	return p
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (p *process) read(out io.Reader) {
	for s := bufio.NewScanner(out); s.Scan(); {
		l := line{text: s.Text()}
		_ = json.Unmarshal(s.Bytes(), &l) // an error before the log begins is plain text
		p.mu.Lock()
		p.lines = append(p.lines, l)
		close(p.grown)
		p.grown = make(chan struct{})
		p.mu.Unlock()
	}
	_ = p.cmd.Wait()
	close(p.ended)
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	for _, l := range p.lines {
		b.WriteString(l.text + "\n")
	}
	return b.String()
}

// mark is where the log stands now.
func (p *process) mark() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.lines)
}

// await returns the first line after a mark that fits, as soon as it is there.
func (p *process) await(from int, what string, fits func(line) bool) line {
	p.Helper()
	patience := time.After(time.Minute)
	for {
		p.mu.Lock()
		for ; from < len(p.lines); from++ {
			if fits(p.lines[from]) {
				defer p.mu.Unlock()
				return p.lines[from]
			}
		}
		grown := p.grown
		p.mu.Unlock()
		select {
		case <-grown:
		case <-p.ended:
			p.Fatalf("the daemon ended before it logged %s", what)
		case <-patience:
			p.Fatalf("the daemon does not log %s", what)
		}
	}
}

func (p *process) awaitMsg(from int, msg string) line {
	p.Helper()
	return p.await(from, fmt.Sprintf("%q", msg), func(l line) bool { return l.Msg == msg })
}

// awaitRequest waits until the daemon has made a request that meets a fault.
func (p *process) awaitRequest(underway <-chan struct{}) {
	p.Helper()
	select {
	case <-underway:
	case <-p.ended:
		p.Fatal("the daemon ended before it made the request")
	case <-time.After(time.Minute):
		p.Fatal("the daemon does not make the request")
	}
}

func (p *process) signal(s os.Signal) {
	p.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.Fatal(err)
	}
}

// stop ends the daemon as systemd does, and wants it to end well.
func (p *process) stop() {
	p.Helper()
	p.signal(syscall.SIGTERM)
	<-p.ended
	if code := p.cmd.ProcessState.ExitCode(); code != exitOK {
		p.Errorf("after SIGTERM it ended with %d", code)
	}
}

func (p *process) get(path string) (code int, body string) {
	p.Helper()
	resp, err := http.Get("http://" + p.status + path)
	if err != nil {
		p.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		p.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// accounted wants every slot of 2 seconds, from the first to the last, to have exactly one fate, and returns how many have
// which.
func accounted(t *testing.T, w *world.World) map[pipeline.Fate]int {
	t.Helper()
	l, err := ledger.OpenReadOnly(filepath.Join(w.Dir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	slots, err := l.Slots(t.Context(), leads, time.Time{}, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	fates := map[pipeline.Fate]int{}
	var next time.Time
	for i := len(slots) - 1; i >= 0; i-- {
		s := slots[i]
		if !next.IsZero() && !s.First.Equal(next) {
			t.Errorf("after the slot before %s comes %s", next, s.First)
		}
		if want := int(s.Last.Sub(s.First)/(2*time.Second)) + 1; s.Count != want {
			t.Errorf("%s to %s are %d slots, the ledger has %d", s.First, s.Last, want, s.Count)
		}
		fates[s.Fate] += s.Count
		next = s.Last.Add(2 * time.Second)
	}
	return fates
}

// held injects a request that the org does not answer before the returned function is called, and returns a channel that is
// closed when it has come.
func held(t *testing.T, w *world.World) (underway chan struct{}) {
	t.Helper()
	underway, release := make(chan struct{}), make(chan struct{})
	w.Org.Inject(fakeorg.Fault{Method: http.MethodPatch, Drop: true, Before: func() { close(underway); <-release }})
	t.Cleanup(func() { close(release) })
	return underway
}

func runsOf(t *testing.T, w *world.World) []pipeline.Record {
	t.Helper()
	l, err := ledger.OpenReadOnly(filepath.Join(w.Dir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	records, err := l.Runs(t.Context(), leads, 100)
	if err != nil || len(records) == 0 {
		t.Fatal(records, err)
	}
	return records
}
