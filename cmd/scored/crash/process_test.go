package crash

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// The stages of a process's life, as they show outside: in its log and at the org.
const (
	starting  = "start"
	reading   = "read and score"
	finishing = "finish a left job"
	preparing = "log in and look at the org"
	settling  = "wait for late requests"
	intending = "record intents"
	sending   = "a request under way"
	confirmed = "record what was accepted"
	pausing   = "wait to try again"
	creating  = "create a Bulk job"
	uploading = "upload"
	closing   = "close"
	polling   = "poll"
	results   = "read and record results"
	deleting  = "delete"
	keeping   = "append to the history"
	ending    = "end"
)

// stages are those of both ways of delivery, in the order in which they come.
var stages = []string{starting, reading, finishing, preparing, settling, intending, sending, confirmed, creating, uploading, closing,
	polling, results, deleting, pausing, keeping, ending}

// always are the stages that every run with changes goes through.
func (k kind) always() []string {
	if k.bulk {
		return []string{starting, reading, preparing, intending, creating, uploading, closing, polling, results, deleting,
			keeping, ending}
	}
	return []string{starting, reading, preparing, intending, sending, confirmed, keeping, ending}
}

// mark is the begin of a stage.
type mark struct {
	stage string
	at    time.Time
}

// shot is when a process is killed: some time after a stage begins, or after its start if that is "".
type shot struct {
	stage string
	after time.Duration
}

// process is the binary in a process of its own.
type process struct {
	cmd     *exec.Cmd
	started time.Time
	ended   chan struct{}
	// unheard are the requests that it waited for in vain.
	unheard atomic.Int64

	mu       sync.Mutex
	versions []int64 // of its runs
	log      bytes.Buffer
	marks    []mark
	decided  bool // what to send to the org
	shot     *shot
	timers   []*time.Timer
	heard    map[string]chan struct{} // closed at the first line with that text
}

// patience is how long a process may live that nobody kills.
const patience = 30 * time.Second

// start starts the binary, to be killed by the shot unless that is nil.
func (w *world) start(t *testing.T, shot *shot, args ...string) *process {
	t.Helper()
	return w.startIn(t, nil, shot, args...)
}

// startIn is start with more variables in the environment.
func (w *world) startIn(t *testing.T, environment []string, shot *shot, args ...string) *process {
	t.Helper()
	cmd := exec.Command(w.binary, append(args, "-c", w.dir+"/scored.yaml")...)
	p := &process{cmd: cmd, started: time.Now(), ended: make(chan struct{}), shot: shot, heard: map[string]chan struct{}{}}
	p.cmd.Env = append(os.Environ(), environment...)
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = in, in
	w.process.Store(p)
	err = p.cmd.Start()
	in.Close()
	if err != nil {
		out.Close()
		t.Fatal(err)
	}
	p.mark(starting)
	p.killIn(patience)
	if shot != nil && shot.stage == "" {
		p.killIn(shot.after)
	}
	go p.read(out)
	t.Cleanup(func() {
		p.kill()
		<-p.ended
	})
	return p
}

// killIn kills the process after a while, if it lives that long.
func (p *process) killIn(after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timers = append(p.timers, time.AfterFunc(after, p.kill))
}

func (p *process) kill() { _ = p.cmd.Process.Kill() }

func (p *process) read(out *os.File) {
	defer close(p.ended)
	for s := bufio.NewScanner(out); s.Scan(); {
		p.line(s.Text())
	}
	_, _ = io.Copy(io.Discard, out)
	out.Close()
	_ = p.cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, timer := range p.timers {
		timer.Stop()
	}
}

// line notes what the process says.
func (p *process) line(text string) {
	var l struct {
		Msg, Target string
		Version     int64
	}
	_ = json.Unmarshal([]byte(text), &l) // what is no log line is for people
	p.mu.Lock()
	p.log.WriteString(text + "\n")
	for part, heard := range p.heard {
		if strings.Contains(text, part) {
			close(heard)
			delete(p.heard, part)
		}
	}
	p.mu.Unlock()
	switch {
	case l.Msg == "run started":
		p.mu.Lock()
		p.decided, p.versions = false, append(p.versions, l.Version)
		p.mu.Unlock()
		p.mark(reading)
	case strings.HasPrefix(l.Msg, "waiting: an earlier run"):
		p.mark(settling)
	case l.Msg == "trying again":
		p.mark(pausing)
	case l.Msg == "changes decided" && l.Target == "salesforce":
		p.mu.Lock()
		p.decided = true
		p.mu.Unlock()
		p.mark(intending)
	case l.Msg == "changes decided":
		p.mark(keeping)
	case l.Msg == "run ended":
		p.mark(ending)
	}
}

// await returns a channel that is closed when the process has said the text.
func (p *process) await(text string) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	heard := make(chan struct{})
	if strings.Contains(p.log.String(), text) {
		close(heard)
	} else {
		p.heard[text] = heard
	}
	return heard
}

// mark notes that a stage begins, and draws the gun if it is the one.
func (p *process) mark(stage string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.marks = append(p.marks, mark{stage, time.Now()})
	if p.shot == nil || p.shot.stage != stage {
		return
	}
	if p.shot.after == 0 { // whoever waits for the org's answer is killed before that
		p.kill()
	}
	p.timers = append(p.timers, time.AfterFunc(p.shot.after, p.kill))
	p.shot = nil
}

// asked notes a request that the org was asked for.
func (p *process) asked(r *http.Request) {
	bulk := strings.Contains(r.URL.Path, "/jobs/ingest")
	p.mu.Lock()
	p.decided = p.decided || bulk && r.Method == http.MethodPost // its log may be behind
	decided := p.decided
	p.mu.Unlock()
	switch {
	case bulk && !decided:
		p.mark(finishing)
	case bulk:
		p.mark(stageOf(r))
	case r.Method == http.MethodPatch:
		p.mark(sending)
	case !decided:
		p.mark(preparing)
	}
}

// stageOf is the stage that a request for a Bulk job begins.
func stageOf(r *http.Request) string {
	switch r.Method {
	case http.MethodPost:
		return creating
	case http.MethodPut:
		return uploading
	case http.MethodPatch:
		return closing
	case http.MethodDelete:
		return deleting
	}
	if strings.Contains(r.URL.Path, "Results") || strings.Contains(r.URL.Path, "unprocessed") {
		return results
	}
	return polling
}

// answered notes that the org answered.
func (p *process) answered(r *http.Request) {
	if r.Method == http.MethodPatch && strings.Contains(r.URL.Path, "/composite/") {
		p.mark(confirmed)
	}
}

// end waits for the process's end, and tells how it ended.
func (p *process) end(t *testing.T) (code int, killed bool) {
	t.Helper()
	<-p.ended
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok {
		t.Fatal("how the process ended can't be told")
	}
	killed = status.Signaled() && status.Signal() == syscall.SIGKILL
	if killed && time.Since(p.started) >= patience {
		t.Fatalf("the process does not end:\n%s", p.text())
	}
	return p.cmd.ProcessState.ExitCode(), killed
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// last is the stage that the process was in when it ended.
func (p *process) last() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.marks[len(p.marks)-1].stage
}
