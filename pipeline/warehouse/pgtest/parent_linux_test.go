package pgtest_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"scored/pipeline/warehouse/pgtest"
)

// TestTheServerEndsWithItsParent kills a process that has a cluster: this test binary, run once more.
func TestTheServerEndsWithItsParent(t *testing.T) {
	if os.Getenv("PGTEST_CHILD") != "" {
		c, err := pgtest.Start(context.Background(), pgtest.Options{})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(os.Stdout, c.DirectURL())
		select {}
	}
	if _, err := pgtest.Find(); err != nil {
		pgtest.New(t) // skips, or fails in CI
	}
	base, err := os.MkdirTemp("/tmp", "pgtest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	if err := os.Chmod(base, 0o777); err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$")
	child.Env = append(os.Environ(), "PGTEST_CHILD=1", "TMPDIR="+base)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.HasPrefix(line, "postgres://") {
		t.Fatalf("the child says %q, %v", line, err)
	}
	pid := serverPID(t, base)
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	for deadline := time.Now().Add(20 * time.Second); running(pid); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			_ = syscall.Kill(pid, syscall.SIGQUIT)
			t.Fatal("the server outlives its parent")
		}
	}
}

// running says whether a process lives; one that nobody has buried yet does not.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, state, _ := strings.Cut(string(stat), ") ")
	return err == nil && !strings.HasPrefix(state, "Z")
}

func serverPID(t *testing.T, base string) int {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(base, "*", "data", "postmaster.pid"))
	if len(files) != 1 {
		t.Fatalf("%d clusters in %s", len(files), base)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}
