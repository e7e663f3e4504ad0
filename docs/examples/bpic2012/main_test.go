package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"scored/pipeline/warehouse/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The whole way on made-up applications: what the org holds is what scikit-learn says, and evaluate.py sees it where it
// isn't.
func TestTheOrgHoldsWhatScikitLearnSays(t *testing.T) {
	e := newExample(t, syntheticLog(t))
	var out bytes.Buffer
	err := run(t.Context(), []string{
		"-data", e.data, "-out", e.dir, "-until", "2012-01-13T06:00:00Z", "-scored", e.scored, "-python", e.python,
	}, &out)
	if err != nil {
		t.Fatalf("%v, after it printed\n%s", err, out.String())
	}
	m := regexp.MustCompile(`delivered +([1-9]\d+) probabilities; (\d+) == predict_proba, 0 differ`).FindStringSubmatch(out.String())
	if m == nil || m[1] != m[2] {
		t.Errorf("not every probability was delivered as scikit-learn gives it:\n%s", out.String())
	}

	scores := regexp.MustCompile(`(?m)^(\S+?Z),(\d+),(\d+),([A-D]),([\d.e-]+),(\S+)$`)
	history := regexp.MustCompile(`(?m)^([^,]+:00),(\d+),(0\.\d{13})[0-4](\d*)$`)
	for _, c := range []struct {
		name, file   string
		first        *regexp.Regexp // a line of the first morning
		edited, want string
	}{
		{"another probability", "org.csv", scores, "$1,$2,$3,$4,0.123456,$6", ", 1 differ\n"},
		{"another score", "org.csv", scores, "$1,$2,101,$4,$5,$6", "grades; 1 differ\n"},
		{"another grade", "org.csv", scores, "$1,$2,$3,Z,$5,$6", "grades; 1 differ\n"},
		{"a score that did not arrive", "org.csv", scores, "", "grades; 1 differ\n"},
		{"one that nobody waits for", "org.csv", scores, "$0\n$1,000000,$3,$4,$5,$6", "1 delivered\n"},
		{"another 14th digit", "history.csv", history, "$1,$2,${3}9$4", "; 1 differ in any bit\n"},
		{"no history", "history.csv", history, "", "; 1 differ in any bit\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(e.dir, c.file)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.WriteFile(path, text, 0o600) })
			at := c.first.FindSubmatchIndex(text)
			line := c.first.ExpandString(nil, c.edited, string(text), at)
			if err := os.WriteFile(path, slices.Concat(text[:at[0]], line, text[at[1]:]), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), e.python, "evaluate.py")
			cmd.Dir = e.dir
			said, err := cmd.CombinedOutput()
			if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(said), c.want) {
				t.Errorf("%v, want exit code 1 and %q in\n%s", err, c.want, said)
			}
		})
	}
}

// Rows as of an instant are the same whether the warehouse knows the future or not.
func TestARowSeesOnlyWhatHappenedBefore(t *testing.T) {
	const before, asOf = "2012-01-09T06:00:00Z", "2012-01-10T06:00:00Z"
	e := newExample(t, syntheticLog(t))
	if err := e.prepare(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.close() })
	if err := e.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows := func(name string) string {
		if err := e.call(t.Context(), e.scored, "dataset", job, "--from", before, "--to", asOf, "--out", name); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(e.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	knowing := rows("knowing.csv")
	if n := strings.Count(knowing, "\n"); n < 50 {
		t.Fatalf("%d lines are too few to tell", n)
	}
	err := e.warehouse.Exec(t.Context(), `
		DELETE FROM bank.events WHERE event_ts >= '2012-01-10 06:00';
		DELETE FROM bank.decisions WHERE decided_at >= '2012-01-10 06:00';
		DELETE FROM bank.applications WHERE submitted_at >= '2012-01-10 06:00'`)
	if err != nil {
		t.Fatal(err)
	}
	if rows("unknowing.csv") != knowing {
		t.Error("the rows differ when the future is deleted")
	}
}

func TestLoad(t *testing.T) {
	on := func(at, activity string) event {
		return event{activity: activity, lifecycle: "COMPLETE", at: instant(t, at)}
	}
	e := newExample(t, writeLog(t, []application{
		{submitted: instant(t, "2011-10-30T00:50:00Z"), amount: 5000, events: []event{ // 02:50 in summer, then 02:10 in winter
			on("2011-10-30T00:50:00Z", "A_SUBMITTED"),
			on("2011-10-30T01:10:00Z", "O_SENT_BACK"),
			on("2011-10-30T02:00:00.001Z", "O_ACCEPTED"),
			on("2011-10-30T02:00:00.002Z", "A_REGISTERED"),
			on("2011-10-30T02:00:00.002Z", "A_APPROVED"),
			on("2011-10-30T02:00:07Z", "W_Valideren aanvraag"),
		}},
		{submitted: instant(t, "2012-01-01T12:00:00Z"), amount: 0, events: []event{
			on("2012-01-01T12:00:00Z", "A_SUBMITTED"),
			on("2012-01-02T12:00:00Z", "O_CANCELLED"), // an offer that another replaces
			on("2012-01-03T12:00:00Z", "A_CANCELLED"),
			on("2012-01-03T12:00:00Z", "O_CANCELLED"),
		}},
		{submitted: instant(t, "2012-02-28T12:00:00Z"), amount: 7000, events: []event{ // still open
			on("2012-02-28T12:00:00Z", "A_SUBMITTED"),
			on("2012-02-28T12:00:01Z", "A_PREACCEPTED"),
		}},
	}))
	t.Cleanup(func() { _ = e.close() })
	if err := e.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, query string
		want        [][]string
	}{
		{"decided ones only, in UTC",
			"SELECT application_key, submitted_at, amount FROM bank.applications ORDER BY 1",
			[][]string{{"173688", "2011-10-30 00:50:00", "5000"}, {"173691", "2012-01-01 12:00:00", "0"}}},
		{"the first of the events that tell the outcome is its moment",
			"SELECT application_key, decided_at, accepted FROM bank.decisions ORDER BY 1",
			[][]string{{"173688", "2011-10-30 02:00:00.001", "1"}, {"173691", "2012-01-03 12:00:00", "0"}}},
		{"nothing from the outcome on",
			"SELECT application_key, nth, event_ts, activity FROM bank.events ORDER BY 1, 2",
			[][]string{
				{"173688", "0", "2011-10-30 00:50:00", "A_SUBMITTED"},
				{"173688", "1", "2011-10-30 01:10:00", "O_SENT_BACK"},
				{"173691", "0", "2012-01-01 12:00:00", "A_SUBMITTED"},
				{"173691", "1", "2012-01-02 12:00:00", "O_CANCELLED"},
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := e.warehouse.Query(t.Context(), c.query)
			if err != nil || !slices.EqualFunc(got, c.want, slices.Equal) {
				t.Errorf("got %v, %v\nwant %v", got, err, c.want)
			}
		})
	}
}

// newExample prepares the example with a binary of its own. It needs PostgreSQL and the Python of make.
func newExample(t *testing.T, data string) *example {
	t.Helper()
	python, err := filepath.Abs("../../../.venv/bin/python")
	if err == nil {
		_, err = os.Stat(python)
	}
	if err == nil {
		_, err = pgtest.Find()
	}
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal(err)
	} else if err != nil {
		t.Skipf("SKIP-example: %v", err)
	}
	e := &example{data: data, dir: t.TempDir(), scored: filepath.Join(t.TempDir(), "scored"), python: python, out: io.Discard}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", e.scored, "scored/cmd/scored")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build scored: %v\n%s", err, text)
	}
	return e
}
