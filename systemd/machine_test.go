//go:build linux

package systemd_test

import (
	"bufio"
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a machine may take over one thing before the test gives up.
const patience = 30 * time.Second

// machine is a booted systemd.
type machine struct {
	pid     int         // of its PID 1, as seen from here
	journal chan string // lines that nobody has waited for yet
}

// needsSystemd skips a test where no systemd can be booted. In CI, what can be installed must be.
func needsSystemd(t *testing.T) {
	t.Helper()
	for _, program := range []string{"/lib/systemd/systemd", "systemd-run", "dbus-daemon", "unshare", "nsenter", "setpriv"} {
		_, err := exec.LookPath(program)
		if err != nil && os.Getenv("CI") == "true" {
			t.Fatalf("%v: install systemd, dbus and util-linux", err)
		}
		if err != nil {
			t.Skipf("SKIP-systemd: %v", err)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("SKIP-systemd: only root may boot one in namespaces")
	}
	try := exec.Command("unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--fork",
		"sh", "-ec", "mount -t cgroup2 cgroup2 $0; mkdir $0/scored-try; rmdir $0/scored-try", t.TempDir())
	if text, err := try.CombinedOutput(); err != nil {
		t.Skipf("SKIP-systemd: namespaces are not allowed here: %v: %s", err, text)
	}
}

// boot boots a machine with dir/etc and dir/local, which becomes its /usr/local.
func boot(t *testing.T, dir string) *machine {
	t.Helper()
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer notify.Close()

	var console bytes.Buffer
	cmd := exec.Command("unshare", "--mount", "sh", "testdata/boot.sh", dir)
	cmd.Stdout, cmd.Stderr = &console, &console
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	m := &machine{journal: make(chan string, 100_000)}
	t.Cleanup(func() {
		if m.pid == 0 {
			cmd.Process.Kill()
		} else if err := syscall.Kill(m.pid, syscall.SIGKILL); err != nil {
			t.Errorf("power off: %v", err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("boot.sh: %v: %s", err, &console)
		}
	})

	awaitReady(t, notify)
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	if m.pid, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil {
		t.Fatal(err)
	}
	m.follow(t)
	return m
}

// awaitReady waits until systemd says that it has reached its target.
func awaitReady(t *testing.T, notify *net.UnixConn) {
	t.Helper()
	notify.SetReadDeadline(time.Now().Add(patience))
	message := make([]byte, 4096)
	for {
		size, err := notify.Read(message)
		if err != nil {
			t.Fatalf("systemd did not boot: %v", err)
		}
		if bytes.Contains(message[:size], []byte("READY=1")) {
			return
		}
	}
}

// follow reads the journal from now on.
func (m *machine) follow(t *testing.T) {
	t.Helper()
	cmd := m.command("journalctl", "--follow", "--lines=0", "--output=cat")
	lines, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	go func() {
		defer close(m.journal)
		for scanner := bufio.NewScanner(lines); scanner.Scan(); {
			m.journal <- scanner.Text()
		}
	}()
}

// command prepares a program to run on the machine, as root.
func (m *machine) command(args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"--all", "--target", strconv.Itoa(m.pid)}, args...)...)
}

// run runs a program on the machine and returns what it printed, and its exit code.
func (m *machine) run(t *testing.T, args ...string) (string, int) {
	t.Helper()
	cmd := m.command(args...)
	text, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

// must runs a program that has to succeed.
func (m *machine) must(t *testing.T, args ...string) string {
	t.Helper()
	text, code := m.run(t, args...)
	if code != 0 {
		t.Fatalf("%s: exit code %d: %s\n%s", strings.Join(args, " "), code, text, m.tail())
	}
	return text
}

// wait reads the journal up to the line that holds the text, and returns it.
func (m *machine) wait(t *testing.T, text string) string {
	t.Helper()
	for deadline := time.After(patience); ; {
		select {
		case line, ok := <-m.journal:
			if !ok {
				t.Fatalf("the journal ended before %q:\n%s", text, m.tail())
			}
			if strings.Contains(line, text) {
				return line
			}
		case <-deadline:
			t.Fatalf("the journal has no %q:\n%s", text, m.tail())
		}
	}
}

// tail is the end of what was logged.
func (m *machine) tail() string {
	text, _ := m.command("journalctl", "--lines=40", "--output=short-precise").CombinedOutput()
	return string(text)
}

// show returns one property of a unit.
func (m *machine) show(t *testing.T, unit, property string) string {
	t.Helper()
	return strings.TrimSpace(m.must(t, "systemctl", "show", "--value", "--property="+property, unit))
}

// want fails the test unless the unit has the properties (name, value, name, value, ...).
func (m *machine) want(t *testing.T, unit string, properties ...string) {
	t.Helper()
	for i := 0; i < len(properties); i += 2 {
		if got := m.show(t, unit, properties[i]); got != properties[i+1] {
			t.Errorf("%s: %s is %q, want %q\n%s", unit, properties[i], got, properties[i+1], m.tail())
		}
	}
}

// write writes a file of the machine.
func (m *machine) write(t *testing.T, path, text string) {
	t.Helper()
	cmd := m.command("sh", "-ec", `mkdir -p "$(dirname "$0")"; cat >"$0"`, path)
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("write %s: %v: %s", path, err, out)
	}
}
