package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// hurry shortens what scored.service waits for, and changes nothing else.
const hurry = `[Service]
WatchdogSec=2
TimeoutAbortSec=1
RestartSec=100ms
`

// needsAnalyze skips a test where systemd's own checker is missing, but for CI.
func needsAnalyze(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v: install systemd", err)
		}
		t.Skipf("SKIP-systemd: %v", err)
	}
}

// verify returns what systemd says of the units when all that they name is in place. It exits with 0 on much that is wrong,
// so that only silence is good. Each edit (old, new) is made in scored.service first.
func verify(t *testing.T, edit ...string) string {
	t.Helper()
	root := t.TempDir()
	put(t, filepath.Join(root, "usr/local/bin/scored"), "#!/bin/sh\n", 0o755)
	put(t, filepath.Join(root, "usr/local/bin/scored-once"), "#!/bin/sh\n", 0o755)
	put(t, filepath.Join(root, "bin/kill"), "#!/bin/sh\n", 0o755)
	for _, target := range []string{"basic", "multi-user", "network-online", "shutdown", "sysinit", "time-sync", "timers"} {
		put(t, filepath.Join(root, "usr/lib/systemd/system", target+".target"), "[Unit]\nDescription="+target+"\n", 0o644)
	}
	for _, unit := range []string{"scored.service", "scored-run@.service", "scored-run@.timer"} {
		text := read(t, unit)
		if unit == "scored.service" {
			text = strings.NewReplacer(edit...).Replace(text)
		}
		put(t, filepath.Join(root, "etc/systemd/system", unit), text, 0o644)
	}
	out, err := exec.Command("systemd-analyze", "--root="+root, "verify",
		"scored.service", "scored-run@lead_scoring.service", "scored-run@lead_scoring.timer").CombinedOutput()
	if err != nil {
		return string(out) + err.Error()
	}
	return string(out)
}

func TestSystemdHasNothingToSayOfTheUnits(t *testing.T) {
	needsAnalyze(t)
	if said := verify(t); said != "" {
		t.Errorf("systemd-analyze verify says\n%s", said)
	}
	if said := verify(t, "\nUMask=", "\nUMaks="); !strings.Contains(said, "UMaks") {
		t.Errorf("of a misspelt setting it says %q", said)
	}
	if said := verify(t, "/bin/scored ", "/bin/scord "); !strings.Contains(said, "scord") {
		t.Errorf("of a binary that isn't there it says %q", said)
	}
}

func TestTheServicesAreExposedByTwelveTenthsAtMost(t *testing.T) {
	needsAnalyze(t)
	exposure := func(name, text string) (string, error) {
		path := filepath.Join(t.TempDir(), name)
		put(t, path, text, 0o644)
		out, err := exec.Command("systemd-analyze", "security", "--offline=yes", "--threshold=12", "--no-pager", path).CombinedOutput()
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return lines[len(lines)-1], err
	}
	for _, name := range []string{"scored.service", "scored-run@.service"} {
		verdict, err := exposure(name, read(t, name))
		if err != nil {
			t.Errorf("%s: %v: %s", name, err, verdict)
		}
		t.Log(verdict)
	}
	open := strings.Replace(read(t, "scored.service"), "CapabilityBoundingSet=\n", "", 1)
	if verdict, err := exposure("scored.service", open); err == nil {
		t.Errorf("with all capabilities the threshold holds: %s", verdict)
	}
}

// settings returns the lines of a unit's [Service] section.
func settings(t *testing.T, unit string) []string {
	t.Helper()
	_, service, _ := strings.Cut(read(t, unit), "\n[Service]\n")
	service, _, _ = strings.Cut(service, "\n[")
	var lines []string
	for line := range strings.Lines(service) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}

// sandbox returns who the service is and what it may do: what follows DynamicUser.
func sandbox(t *testing.T, unit string) []string {
	t.Helper()
	lines := settings(t, unit)
	begin := slices.Index(lines, "DynamicUser=yes")
	if begin < 0 {
		t.Fatalf("%s has no DynamicUser=yes", unit)
	}
	return lines[begin:]
}

