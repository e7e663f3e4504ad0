package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"scored/pipeline"
	"scored/pipeline/policy"
)

// scripted is a Model whose scorers do something before they score as identity does.
type scripted struct {
	identity
	before func(b *pipeline.Batch)
	bound  atomic.Int32
}

type scriptedScorer struct {
	*scripted
	busy atomic.Bool
}

func (m *scripted) Bind([]pipeline.Column) (pipeline.Scorer, error) {
	m.bound.Add(1)
	return &scriptedScorer{scripted: m}, nil
}

func (s *scriptedScorer) Score(b *pipeline.Batch, due func(pipeline.Score) bool, scores []pipeline.Score, rejected []pipeline.Rejection) ([]pipeline.Score, []pipeline.Rejection) {
	if s.busy.Swap(true) {
		panic("two goroutines use a scorer")
	}
	defer s.busy.Store(false)
	if s.before != nil {
		s.before(b)
	}
	return s.identity.Score(b, due, scores, rejected)
}

// many gives so many rows, every tenth without a score.
func many(rows int) *table {
	t := &table{}
	for i := range rows {
		v := float64(i % 100)
		if i%10 == 9 {
			v = math.NaN()
		}
		t.rows = append(t.rows, row{fmt.Sprintf("k%05d", (i*7919)%rows), v})
	}
	return t
}

func TestRowsOfManyBatchesAllArriveWithRejectionsInTheirOrder(t *testing.T) {
	source, sink, ledger, model := many(5001), &org{}, newMemory(), &scripted{}
	r := runner(source, ledger, sink)
	r.Model = model
	s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf})
	if err != nil || s.Read != 5001 || s.Scored != 4501 || s.Rejected != 500 || len(sink.written) != 4501 {
		t.Errorf("read %d, scored %d, rejected %d, sent %d, %v", s.Read, s.Scored, s.Rejected, len(sink.written), err)
	}
	next := 0
	for _, row := range source.rows {
		if !math.IsNaN(row.value) {
			continue
		}
		if got := ledger.rejected[next].Key; got != row.key {
			t.Fatalf("rejection %d is of %s, want %s: the rows' order", next, got, row.key)
		}
		next++
	}
	if model.bound.Load() != 2 {
		t.Errorf("%d scorers were bound, want one for each of two goroutines", model.bound.Load())
	}
	if source.made > 3 {
		t.Errorf("%d batches go round, want 3 at most: one is read while two are scored", source.made)
	}
}

func TestReadingGoesOnWhileBatchesAreScored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it ends with a deadlock if the second batch is not read before the first is scored
		var begun atomic.Int32
		both := make(chan struct{})
		r := runner(five(), newMemory(), &org{})
		r.Model = &scripted{before: func(*pipeline.Batch) {
			if begun.Add(1) == 2 {
				close(both)
			}
			<-both
		}}
		if s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf}); err != nil || s.Accepted != 5 {
			t.Errorf("accepted %d, %v", s.Accepted, err)
		}
	})
}

func TestABatchIsNotFilledAgainWhileItIsScored(t *testing.T) {
	var wrong atomic.Int32
	source := many(4000)
	want := map[string]float64{}
	for _, row := range source.rows {
		want[row.key] = row.value
	}
	r := runner(source, newMemory(), &org{})
	r.Model = &scripted{before: func(b *pipeline.Batch) {
		for i, key := range b.Keys {
			if v := b.Columns[0].Numbers[i]; v != want[key] && !math.IsNaN(want[key]) {
				wrong.Add(1)
			}
		}
	}}
	if _, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf}); err != nil || wrong.Load() > 0 {
		t.Errorf("%d values changed under the scorer, %v", wrong.Load(), err)
	}
}

// A scorer's goroutine is not the run's: its panic must still be the run's error, with the place where it was raised.
func TestAPanicInAScorerIsAnErrorOfTheRun(t *testing.T) {
	for _, at := range []string{"k00000", "last"} {
		var log bytes.Buffer
		source, ledger := many(1000), newMemory()
		source.rows = append(source.rows, row{"last", 1})
		r := runner(source, ledger, &org{})
		r.Log = slog.New(slog.NewJSONHandler(&log, nil))
		r.Model = &scripted{before: func(b *pipeline.Batch) { explode(b, at) }}
		s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf})
		if s.End != pipeline.Failed || err == nil || !strings.Contains(err.Error(), "index out of forest") || strings.Contains(err.Error(), "goroutine") || ledger.summary != s {
			t.Errorf("ended %s, %v", s.End, err)
		}
		if !strings.Contains(log.String(), "pipeline_test.explode") {
			t.Errorf("the log does not say where it was raised: %s", log.String())
		}
	}
}

