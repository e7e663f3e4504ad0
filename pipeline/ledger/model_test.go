package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

// TestRandomHistories plays random deliveries, crashes and restarts against the ledger, a model of it in memory, and a
// target that keeps what arrives, and checks one invariant after every step.
func TestRandomHistories(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := newWorld(t, seed)
			for step := range 100 {
				did := w.step()
				w.invariant(step, did)
			}
			check(t, w.ledger.Close())
		})
	}
}

// held is a value at a version.
type held struct {
	version int64
	score   int
}

// settled is what the target confirmed last.
type settled struct {
	held
	doubted bool
	filled  bool
	found   int64 // the newest version as of which a run found it in place
}

// known is the version as of which the value is known: what a run only filled is not protected by later looks.
func (s settled) known() int64 {
	if s.filled {
		return s.version
	}
	return max(s.version, s.found)
}

type world struct {
	*testing.T
	rng    *rand.Rand
	path   string
	ledger *ledger.Ledger

	run     *pipeline.Run   // nil between runs
	kept    map[string]bool // keys that the run must not write
	pending map[string]int  // keys and scores that run intends to write and has not settled

	confirmed map[string]settled
	open      map[string][]held // writes that may have arrived, and those of the run
	target    map[string]held   // what the target really holds
	swept     int64
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{T: t, rng: rand.New(rand.NewPCG(seed, 2)), path: filepath.Join(t.TempDir(), "ledger.db"),
		confirmed: map[string]settled{}, open: map[string][]held{}, target: map[string]held{}}
	w.reopen()
	check(t, w.ledger.Bind(t.Context(), job, target, org))
	return w
}

func (w *world) reopen() {
	var err error
	w.ledger, err = ledger.Open(w.path)
	check(w, err)
	enter(w, w.ledger, job)
}

// step does one thing and says what.
func (w *world) step() string {
	switch n := w.rng.IntN(20); {
	case n == 0:
		w.crash()
		return "crash"
	case w.run == nil:
		return w.begin()
	case n < 7:
		w.intend()
		return "intend"
	case n < 17 && len(w.pending) > 0:
		return w.settle()
	default:
		finish(w, w.ledger, w.run)
		w.leave()
		return "finish"
	}
}

// begin opens a run of any trigger, which decides as a delivery does: it keeps from keys whose version at the target is, or
// may be, as new as its own, and if it fills, from those that another run wrote. Then, unless it fills, it sweeps.
func (w *world) begin() string {
	asOf := slot(w.rng.IntN(40))
	trigger := []pipeline.Trigger{pipeline.Manual, pipeline.Backfill, pipeline.Fill}[w.rng.IntN(3)]
	w.run, w.pending, w.kept = request(w, w.ledger, pipeline.Request{Trigger: trigger, AsOf: asOf}), map[string]int{}, map[string]bool{}
	for key, c := range w.confirmed {
		w.kept[key] = c.known() >= w.run.Version || trigger == pipeline.Fill && !c.filled
	}
	if trigger != pipeline.Fill {
		check(w, w.ledger.Sweep(w.Context(), w.run, target))
		w.swept = max(w.swept, w.run.Version)
		if w.swept == w.run.Version {
			for key, c := range w.confirmed {
				c.found = w.swept
				w.confirmed[key] = c
			}
		}
	}
	return fmt.Sprint("begin ", w.run.ID, " to ", trigger)
}

// crash loses the process: what was on its way arrives or doesn't.
func (w *world) crash() {
	w.leave()
	check(w, w.ledger.Close())
	w.reopen()
}

// leave ends the run with the fate of its pending writes unknown.
func (w *world) leave() {
	for key := range w.pending {
		w.perhapsArrive(key)
	}
	w.run, w.pending = nil, nil
}

