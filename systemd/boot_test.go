//go:build linux

package systemd_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The shipped units under a real systemd, with the real binary. Warehouse and org can't be reached: the machine has no network.
func TestTheServiceUnderSystemd(t *testing.T) {
	needsSystemd(t)
	dir := t.TempDir()
	install(t, dir)
	m := boot(t, dir)
	m.must(t, "systemctl", "enable", "--now", "scored")

	t.Run("it is active once it has said READY", func(t *testing.T) {
		m.want(t, "scored", "ActiveState", "active", "SubState", "running", "NRestarts", "0")
		if status := m.show(t, "scored", "StatusText"); !strings.Contains(status, "next slot") {
			t.Errorf("STATUS=%q does not name the next slot", status)
		}
	})
	t.Run("it answers on loopback", func(t *testing.T) {
		answer := m.must(t, "bash", "-ec", `exec 3<>/dev/tcp/127.0.0.1/9848; printf 'GET /healthz HTTP/1.0\r\nHost: localhost:9848\r\n\r\n' >&3; cat <&3`)
		if !strings.HasPrefix(answer, "HTTP/1.0 200") {
			t.Errorf("/healthz answers %q", answer)
		}
	})
	t.Run("a process that never says READY is not", func(t *testing.T) {
		m.variant(t, "scored.service", "mute", "Restart=no\nTimeoutStartSec=1\nExecStart=\nExecStart=/bin/sleep infinity\n")
		if _, code := m.run(t, "systemctl", "start", "mute"); code == 0 {
			t.Error("it was started all the same")
		}
		m.want(t, "mute", "ActiveState", "failed", "Result", "timeout")
	})
	t.Run("what it may read and write", func(t *testing.T) { testSandbox(t, m) })
	t.Run("it outlives a process that does not tend the watchdog", func(t *testing.T) {
		m.variant(t, "scored.service", "idle", "Type=simple\nRestart=no\nWatchdogSec=2\nExecStart=\nExecStart=/bin/sleep infinity\n")
		m.must(t, "systemctl", "start", "idle")
		m.wait(t, "idle.service: Watchdog timeout")
		m.want(t, "scored", "ActiveState", "active", "NRestarts", "0")
	})
	t.Run("killed, it is started again", func(t *testing.T) {
		before := m.show(t, "scored", "MainPID")
		m.must(t, "systemctl", "kill", "--signal=KILL", "scored")
		m.wait(t, "scored.service: Scheduled restart job")
		m.wait(t, "Started scored.service")
		m.want(t, "scored", "ActiveState", "active", "NRestarts", "1")
		if after := m.show(t, "scored", "MainPID"); after == before {
			t.Errorf("process %s was killed and runs", before)
		}
	})
	t.Run("hanging, it is ended and started again", func(t *testing.T) {
		m.must(t, "systemctl", "kill", "--signal=STOP", "scored")
		m.wait(t, "scored.service: Watchdog timeout")
		m.wait(t, "Started scored.service")
		m.want(t, "scored", "ActiveState", "active", "NRestarts", "2")
	})
	t.Run("a new config is taken without a restart", func(t *testing.T) { testReload(t, m) })
	t.Run("one run in the service's place", func(t *testing.T) { testOnce(t, m) })
	t.Run("stopped, it ends by itself", func(t *testing.T) {
		m.must(t, "systemctl", "stop", "scored")
		m.want(t, "scored", "ActiveState", "inactive")
		m.wait(t, "scored.service: Deactivated successfully")
	})
	t.Run("a run in the foreground is confined as the service, and stops when it is told", func(t *testing.T) { testOnceStops(t, m) })
	t.Run("a config that must be edited does not start it again and again", func(t *testing.T) {
		m.must(t, "rm", "/etc/credstore/scored.salesforce.key")
		if _, code := m.run(t, "systemctl", "start", "scored"); code == 0 {
			t.Error("it started without its key")
		}
		m.want(t, "scored", "ActiveState", "failed", "Result", "exit-code", "ExecMainStatus", "78", "NRestarts", "0")
	})
}

