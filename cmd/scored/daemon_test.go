package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"scored/cmd/sandbox/world"
	"scored/configs"
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

func TestTheDaemonRunsItsSlotsAndAnswersForItself(t *testing.T) {
	w := newWorld(t)
	c := config(t, `cron: "*/15 * * * *"`, often)
	d := startDaemon(t, w, build(t), c)
	first := d.awaitMsg(0, "run ended")
	if first.End != pipeline.OK || first.Accepted == 0 || first.Slot == "" {
		t.Errorf("the first run: %+v", first)
	}
	if held := len(leadScores(w)); held != first.Accepted {
		t.Errorf("the org holds %d scores, %d were accepted", held, first.Accepted)
	}
	at := d.mark()
	if _, err := w.Load(t.Context(), w.Loaded.Add(30*time.Minute)); err != nil {
		t.Fatal(err)
	}
	d.await(at, "a run that sends what is new", func(l line) bool { return l.Msg == "run ended" && l.Accepted > 0 })

	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready", "/metrics": `scored_slots_total{fate="run",job="lead_scoring"}`, "/": leads} {
		if code, body := d.get(path); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s answers %d without %q:\n%s", path, code, want, body)
		}
	}
	second := startDaemon(t, w, d.cmd.Path, c)
	<-second.ended
	if code := second.cmd.ProcessState.ExitCode(); code != exitTryAgain || !strings.Contains(second.text(), fmt.Sprint(d.cmd.Process.Pid)) {
		t.Errorf("a second daemon on the same ledger ended with %d:\n%s", code, second.text())
	}
	scored(t, "run", leads, "-c", c).want(t, exitOK) // beside the daemon
	d.stop()
	if fates := accounted(t, w); fates[pipeline.Ran] < 2 {
		t.Errorf("accounted for: %v", fates)
	}
}

func TestAReloadIsWholeOrNot(t *testing.T) {
	w := newWorld(t)
	c := config(t, `cron: "*/15 * * * *"`, often)
	good, err := os.ReadFile(c)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(c, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	replace := func(old, text string) string {
		t.Helper()
		if !strings.Contains(string(good), old) {
			t.Fatalf("the config has no %q", old)
		}
		return strings.Replace(string(good), old, text, 1)
	}
	d := startDaemon(t, w, build(t), c)
	d.awaitMsg(0, "run ended")

	refusals := []struct{ name, text, want string }{
		{"a typo", replace("query_group:", "query_gruop:"), `did you mean \"query_group\"?`},
		{"no YAML", "jobs: [", "config"},
		{"a spec that never fires", replace(often, `cron: "0 0 31 2 *"`), "never fires"},
		{"a bundle that is none", replace("bundles/lead_scoring", "bundles"), "manifest"},
	}
	for _, r := range refusals {
		at := d.mark()
		write(r.text)
		d.signal(syscall.SIGHUP)
		refused := d.awaitMsg(at, "config refused: the one before stays in force")
		if !strings.Contains(refused.text, r.want) || refused.Level != "ERROR" {
			t.Errorf("%s: it logged %s", r.name, refused.text)
		}
		if _, page := d.get("/"); !strings.Contains(page, "refused") {
			t.Errorf("%s: the page does not say so:\n%s", r.name, page)
		}
		if ended := d.awaitMsg(d.mark(), "run ended"); ended.End != pipeline.OK {
			t.Errorf("%s: the next run: %+v", r.name, ended)
		}
	}

	at := d.mark()
	write(replace("          - {field: Lead_Score_Probability__c, value: probability}\n", ""))
	d.signal(syscall.SIGHUP)
	d.awaitMsg(at, "config reloaded")
	resent := d.await(at, "a run with the new mapping", func(l line) bool { return l.Msg == "run ended" && l.Accepted > 0 })
	if resent.Accepted != len(leadScores(w)) {
		t.Errorf("the new mapping was sent for %d of %d leads", resent.Accepted, len(leadScores(w)))
	}
	if _, page := d.get("/"); strings.Contains(page, "refused") {
		t.Error("the page still shows a refusal")
	}
	d.stop()
	accounted(t, w)
}

// A ledger that is open and a port that is bound stay what they are.
func TestAReloadDoesNotMoveTheDaemon(t *testing.T) {
	now := &generation{cfg: &configs.Config{StateDir: "/a", Status: configs.Status{Listen: "127.0.0.1:1"}}}
	for key, next := range map[string]*configs.Config{
		"state_dir":     {StateDir: "/b", Status: configs.Status{Listen: "127.0.0.1:1"}},
		"status.listen": {StateDir: "/a"},
	} {
		err := now.admits(&generation{cfg: next})
		if pipeline.ClassOf(err) != pipeline.Configuration || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: got %v", key, err)
		}
	}
	if err := now.admits(&generation{cfg: &configs.Config{StateDir: "/a", Status: now.cfg.Status}}); err != nil {
		t.Error(err)
	}
}

