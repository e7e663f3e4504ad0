package faults

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"scored/pipeline"
)

// line is what tests look at in a log line.
type line struct {
	Time                     time.Time
	Msg, Error, Hint, Reason string
	Job                      string
	Run                      string `json:"run_id"`
	Class                    string `json:"err_class"`
	End                      pipeline.End
}

// process is the binary in a process of its own.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}

	mu    sync.Mutex
	log   bytes.Buffer
	lines []line
	grown chan struct{} // closed when there is another line, or no other will come
}

// patience is how long a process may live that nobody ends, and how long is waited for what it should do.
const patience = time.Minute

// start starts the binary in the world.
func (w *world) start(t *testing.T, binary string, args ...string) *process {
	t.Helper()
	return w.startWith(t, nil, binary, args...)
}

func (w *world) startWith(t *testing.T, environment []string, binary string, args ...string) *process {
	t.Helper()
	words := append([]string{binary}, append(args, "-c", w.dir+"/scored.yaml")...)
	if w.setup.disk != nil {
		words = w.setup.disk.within(words)
	}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env = append(cmd.Environ(), environment...)
	return start(t, cmd)
}

func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, ended: make(chan struct{}), grown: make(chan struct{})}
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = in, in
	err = cmd.Start()
	in.Close()
	if err != nil {
		out.Close()
		t.Fatal(err)
	}
	go p.read(out)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("%s said\n%s", strings.Join(cmd.Args[1:], " "), p.text())
		}
	})
	return p
}

func (p *process) read(out *os.File) {
	defer close(p.ended)
	s := bufio.NewScanner(out)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var l line
		_ = json.Unmarshal(s.Bytes(), &l) // what is no log line is for people
		p.mu.Lock()
		p.log.WriteString(s.Text() + "\n")
		p.lines = append(p.lines, l)
		close(p.grown)
		p.grown = make(chan struct{})
		p.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, out)
	out.Close()
	_ = p.cmd.Wait()
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// logged returns the lines with a message.
func (p *process) logged(msg string) (found []line) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.lines {
		if l.Msg == msg {
			found = append(found, l)
		}
	}
	return found
}

// await waits until so many lines with a message are logged, and returns the last of them.
func (p *process) await(t *testing.T, msg string, n int) (last line) {
	t.Helper()
	p.until(t, fmt.Sprintf("logged %q %d times", msg, n), func() bool {
		found := p.logged(msg)
		if len(found) >= n {
			last = found[n-1]
		}
		return len(found) >= n
	})
	return last
}

// awaitText waits until the process has said something.
func (p *process) awaitText(t *testing.T, text string) {
	t.Helper()
	p.until(t, fmt.Sprintf("said %q", text), func() bool { return strings.Contains(p.text(), text) })
}

// awaitRun waits until a run of the job that starts after this has ended.
func (p *process) awaitRun(t *testing.T, job string) {
	t.Helper()
	after := time.Now()
	p.until(t, "ended another run of "+job, func() bool {
		ended := p.logged("run ended")
		return slices.ContainsFunc(p.logged("run started"), func(began line) bool {
			return began.Job == job && began.Time.After(after) &&
				slices.ContainsFunc(ended, func(l line) bool { return l.Run == began.Run })
		})
	})
}

// until waits until something is so that shows in the log.
func (p *process) until(t *testing.T, what string, is func() bool) {
	t.Helper()
	late := time.After(patience)
	for {
		p.mu.Lock()
		grown := p.grown
		p.mu.Unlock()
		if is() {
			return
		}
		select {
		case <-grown:
		case <-p.ended:
			if !is() {
				t.Fatalf("it ended before it %s", what)
			}
			return
		case <-late:
			t.Fatalf("for %s it has not %s", patience, what)
		}
	}
}

// endedWell wants every run that ended to have ended well. One that is under way when a process is stopped does not.
func (p *process) endedWell(t *testing.T) {
	t.Helper()
	for _, l := range p.logged("run ended") {
		if l.End != pipeline.OK {
			t.Errorf("run %s ended %s: %s", l.Run, l.End, l.Reason)
		}
	}
}

// end waits for the process's end, and returns its exit code.
func (p *process) end(t *testing.T) (code int) {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatal("the process does not end")
	}
	return p.cmd.ProcessState.ExitCode()
}

// stop ends a daemon as systemd does, and wants it to end well.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.end(t); code != 0 {
		t.Errorf("after SIGTERM it ended with %d", code)
	}
}

// tries is how often a clean run may be late.
const tries = 5

// clean makes a run of each job that nothing disturbs, and wants it to end well.
func (w *world) clean(t *testing.T) {
	t.Helper()
	for name := range w.jobs() {
		p := w.start(t, build(t), "run", name)
		for n := 1; n < tries && p.end(t) != 0 && p.late(); n++ {
			p = w.start(t, build(t), "run", name)
		}
		if code := p.end(t); code != 0 {
			t.Fatalf("a clean run ended with %d", code)
		}
	}
}

// late says whether a run got no answer in time. On wires that is a second, in which a busy machine may not come round.
func (p *process) late() bool {
	return slices.ContainsFunc(p.logged("run ended"), func(l line) bool {
		return strings.Contains(l.Reason, "within 1s") || strings.Contains(l.Reason, "timeout")
	})
}
