package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"scored/pipeline"
	"scored/pipeline/warehouse/pgtest"
)

// TestMain is the child that measures memory, too: that is the executable itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "--stage" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

const testdata = "../../../pipeline/model/testdata/scalers"

func TestASmallRunIsMeasured(t *testing.T) {
	if _, err := pgtest.Find(); err != nil && os.Getenv("CI") != "true" {
		t.Skipf("SKIP-postgres: %v", err)
	}
	var out strings.Builder
	s := settings{out: &out, log: t.Output(), rows: 2000, repetitions: 1, bundle: testdata, values: testdata + ".rows.csv"}
	if err := measure(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	// One in 40 of the keys that have a score is new, and as many have another; the contract refuses some rows.
	for _, line := range []string{
		`2000 rows x 5 columns, [89]\d changes, scalers@[0-9a-f]{8}; median of 1`,
		` +drain alone .*`, ` +score alone, 2 goroutines .*`, ` +read and score .*`, ` +whole: read, score, reasons, decide .*`,
		`the whole takes \d+\.\d\d x the slower of draining and scoring; the CPU time of these two, shared by \d+ cores, is \d+\.\d\d x`,
		`memory of a process that makes the whole run: at most [1-9]\d* MiB \(2000 rows, [89]\d changes, .*\)`,
	} {
		if !regexp.MustCompile("(?m)^" + line + "$").MatchString(out.String()) {
			t.Errorf("no line is like %s in:\n%s", line, out.String())
		}
	}
}

func TestAWholeRunWithoutReasonsIsNotMeasured(t *testing.T) {
	for _, tt := range []struct {
		with, without int
		ok            bool
	}{{0, 0, false}, {0, 1, false}, {1, 0, true}, {98, 2, false}, {99, 1, true}, {989, 11, false}, {990, 10, true}} {
		changes := make([]pipeline.Change, tt.with+tt.without)
		for i := range tt.with {
			changes[i].Reasons = "Up: a visit."
		}
		if err := reasoned(changes); (err == nil) != tt.ok {
			t.Errorf("%d changes with reasons and %d without: %v", tt.with, tt.without, err)
		}
	}
}