// A ledger that can't be written stops the schedule, not the daemon; and nobody is told that all is well.
func TestALedgerThatIsGoneShows(t *testing.T) {
	w := newWorld(t)
	c := config(t, `cron: "*/15 * * * *"`, often)
	d := startDaemon(t, w, build(t), c)
	d.awaitMsg(0, "run ended")
	at := d.mark()
	if err := os.Remove(filepath.Join(w.Dir, "ledger.db")); err != nil {
		t.Fatal(err)
	}
	trouble := d.awaitMsg(at, "the schedule could not be kept")
	if !strings.Contains(trouble.Error, "removed or replaced") {
		t.Errorf("it logged %s", trouble.text)
	}
	if code, body := d.get("/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "removed or replaced") {
		t.Errorf("/readyz answers %d:\n%s", code, body)
	}
	if _, page := d.get("/"); !strings.Contains(page, "Something is wrong") || !strings.Contains(page, "removed or replaced") {
		t.Errorf("the page says\n%s", page)
	}
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

func TestSIGTERMGivesARequestThatIsNotAnsweredUp(t *testing.T) {
	w := newWorld(t)
	c := config(t, `cron: "*/15 * * * *"`, often, "timeout: 30s", "timeout: 100h")
	underway := held(t, w)
	d := startDaemon(t, w, build(t), c)
	<-underway
	d.signal(syscall.SIGTERM)
	ended := d.awaitMsg(0, "run ended")
	<-d.ended
	if code := d.cmd.ProcessState.ExitCode(); code != exitOK || ended.End != pipeline.Interrupted {
		t.Errorf("exit code %d, the run ended %s", code, ended.End)
	}
	records := runsOf(t, w)
	if last := records[0]; last.End != pipeline.Interrupted || last.Summary.Unknown != 200 {
		t.Errorf("the ledger has %+v", last.Summary)
	}
	if fates := accounted(t, w); fates[pipeline.Ran] != 0 {
		t.Errorf("an interrupted slot stays due, and the ledger has %v", fates)
	}
}

func TestASecondSIGTERMEndsItAtOnce(t *testing.T) {
	w := newWorld(t)
	c := config(t, `cron: "*/15 * * * *"`, often)
	underway := held(t, w)
	d := startDaemon(t, w, build(t), c)
	<-underway
	d.signal(syscall.SIGTERM)
	d.awaitMsg(0, "daemon stopping: what is under way ends at the next request boundary")
	for again := time.NewTicker(100 * time.Millisecond); ; {
		select {
		case <-again.C:
			_ = d.cmd.Process.Signal(syscall.SIGTERM)
			continue
		case <-d.ended:
			again.Stop()
		}
		break
	}
	if status, ok := d.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("it ended with %s, and not by the second signal", d.cmd.ProcessState)
	}
}

