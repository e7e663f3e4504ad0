package policy_test

import (
	"errors"
	"fmt"
	"iter"
	"reflect"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/policy"
)

var _ pipeline.Decide = policy.Delta

const (
	model   = "lead_scoring@0a1b2c3d"
	version = 1000
)

var run = &pipeline.Run{ID: "lead_scoring-20261122T131500Z-0", Version: version, Started: time.UnixMilli(5)}

// known is an entry that equals the score 70 B of the current model.
func known(change func(*pipeline.Confirmed)) pipeline.Confirmed {
	c := pipeline.Confirmed{Key: "b", Score: 70, Grade: "B", Model: model, Version: version - 1}
	if change != nil {
		change(&c)
	}
	return c
}

func sequence(entries ...pipeline.Confirmed) iter.Seq2[pipeline.Confirmed, error] {
	return func(yield func(pipeline.Confirmed, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func TestOneKey(t *testing.T) {
	const change, first, unchanged, superseded, ahead, quarantined = "change", "first", "unchanged", "superseded", "ahead", "quarantined"
	tests := []struct {
		name  string
		known func(*pipeline.Confirmed)
		want  string
	}{
		{"equal", nil, unchanged},
		{"score differs", func(c *pipeline.Confirmed) { c.Score = 71 }, change},
		{"grade differs", func(c *pipeline.Confirmed) { c.Grade = "A" }, change},
		{"model differs", func(c *pipeline.Confirmed) { c.Model = "lead_scoring@ffffffff" }, change},
		{"equal, and an older write was never answered", func(c *pipeline.Confirmed) { c.Unsure = true }, change},
		{"differs, and an older write was never answered", func(c *pipeline.Confirmed) { c.Unsure, c.Score = true, 1 }, change},
		{"differs, but the target holds this version", func(c *pipeline.Confirmed) { c.Score, c.Version = 1, version }, superseded},
		{"differs, but the target holds a newer version", func(c *pipeline.Confirmed) { c.Score, c.Version = 1, version+1 }, superseded},
		{"equal, and the target holds a newer version", func(c *pipeline.Confirmed) { c.Version = version + 1 }, superseded},
		{"the target may hold this version", func(c *pipeline.Confirmed) { c.Unsure, c.Version = true, version }, superseded},
		{"the target may hold a newer version", func(c *pipeline.Confirmed) { c.Unsure, c.Version = true, version+1 }, superseded},
		{"the target holds the last version before now", func(c *pipeline.Confirmed) { c.Version = 5_999 }, superseded},
		{"the target holds a version of a time to come", func(c *pipeline.Confirmed) { c.Version = 6_000 }, ahead},
		{"equal, but the fields are empty", func(c *pipeline.Confirmed) { c.Cleared = true }, first},
		{"the fields are empty, in a newer version", func(c *pipeline.Confirmed) { c.Cleared, c.Version = true, version+1 }, superseded},
		{"differs, and was refused lately", func(c *pipeline.Confirmed) { c.Score, c.Until = 1, run.Started.Add(1) }, quarantined},
		{"differs, and was refused for good", func(c *pipeline.Confirmed) { c.Score, c.Until = 1, pipeline.Never }, quarantined},
		{"differs, and may be tried again", func(c *pipeline.Confirmed) { c.Score, c.Until = 1, run.Started }, change},
		{"equal, and a change was refused lately", func(c *pipeline.Confirmed) { c.Until = pipeline.Never }, unchanged},
		{"equal and unsure, and was refused lately", func(c *pipeline.Confirmed) { c.Unsure, c.Until = true, pipeline.Never }, quarantined},
		{"a first score was refused lately", func(c *pipeline.Confirmed) { c.Model, c.Version, c.Until = "", 0, pipeline.Never }, quarantined},
		{"a first score may be tried again", func(c *pipeline.Confirmed) { c.Model, c.Version, c.Until = "", 0, run.Started }, first},
		{"a first score was refused, and is due", func(c *pipeline.Confirmed) { *c = pipeline.Confirmed{Key: c.Key} }, first},
		{"in quarantine, and a newer version is there", func(c *pipeline.Confirmed) { c.Version, c.Until = version, pipeline.Never }, superseded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			entry := known(tt.known)
			score := pipeline.Score{Key: "b", Probability: 0.7, Score: 70, Grade: "B"}
			got, err := policy.Delta(run, model, pipeline.Found{Scores: []pipeline.Score{score}}, sequence(entry))
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]pipeline.Decision{
				change:      {Changes: []pipeline.Change{{Score: score, Before: &entry}}},
				first:       {Changes: []pipeline.Change{{Score: score}}},
				unchanged:   {Unchanged: 1},
				superseded:  {Superseded: 1},
				ahead:       {Superseded: 1, Ahead: 1},
				quarantined: {Quarantined: 1},
			}[tt.want]
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %s", got, tt.want)
			}
		})
	}
}

