package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
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
	interleavedRuns = 10_000
	runsOfAHistory  = 25
	interleaveJob   = "j"
)

// Live runs, fills and delivering backfills of random instants, undos, crashes, and requests that are lost, answered too late or
// applied long after, against two targets: one that takes whatever comes, whose late requests come within its patience, and one
// that refuses what is older, whose late requests may come at any time. No older score ever replaces a newer one, and one live
// run without a fault makes all of it right. SCORED_SEED repeats a test.
func TestAnOlderScoreNeverOverwritesANewerOneInAnyOrder(t *testing.T) {
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // any number will do
	if text := os.Getenv("SCORED_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("SCORED_SEED=%d", seed)
	dir := t.TempDir()
	if memory, err := os.MkdirTemp("/dev/shm", "scored-"); err == nil { // where syncing takes no time
		dir = memory
		t.Cleanup(func() { os.RemoveAll(memory) })
	}
	did := map[string]int{}
	for i := range interleavedRuns / runsOfAHistory {
		path := filepath.Join(dir, fmt.Sprint(i), "ledger.db")
		if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			playHistory(t, rand.New(rand.NewPCG(seed, uint64(i))), path, did) //nolint:gosec // that is what it is for
		})
		if t.Failed() {
			t.Fatalf("in history %d", i)
		}
		if err := os.RemoveAll(filepath.Dir(path)); err != nil {
			t.Fatal(err)
		}
	}
	t.Log(did)
	for _, what := range []string{"schedule", "fill", "backfill", "undo", "crash", "late", "lost", "stale", "superseded", "kept", "cleared", "back"} {
		if did[what] < interleavedRuns/100 {
			t.Errorf("of %q there were only %d: this shows little", what, did[what])
		}
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
		time.Sleep(time.Duration(1+rng.IntN(20)) * time.Minute)
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
			p.orgs[i].found(req.AsOf)
		}
	}
	return s, err
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
	for _, o := range p.orgs {
		o.sent = map[string]bool{}
	}
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