// install lays the files out as README.md says.
func install(t *testing.T, dir string) {
	t.Helper()
	files := map[string]string{
		"etc/passwd":        "root:x:0:0::/root:/bin/sh\nmessagebus:x:100:100::/:/bin/false\nnobody:x:65534:65534::/:/bin/false\n",
		"etc/group":         "root:x:0:\nmessagebus:x:100:\nnogroup:x:65534:\n",
		"etc/nsswitch.conf": "passwd: files systemd\ngroup: files systemd\nhosts: files\n",
		"etc/hosts":         "127.0.0.1 localhost\n",
		"etc/machine-id":    "5c02ed00000000000000000000000001\n",

		"etc/scored/scored.yaml":                         config(t),
		"etc/scored/sql/lead_scoring.sql":                read(t, "../sql/dataprep/lead_scoring.sql"),
		"etc/credstore/scored.salesforce.key":            privateKey(t),
		"etc/credstore/scored.redshift.password":         "secret\n",
		"etc/systemd/system/scored.service":              read(t, "scored.service"),
		"etc/systemd/system/scored-run@.service":         read(t, "scored-run@.service"),
		"etc/systemd/system/scored-run@.timer":           read(t, "scored-run@.timer"),
		"etc/systemd/system/scored.service.d/hurry.conf": hurry,
	}
	for name, text := range files {
		mode := os.FileMode(0o644)
		if strings.Contains(name, "credstore") {
			mode = 0o600
		}
		put(t, filepath.Join(dir, name), text, mode)
	}
	if err := os.CopyFS(filepath.Join(dir, "etc/scored/bundles/lead_scoring"), os.DirFS("../configs/bundles/lead_scoring")); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "local/bin/scored-once"), read(t, "scored-once"), 0o755)
	build(t, filepath.Join(dir, "local/bin/scored"))
}

// config is the reference file, edited as README.md says.
func config(t *testing.T) string {
	t.Helper()
	text := read(t, "../configs/scored.yaml")
	for _, edit := range [][2]string{
		{"private_key_file: /etc/scored/salesforce.key", "private_key_file: $CREDENTIALS_DIRECTORY/salesforce.key"},
		{"password_file: \"\"", "password_file: $CREDENTIALS_DIRECTORY/redshift.password"},
		{"dataprep: ../sql/dataprep/", "dataprep: sql/"},
		{"postgres://scored@redshift.example.com:5439/dev", "postgres://scored@127.0.0.1:5439/dev"}, // the machine's own
		{"connect_patience: 30s", "connect_patience: 1s"},
		{`cron: "*/15 * * * *"`, `cron: "0 3 1 1 *"`}, // nothing but what the test starts
	} {
		if !strings.Contains(text, edit[0]) {
			t.Fatalf("configs/scored.yaml has no %q", edit[0])
		}
		text = strings.Replace(text, edit[0], edit[1], 1)
	}
	return text
}