func TestMerge(t *testing.T) {
	scores := []pipeline.Score{{Key: "B", Score: 1}, {Key: "a", Score: 2}, {Key: "b", Score: 70, Grade: "B"}, {Key: "é", Score: 4}}
	left := known(func(c *pipeline.Confirmed) { c.Key = "aa" })
	got, err := policy.Delta(run, model, pipeline.Found{Scores: scores}, sequence(left, known(nil)))
	if err != nil {
		t.Fatal(err)
	}
	want := pipeline.Decision{Unchanged: 1, Changes: []pipeline.Change{{Score: scores[0]}, {Score: scores[1]}, {Score: scores[3]}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v: new keys are changes, a key that left the result is not touched", got, want)
	}
}

// The words for a score may change with the row behind it, every time it is read.
func TestReasonsRideAlongAndMakeNoChange(t *testing.T) {
	scores := []pipeline.Score{{Key: "a", Score: 1, Reasons: "Up: a call"}, {Key: "b", Score: 70, Grade: "B", Reasons: "Up: a visit"}}
	got, err := policy.Delta(run, model, pipeline.Found{Scores: scores}, sequence(known(nil)))
	want := pipeline.Decision{Unchanged: 1, Changes: []pipeline.Change{{Score: scores[0]}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestNothingConfirmedOfAnUnansweredFirstWrite(t *testing.T) {
	only := pipeline.Confirmed{Key: "b", Unsure: true, Version: version - 1}
	got, err := policy.Delta(run, model, pipeline.Found{Scores: []pipeline.Score{{Key: "b"}}}, sequence(only))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Changes) != 1 || got.Changes[0].Before != nil {
		t.Errorf("got %+v, want one change with nothing before it", got)
	}
}

func TestOrderIsChecked(t *testing.T) {
	score := func(key string) pipeline.Score { return pipeline.Score{Key: key} }
	entry := func(key string) pipeline.Confirmed { return pipeline.Confirmed{Key: key, Model: model} }
	tests := []struct {
		name      string
		scores    []pipeline.Score
		rejected  []string
		confirmed []pipeline.Confirmed
		want      string
	}{
		{"scores descend", []pipeline.Score{score("k1"), score("k3"), score("k2")}, nil, nil, "score 3 is not after score 2"},
		{"a score twice", []pipeline.Score{score("k1"), score("k1")}, nil, nil, "score 2 is not after score 1"},
		{"rejected keys descend", nil, []string{"k1", "k1", "k0"}, nil, "rejected key 3 is before key 2"},
		{"confirmed descends", nil, nil, []pipeline.Confirmed{entry("k2"), entry("k1")}, "confirmed entry 2 is not after entry 1"},
		{"confirmed twice", []pipeline.Score{score("k1")}, nil, []pipeline.Confirmed{entry("k1"), entry("k1")}, "entry 2 is not after entry 1"},
		{"an empty key twice", nil, nil, []pipeline.Confirmed{entry(""), entry("")}, "entry 2 is not after entry 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := policy.Delta(run, model, pipeline.Found{Scores: tt.scores, Rejected: tt.rejected}, sequence(tt.confirmed...))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got error %v, want %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "k1") || len(got.Changes) > 0 {
				t.Errorf("got %q with %d changes: the error names positions only, and nothing is decided", err, len(got.Changes))
			}
		})
	}
}

func TestUnreadableLedgerDecidesNothing(t *testing.T) {
	broken := errors.New("disk")
	found := pipeline.Found{Scores: []pipeline.Score{{Key: "a"}, {Key: "c"}}}
	got, err := policy.Delta(run, model, found, func(yield func(pipeline.Confirmed, error) bool) {
		if yield(known(nil), nil) {
			yield(pipeline.Confirmed{}, broken)
		}
	})
	if !errors.Is(err, broken) || len(got.Changes) > 0 {
		t.Errorf("got %v with %d changes, want the ledger's error and nothing to send", err, len(got.Changes))
	}
}

func BenchmarkDelta(b *testing.B) {
	const rows = 1_000_000
	scores := make([]pipeline.Score, rows)
	entries := make([]pipeline.Confirmed, rows)
	for i := range rows {
		key := fmt.Sprintf("L%07d", i)
		scores[i] = pipeline.Score{Key: key, Score: i % 101, Grade: "B"}
		entries[i] = pipeline.Confirmed{Key: key, Score: i % 101, Grade: "B", Model: model}
		if i%50 == 0 {
			entries[i].Score++
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if d, err := policy.Delta(run, model, pipeline.Found{Scores: scores}, sequence(entries...)); err != nil || len(d.Changes) != rows/50 {
			b.Fatal(len(d.Changes), err)
		}
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
