package sinktest

import (
	"fmt"
	"testing"
	"time"

	"scored/pipeline"
)

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) { r.check(&suite{TB: t, Harness: h}) })
	}
}

// rules is the suite. Each rule opens worlds of its own.
var rules = []struct {
	name  string
	check func(*suite)
}{
	{"a preflight names the target, and nothing changes", preflight},
	{"every value arrives", arrives},
	{"an empty list makes no request", nothing},
	{"the same delivery again changes nothing", idempotent},
	{"empty reasons empty the field", noReasons},
	{"clearing leaves the version", clearing},
	{"a score brought back has its own model and time", origin},
	{"an older version is stale", stale},
	{"a refused row stays alone", refused},
	{"a locked row may be sent again", locked},
	{"a record that was created is told", created},
	{"a failed confirmation ends the delivery", confirmFails},
	{"an ended context sends nothing", alreadyEnded},
	{"a context that ends stops at a request boundary", ends},
	{"a request that is turned away changed nothing", turnedAway},
	{"failed, not applied", func(s *suite) { s.matrix(Fails) }},
	{"failed, yet applied", func(s *suite) { s.matrix(Applied) }},
	{"an answer that comes too late", tooLate},
}

// suite is one rule's work on one harness.
type suite struct {
	testing.TB
	Harness
	runs int
}

// started is when the first run of a rule starts; each next one a quarter of an hour later.
var started = time.Date(2026, 11, 22, 13, 15, 7, 0, time.UTC)

// run returns a run that is newer than those before.
func (s *suite) run() *pipeline.Run {
	s.Helper()
	at := started.Add(time.Duration(s.runs) * 15 * time.Minute)
	s.runs++
	run, err := pipeline.NewRun("leads", pipeline.Request{Trigger: pipeline.Scheduled, Slot: at.Truncate(time.Minute), AsOf: at.Truncate(time.Minute)},
		0, at)
	if err != nil {
		s.Fatal(err)
	}
	return run
}

// few is a number of changes that needs three requests, the last of them for one.
func (s *suite) few() int { return 2*s.Block + 1 }

// open opens a world and looks whether it is as the harness says.
func (s *suite) open(records int) *world {
	s.Helper()
	w := &world{World: s.Open(s.TB, records), s: s}
	if len(w.Keys) != records {
		s.Fatalf("the harness has %d records, want %d", len(w.Keys), records)
	}
	return w
}

const model = "lead@0123abcd"

// texts are reasons that a payload has to escape.
var texts = []string{"Up: visited 5 times this week.", `He said "now", twice; a, b\c 'd'`, "Größe 42 m², 東京 🚗", "=1+1", "", "<b>&amp;</b>", "null"}

// changes returns a change for each of the keys. round makes the values differ from one delivery to the next.
func changes(keys []string, round int) []pipeline.Change {
	all := make([]pipeline.Change, len(keys))
	for i, key := range keys {
		n := i + 7*round
		all[i].Score = pipeline.Score{Key: key, Score: n % 101, Grade: string(rune('A' + n%4)), Probability: float64(n%9) / 8,
			Reasons: texts[n%len(texts)]}
	}
	return all
}

// written is what a target holds of a change that it took.
func written(run *pipeline.Run, c pipeline.Change) Values {
	if c.Clear {
		return Values{Version: run.Version, Empty: true}
	}
	v := Values{Version: run.Version, Score: c.Score.Score, Grade: c.Grade, Probability: c.Probability, Model: model, Reasons: c.Reasons,
		ScoredAt: run.Started}
	if c.Origin != nil {
		v.Model, v.ScoredAt = c.Origin.Model, c.Origin.ScoredAt.UTC()
	}
	return v
}

// nth names a request in messages.
func nth(n int) string { return fmt.Sprintf("request %d", n) }