func privateKey(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// variant installs a copy of a shipped unit under another name, with settings that override its own.
func (m *machine) variant(t *testing.T, shipped, name, settings string) {
	t.Helper()
	m.write(t, "/etc/systemd/system/"+name+".service", read(t, shipped))
	m.write(t, "/etc/systemd/system/"+name+".service.d/variant.conf", "[Service]\n"+settings)
	m.must(t, "systemctl", "daemon-reload")
}

// probe tries out what the service may do, and fails if it is too much or too little.
const probe = `#!/bin/sh
set -eu
denied() { if "$@" 2>/dev/null; then echo "allowed: $*" >&2; exit 1; fi; }
denied cat /etc/credstore/scored.salesforce.key
denied cat /run/credentials/scored.service/salesforce.key
denied touch /etc/scored/probe
denied touch /usr/local/bin/probe
denied test -e /proc/1
denied unshare --user true
denied test -e "$CREDENTIALS_DIRECTORY/salesforce.secret" # that was in no file
cat "$CREDENTIALS_DIRECTORY/salesforce.key" >/var/lib/scored/probe
`

func testSandbox(t *testing.T, m *machine) {
	m.write(t, "/usr/local/bin/probe", probe)
	m.variant(t, "scored.service", "probe", "Type=oneshot\nRestart=no\nExecStart=\nExecStart=/bin/sh /usr/local/bin/probe\n")
	m.must(t, "systemctl", "start", "probe")
	if m.must(t, "cat", "/var/lib/scored/probe") != m.must(t, "cat", "/etc/credstore/scored.salesforce.key") {
		t.Error("the credential differs from what is in the store")
	}
	if owner := strings.TrimSpace(m.must(t, "stat", "--format=%u", "/var/lib/scored/ledger.db")); owner == "0" {
		t.Error("the ledger is root's")
	}
}

func testReload(t *testing.T, m *machine) {
	good := m.must(t, "cat", "/etc/scored/scored.yaml")
	process := m.show(t, "scored", "MainPID")
	m.must(t, "systemctl", "reload", "scored")
	m.wait(t, reloaded)

	m.write(t, "/etc/scored/scored.yaml", good+"\ncolour: blue\n")
	if _, code := m.run(t, "systemctl", "reload", "scored"); code == 0 {
		t.Error("a config with a misspelt key was reloaded")
	}
	m.wait(t, "colour: unknown key")
	m.want(t, "scored", "ActiveState", "active", "MainPID", process)

	m.must(t, "systemctl", "kill", "--signal=HUP", "scored") // past the check
	m.wait(t, refused)
	m.want(t, "scored", "ActiveState", "active", "MainPID", process)
	m.write(t, "/etc/scored/scored.yaml", good)
}

// What the daemon logs when it has read its config again.
const (
	reloaded = "config reloaded"
	refused  = "config refused"
)

func testOnce(t *testing.T, m *machine) {
	for name, c := range map[string]struct {
		args []string
		code int
		text string
	}{
		"a run of the job":       {[]string{"run", "lead_scoring"}, 75, ""},
		"no config of one's own": {[]string{"run", "lead_scoring", "--config", "/tmp/mine.yaml"}, 75, ""},
		"an unknown job":         {[]string{"run", "no_such_job"}, 2, "there is no job"},
	} {
		t.Run(name, func(t *testing.T) {
			text, code := m.run(t, append([]string{"/usr/local/bin/scored-once"}, c.args...)...)
			if code != c.code || !strings.Contains(text, c.text) {
				t.Errorf("exit code %d, want %d and %q; it printed\n%s", code, c.code, c.text, text)
			}
		})
	}
	t.Run("the unit that the timer starts", func(t *testing.T) {
		if _, code := m.run(t, "systemctl", "start", "scored-run@lead_scoring"); code == 0 {
			t.Error("the run was ok without a warehouse")
		}
		m.want(t, "scored-run@lead_scoring", "ExecMainStatus", "75", "SubState", "auto-restart")
		m.must(t, "systemctl", "stop", "scored-run@lead_scoring")
	})
	t.Run("the timer is due at the quarters of an hour, give or take its delay", func(t *testing.T) {
		m.must(t, "systemctl", "start", "scored-run@lead_scoring.timer")
		next := m.show(t, "scored-run@lead_scoring.timer", "NextElapseUSecRealtime")
		m.must(t, "systemctl", "stop", "scored-run@lead_scoring.timer")
		at, err := time.Parse("Mon 2006-01-02 15:04:05 MST", next)
		if err != nil || at.Sub(at.Truncate(15*time.Minute)) > 30*time.Second {
			t.Errorf("it is due at %q", next)
		}
	})
	t.Run("75 is tried again three times", func(t *testing.T) {
		m.variant(t, "scored-run@.service", "busy", "RestartSec=10ms\nExecStart=\nExecStart=/bin/sh -c 'echo is busy; exit 75'\n")
		m.run(t, "systemctl", "start", "busy")
		for range 4 {
			m.wait(t, "is busy")
		}
		m.wait(t, "busy.service: Start request repeated too quickly")
	})
	t.Run("partial is no failure of the unit", func(t *testing.T) {
		m.variant(t, "scored-run@.service", "partial", "RemainAfterExit=yes\nExecStart=\nExecStart=/bin/sh -c 'exit 3'\n")
		m.must(t, "systemctl", "start", "partial")
		m.want(t, "partial", "ExecMainStatus", "3", "ActiveState", "active")
	})
}

// silence is a warehouse that takes connections and never answers: a run is sure to be under way.
const silence = `[Socket]
ListenStream=127.0.0.1:5439
`

func testOnceStops(t *testing.T, m *machine) {
	m.write(t, "/etc/systemd/system/silence.socket", silence)
	m.write(t, "/etc/systemd/system/silence.service", "[Service]\nExecStart=/bin/sleep infinity\n")
	m.must(t, "systemctl", "daemon-reload")
	m.must(t, "systemctl", "start", "silence.socket")

	config := m.must(t, "cat", "/etc/scored/scored.yaml")
	m.write(t, "/etc/scored/scored.yaml", strings.Replace(config, "connect_patience: 1s", "connect_patience: 1m", 1))
	once := m.command("sh", "-c", `echo $$ >/run/once; exec scored-once run lead_scoring`)
	var output strings.Builder
	once.Stdout, once.Stderr = &output, &output
	once.WaitDelay = patience
	if err := once.Start(); err != nil {
		t.Fatal(err)
	}
	m.wait(t, "Started silence.service")
	pid := strings.TrimSpace(m.must(t, "cat", "/run/once"))
	for _, setting := range sandbox(t, "scored.service") {
		property, _, _ := strings.Cut(setting, "=")
		m.want(t, "scored-once-"+pid, property, m.show(t, "scored", property))
	}
	m.must(t, "kill", pid)
	once.Wait()
	if code := once.ProcessState.ExitCode(); code != 75 || !strings.Contains(output.String(), "interrupted") {
		t.Errorf("exit code %d, want 75; it printed\n%s", code, &output)
	}
}