// intend picks keys that the run may write and has not written.
func (w *world) intend() {
	var changes []pipeline.Change
	for i := range 8 {
		key := fmt.Sprint("k", i)
		_, pending := w.pending[key]
		if pending || w.kept[key] || w.rng.IntN(3) > 0 || w.confirmed[key].version >= w.run.Version ||
			slices.ContainsFunc(w.open[key], func(h held) bool { return h.version >= w.run.Version }) {
			continue
		}
		score := w.rng.IntN(101)
		changes = append(changes, change(key, score))
		w.pending[key] = score
		w.open[key] = append(w.open[key], held{w.run.Version, score})
	}
	intend(w, w.ledger, w.run, changes...)
}

// settle gives some pending writes an outcome.
func (w *world) settle() string {
	var list []pipeline.Outcome
	for key, score := range w.pending {
		if w.rng.IntN(2) == 0 {
			continue
		}
		status := []pipeline.Status{pipeline.Accepted, pipeline.Accepted, pipeline.Refused, pipeline.Retry, pipeline.Unknown, pipeline.NotSent}[w.rng.IntN(6)]
		list = append(list, pipeline.Outcome{Key: key, Status: status})
		own := func(h held) bool { return h.version == w.run.Version }
		switch status {
		case pipeline.Accepted:
			w.arrive(key)
			filled := w.run.Trigger == pipeline.Fill
			past := w.run.Version < w.swept // what is written behind a newer look's back is in doubt, unless it is filled
			w.confirmed[key] = settled{held: held{w.run.Version, score}, filled: filled, doubted: past && !filled}
			w.open[key] = slices.DeleteFunc(w.open[key], func(h held) bool { return h.version <= w.run.Version })
		case pipeline.Unknown:
			w.perhapsArrive(key)
		default:
			w.open[key] = slices.DeleteFunc(w.open[key], own)
		}
		delete(w.pending, key)
	}
	check(w, w.ledger.Confirm(w.Context(), w.run, target, list))
	return fmt.Sprint("confirm ", list)
}

func (w *world) arrive(key string) { w.target[key] = held{w.run.Version, w.pending[key]} }

func (w *world) perhapsArrive(key string) {
	if w.rng.IntN(2) == 0 {
		w.arrive(key)
	}
}

// invariant: the ledger says what the model says; what it is sure of is what the target holds; and where it is not sure,
// the target holds nothing newer than it says.
func (w *world) invariant(step int, did string) {
	entries := map[string]pipeline.Confirmed{}
	for _, c := range confirmed(w, w.ledger) {
		entries[c.Key] = c
	}
	for i := range 8 {
		key := fmt.Sprint("k", i)
		want := pipeline.Confirmed{}
		if c, ok := w.confirmed[key]; ok {
			want = pipeline.Confirmed{Key: key, Score: c.score, Grade: "B", Model: model, Version: c.known(), Filled: c.filled, Unsure: c.doubted}
		}
		for _, h := range w.open[key] {
			want.Key, want.Unsure, want.Version = key, true, max(want.Version, h.version)
		}
		got := entries[key]
		if got != want {
			w.Fatalf("step %d, after %s: got %+v, the model has %+v", step, did, got, want)
		}
		holds := w.target[key]
		if _, pending := w.pending[key]; !pending && !got.Unsure && w.confirmed[key].held != holds {
			w.Fatalf("step %d, after %s: the ledger is sure of %+v, and the target holds %+v", step, did, got, holds)
		}
		if holds.version > got.Version {
			w.Fatalf("step %d, after %s: the ledger has %+v, and the target holds the newer %+v", step, did, got, holds)
		}
	}
	at, err := w.ledger.Unsettled(w.Context(), job, target)
	check(w, err)
	inDoubt := slices.ContainsFunc([]string{"k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7"}, func(k string) bool { return len(w.open[k]) > 0 })
	if at.IsZero() == inDoubt {
		w.Fatalf("step %d, after %s: unsettled since %v, and the model says %v", step, did, at, inDoubt)
	}
}