func TestARunOfTheTimerIsConfinedAsTheDaemonIs(t *testing.T) {
	if daemon, run := sandbox(t, "scored.service"), sandbox(t, "scored-run@.service"); !slices.Equal(daemon, run) {
		t.Errorf("scored.service has\n%s\nscored-run@.service has\n%s", strings.Join(daemon, "\n"), strings.Join(run, "\n"))
	}
}

// The boot test overrides how long the units wait. That they wait for it at all is theirs.
func TestWhatTheBootTestShortensIsInTheUnit(t *testing.T) {
	shipped := settings(t, "scored.service")
	for setting := range strings.Lines(hurry) {
		if key, _, ok := strings.Cut(setting, "="); ok && !slices.ContainsFunc(shipped, func(s string) bool { return strings.HasPrefix(s, key+"=") }) {
			t.Errorf("scored.service has no %s", key)
		}
	}
}

// rundeckJob is what we use of Rundeck's job format.
type rundeckJob struct {
	Name    string
	Options []struct {
		Name, Regex, Value string
		Required, Enforced bool
		Values             []string
	}
	Sequence struct {
		Commands []struct{ Exec string }
	}
}

func rundeckJobs(t *testing.T) []rundeckJob {
	t.Helper()
	var jobs []rundeckJob
	if err := yaml.Unmarshal([]byte(read(t, "rundeck.yaml")), &jobs); err != nil {
		t.Fatal(err)
	}
	return jobs
}

func TestRundeckPassesOnlyWhatScoredKnows(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "scored")
	build(t, binary)
	for _, job := range rundeckJobs(t) {
		t.Run(job.Name, func(t *testing.T) {
			words := strings.Fields(job.Sequence.Commands[0].Exec)
			if len(words) < 4 || !slices.Equal(words[:3], []string{"sudo", "/usr/local/bin/scored-once", job.Name}) {
				t.Fatalf("it calls %v", words)
			}
			help, err := exec.Command(binary, job.Name, "--help").CombinedOutput()
			if err != nil {
				t.Fatalf("scored %s --help: %v: %s", job.Name, err, help)
			}
			for _, word := range words[4:] {
				flag, _, _ := strings.Cut(word, "=")
				if !regexp.MustCompile(`(?m)^ +(-\w, )?` + flag + `\b`).Match(help) {
					t.Errorf("scored %s has no flag %s", job.Name, flag)
				}
			}
		})
	}
}

func TestRundeckChecksWhatItPassesOn(t *testing.T) {
	for _, job := range rundeckJobs(t) {
		var used []string
		for _, option := range regexp.MustCompile(`\$\{option\.(\w+)\}`).FindAllStringSubmatch(job.Sequence.Commands[0].Exec, -1) {
			used = append(used, option[1])
		}
		var offered []string
		for _, o := range job.Options {
			offered = append(offered, o.Name)
			switch {
			case !o.Required:
				t.Errorf("%s: %s may be left out, and its flag then has no value", job.Name, o.Name)
			case o.Enforced:
				if !slices.Contains(o.Values, o.Value) {
					t.Errorf("%s: %s is %q at first, which is none of %q", job.Name, o.Name, o.Value, o.Values)
				}
			default:
				whole, err := regexp.Compile(o.Regex)
				if err != nil || !strings.HasPrefix(o.Regex, "^") || !strings.HasSuffix(o.Regex, "$") {
					t.Errorf("%s: %s has the regular expression %q: %v", job.Name, o.Name, o.Regex, err)
					continue
				}
				for _, bad := range []string{"", "--full", "a b", "$(id)", "a;id", "1d --deliver", "../a"} {
					if whole.MatchString(bad) {
						t.Errorf("%s: %s may be %q", job.Name, o.Name, bad)
					}
				}
				if o.Value != "" && !whole.MatchString(o.Value) {
					t.Errorf("%s: %s is %q at first, which it may not be", job.Name, o.Name, o.Value)
				}
			}
		}
		if !slices.Equal(used, offered) {
			t.Errorf("%s uses the options %q and offers %q", job.Name, used, offered)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// put writes a file and the folders that it needs.
func put(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// build builds the binary that is shipped.
func build(t *testing.T, path string) {
	t.Helper()
	cmd := exec.Command("go", "build", "-trimpath", "-o", path, "../cmd/scored")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build scored: %v\n%s", err, text)
	}
}
