package pipeline_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"scored/pipeline"
)

// The lines of a run are those that carry its id, whoever logs them.
func TestTheLedgerGetsTheLinesOfTheRun(t *testing.T) {
	tail := pipeline.NewTail(slog.NewTextHandler(io.Discard, nil))
	log := slog.New(tail)
	target := &org{onRequest: func() {
		log.With("target", "org").Warn("trying again", "run_id", "lead_scoring-20261122T131500Z-0")
		log.Info("of another run", "run_id", "other")
		log.Info("of no run")
	}}
	ledger := newMemory()
	r := runner(&table{rows: []row{{"a", 1}}}, ledger, target)
	r.Log, r.Tail = log, tail
	if _, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range ledger.log {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		got = append(got, fmt.Sprint(fields["msg"]))
	}
	if want := "run started, changes decided, trying again"; strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %q", strings.Join(got, ", "), want)
	}
}

func TestNoMoreLinesAreKeptThanALedgerWants(t *testing.T) {
	tail := pipeline.NewTail(slog.NewTextHandler(io.Discard, nil))
	log := slog.New(tail)
	target := &org{onRequest: func() {
		for range 5000 {
			log.Info("again", "run_id", "lead_scoring-20261122T131500Z-0")
		}
	}}
	ledger := newMemory()
	r := runner(&table{rows: []row{{"a", 1}}}, ledger, target)
	r.Log, r.Tail = log, tail
	if _, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf}); err != nil {
		t.Fatal(err)
	}
	if len(ledger.log) != 1001 || !strings.Contains(ledger.log[1000], "more than 1000 lines") {
		t.Errorf("%d lines, the last %q", len(ledger.log), ledger.log[len(ledger.log)-1])
	}
}