// A daemon is killed in the middle of a delivery. The next one takes the slot up again and accounts for those between, and
// every lead ends with what a run by itself would give it.
func TestAKilledDaemonIsTakenUpByTheNext(t *testing.T) {
	w := newWorld(t)
	binary := build(t)
	c := config(t, `cron: "*/15 * * * *"`, often, "timeout: 30s", "timeout: 2s")
	d := startDaemon(t, w, binary, c)
	d.awaitMsg(0, "slot ended")
	underway := held(t, w)
	if _, err := w.Load(t.Context(), w.Loaded.Add(30*time.Minute)); err != nil {
		t.Fatal(err)
	}
	<-underway
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-d.ended
	next := startDaemon(t, w, binary, c)
	dead := next.awaitMsg(0, "an earlier run was found dead")
	next.awaitMsg(0, "slot ended")
	next.stop()
	accounted(t, w)
	agrees(t, w, c)
	for _, r := range runsOf(t, w) {
		if r.ID == dead.RunID && r.End != pipeline.Interrupted {
			t.Errorf("the dead run is recorded as %q", r.End)
		}
	}
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

func TestASlotWaitsForItsData(t *testing.T) {
	w := newWorld(t)
	if err := w.Cluster.Exec(t.Context(), "CREATE TABLE loads (loaded_at timestamp)"); err != nil {
		t.Fatal(err)
	}
	c := config(t, `cron: "*/15 * * * *"`, often, `sql: ""`, `sql: SELECT max(loaded_at) FROM loads`)
	d := startDaemon(t, w, build(t), c)
	none := d.awaitMsg(0, "slot skipped")
	if !strings.Contains(none.Reason, "there is no data yet") {
		t.Errorf("without data: %s", none.text)
	}
	at := d.mark()
	if err := w.Cluster.Exec(t.Context(), "INSERT INTO loads VALUES ('2026-11-22 13:00:00')"); err != nil {
		t.Fatal(err)
	}
	d.awaitMsg(at, "run ended")
	same := d.awaitMsg(d.mark(), "slot skipped")
	if !strings.Contains(same.Reason, "no new data: the value is still 2026-11-22 13:00:00") || same.Level != "INFO" {
		t.Errorf("without new data: %s", same.text)
	}
	at = d.mark()
	if err := w.Cluster.Exec(t.Context(), "INSERT INTO loads VALUES ('2026-11-22 13:15:00')"); err != nil {
		t.Fatal(err)
	}
	d.awaitMsg(at, "run ended")
	d.stop()
	if fates := accounted(t, w); fates[pipeline.Ran] != 2 {
		t.Errorf("two loads made %v", fates)
	}
}

func TestAPauseHoldsTheDaemonAndNotThePerson(t *testing.T) {
	w := newWorld(t)
	c := config(t, `cron: "*/15 * * * *"`, often)
	d := startDaemon(t, w, build(t), c)
	d.awaitMsg(0, "run ended")
	scored(t, "pause", leads, "-c", c, "--why", "the org is in maintenance").want(t, exitOK)
	paused := d.await(d.mark(), "that it is paused", func(l line) bool { return strings.Contains(l.Reason, "in maintenance") })
	if !strings.Contains(paused.Reason, "paused") {
		t.Errorf("it logged %s", paused.text)
	}
	at := d.mark()
	scored(t, "run", leads, "-c", c).want(t, exitOK)
	if _, page := d.get("/"); !strings.Contains(page, "in maintenance") {
		t.Error("the page does not say why the job is paused")
	}
	scored(t, "resume", leads, "-c", c).want(t, exitOK)
	d.await(at, "a run after the pause", func(l line) bool { return l.Msg == "run ended" && l.Slot != "" })
	d.stop()
	if fates := accounted(t, w); fates[pipeline.Skipped] == 0 {
		t.Errorf("accounted for: %v", fates)
	}
}

func TestTheHeartbeatBeatsAfterASuccessOnly(t *testing.T) {
	w := newWorld(t)
	beats := make(chan string, 100)
	monitor := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { beats <- r.URL.Path }))
	defer monitor.Close()
	file := filepath.Join(t.TempDir(), "heartbeat")
	if err := os.WriteFile(file, []byte(monitor.URL+"/canary-5d1f"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.Org.Inject(fakeorg.Fault{Method: http.MethodPatch, Times: 1, Status: http.StatusBadRequest, Body: fakeorg.Errors("INVALID_FIELD", "")})
	c := config(t, `cron: "*/15 * * * *"`, often, `heartbeat_url_file: ""`, "heartbeat_url_file: "+file)
	d := startDaemon(t, w, build(t), c)
	if first := d.awaitMsg(0, "run ended"); first.End != pipeline.Failed {
		t.Fatalf("the first run ended %s", first.End)
	}
	if len(beats) > 0 {
		t.Error("a beat for a failed run")
	}
	if path := <-beats; path != "/canary-5d1f" {
		t.Errorf("the monitor was asked for %s", path)
	}
	d.stop()
	if strings.Contains(d.text(), "canary-5d1f") {
		t.Error("the heartbeat's address is in the log")
	}
}

func TestADaemonThatCannotStartSaysWhy(t *testing.T) {
	w := newWorld(t)
	binary := build(t)
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	tests := []struct {
		name, config string
		env          string
		code         int
		want         string
	}{
		{"a typo in the config", config(t, "jitter:", "jiter:"), "", exitConfiguration, `did you mean "jitter"?`},
		{"@every", config(t, `cron: "*/15 * * * *"`, `cron: "@every 15m"`), "", exitConfiguration, "not aligned to the clock"},
		{"no such zone", config(t, "timezone: UTC", "timezone: Europe/Pariss"), "", exitConfiguration, "Europe/Pariss"},
		{"a status page for the world", config(t), "SCORED_STATUS_LISTEN=0.0.0.0:0", exitConfiguration, "loopback"},
		{"a port that is taken", config(t), "SCORED_STATUS_LISTEN=" + busy.Addr().String(), exitTryAgain, busy.Addr().String()},
		{"a when that reads the clock", config(t, `sql: ""`, "sql: SELECT GETDATE()"), "", exitConfiguration, "lead_scoring"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), binary, "daemon", "-c", tt.config)
			cmd.Env = append(os.Environ(), "SCORED_STATUS_LISTEN=127.0.0.1:0")
			cmd.Env = append(append(cmd.Env, w.Environment()...), tt.env)
			text, err := cmd.CombinedOutput()
			ended, ok := errors.AsType[*exec.ExitError](err)
			if !ok || ended.ExitCode() != tt.code || !strings.Contains(string(text), tt.want) || !strings.Contains(string(text), "  -> ") {
				t.Errorf("it ended with %v, not %d and %q with a hint:\n%s", err, tt.code, tt.want, text)
			}
		})
	}
}
