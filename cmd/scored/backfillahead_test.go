package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"scored/pipeline"
)

// hourly is a Source whose reads take a second and give two batches with the hour of the as-of in them.
type hourly struct {
	pipeline.Source
	again bool // it gives a batch, and begins anew
	fails map[int]error

	mu    sync.Mutex
	reads []string // the ends of reads, in order: the hour, and what became of it
	busy  int
	most  int // reads at a time
}

func (s *hourly) Read(ctx context.Context, run *pipeline.Run, rows pipeline.Rows) error {
	s.note(1, "")
	err := s.read(ctx, run, rows)
	end := "read"
	if err != nil {
		end = err.Error()
	}
	s.note(-1, fmt.Sprintf("%d %s", run.AsOf.Hour(), end))
	return err
}

func (s *hourly) note(change int, end string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy += change
	s.most = max(s.most, s.busy)
	if end != "" {
		s.reads = append(s.reads, end)
	}
}

// did is what was read until now, how many reads go on, and how many did so at most.
func (s *hourly) did() (reads []string, busy, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.reads), s.busy, s.most
}

// holds is what is read and not taken yet: so many windows, so many bytes.
func (a *ahead) holds() (windows int, bytes int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.all), a.held
}

func (s *hourly) read(ctx context.Context, run *pipeline.Run, rows pipeline.Rows) error {
	hour := run.AsOf.Hour()
	begins := 1
	if s.again {
		begins = 2
	}
	batch := &pipeline.Batch{}
	for range begins {
		if err := rows.Begin([]pipeline.Column{{Name: "x", Kind: pipeline.Number}}); err != nil {
			return err
		}
		for i := range 2 {
			select {
			case <-time.After(time.Second / 2 / time.Duration(begins)):
			case <-ctx.Done():
				return ctx.Err()
			}
			*batch = pipeline.Batch{Keys: []string{fmt.Sprint("k", i)}, Columns: []pipeline.Column{{Name: "x", Kind: pipeline.Number, Numbers: []float64{float64(hour)}}}}
			if err := rows.Add(batch); err != nil {
				return err
			}
		}
	}
	return s.fails[hour]
}

// handed are the Rows of a window.
type handed struct{ hours []float64 }

func (s *handed) Begin([]pipeline.Column) error { s.hours = nil; return nil }

func (s *handed) Add(b *pipeline.Batch) error {
	s.hours = append(s.hours, b.Columns[0].Numbers...)
	return nil
}

// hours are the first windows of a day.
func hours(n int) (all []time.Time) {
	for i := range n {
		all = append(all, time.Date(2026, time.November, 23, i+1, 0, 0, 0, time.UTC))
	}
	return all
}

// window reads one in its turn.
func window(t *testing.T, a *ahead, asOf time.Time) error {
	t.Helper()
	a.turn(asOf)
	var rows handed
	err := a.Read(t.Context(), &pipeline.Run{AsOf: asOf}, &rows)
	if want := []float64{float64(asOf.Hour()), float64(asOf.Hour())}; err == nil && !slices.Equal(rows.hours, want) {
		t.Errorf("as of %s it gave %v, want %v", asOf, rows.hours, want)
	}
	return err
}

func TestTheNextWindowsAreReadWhileOneIsMade(t *testing.T) {
	for _, again := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			source := &hourly{again: again}
			a := newAhead(t.Context(), source, leads, hours(6), 2, func() bool { return false })
			start := time.Now()
			for i, asOf := range hours(6) {
				if err := window(t, a, asOf); err != nil {
					t.Fatal(err)
				}
				if _, _, most := source.did(); i == 0 && most != 1 {
					t.Error("it read ahead before it knew how large a result is")
				}
				time.Sleep(1100 * time.Millisecond) // it is scored and delivered: longer than a read, lest both end at one instant
			}
			if took := time.Since(start); took != 7600*time.Millisecond { // the first read, and the work on each
				t.Errorf("it took %s", took)
			}
			a.close()
			reads, _, most := source.did()
			if windows, bytes := a.holds(); most != 2 || len(reads) != 6 || bytes != 0 || windows != 0 {
				t.Errorf("%d at a time, %v; %d bytes of %d windows are held", most, reads, bytes, windows)
			}
		})
	}
}

func TestReadingAheadStandsBackForAnotherRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &hourly{}
		var wanted atomic.Bool
		a := newAhead(t.Context(), source, leads, hours(5), 2, wanted.Load)
		defer a.close()
		all := hours(5)
		if err := window(t, a, all[0]); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // 2 and 3 are being read
		made := make(chan error)
		a.turn(all[1])
		go func() { made <- a.Read(t.Context(), &pipeline.Run{AsOf: all[1]}, &handed{}) }()
		synctest.Wait()
		wanted.Store(true)
		if err := <-made; err != nil {
			t.Errorf("the window at work was called off, too: %v", err)
		}
		time.Sleep(10 * time.Second)
		want := []string{"1 read", "2 read", "3 context canceled", "4 context canceled"}
		if got, busy, _ := source.did(); !slices.Equal(slices.Sorted(slices.Values(got)), want) || busy != 0 {
			t.Errorf("beside another run it did %v, want %v; %d reads go on", got, want, busy)
		}
		wanted.Store(false)
		time.Sleep(10 * time.Second)
		want = []string{"3 read", "4 read"}
		if got, _, _ := source.did(); !slices.Equal(slices.Sorted(slices.Values(got[4:])), want) {
			t.Errorf("after it, it did %v, want %v", got[4:], want)
		}
		wanted.Store(true)
		time.Sleep(time.Second)
		err := window(t, a, all[2])
		if got, _, _ := source.did(); err != nil || len(got) != 6 {
			t.Errorf("what was read is not called off: %v, %v", got, err)
		}
	})
}

// A glance may meet the backfill itself on its way through the gate.
func TestReadingAheadIsNotCalledOffAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &hourly{}
		looks := 0
		a := newAhead(t.Context(), source, leads, hours(3), 2, func() bool { looks++; return looks%2 == 0 })
		for _, asOf := range hours(3) {
			if err := window(t, a, asOf); err != nil {
				t.Error(err)
			}
		}
		a.close()
		if got, _, _ := source.did(); len(got) != 3 || looks < 4 {
			t.Errorf("%d looks, and the reads %v", looks, got)
		}
	})
}

func TestAnErrorBelongsToItsWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("gone")
		a := newAhead(t.Context(), &hourly{fails: map[int]error{1: gone, 3: gone}}, leads, hours(5), 4, func() bool { return false })
		defer a.close()
		for i, asOf := range hours(5) {
			if err := window(t, a, asOf); (err != nil) != (i == 0 || i == 2) || err != nil && !errors.Is(err, gone) {
				t.Errorf("window %d: %v", i+1, err)
			}
			time.Sleep(2 * time.Second)
		}
	})
}

func TestReadingAheadEndsWithTheBackfill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		source := &hourly{}
		a := newAhead(ctx, source, leads, hours(8), 7, func() bool { return false })
		all := hours(8)
		if err := window(t, a, all[0]); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, busy, _ := source.did(); busy != 7 {
			t.Errorf("%d reads go on", busy)
		}
		start := time.Now()
		a.turn(all[1])
		ended := make(chan error)
		go func() { ended <- a.Read(ctx, &pipeline.Run{AsOf: all[1]}, &handed{}) }()
		synctest.Wait()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the window ended with %v", err)
		}
		a.close()
		_, busy, _ := source.did()
		if _, bytes := a.holds(); busy != 0 || time.Since(start) != 0 || bytes != 0 {
			t.Errorf("%d reads go on, %d bytes are held, after %s", busy, bytes, time.Since(start))
		}
	})
}

// A window that failed before it read leaves what was read for it.
func TestWhatWasReadForAWindowThatDidNotReadIsLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAhead(t.Context(), &hourly{}, leads, hours(4), 2, func() bool { return false })
		all := hours(4)
		if err := window(t, a, all[0]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		_, before := a.holds()
		if err := window(t, a, all[2]); err != nil {
			t.Fatal(err)
		}
		if _, after := a.holds(); before == 0 || after != 0 {
			t.Errorf("%d bytes were held for two, and %d now", before, after)
		}
		a.close()
	})
}

