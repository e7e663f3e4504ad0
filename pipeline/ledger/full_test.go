package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

func TestAFullDiskLosesNothingAcknowledged(t *testing.T) {
	l := fresh(t)
	changes, accepted := rows(800)
	run := begin(t, l, 0)
	intend(t, l, run, changes[:400]...)
	before := confirmed(t, l)

	check(t, l.LimitPages(2))
	err := l.Intend(t.Context(), run, target, model, changes[400:])
	if pipeline.ClassOf(err) != pipeline.TryAgain || !strings.Contains(pipeline.HintOf(err), "space") {
		t.Fatalf("got %v (hint %q), want a problem: try again with more space", err, pipeline.HintOf(err))
	}
	if after := confirmed(t, l); !reflect.DeepEqual(after, before) {
		t.Error("a failed write left something behind")
	}
	check(t, l.LimitPages(10_000))
	intend(t, l, run, changes[400:]...)
	check(t, l.Confirm(t.Context(), run, target, accepted))
}

// fillDisks makes ledgers on file systems from nothing to enough, and fails unless each works or says what to do.
func fillDisks(folder string) error {
	made := 0
	for blocks := 1; made < 3; blocks++ {
		if blocks > 200 {
			return errors.New("200 blocks do not hold a ledger")
		}
		if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, fmt.Sprintf("nr_blocks=%d", blocks)); err != nil {
			return fmt.Errorf("mount: %w", err)
		}
		err := useLedger(filepath.Join(folder, "ledger.db"))
		if err := syscall.Unmount(folder, 0); err != nil {
			return fmt.Errorf("unmount: %w", err)
		}
		switch {
		case err == nil:
			made++
		case pipeline.ClassOf(err) != pipeline.TryAgain || !strings.Contains(pipeline.HintOf(err), "space"):
			return fmt.Errorf("with %d blocks: %w (class %d, hint %q)", blocks, err, pipeline.ClassOf(err), pipeline.HintOf(err))
		default:
			fmt.Fprintln(os.Stdout, err)
		}
	}
	return nil
}

func useLedger(path string) error {
	l, err := ledger.Open(path)
	if err != nil {
		return err
	}
	defer l.Close()
	if _, err := l.Enter(context.Background(), job, nil); err != nil {
		return err
	}
	return l.LockDaemon()
}

func TestADiskTooFullForALedgerIsNamed(t *testing.T) {
	p := &process{Cmd: exec.Command(os.Args[0])}
	p.Env = append(os.Environ(), roleVariable+"=fill a disk", pathVariable+"="+t.TempDir())
	p.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := p.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || strings.Contains(string(out), "mount: operation not permitted") {
		t.Skip("SKIP-mount: this machine lets nobody mount a small file system")
	}
	if err != nil || len(out) == 0 {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
