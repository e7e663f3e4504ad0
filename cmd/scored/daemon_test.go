package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"scored/configs"
	"scored/pipeline"
	"scored/sinks/salesforce/fakeorg"
)

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
	someHours(t, w)
	d.await(at, "a run that sends what is new", func(l line) bool { return l.Msg == "run ended" && l.Accepted > 0 })

	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready", "/metrics": `scored_slots_total{fate="run",job="lead_scoring"}`, "/": leads} {
		if code, body := d.get(path); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s answers %d without %q:\n%s", path, code, want, body)
		}
	}
	_, metrics := d.get("/metrics")
	for _, series := range []string{
		`scored_version_guard{target="salesforce"} 1`, `scored_api_quota_limit{target="salesforce"} 100000`,
		`scored_quarantine_rows{class="rejected",job="lead_scoring",target="salesforce"} 0`,
	} {
		if !strings.Contains(metrics, series) {
			t.Errorf("the metrics lack %s", series)
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
		err := now.admits(next)
		if pipeline.ClassOf(err) != pipeline.Configuration || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: got %v", key, err)
		}
	}
	if err := now.admits(&configs.Config{StateDir: "/a", Status: now.cfg.Status}); err != nil {
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