func TestNoMoreIsReadAheadThanThereIsRoomFor(t *testing.T) {
	for _, tt := range []struct {
		name   string
		room   int64 // in results
		grows  bool  // the first is smaller than the others
		reads  int
		atOnce int
	}{
		{"room for one", 1, false, 6, 1},
		{"room for none", 0, false, 6, 1},
		{"room for fewer than it seemed", 1, true, 7, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := &hourly{}
				a := newAhead(t.Context(), source, leads, hours(6), 5, func() bool { return false })
				defer a.close()
				batch := pipeline.Batch{Keys: []string{"k0"}, Columns: []pipeline.Column{{Numbers: []float64{0}}}}
				a.room = tt.room * 2 * weight(&batch)
				for i, asOf := range hours(6) {
					if err := window(t, a, asOf); err != nil {
						t.Fatal(err)
					}
					if i == 0 && tt.grows {
						a.mu.Lock()
						a.size, a.room = 1, a.room-1
						a.mu.Unlock()
						a.stir()
					}
					for range 8 {
						time.Sleep(time.Second / 4)
						if _, bytes := a.holds(); bytes > tt.room*2*weight(&batch)+weight(&batch) {
							t.Fatalf("%d bytes are held, and there is room for %d results", bytes, tt.room)
						}
					}
				}
				reads, busy, most := source.did()
				if len(reads) < tt.reads || len(reads) > 6+5 || busy != 0 {
					t.Errorf("the reads were %v, and %d go on", reads, busy)
				}
				if !tt.grows && (len(reads) != tt.reads || most != tt.atOnce) {
					t.Errorf("%d at a time, %v", most, reads)
				}
			})
		})
	}
}

func TestReadingAheadPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &hourly{}
		a := newAhead(t.Context(), source, leads, hours(6), 2, func() bool { return false })
		defer a.close()
		all := hours(6)
		if err := window(t, a, all[0]); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		a.pause()
		if reads, busy, _ := source.did(); busy != 0 || len(reads) != 3 {
			t.Errorf("%d reads go on, the others were %v", busy, reads)
		}
		time.Sleep(time.Minute)
		err := window(t, a, all[1])
		if reads, _, _ := source.did(); err != nil || len(reads) != 3 {
			t.Errorf("while it rests it read %v (%v)", reads, err)
		}
		a.resume()
		time.Sleep(time.Minute)
		if reads, _, _ := source.did(); len(reads) != 4 {
			t.Errorf("after its rest it read %v", reads)
		}
		var none *ahead
		none.turn(all[0])
		none.pause()
		none.resume()
	})
}

// Whatever number of windows is read at a time, the history and the org are the same.
func TestConcurrencyChangesNoResult(t *testing.T) {
	results := map[string]string{}
	for _, n := range []string{"1", "4"} {
		w := newWorld(t)
		c := config(t)
		from := midnight(w, 3)
		r := scored(t, "backfill", leads, "-c", c, "--from", stamp(from), "--to", stamp(from.Add(2*day)), "--step", "8h", "--deliver", "--concurrency", n).
			want(t, exitOK, "6 windows: 6 ok")
		if calledAhead := countLines(r.log, "-ahead"); (calledAhead > 0) != (n != "1") {
			t.Errorf("--concurrency %s: %d lines of reads ahead", n, calledAhead)
		}
		rows, err := w.Cluster.Query(t.Context(), `SELECT score_key, score, grade, model, version, probability FROM scored.scores ORDER BY version, score_key`)
		if err != nil || len(rows) == 0 {
			t.Fatalf("%d rows in the history, %v", len(rows), err)
		}
		results[n] = fmt.Sprint(rows, leadScores(w))
	}
	if results["1"] != results["4"] {
		t.Error("the history or the org differ")
	}
}

// countLines counts the lines that hold a text.
func countLines(text, part string) (n int) {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			n++
		}
	}
	return n
}
