package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"scored/cmd/sandbox/crm"
	"scored/cmd/sandbox/world"
	"scored/pipeline"
	"scored/pipeline/warehouse/pgtest"
)

// origin is the small world that every test gets a clone of, started once.
var origin struct {
	once  sync.Once
	world *world.World
	err   error
}

// newWorld starts a small world and puts its addresses into the environment.
func newWorld(t *testing.T) *world.World {
	t.Helper()
	if _, err := pgtest.Find(); err != nil && os.Getenv("CI") != "true" {
		t.Skipf("SKIP-postgres: %v", err)
	}
	origin.once.Do(func() {
		options := crm.Demo(busyHour(time.Now().UTC()))
		options.Leads = 500
		origin.world, origin.err = world.New(context.Background(), options, io.Discard)
	})
	if origin.err != nil {
		t.Fatal(origin.err)
	}
	w, err := origin.world.Clone(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	for _, variable := range w.Environment() {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	return w
}

// busyHours are the hours of a day in which scores change: at night, and on Sundays, hardly anything happens.
const busyHours = 3 * time.Hour

// busyHour is the last ten o'clock of a working day after which all of the busy hours are past.
func busyHour(now time.Time) time.Time {
	at := now.Truncate(24 * time.Hour).Add(10 * time.Hour)
	for at.After(now.Add(-busyHours)) || at.Weekday() == time.Saturday || at.Weekday() == time.Sunday {
		at = at.AddDate(0, 0, -1)
	}
	return at
}

// someHours brings what happens in the busy hours.
func someHours(t *testing.T, w *world.World) {
	t.Helper()
	if _, err := w.Load(t.Context(), w.Loaded.Add(busyHours)); err != nil {
		t.Fatal(err)
	}
}

// config writes a copy of the reference config with the replacements made (old, new, old, new, ...), and returns its
// path.
func config(t *testing.T, replacements ...string) string {
	t.Helper()
	text, err := os.ReadFile("../../configs/scored.yaml")
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	edited := string(text)
	for i := 0; i < len(replacements); i += 2 {
		if !strings.Contains(edited, replacements[i]) {
			t.Fatalf("the reference config has no %q", replacements[i])
		}
		edited = strings.ReplaceAll(edited, replacements[i], replacements[i+1])
	}
	edited = strings.NewReplacer(": ../sql/", ": "+root+"/sql/", ": bundles/", ": "+root+"/configs/bundles/").Replace(edited)
	path := filepath.Join(t.TempDir(), "scored.yaml")
	if err := os.WriteFile(path, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// edited writes a copy of a file with one replacement made, and returns its path.
func edited(t *testing.T, path, before, after string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(before)) {
		t.Fatalf("%s has no %q", path, before)
	}
	copied := filepath.Join(t.TempDir(), filepath.Base(path))
	if err := os.WriteFile(copied, bytes.Replace(text, []byte(before), []byte(after), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	return copied
}

// result is what one call of scored did.
type result struct {
	code     int
	out, log string
}

// scored runs a verb in this process.
func scored(t *testing.T, args ...string) result {
	t.Helper()
	var out, log bytes.Buffer
	code := execute(t.Context(), args, &out, &log)
	unleaked(t, args, out.String()+log.String())
	return result{code, out.String(), log.String()}
}

// want fails the test if the exit code differs or a text is nowhere in what was printed.
func (r result) want(t *testing.T, code int, texts ...string) result {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	for _, text := range texts {
		if !strings.Contains(r.out+r.log, text) {
			t.Errorf("nothing printed holds %q", text)
		}
	}
	if t.Failed() {
		t.Fatalf("it printed\n%s\nand logged\n%s", r.out, r.log)
	}
	return r
}

// summary returns the run's one summary line.
func (r result) summary(t *testing.T) pipeline.Summary {
	t.Helper()
	var found []pipeline.Summary
	for line := range strings.Lines(r.log) {
		var s struct {
			Msg string `json:"msg"`
			pipeline.Summary
		}
		if json.Unmarshal([]byte(line), &s) == nil && s.Msg == "run ended" {
			found = append(found, s.Summary)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d summary lines, want 1, in\n%s", len(found), r.log)
	}
	return found[0]
}

// leadScores returns what the org holds: score and model by lead key.
func leadScores(w *world.World) map[string]string {
	scores := map[string]string{}
	for _, r := range w.Org.Records("Lead") {
		if score, ok := r.Fields["Lead_Score__c"].(float64); ok {
			text, _ := json.Marshal([]any{score, r.Fields["Lead_Grade__c"], r.Fields["Lead_Score_Model__c"]})
			scores[r.Fields["Lead_Key__c"].(string)] = string(text)
		}
	}
	return scores
}

// differing returns the keys whose values differ.
func differing(a, b map[string]string) map[string]bool {
	keys := map[string]bool{}
	for key := range maps.Keys(b) {
		if a[key] != b[key] {
			keys[key] = true
		}
	}
	return keys
}

// production is the production binary, built once for all tests that have to kill it.
var production struct {
	once sync.Once
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if origin.world != nil {
		origin.world.Close()
	}
	if production.dir != "" {
		os.RemoveAll(production.dir)
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func build(t *testing.T) string {
	t.Helper()
	production.once.Do(func() {
		if production.dir, production.err = os.MkdirTemp("", "scored-binary-"); production.err != nil {
			return
		}
		cmd := exec.Command("go", "build", "-trimpath", "-o", production.dir, ".")
		cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			production.err = fmt.Errorf("build scored: %w\n%s", err, text)
		}
	})
	if production.err != nil {
		t.Fatal(production.err)
	}
	return filepath.Join(production.dir, "scored")
}
