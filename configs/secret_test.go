package configs

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"scored/pipeline"
)

func TestReadSecret(t *testing.T) {
	for content, want := range map[string]string{
		"s3cret": "s3cret", "s3cret\n": "s3cret", "s3cret\r\n": "s3cret", "s3cret\n\n": "s3cret\n", " two words ": " two words ",
		"-----BEGIN KEY-----\nabc\n-----END KEY-----\n": "-----BEGIN KEY-----\nabc\n-----END KEY-----",
	} {
		got, err := ReadSecret(secretFile(t, content, 0o400))
		if err != nil || string(got) != want {
			t.Errorf("%q: got %q, %v; want %q", content, string(got), err, want)
		}
		if shown := fmt.Sprintf("%v %+v %#v %s", got, got, got, got); strings.Contains(shown, "s3cret") {
			t.Errorf("it shows: %s", shown)
		}
	}
	if got, err := ReadSecret(""); got != "" || err != nil {
		t.Errorf("no path: got %q, %v; want no secret", string(got), err)
	}
}

func TestSecretFilesAreTheirOwners(t *testing.T) {
	for mode, allowed := range map[fs.FileMode]bool{
		0o400: true, 0o600: true, 0o440: true, 0o640: true, 0o700: true,
		0o644: false, 0o604: false, 0o444: false, 0o660: false, 0o620: false, 0o602: false, 0o666: false,
	} {
		path := secretFile(t, "s3cret", mode)
		got, err := ReadSecret(path)
		if allowed != (err == nil) || allowed != (got != "") {
			t.Errorf("%04o: got error %v, want it allowed: %v", mode, err, allowed)
		}
		if err != nil && (!strings.Contains(err.Error(), path) || !strings.Contains(pipeline.HintOf(err), "chmod")) {
			t.Errorf("%04o: got %v (hint %q)", mode, err, pipeline.HintOf(err))
		}
	}
}

func TestSecretFilesThatAreNone(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"missing":     filepath.Join(t.TempDir(), "missing"),
		"folder":      t.TempDir(),
		"pipe":        pipe,
		"empty":       secretFile(t, "", 0o400),
		"an end only": secretFile(t, "\n", 0o400),
		"too big":     secretFile(t, strings.Repeat("s3cret", maxSecret), 0o400),
	} {
		got, err := ReadSecret(path)
		if got != "" || pipeline.ClassOf(err) != pipeline.Configuration || pipeline.HintOf(err) == "" ||
			!strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got %q, %v; want a configuration problem that names the path", name, string(got), err)
		}
	}
}

func secretFile(t *testing.T, content string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}
