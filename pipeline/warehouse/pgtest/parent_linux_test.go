package pgtest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

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
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(url, "postgres://") {
		t.Fatalf("the child says %q, %v", url, err)
	}
	conn, err := pgconn.Connect(t.Context(), strings.TrimSpace(url))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Conn().Close()
	pid := serverPID(t, base)
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	// The connection ends with the server.
	if err := conn.Conn().SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn.Conn()); errors.Is(err, os.ErrDeadlineExceeded) {
		_ = syscall.Kill(pid, syscall.SIGQUIT)
		t.Fatal("the server outlives its parent")
	}
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