func explode(b *pipeline.Batch, at string) {
	for _, key := range b.Keys {
		if key == at {
			panic("index out of forest")
		}
	}
}

// interrupted is a source whose read ends with an error, or begins again, while scorers are at work.
type interrupted struct {
	*table
	cancel func()
}

func (s *interrupted) Read(ctx context.Context, run *pipeline.Run, rows pipeline.Rows) error {
	if err := s.table.Read(ctx, run, rows); err != nil {
		return err
	}
	s.cancel()
	return ctx.Err()
}

func TestASignalWhileRowsAreScoredEndsTheRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	sink := &org{}
	r := runner(&interrupted{table: many(3000), cancel: cancel}, newMemory(), sink)
	s, err := r.Run(ctx, pipeline.Request{AsOf: asOf})
	if s.End != pipeline.Interrupted || !errors.Is(err, context.Canceled) || sink.calls != 0 {
		t.Errorf("ended %s, %v, %d requests", s.End, err, sink.calls)
	}
}

// stubborn is a source that begins again after a row was not taken, and then fails itself.
type stubborn struct{ *table }

func (s stubborn) Read(ctx context.Context, run *pipeline.Run, rows pipeline.Rows) error {
	if err := s.table.Read(ctx, run, rows); err == nil {
		return errors.New("every row was taken")
	}
	return errors.Join(rows.Begin([]pipeline.Column{{Name: "x", Kind: pipeline.Number}}), errors.New("connection lost"))
}

func TestTheErrorOfAReadingBeforeIsVoid(t *testing.T) {
	r := runner(stubborn{many(1000)}, &states{memory: newMemory(), err: errors.New("disk I/O error")}, &org{})
	r.Targets[0].Reasons = true
	if _, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf}); err == nil || !strings.Contains(err.Error(), "dataprep result: connection lost") {
		t.Errorf("got %v", err)
	}
}

func TestWhatAReadingBeforeGaveIsVoid(t *testing.T) {
	source, ledger, sink := many(999), newMemory(), &org{}
	source.again = true
	s, err := runner(source, ledger, sink).Run(t.Context(), pipeline.Request{AsOf: asOf})
	if err != nil || s.Read != 999 || s.Rejected != 99 || len(ledger.rejected) != 99 || len(sink.written) != 900 {
		t.Errorf("read %d, rejected %d, sent %d, %v", s.Read, s.Rejected, len(sink.written), err)
	}
}

func TestARowCostsNoAllocation(t *testing.T) {
	const rows = 50_000
	for _, reasons := range []bool{false, true} { // of scores that the target has confirmed, but for one
		allocations := func(rows int) float64 {
			source, ledger := &table{size: 1000}, &states{memory: newMemory(), confirmed: map[string][]pipeline.Confirmed{}}
			for i := range rows {
				key := fmt.Sprintf("k%05d", i)
				source.rows = append(source.rows, row{key, 1})
				ledger.confirmed["org"] = append(ledger.confirmed["org"], pipeline.Confirmed{Key: key, Score: 1, Grade: "A", Model: identity{}.Name()})
			}
			source.rows[0].value = 2
			r := runner(source, ledger, &org{})
			r.Targets[0].Reasons, r.Decide = reasons, policy.Delta
			return testing.AllocsPerRun(3, func() {
				plan, err := r.DryRun(t.Context(), pipeline.Request{AsOf: asOf})
				if err != nil {
					t.Fatal(err)
				}
				if d := plan.Targets[0]; d.Unchanged != rows-1 || (d.Changes[0].Reasons != "") != reasons {
					t.Fatalf("%d of %d scores unchanged, reasons of the other: %q", d.Unchanged, rows, d.Changes[0].Reasons)
				}
			})
		}
		if perRow := (allocations(rows) - allocations(1)) / rows; perRow > 0.01 {
			t.Errorf("reasons %t: %.3f allocations per row", reasons, perRow)
		}
	}
}
