package sfcli_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// patience is how long a command may take. Most take two seconds; one that polls a Bulk job waits five between two polls.
const patience = 2 * time.Minute

// cli is the Salesforce CLI in a home of its own: it finds nothing of the user's, and what it leaves goes with the test.
type cli struct {
	node, program string
	home          string // also the working folder: the CLI leaves result files there
	env           []string
	runs          int
	took          time.Duration
}

// newCLI finds what `make test-sf` has installed.
func newCLI(t *testing.T) *cli {
	t.Helper()
	modules, err := filepath.Abs("node_modules")
	if err != nil {
		t.Fatal(err)
	}
	c := &cli{
		node:    filepath.Join(modules, ".bin", "node"),
		program: filepath.Join(modules, "@salesforce", "cli", "bin", "run.js"),
		home:    t.TempDir(),
	}
	for _, file := range []string{c.node, c.program} {
		if _, err := os.Stat(file); err != nil {
			t.Fatalf("make test-sf installs the CLI and, on Linux and macOS, its Node: %v", err)
		}
	}
	c.env = []string{
		"HOME=" + c.home, "TMPDIR=" + c.home, "PATH=" + filepath.Dir(c.node) + ":" + os.Getenv("PATH"),
		"XDG_CONFIG_HOME=" + c.home + "/config", "XDG_DATA_HOME=" + c.home + "/data", "XDG_CACHE_HOME=" + c.home + "/cache",
		"SF_USE_GENERIC_UNIX_KEYCHAIN=true", // secrets in the home, not in the desktop's keychain
		"SF_DISABLE_TELEMETRY=true", "SF_AUTOUPDATE_DISABLE=true", "SF_SKIP_NEW_VERSION_CHECK=true",
		"SF_DISABLE_LOG_FILE=true", "NO_COLOR=1", "TZ=UTC", "LC_ALL=C.UTF-8",
	}
	return c
}

// answer is how a command ended. The named members are those of what it prints with --json.
type answer struct {
	code   int // of the exit
	stdout string
	stderr string

	Result  json.RawMessage
	Name    string // of an error
	Message string
}

// run runs a command of the CLI to its end. extra are variables of its environment.
func (c *cli) run(t *testing.T, extra []string, args ...string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, c.node, append([]string{c.program}, args...)...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = c.home, slices.Concat(c.env, extra), time.Second
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	c.runs, c.took = c.runs+1, c.took+took

	command := "sf " + strings.Join(args, " ")
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		t.Fatalf("%s: not done after %s\n%s%s", command, patience, &stdout, &stderr)
	case err != nil && !errors.As(err, &exit):
		t.Fatalf("%s: %v", command, err)
	}
	out := answer{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
	t.Logf("%s: exit %d after %.1f s", command, out.code, took.Seconds())
	if args[len(args)-1] == "--json" {
		if err := json.Unmarshal(stdout.Bytes(), &out); err != nil {
			t.Fatalf("%s: what it prints is no JSON: %v\n%s%s", command, err, &stdout, &stderr)
		}
	}
	return out
}

// bulk is a command that writes the rows of a file, all of them at once.
func bulk(operation, object, file string, more ...string) []string {
	return append([]string{"data", operation, "bulk", "--sobject", object, "--file", file}, more...)
}

// json runs a command with --json that must succeed, and decodes its result.
func (c *cli) json(t *testing.T, result any, args ...string) {
	t.Helper()
	out := c.run(t, nil, append(args, "--json")...)
	if out.code != 0 {
		t.Fatalf("exit %d, want 0\n%s%s", out.code, out.stdout, out.stderr)
	}
	if err := json.Unmarshal(out.Result, result); err != nil {
		t.Fatalf("the result is not as expected: %v\n%s", err, out.Result)
	}
}

// refused runs a command with --json that must exit with 1, and say an error's name and certain words.
func (c *cli) refused(t *testing.T, name, words string, args ...string) {
	t.Helper()
	out := c.run(t, nil, append(args, "--json")...)
	if out.code != 1 || out.Name != name || !strings.Contains(out.Message, words) {
		t.Fatalf("exit %d, want 1 with the error %s: %s\n%s%s", out.code, name, words, out.stdout, out.stderr)
	}
}

// write puts rows into a CSV file of the working folder.
func (c *cli) write(t *testing.T, name string, rows [][]string) {
	t.Helper()
	var file bytes.Buffer
	if err := csv.NewWriter(&file).WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	c.writeText(t, name, file.String())
}

func (c *cli) writeText(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.home, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// read returns the rows of a CSV file in the working folder, as maps from the header's names.
func (c *cli) read(t *testing.T, name string) []map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.home, name))
	if err != nil {
		t.Fatal(err)
	}
	return table(t, string(text))
}

// table reads CSV into maps from the header's names.
func table(t *testing.T, text string) []map[string]string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) == 0 {
		t.Fatalf("no CSV with a header: %v\n%s", err, text)
	}
	list := make([]map[string]string, len(rows)-1)
	for i, row := range rows[1:] {
		list[i] = map[string]string{}
		for at, name := range rows[0] {
			list[i][name] = row[at]
		}
	}
	return list
}
