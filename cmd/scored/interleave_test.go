package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"scored/pipeline"
	"scored/pipeline/ledger"
	"scored/pipeline/policy"
)

const (
	interleavedRuns = 1_000
	runsOfAHistory  = 50
	players         = 2 // histories at a time
	interleaveJob   = "j"
)

// Live runs, fills and delivering backfills of random instants, undos, crashes, and requests that are lost, answered too late or
// applied long after, against two targets: one that takes whatever comes, whose late requests come within its patience, and one
// that refuses what is older, whose late requests may come at any time. No older score ever replaces a newer one, and one live
// run without a fault makes all of it right. SCORED_SEED repeats a test; SCORED_RUNS=10000
// makes more than go test does.
func TestAnOlderScoreNeverOverwritesANewerOneInAnyOrder(t *testing.T) {
	seed, runs := uint64(time.Now().UnixNano()), uint64(interleavedRuns) //nolint:gosec // any number will do
	for variable, value := range map[string]*uint64{"SCORED_SEED": &seed, "SCORED_RUNS": &runs} {
		if text := os.Getenv(variable); text != "" {
			var err error
			if *value, err = strconv.ParseUint(text, 10, 64); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("SCORED_SEED=%d SCORED_RUNS=%d", seed, runs)
	dir := t.TempDir()
	if memory, err := os.MkdirTemp("/dev/shm", "scored-"); err == nil { // where syncing takes no time
		dir = memory
		t.Cleanup(func() { os.RemoveAll(memory) })
	}
	did := make([]map[string]int, players)
	t.Run("histories", func(t *testing.T) {
		for n := range players {
			did[n] = map[string]int{}
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				t.Parallel()
				for i := uint64(n); i < runs/runsOfAHistory && !t.Failed(); i += players { //nolint:gosec // n is small
					playOne(t, seed, i, dir, did[n])
				}
			})
		}
	})
	for _, more := range did[1:] {
		for what, n := range more {
			did[0][what] += n
		}
	}
	t.Log(did[0])
	for _, what := range []string{"schedule", "fill", "backfill", "undo", "crash", "late", "lost", "stale", "superseded", "kept", "cleared", "back"} {
		if did[0][what] < int(runs/100) { //nolint:gosec // it is small
			t.Errorf("of %q there were only %d: this shows little", what, did[0][what])
		}
	}
}

// playOne plays a history with a ledger of its own.
func playOne(t *testing.T, seed, number uint64, dir string, did map[string]int) {
	path := filepath.Join(dir, fmt.Sprint(number), "ledger.db")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		playHistory(t, rand.New(rand.NewPCG(seed, number)), path, did) //nolint:gosec // that is what it is for
	})
	if t.Failed() {
		t.Fatalf("in history %d", number)
	}
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
}

// play is one history.
type play struct {
	*testing.T
	rng    *rand.Rand
	path   string
	mu     sync.Mutex
	did    map[string]int
	ledger *ledger.Ledger
	orgs   []*looseOrg
	runs   []string // that may be undone
	start  time.Time
	dead   bool // the process died within the run
	faults bool // there may be some
}

func playHistory(t *testing.T, rng *rand.Rand, path string, did map[string]int) {
	p := &play{T: t, rng: rng, path: path, did: did, start: time.Now(), faults: true}
	for i, name := range []string{"open", "guarded"} {
		p.orgs = append(p.orgs, &looseOrg{play: p, name: name, guarded: i == 1, records: map[string]*looseRecord{}})
	}
	p.open()
	for range runsOfAHistory - 1 {
		between := []time.Duration{time.Second, time.Minute}[rng.IntN(2)] // requests of the run before are on their way, or not
		time.Sleep(time.Duration(1+rng.IntN(20)) * between)
		p.step()
		if t.Failed() {
			break
		}
	}
	p.faults = false
	time.Sleep(time.Second)
	s, err := p.run(pipeline.Request{Trigger: pipeline.Scheduled, Slot: p.now(), AsOf: p.now()})
	if err != nil || s.End != pipeline.OK {
		t.Errorf("the run without a fault: %+v, %v", s, err)
	}
	p.converged(s.AsOf)
	time.Sleep(48 * time.Hour) // whatever was late has come
	p.converged(s.AsOf)
	if err := p.ledger.Close(); err != nil {
		t.Error(err)
	}
}

func (p *play) count(what string, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.did[what] += n
}

func (p *play) now() time.Time { return time.Now().UTC().Truncate(time.Second) }

func (p *play) open() {
	var err error
	if p.ledger, err = ledger.Open(p.path); err != nil {
		p.Fatal(err)
	}
}

// score is what the script and the model give of a key as of an instant; the same again and again, for there are few scores.
func (p *play) score(key string, asOf time.Time) (score int, found bool) {
	quarter := asOf.Unix() / 900
	return draw(4, key, quarter/2), draw(6, "found", key, quarter/4) > 0
}

// draw is a number below n that depends on the words alone.
func draw(n uint64, words ...any) int {
	h := fnv.New64a()
	fmt.Fprint(h, words...)
	return int(h.Sum64() >> 8 % n) //nolint:gosec // n is small
}

