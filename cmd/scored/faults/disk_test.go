package faults

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// diskVariable names the folder, in the environment of this program, where it is to mount a small disk and wait for orders.
const diskVariable = "FAULTS_DISK"

const (
	block     = 4096
	diskSize  = 512 // blocks: of a disk that holds a ledger of the world's leads, and more
	remountRO = "ro"
	remountRW = "rw"
)

// keepDisk mounts a disk on the folder and remounts it as it is told, until nobody tells it any more.
func keepDisk(folder string) error {
	size := fmt.Sprintf("nr_blocks=%d", diskSize)
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, size); err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "mounted")
	for s := bufio.NewScanner(os.Stdin); s.Scan(); {
		flags := uintptr(syscall.MS_REMOUNT)
		if s.Text() == remountRO {
			flags |= syscall.MS_RDONLY
		}
		if err := syscall.Mount("tmpfs", folder, "tmpfs", flags, size); err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, "mounted")
	}
	return nil
}

// disk is a small one that a process keeps in a namespace of its own.
type disk struct {
	folder string // in the namespace
	pid    int
	in     io.Writer
	out    *bufio.Scanner
}

// outside leads to the folder from outside the namespace.
func (d *disk) outside() string { return fmt.Sprintf("/proc/%d/root%s", d.pid, d.folder) }

// within makes a command one that runs in the namespace.
func (d *disk) within(args []string) []string {
	return append([]string{"nsenter", "-t", strconv.Itoa(d.pid), "-U", "-m", "--preserve-credentials"}, args...)
}

// copied is the ledger, as a copy that can be opened here.
func (d *disk) copied(t *testing.T) string {
	t.Helper()
	to := t.TempDir()
	for _, end := range []string{"", "-wal"} {
		text, err := os.ReadFile(filepath.Join(d.outside(), "ledger.db"+end))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, "ledger.db"+end), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(to, "ledger.db")
}

func newDisk(t *testing.T) *disk {
	t.Helper()
	if _, err := exec.LookPath("nsenter"); err != nil {
		t.Skip("SKIP-mount: nsenter is missing")
	}
	at := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), diskVariable+"="+at)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	const denied = "SKIP-mount: this machine lets nobody mount a small file system"
	if err := cmd.Start(); errors.Is(err, syscall.EPERM) {
		t.Skip(denied)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	d := &disk{folder: at, pid: cmd.Process.Pid, in: in, out: bufio.NewScanner(out)}
	if !d.out.Scan() {
		t.Skip(denied)
	}
	return d
}

func (d *disk) remount(t *testing.T, how string) {
	t.Helper()
	if _, err := fmt.Fprintln(d.in, how); err != nil || !d.out.Scan() {
		t.Fatalf("the disk was not remounted: %v", err)
	}
}

func (d *disk) ballast() string { return filepath.Join(d.outside(), "ballast") }

// fill leaves so many blocks.
func (d *disk) fill(t *testing.T, left int) {
	t.Helper()
	f, err := os.Create(d.ballast())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	full, size := error(nil), 0
	for full == nil {
		var n int
		n, full = f.Write(make([]byte, block))
		size += n
	}
	if err := f.Truncate(int64(size - left*block)); err != nil || !errors.Is(full, syscall.ENOSPC) {
		t.Fatal(full, err)
	}
}

func (d *disk) empty(t *testing.T) {
	t.Helper()
	if err := os.Remove(d.ballast()); err != nil {
		t.Fatal(err)
	}
}

// onDisk is a world whose ledger is on a small disk, with one run made.
func onDisk(t *testing.T) (*world, *disk) {
	t.Helper()
	d := newDisk(t)
	w := newWorld(t, setup{disk: d})
	build(t)
	w.clean(t)
	return w, d
}

// between counts the leads of which the org holds neither what it held before nor what is to come.
func between(now, before, after map[string]value) (n int) {
	for key, v := range now {
		if v != before[key] && v != after[key] {
			n++
		}
	}
	return n
}

// TestAFullDisk leaves a run less and less room for its ledger. It ends well, or says what is missing; the org holds of each lead
// what it held before, or what is right; and when there is room again the next run leaves nothing behind.
func TestAFullDisk(t *testing.T) {
	t.Log(repeat())
	w, d := onDisk(t)
	codes := map[int]int{}
	for _, left := range []int{0, 1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 32, 64, 128} {
		before := w.holds()
		w.move(t, 0.5)
		d.fill(t, left)
		p := w.start(t, build(t), "run", job)
		code := p.end(t)
		codes[code]++
		switch text := p.text(); {
		case code == 0 || code == 3:
		case code != 75 || !strings.Contains(text, "space"):
			t.Errorf("with %d blocks left it ended with %d and said\n%s", left, code, text)
		}
		if n := between(w.holds(), before, w.scores(t)); n > 0 {
			t.Errorf("with %d blocks left the org has something wrong for %d leads", left, n)
		}
		d.empty(t)
		w.clean(t)
		w.agree(t)
	}
	t.Logf("runs by exit code: %v", codes)
	if codes[75] == 0 || codes[0]+codes[3] == 0 {
		t.Errorf("the disk was never full, or always: %v", codes)
	}
}

// TestADiskThatFillsUnderTheDaemon has the daemon's slots fail for lack of room, and go on when there is some.
func TestADiskThatFillsUnderTheDaemon(t *testing.T) {
	t.Log(repeat())
	w, d := onDisk(t)
	p := w.start(t, build(t), "daemon")
	p.await(t, "run ended", 1)
	before := w.holds()
	d.fill(t, 0)
	w.move(t, 0.5)
	p.awaitText(t, "free some space on the disk that holds the ledger")
	if n := between(w.holds(), before, w.scores(t)); n > 0 {
		t.Errorf("the org has something wrong for %d leads", n)
	}
	d.empty(t)
	w.awaitQuiet(t, p)
	p.stop(t)
	w.agree(t)
}

// TestAReadOnlyDisk has a run refuse a ledger that it can't write, and name its folder.
func TestAReadOnlyDisk(t *testing.T) {
	w, d := onDisk(t)
	before := w.holds()
	w.move(t, 0.5)
	d.remount(t, remountRO)
	p := w.start(t, build(t), "run", job)
	if code := p.end(t); code != 78 || !strings.Contains(p.text(), d.folder) || !strings.Contains(p.text(), "->") {
		t.Errorf("it ended with %d and said\n%s", code, p.text())
	}
	if n := differ(w.holds(), before); n > 0 {
		t.Errorf("a run without a ledger changed %d leads", n)
	}
	d.remount(t, remountRW)
	w.clean(t)
	w.agree(t)
}
