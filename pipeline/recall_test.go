package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"scored/pipeline"
	"scored/pipeline/policy"
)

// states is a Ledger that has a state of its own for each target.
type states struct {
	*memory
	confirmed map[string][]pipeline.Confirmed
	reshaped  map[string]bool
	err       error  // behind the entries
	before    func() // the entries; may be nil
}

func (s *states) Confirmed(_ context.Context, _, target string) iter.Seq2[pipeline.Confirmed, error] {
	return func(yield func(pipeline.Confirmed, error) bool) {
		if s.before != nil {
			s.before()
		}
		for _, c := range s.confirmed[target] {
			if !yield(c, nil) {
				return
			}
		}
		if s.err != nil {
			yield(pipeline.Confirmed{}, s.err)
		}
	}
}

func (s *states) Shaped(_ context.Context, _, target, _ string) (bool, error) {
	return s.reshaped[target], nil
}

// watched is identity, and keeps which keys got reasons.
type watched struct {
	identity
	mu   *sync.Mutex
	due  map[string]bool
	none bool // nobody asked
}

func (w *watched) Bind([]pipeline.Column) (pipeline.Scorer, error) { return w, nil }

func (w *watched) Score(b *pipeline.Batch, due func(pipeline.Score) bool, scores []pipeline.Score, rejected []pipeline.Rejection) ([]pipeline.Score, []pipeline.Rejection) {
	first := len(scores)
	scores, rejected = w.identity.Score(b, due, scores, rejected)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.none = w.none || due == nil
	for _, s := range scores[first:] {
		w.due[s.Key] = s.Reasons != ""
	}
	return scores, rejected
}

// entry is what a target may have of a key, seen from a score of 50.
func entry(random *rand.Rand, key string, run *pipeline.Run) pipeline.Confirmed {
	one := func(in int) bool { return random.IntN(in) == 0 }
	c := pipeline.Confirmed{Key: key, Score: 50, Grade: "A", Model: identity{}.Name(), Version: run.Version - 5, Unsure: one(8), Filled: one(8)}
	if one(8) {
		c.Score = 51
	}
	if one(8) {
		c.Grade = "B"
	}
	if one(8) {
		c.Model = []string{"other@00000000", ""}[random.IntN(2)]
	}
	if one(8) {
		c.Version = run.Version + int64(random.IntN(3))
	}
	c.Cleared = one(8)
	if one(8) {
		c.Until = []time.Time{pipeline.Never, asOf.Add(time.Hour), time.Now().UTC().Truncate(time.Second).Add(time.Hour)}[random.IntN(3)]
	}
	return c
}

// certain says whether a target that has this of a key can only find a score of 50, grade A, unchanged.
func certain(c pipeline.Confirmed) bool {
	return c.Score == 50 && c.Grade == "A" && c.Model == identity{}.Name() && !c.Unsure && !c.Filled && !c.Cleared
}

