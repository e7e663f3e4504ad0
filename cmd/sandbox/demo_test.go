package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"scored/pipeline/warehouse/pgtest"
)

// The demo is the first thing that anybody sees of scored: it must show its pages, go on, and leave nothing behind.
func TestTheDemoGoesOnUntilCtrlC(t *testing.T) {
	if _, err := pgtest.Find(); err != nil && os.Getenv("CI") != "true" {
		t.Skipf("SKIP-postgres: %v", err)
	}
	bin, temporary := t.TempDir(), shortTemp(t)
	for _, name := range []string{"scored", "sandbox"} {
		cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", filepath.Join(bin, name), "../"+name)
		cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", name, err, text)
		}
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), filepath.Join(bin, "sandbox"), "demo", "--config", "../../configs/scored.yaml")
	cmd.Env = append(cmd.Environ(), "TMPDIR="+temporary)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches the demo's group, not ours
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()

	var told strings.Builder
	ended := regexp.MustCompile(`slot \d\d:\d\d:\d0  ok  \d+ scored, (\d+) sent and accepted`)
	runs := 0
	for s := bufio.NewScanner(out); s.Scan(); {
		told.WriteString(s.Text() + "\n")
		if !ended.MatchString(s.Text()) {
			continue
		}
		if runs++; runs == 1 {
			showsPages(t, told.String())
		} else if runs == 2 {
			if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err != nil || runs < 2 {
		t.Errorf("after %d runs it ended with %v, and told\n%s", runs, err, told.String())
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("it left %v behind (%v)", left, err)
	}
}

// shortTemp is a folder whose path is short enough for PostgreSQL's socket.
func shortTemp(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "demo")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // the server runs as another user
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func showsPages(t *testing.T, told string) {
	t.Helper()
	urls := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindAllString(told, -1)
	if len(urls) != 2 {
		t.Fatalf("it told of %v:\n%s", urls, told)
	}
	for i, want := range []string{"Vehicle interest", "lead_scoring"} {
		resp, err := http.Get(urls[i])
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(page), want) {
			t.Errorf("%s: %s, %v, without %q", urls[i], resp.Status, err, want)
		}
	}
}
