package ledger_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

// TestRandomHistories plays random deliveries, undos, crashes and restarts against the ledger, a model of it in memory, and a
// target that keeps what arrives, and checks one invariant after every step.
func TestRandomHistories(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := newWorld(t, seed)
			for step := range 120 {
				did := w.step()
				w.invariant(step, did)
			}
			for id := range w.replaced {
				w.sameReplaced(id)
			}
			check(t, w.ledger.Close())
		})
	}
}

// held is a value at a version.
type held struct {
	version int64
	score   int
	cleared bool
}

// sent is a write of a run.
type sent struct {
	held
	run    string
	origin int64 // the version whose score an undo brings back; 0: its own
}

// remains are what a run left that can still be settled.
type remains struct {
	run  *pipeline.Run
	left map[string]pipeline.Change
}

// settled is what the target confirmed last.
type settled struct {
	held
	change  pipeline.Change // what brought it
	by      *pipeline.Run
	doubted bool
	filled  bool
	origin  int64 // the version whose score an undo brought back; 0: its own
	found   int64 // the newest version as of which a run found it in place
}

// known is the version as of which the value is known: what a run only filled is not protected by later looks.
func (s settled) known() int64 {
	if s.filled {
		return s.version
	}
	return max(s.version, s.found)
}

// waiting is a key in quarantine.
type waiting struct {
	attempts int
	at       time.Time // of the last one
	terminal bool
	lifted   bool
}

type world struct {
	*testing.T
	rng    *rand.Rand
	path   string
	ledger *ledger.Ledger

	run     *pipeline.Run              // nil between runs
	kept    map[string]bool            // keys that the run must not write
	pending map[string]pipeline.Change // what the run intends to write and has not settled

	left   map[string]pipeline.Change // writes of the run, or of the last one, without an answer
	dead   *pipeline.Run              // the last run, if none began since
	handed bool                       // the run left work at the target, which is in the journal
	remote []remains                  // of runs that did, until it is settled

	confirmed map[string]settled
	open      map[string][]sent // writes that may have arrived, and those of the run, in their order
	target    map[string]held   // what the target really holds
	refused   map[string]waiting
	replaced  map[string]map[string]pipeline.Written // by run and key
	runs      map[string]*pipeline.Run
	versions  []int64 // of the runs
	swept     int64
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{T: t, rng: rand.New(rand.NewPCG(seed, 2)), path: filepath.Join(t.TempDir(), "ledger.db"),
		confirmed: map[string]settled{}, open: map[string][]sent{}, target: map[string]held{},
		refused: map[string]waiting{}, replaced: map[string]map[string]pipeline.Written{}, runs: map[string]*pipeline.Run{}}
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
	case w.run == nil && w.dead != nil && n < 10:
		return w.settleLate()
	case w.run == nil && n < 12:
		return w.lift()
	case w.run == nil:
		return w.begin()
	case n < 7:
		w.intend()
		return "intend"
	case n < 17 && len(w.pending) > 0:
		return w.settle()
	case w.rng.IntN(2) == 0:
		return w.withdraw()
	default:
		finish(w, w.ledger, w.run)
		w.leave()
		return "finish"
	}
}

