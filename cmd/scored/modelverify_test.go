package main

import (
	"bytes"
	"context"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"scored/pipeline"
)

const smallBundle = "../../pipeline/model/testdata/bare_forest"

// What scored dataset writes can be verified once the probabilities stand in it, infinities and exponents included.
func TestModelVerifyReadsWhatDatasetWrites(t *testing.T) {
	b, err := loadBundle(smallBundle)
	if err != nil {
		t.Fatal(err)
	}
	inf := math.Inf(1)
	days := []float64{24.546109009556538, inf, -inf, 1e21, -2.5e-9, math.NaN(), 1e300}
	batch := pipeline.Batch{}
	for _, c := range b.Manifest().Contract {
		batch.Columns = append(batch.Columns, pipeline.Column{Name: c.Name, Type: "float8", Kind: pipeline.Number})
	}
	for i, v := range days {
		batch.Keys = append(batch.Keys, "L"+strconv.Itoa(i))
		for at, other := range []float64{-1, v, 38.5} {
			batch.Columns[at].Numbers = append(batch.Columns[at].Numbers, other)
		}
	}
	scorer, err := b.Bind(batch.Columns)
	if err != nil {
		t.Fatal(err)
	}
	scores, rejected := scorer.Score(&batch, nil, nil, nil)
	probability := map[string]string{"lead_key": "probability"}
	for _, s := range scores {
		probability[s.Key] = strconv.FormatFloat(s.Probability, 'g', -1, 64)
	}
	for _, r := range rejected {
		probability[r.Key] = "refused"
	}
	if len(scores) < 3 || len(rejected) < 3 {
		t.Fatalf("%d rows are scored and %d rejected: this proves little", len(scores), len(rejected))
	}

	path := filepath.Join(t.TempDir(), "leads.csv")
	f, err := newDatasetFile(path, "lead_key")
	if err != nil {
		t.Fatal(err)
	}
	s := &snapshotRows{file: f, asOf: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), labels: &labelRows{}}
	for _, do := range []func() error{
		func() error { return s.Begin(batch.Columns) }, func() error { return s.Add(&batch) }, s.flush,
		func() error { return f.keep(sidecar{}) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	if text := read(t, path); !strings.Contains(text, ",+Inf,") || !strings.Contains(text, ",-Inf,") || !strings.Contains(text, ",1e+21,") {
		t.Fatalf("this proves little:\n%s", text)
	}
	rows := rewritten(t, path, func(_ int, row []string) []string { return append(row, probability[row[1]]) })
	scored(t, "model", "verify", "--rows", rows, smallBundle).want(t, exitOK, "7 rows: ", " 0 wrong", "\nok\n")
}

// A long file need not be read to its end, and neither must one that never ends: a pipe whose writer waits.
func TestModelVerifyStopsWhenItIsInterrupted(t *testing.T) {
	for _, tt := range []struct {
		name  string
		waits bool
	}{{"while rows come", false}, {"while none comes", true}} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "rows.csv")
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended, patience := make(chan struct{}), time.Now().Add(20*time.Second)
			go func() {
				w, err := os.OpenFile(path, os.O_WRONLY, 0)
				if err != nil {
					t.Error(err)
					return
				}
				defer w.Close()
				_, _ = io.WriteString(w, "stage,days,age,probability\n")
				for n := 0; time.Now().Before(patience); n++ {
					if n == 100 {
						cancel()
					}
					if n >= 100 && tt.waits {
						select {
						case <-ended:
							return
						case <-time.After(10 * time.Millisecond):
						}
					} else if _, err := io.WriteString(w, strings.Repeat("-1.0,24.5,38.5,0.5\n", 100)); err != nil {
						return // nobody reads on
					}
				}
			}()
			var out, log bytes.Buffer
			code := execute(ctx, []string{"model", "verify", "--rows", path, smallBundle}, &out, &log)
			close(ended)
			if code != exitTryAgain || time.Now().After(patience) || out.Len() > 0 || !strings.Contains(log.String(), "read rows: "+path) {
				t.Errorf("exit code %d; it printed\n%s\nand logged\n%s", code, &out, &log)
			}
		})
	}
}