// step makes a run of some kind.
func (p *play) step() {
	past := p.now().Add(-time.Duration(p.rng.IntN(8*3600)) * time.Second)
	var err error
	switch n := p.rng.IntN(10); {
	case n < 4:
		_, err = p.run(pipeline.Request{Trigger: pipeline.Scheduled, Slot: p.now(), AsOf: p.now(), Full: p.rng.IntN(20) == 0})
	case n < 6:
		_, err = p.run(pipeline.Request{Trigger: pipeline.Fill, AsOf: past})
	case n < 9:
		_, err = p.run(pipeline.Request{Trigger: pipeline.Backfill, AsOf: past})
	case len(p.runs) > 0:
		p.undo(p.runs[p.rng.IntN(len(p.runs))])
	}
	if errors.Is(err, errUnexpected) {
		p.Error(err)
	}
}

// run makes a run as the verbs do, and one after a crash as the next process does.
func (p *play) run(req pipeline.Request) (s *pipeline.Summary, err error) {
	p.count(string(req.Trigger), 1)
	p.turn(func(r *pipeline.Runner) {
		if req.Trigger == pipeline.Fill {
			r.Decide = policy.Fill
		}
		r.Decide = p.listen(r.Decide)
		s, err = r.Run(p.Context(), req)
	})
	if s == nil || p.dead {
		return s, err
	}
	p.runs = append(p.runs, s.ID)
	p.count("superseded", s.Superseded)
	p.count("kept", s.Kept)
	p.count("cleared", s.Cleared)
	for i, t := range s.Targets {
		if t.Error == "" && req.Trigger != pipeline.Fill {
			p.orgs[i].found(req.AsOf, s.Version)
		}
	}
	return s, err
}

// listen keeps what a run knows of a target when it decides.
func (p *play) listen(decide pipeline.Decide) pipeline.Decide {
	return func(
		run *pipeline.Run, model string, found pipeline.Found, confirmed iter.Seq2[pipeline.Confirmed, error],
	) (pipeline.Decision, error) {
		o := p.orgs[0]
		if found.Clear {
			o = p.orgs[1]
		}
		o.sure = map[string]int64{}
		for c, err := range confirmed {
			if err == nil && !c.Unsure {
				o.sure[c.Key] = c.Version
			}
		}
		return decide(run, model, found, confirmed)
	}
}

func (p *play) undo(id string) {
	p.count("undo", 1)
	undone, found, err := p.ledger.Run(p.Context(), id)
	if err != nil || !found {
		p.Fatalf("run %s: %v", id, err)
	}
	p.turn(func(r *pipeline.Runner) {
		if _, s, err := r.Undo(p.Context(), &undone, false); s != nil {
			p.count("back", s.Accepted)
		} else {
			p.Errorf("undo %s: %v", id, err)
		}
	})
}

// turn has the gate for one run.
func (p *play) turn(part func(*pipeline.Runner)) {
	if _, err := p.ledger.Enter(p.Context(), interleaveJob, nil); err != nil {
		p.Fatal(err)
	}
	p.dead = false
	r := &pipeline.Runner{
		Job: interleaveJob, Source: looseSource{p}, Model: looseModel{}, Decide: policy.Delta, Ledger: p.ledger, Log: slog.New(slog.DiscardHandler),
	}
	for i, o := range p.orgs {
		r.Targets = append(r.Targets, pipeline.Target{Sink: o, Shape: "s", Settle: patience, Clear: i == 1, Reader: o})
	}
	part(r)
	if p.dead {
		p.open()
		return
	}
	if err := p.ledger.Leave(interleaveJob); err != nil {
		p.Fatal(err)
	}
}

// die is the end of the process: nothing of what follows gets into the ledger.
func (p *play) die() {
	p.dead = true
	p.count("crash", 1)
	if err := p.ledger.Close(); err != nil {
		p.Error(err)
	}
}

// converged checks that the targets hold what the script gives.
func (p *play) converged(asOf time.Time) {
	for _, o := range p.orgs {
		for _, key := range interleaveKeys {
			want, found := p.score(key, asOf)
			if r := o.records[key]; found && (r == nil || r.cleared || r.score != want) {
				p.Errorf("%s holds %+v of %s, want %d", o.name, r, key, want)
			}
		}
	}
}

var interleaveKeys = []string{"a", "b", "c", "d", "e", "f", "g"}

// looseSource gives the keys that are in the result.
type looseSource struct{ *play }

func (looseSource) Digest() string { return "sql" }

func (s looseSource) Read(_ context.Context, run *pipeline.Run, rows pipeline.Rows) error {
	b := &pipeline.Batch{Columns: []pipeline.Column{{Name: "x", Kind: pipeline.Number}}}
	for _, key := range interleaveKeys {
		if score, found := s.score(key, run.AsOf); found {
			b.Keys = append(b.Keys, key)
			b.Columns[0].Numbers = append(b.Columns[0].Numbers, float64(score))
		}
	}
	if err := rows.Begin([]pipeline.Column{{Name: "x", Kind: pipeline.Number}}); err != nil {
		return err
	}
	return rows.Add(b)
}

// looseModel scores a row as what is in its column.
type looseModel struct{}

func (looseModel) Name() string                                    { return "m@1" }
func (looseModel) Digest() string                                  { return "model" }
func (looseModel) Reference() *pipeline.Profile                    { return &pipeline.Profile{} }
func (looseModel) Bind([]pipeline.Column) (pipeline.Scorer, error) { return looseModel{}, nil }

func (looseModel) Score(
	b *pipeline.Batch, _ func(pipeline.Score) bool, scores []pipeline.Score, rejected []pipeline.Rejection,
) ([]pipeline.Score, []pipeline.Rejection) {
	for i, key := range b.Keys {
		scores = append(scores, pipeline.Score{Key: key, Score: int(b.Columns[0].Numbers[i]), Grade: "A"})
	}
	return scores, rejected
}