// begin opens a run of any trigger, which decides as a delivery does: it keeps from keys whose version at the target is, or
// may be, as new as its own, and if it fills, from those that another run wrote. Then, unless it fills or undoes, it sweeps.
func (w *world) begin() string {
	asOf := slot(w.rng.IntN(40))
	trigger := []pipeline.Trigger{pipeline.Manual, pipeline.Backfill, pipeline.Fill, pipeline.Undo}[w.rng.IntN(4)]
	w.run, w.pending, w.kept = request(w, w.ledger, pipeline.Request{Trigger: trigger, AsOf: asOf}), map[string]pipeline.Change{}, map[string]bool{}
	w.dead, w.left, w.handed, w.replaced[w.run.ID] = nil, map[string]pipeline.Change{}, false, map[string]pipeline.Written{}
	w.runs[w.run.ID], w.versions = w.run, append(w.versions, w.run.Version)
	w.overtake()
	if len(w.remote) > 0 && !w.resume() {
		finish(w, w.ledger, w.run)
		w.leave()
		return "begin, and leave what is still at the target"
	}
	for key, c := range w.confirmed {
		switch trigger {
		case pipeline.Undo:
			w.kept[key] = c.version >= w.run.Version
		default:
			w.kept[key] = c.known() >= w.run.Version || trigger == pipeline.Fill && !c.filled
		}
	}
	if trigger == pipeline.Manual || trigger == pipeline.Backfill {
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

// overtake forgets writes that a later one makes redundant which can't be settled any more.
func (w *world) overtake() {
	for key, writes := range w.open {
		var kept []sent
		for i, s := range writes {
			if !slices.ContainsFunc(writes[i+1:], func(later sent) bool { return later.version >= s.version && !w.isRemote(later.run) }) {
				kept = append(kept, s)
			}
		}
		w.open[key] = kept
	}
}

func (w *world) isRemote(run string) bool {
	return slices.ContainsFunc(w.remote, func(r remains) bool { return r.run.ID == run })
}

// resume hears what became of the work that earlier runs left at the target, unless it goes on.
func (w *world) resume() bool {
	if w.rng.IntN(2) == 0 {
		return false
	}
	for _, r := range w.remote {
		w.settleRest(r)
		check(w, w.ledger.Journal(job, target).Closed(w.Context(), r.run.ID, ""))
	}
	w.remote = nil
	return true
}

// crash loses the process: what was on its way arrives or doesn't.
func (w *world) crash() {
	w.leave()
	check(w, w.ledger.Close())
	w.reopen()
}

// leave ends the run with the fate of its pending writes unknown.
func (w *world) leave() {
	if w.run == nil {
		return
	}
	for key, c := range w.pending {
		w.left[key] = c
		w.perhapsArrive(key)
	}
	if w.handed {
		w.remote = append(w.remote, remains{w.run, w.left})
	}
	w.dead, w.run, w.pending = w.run, nil, nil
}

// lift ends quarantines: a person does, or a changed mapping, which is a doubt about all that was confirmed.
func (w *world) lift() string {
	all := w.rng.IntN(2) == 0
	if all {
		n, err := w.ledger.Lift(w.Context(), job, target, nil)
		check(w, err)
		if n != len(w.refused) {
			w.Fatalf("%d of %d were lifted", n, len(w.refused))
		}
	} else {
		check(w, w.ledger.Doubt(w.Context(), job, target))
		for key, c := range w.confirmed {
			c.doubted = true
			w.confirmed[key] = c
		}
	}
	for key, r := range w.refused {
		if all || !r.terminal || r.lifted {
			r.attempts, r.lifted = 0, true
			w.refused[key] = r
		}
	}
	return fmt.Sprint("lift all: ", all)
}

// intend picks keys that the run may write and has not written.
func (w *world) intend() {
	var changes []pipeline.Change
	for i := range 8 {
		key := fmt.Sprint("k", i)
		_, pending := w.pending[key]
		if pending || w.kept[key] || w.rng.IntN(3) > 0 || w.confirmed[key].version >= w.run.Version ||
			slices.ContainsFunc(w.open[key], func(s sent) bool { return s.version >= w.run.Version }) {
			continue
		}
		c := w.change(key)
		changes = append(changes, c)
		w.pending[key] = c
		w.open[key] = append(w.open[key], sent{held{w.run.Version, c.Score.Score, c.Clear}, w.run.ID, origin(c)})
	}
	intend(w, w.ledger, w.run, changes...)
	if !w.handed && w.rng.IntN(4) == 0 {
		check(w, w.ledger.Journal(job, target).Creating(w.Context(), w.run.ID))
		w.handed = true
	}
}

// ends are those that a write may have which did not arrive.
var ends = []pipeline.Status{pipeline.Refused, pipeline.Refused, pipeline.Stale, pipeline.Retry, pipeline.Unprocessed, pipeline.NotSent}

// settle gives some pending writes an outcome.
func (w *world) settle() string {
	var list []pipeline.Outcome
	for _, key := range slices.Sorted(maps.Keys(w.pending)) {
		o := pipeline.Outcome{Key: key, Status: pipeline.Accepted}
		switch w.rng.IntN(6) {
		case 0, 1:
			continue
		case 2, 3:
			w.arrive(key)
		case 4:
			o.Status, w.left[key] = pipeline.Unknown, w.pending[key]
			w.perhapsArrive(key)
		default:
			o = w.failure(key)
		}
		list = append(list, o)
	}
	check(w, w.ledger.Confirm(w.Context(), w.run, target, list))
	for _, o := range list {
		w.apply(w.run, w.pending[o.Key], o)
		delete(w.pending, o.Key)
	}
	return fmt.Sprint("confirm ", list)
}

// withdraw ends what the run intends to write and will not send any more.
func (w *world) withdraw() string {
	var unsent [][]pipeline.Change
	aside := true // the last of the run's open writes is not withdrawn
	for _, key := range slices.Sorted(maps.Keys(w.open)) {
		if !slices.ContainsFunc(w.open[key], func(s sent) bool { return s.run == w.run.ID }) {
			continue
		}
		c, pending := w.pending[key]
		if pending && aside {
			unsent = append(unsent, nil)
		}
		if aside = !pending; pending {
			unsent[len(unsent)-1] = append(unsent[len(unsent)-1], c)
			w.apply(w.run, c, pipeline.Outcome{Key: key, Status: pipeline.NotSent})
			delete(w.pending, key)
		}
	}
	check(w, w.ledger.Withdraw(w.Context(), w.run, target, slices.Values(unsent)))
	return fmt.Sprint("withdraw ", unsent)
}

func (w *world) failure(key string) pipeline.Outcome {
	o := pipeline.Outcome{Key: key, Status: ends[w.rng.IntN(len(ends))], Code: "X"}
	if o.Status == pipeline.Refused {
		o.Class = []pipeline.Class{pipeline.Rejected, pipeline.Rejected, pipeline.Terminal}[w.rng.IntN(3)]
	}
	return o
}

// settleLate learns what became of some writes that the last run left.
func (w *world) settleLate() string { return w.settleRest(remains{w.dead, w.left}) }

// settleRest learns what became of some writes that a run left, and hears of others that it never made.
func (w *world) settleRest(r remains) string {
	var list []pipeline.Outcome
	for i := range 8 {
		key := fmt.Sprint("k", i)
		_, left := r.left[key]
		switch {
		case w.rng.IntN(2) == 0:
		case !left && w.rng.IntN(2) == 0, left && w.target[key].version == r.run.Version:
			list = append(list, pipeline.Outcome{Key: key, Status: pipeline.Accepted})
		default:
			list = append(list, w.failure(key))
		}
	}
	check(w, w.ledger.Settle(w.Context(), r.run.ID, target, list))
	for _, o := range list {
		if c, left := r.left[o.Key]; left && slices.ContainsFunc(w.open[o.Key], func(s sent) bool { return s.run == r.run.ID }) {
			if o.Class == pipeline.Terminal && c.Clear && r.run.Trigger != pipeline.Undo { // the record is gone, and its score with it
				o = pipeline.Outcome{Key: o.Key, Status: pipeline.Accepted}
				w.clear(r.run, o.Key)
			}
			w.apply(r.run, c, o)
		}
		delete(r.left, o.Key)
	}
	return fmt.Sprint("settle ", list)
}

// apply is what the ledger must make of an outcome.
func (w *world) apply(run *pipeline.Run, c pipeline.Change, o pipeline.Outcome) {
	key := o.Key
	before, known := w.confirmed[key]
	switch o.Status {
	case pipeline.Accepted:
		filled := run.Trigger == pipeline.Fill || c.Origin != nil && c.Origin.Filled
		// What is written behind a newer look's back is in doubt, unless it is filled or undone.
		past := run.Version < w.swept && !filled && run.Trigger != pipeline.Undo
		w.replaced[run.ID][key] = before.written(key, run)
		w.confirmed[key] = settled{held: held{run.Version, c.Score.Score, c.Clear}, change: c, by: run, filled: filled, doubted: past,
			origin: origin(c)}
		w.open[key] = slices.DeleteFunc(w.open[key], func(s sent) bool { return s.version <= run.Version })
		delete(w.refused, key)
		return
	case pipeline.Unknown:
		return
	case pipeline.Refused:
		r := w.refused[key]
		w.refused[key] = waiting{attempts: r.attempts + 1, at: time.Now(), terminal: o.Class == pipeline.Terminal}
	case pipeline.Stale:
		if known {
			before.doubted = true
			w.confirmed[key] = before
		}
	}
	w.open[key] = slices.DeleteFunc(w.open[key], func(s sent) bool { return s.version == run.Version })
}

func (w *world) perhapsArrive(key string) {
	if w.rng.IntN(2) == 0 {
		w.arrive(key)
	}
}

// clear empties what the target holds, unless that is newer than the run.
func (w *world) clear(run *pipeline.Run, key string) {
	if empty := (held{version: run.Version, cleared: true}); w.target[key].version < run.Version {
		w.target[key] = empty
	}
}

func (w *world) arrive(key string) {
	w.target[key] = held{w.run.Version, w.pending[key].Score.Score, w.pending[key].Clear}
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
		got := entries[key]
		if wrong := w.refused[key].differs(got.Until); wrong != "" {
			w.Fatalf("step %d, after %s: %s is in quarantine until %v: %s", step, did, key, got.Until, wrong)
		}
		if want := w.want(key, got.Until); got != want {
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

// want is the entry that the model has of a key.
func (w *world) want(key string, until time.Time) (want pipeline.Confirmed) {
	if c, ok := w.confirmed[key]; ok {
		want = pipeline.Confirmed{Key: key, Score: c.score, Grade: c.change.Grade, Model: model, Version: c.known(), Filled: c.filled,
			Unsure: c.doubted, Cleared: c.cleared}
		if c.change.Origin != nil && c.change.Origin.Model != "" {
			want.Model = c.change.Origin.Model
		}
	}
	for _, h := range w.open[key] {
		want.Key, want.Unsure, want.Version = key, true, max(want.Version, h.version)
	}
	if !w.refused[key].at.IsZero() {
		want.Key, want.Until = key, until
	}
	return want
}

// differs says what is wrong about the end of a quarantine; "" if it is right.
func (r waiting) differs(until time.Time) string {
	wait := min(14*time.Minute<<max(0, r.attempts-1), 24*time.Hour)
	late := r.at.Add(wait).Sub(until)
	switch {
	case r.at.IsZero() || r.lifted:
		if !until.IsZero() {
			return "it is due"
		}
	case r.terminal:
		if until != pipeline.Never {
			return "it was refused for good"
		}
	case late < 0 || late > 10*time.Second:
		return fmt.Sprintf("after %d refusals it waits for %v", r.attempts, wait)
	}
	return ""
}