// Whatever the targets have confirmed: each change has its reasons, and a score that every target has confirmed for certain
// has none.
func TestEveryChangeHasItsReasonsAndNothingElseThatIsCertain(t *testing.T) {
	for seed := range uint64(400) {
		random := rand.New(rand.NewPCG(seed, 4))
		req := pipeline.Request{AsOf: asOf, Full: random.IntN(8) == 0, Trigger: pipeline.Scheduled}
		decide := pipeline.Decide(policy.Delta)
		switch random.IntN(4) {
		case 0:
			req.Trigger = pipeline.Backfill
		case 1:
			req.Trigger, decide = pipeline.Fill, policy.Fill
		}
		run, err := pipeline.NewRun("lead_scoring", req, pipeline.MaxAttempt, asOf)
		if err != nil {
			t.Fatal(err)
		}
		ledger := &states{memory: newMemory(), confirmed: map[string][]pipeline.Confirmed{}, reshaped: map[string]bool{}}
		model := &watched{mu: &sync.Mutex{}, due: map[string]bool{}}
		source := &table{}
		for i := range 36 { // the targets know four more
			source.rows = append(source.rows, row{fmt.Sprintf("k%02d", i), 50})
		}
		random.Shuffle(len(source.rows), func(i, j int) { source.rows[i], source.rows[j] = source.rows[j], source.rows[i] })
		r := runner(source, ledger)
		r.Model, r.Decide = model, decide
		uncertain := map[string]bool{} // keys that some target which wants reasons may need
		for i := range 1 + random.IntN(3) {
			target := pipeline.Target{Sink: &org{name: fmt.Sprintf("org%d", i)}, Reasons: random.IntN(3) > 0, Clear: random.IntN(3) == 0}
			r.Targets = append(r.Targets, target)
			name := target.Sink.Name()
			ledger.reshaped[name] = random.IntN(10) == 0
			for k := range 40 {
				key := fmt.Sprintf("k%02d", k)
				c := entry(random, key, run)
				if absent := random.IntN(8) == 0; !absent {
					ledger.confirmed[name] = append(ledger.confirmed[name], c)
				} else {
					c = pipeline.Confirmed{}
				}
				if target.Reasons && (!certain(c) || req.Full || ledger.reshaped[name]) {
					uncertain[key] = true
				}
			}
		}
		plan, err := r.DryRun(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		for i, target := range plan.Targets {
			for _, c := range target.Changes {
				if r.Targets[i].Reasons && !c.Clear && c.Reasons == "" {
					t.Fatalf("seed %d: %s changes at %s and has no reasons", seed, c.Key, target.Target)
				}
			}
		}
		for key, due := range model.due {
			if due && !uncertain[key] {
				t.Fatalf("seed %d: %s has reasons, and every target has confirmed the score for certain", seed, key)
			}
		}
		wanted := slices.ContainsFunc(r.Targets, func(t pipeline.Target) bool { return t.Reasons })
		if model.none == wanted {
			t.Fatalf("seed %d: reasons wanted: %t, nobody asked: %t", seed, wanted, model.none)
		}
	}
}

func TestReasonsReachTheTargetWithTheChangesOnly(t *testing.T) {
	source, sink, ledger := five(), &org{}, newMemory()
	r := runner(source, ledger, sink)
	r.Targets[0].Reasons = true
	for _, step := range []struct {
		value float64
		full  bool
		want  string
	}{{30, false, "[a b c d e]"}, {30, false, "[]"}, {31, false, "[c]"}, {31, true, "[a b c d e]"}} {
		sink.reasons = nil
		source.rows[2].value = step.value
		model := &watched{mu: &sync.Mutex{}, due: map[string]bool{}}
		r.Model = model
		if _, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf, Full: step.full}); err != nil {
			t.Fatal(err)
		}
		var got, computed []string
		for key, text := range sink.reasons {
			if text == "x of "+key {
				got = append(got, key)
			}
		}
		for key, due := range model.due {
			if due {
				computed = append(computed, key)
			}
		}
		slices.Sort(got)
		slices.Sort(computed)
		if fmt.Sprint(got) != step.want || fmt.Sprint(computed) != step.want {
			t.Errorf("reasons sent %v, computed %v, want %s", got, computed, step.want)
		}
	}
}

// What the ledger had when the run began is what scores are compared with, entry by entry, and it is read once.
func TestScoresAreComparedWithWhatTheLedgerHad(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	run, err := pipeline.NewRun("lead_scoring", pipeline.Request{AsOf: asOf}, 0, asOf)
	if err != nil {
		t.Fatal(err)
	}
	reads := 0
	ledger := &states{memory: newMemory(), confirmed: map[string][]pipeline.Confirmed{}, reshaped: map[string]bool{"reshaped": true}}
	ledger.before = func() { reads++ }
	r := runner(five(), ledger)
	for _, name := range []string{"org", "reshaped", "empty"} {
		r.Targets = append(r.Targets, pipeline.Target{Sink: &org{name: name}, Reasons: name == "org"})
		for i := range 3000 {
			if name != "empty" {
				ledger.confirmed[name] = append(ledger.confirmed[name], entry(random, fmt.Sprintf("%.*s%04d", i%3, "é\x00", i), run))
			}
		}
		ledger.confirmed[name] = append(ledger.confirmed[name], pipeline.Confirmed{Key: "refused"}, pipeline.Confirmed{Key: "waits", Until: pipeline.Never})
	}
	var compared [][]pipeline.Confirmed
	r.Decide = func(_ *pipeline.Run, _ string, _ pipeline.Found, confirmed iter.Seq2[pipeline.Confirmed, error]) (pipeline.Decision, error) {
		var all []pipeline.Confirmed
		for c, err := range confirmed {
			if err != nil {
				return pipeline.Decision{}, err
			}
			all = append(all, c)
		}
		compared = append(compared, all)
		return pipeline.Decision{}, nil
	}
	for _, full := range []bool{false, true} {
		compared, reads = nil, 0
		if _, err := r.DryRun(t.Context(), pipeline.Request{AsOf: asOf, Full: full}); err != nil {
			t.Fatal(err)
		}
		for i, target := range r.Targets {
			want := slices.Clone(ledger.confirmed[target.Sink.Name()])
			for n := range want {
				if doubtful := full || i == 1; doubtful {
					want[n].Unsure = want[n].Version > 0
					if !want[n].Until.Equal(pipeline.Never) {
						want[n].Until = time.Time{}
					}
				}
			}
			if !slices.Equal(compared[i], want) {
				t.Errorf("full %t: %s was compared with something else", full, target.Sink.Name())
			}
		}
		if reads != len(r.Targets) {
			t.Errorf("the ledger of %d targets was read %d times", len(r.Targets), reads)
		}
	}
}

func TestALedgerThatCannotBeReadEndsTheRunWhileItReads(t *testing.T) {
	broken := errors.New("disk I/O error")
	sink := &org{}
	r := runner(many(1000), &states{memory: newMemory(), err: broken}, sink)
	r.Targets[0].Reasons = true
	s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf})
	if s.End != pipeline.Failed || !errors.Is(err, broken) || strings.Contains(err.Error(), "dataprep") || sink.calls != 0 || s.Read >= 1000 {
		t.Errorf("ended %s after %d rows, %v", s.End, s.Read, err)
	}
}

func TestAPanicOfTheLedgerWhileTheRunReadsIsAnErrorOfTheRun(t *testing.T) {
	var log bytes.Buffer
	ledger := &states{memory: newMemory(), before: func() { panic("page out of cache") }}
	r := runner(many(1000), ledger, &org{})
	r.Log = slog.New(slog.NewJSONHandler(&log, nil))
	r.Targets[0].Reasons = true
	s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf})
	if s.End != pipeline.Failed || err == nil || !strings.Contains(err.Error(), "page out of cache") || s.Read >= 1000 {
		t.Errorf("ended %s after %d rows, %v", s.End, s.Read, err)
	}
	if !strings.Contains(log.String(), "pipeline_test.(*states).Confirmed") {
		t.Errorf("the log does not say where it was raised: %s", log.String())
	}
}

func TestScoringDoesNotWaitForTheLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it ends with a deadlock if the ledger is read before a row is scored
		var once sync.Once
		begun := make(chan struct{})
		r := runner(five(), &states{memory: newMemory(), before: func() { <-begun }}, &org{})
		r.Model = &scripted{before: func(*pipeline.Batch) { once.Do(func() { close(begun) }) }}
		r.Targets[0].Reasons = true
		if s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf}); err != nil || s.Accepted != 5 {
			t.Errorf("accepted %d, %v", s.Accepted, err)
		}
	})
}

func TestASourceThatFailsAtOnceLeavesNothingBehind(t *testing.T) {
	for _, reasons := range []bool{false, true} {
		r := runner(&table{err: errors.New("refused")}, newMemory(), &org{})
		r.Targets[0].Reasons = reasons
		if s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf}); s.End != pipeline.Failed || !strings.Contains(err.Error(), "refused") {
			t.Errorf("ended %s, %v", s.End, err)
		}
	}
}

// endless is a Ledger whose entries do not end before they are told to, and then take their time.
type endless struct {
	*memory
	ended atomic.Bool
}

func (e *endless) Confirmed(ctx context.Context, _, _ string) iter.Seq2[pipeline.Confirmed, error] {
	return func(yield func(pipeline.Confirmed, error) bool) {
		<-ctx.Done()
		time.Sleep(time.Second)
		e.ended.Store(true)
		yield(pipeline.Confirmed{}, ctx.Err())
	}
}

func TestARunThatCannotReadItsRowsStopsReadingTheLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := &endless{memory: newMemory()}
		r := runner(&table{err: errors.New("refused")}, ledger, &org{})
		r.Targets[0].Reasons = true
		if _, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf}); !strings.Contains(err.Error(), "refused") || !ledger.ended.Load() {
			t.Errorf("the run is over, and its ledger is still being read; %v", err)
		}
	})
}
