package policy_test

import (
	"errors"
	"iter"
	"testing"

	"scored/pipeline"
	"scored/pipeline/policy"
)

var _ pipeline.Decide = policy.Fill

func TestFillLeavesLiveScoresAlone(t *testing.T) {
	entry := func(key string, change func(*pipeline.Confirmed)) pipeline.Confirmed {
		c := known(change)
		c.Key = key
		return c
	}
	confirmed := sequence(
		entry("b-live", func(c *pipeline.Confirmed) { c.Score = 1 }),
		entry("c-filled", func(c *pipeline.Confirmed) { c.Score, c.Filled = 1, true }),
		entry("d-filled-same", func(c *pipeline.Confirmed) { c.Filled = true }),
		entry("e-never-answered", func(c *pipeline.Confirmed) { c.Model, c.Unsure = "", true }),
		entry("f-newer", func(c *pipeline.Confirmed) { c.Score, c.Version = 1, version+1 }),
		entry("g-live-unsure", func(c *pipeline.Confirmed) { c.Unsure = true }),
		entry("i-cleared", func(c *pipeline.Confirmed) { c.Cleared = true }),
		entry("j-live-refused", func(c *pipeline.Confirmed) { c.Score, c.Until = 1, pipeline.Never }),
		entry("k-first-refused", func(c *pipeline.Confirmed) { c.Model, c.Version, c.Until = "", 0, pipeline.Never }),
		entry("l-left", nil),
	)
	var scores []pipeline.Score
	for _, key := range []string{"a-unscored", "b-live", "c-filled", "d-filled-same", "e-never-answered", "f-newer", "g-live-unsure", "h-unscored", "i-cleared", "j-live-refused", "k-first-refused"} {
		scores = append(scores, pipeline.Score{Key: key, Score: 70, Grade: "B"})
	}
	filling := *run
	filling.Trigger = pipeline.Fill
	d, err := policy.Fill(&filling, model, pipeline.Found{Scores: scores, Clear: true}, confirmed)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range d.Changes {
		got = append(got, c.Key)
	}
	want := []string{"a-unscored", "c-filled", "e-never-answered", "h-unscored", "i-cleared"}
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	if d.Kept != 3 || d.Unchanged != 1 || d.Superseded != 1 || d.Quarantined != 1 {
		t.Errorf("got %d kept, %d unchanged, %d superseded, %d quarantined; want 3, 1, 1, 1", d.Kept, d.Unchanged, d.Superseded, d.Quarantined)
	}
}

// What a backfill filled is live's once a live run has seen it: from then on a fill leaves it alone.
func TestALiveRunTakesOverWhatWasFilled(t *testing.T) {
	filled := known(func(c *pipeline.Confirmed) { c.Filled = true })
	scores := []pipeline.Score{{Key: filled.Key, Score: filled.Score, Grade: filled.Grade}}
	for trigger, changes := range map[pipeline.Trigger]int{
		pipeline.Scheduled: 1, pipeline.Manual: 1, pipeline.Backfill: 1, pipeline.Fill: 0,
	} {
		r := *run
		r.Trigger = trigger
		d, err := policy.Delta(&r, model, pipeline.Found{Scores: scores}, sequence(filled))
		if err != nil || len(d.Changes) != changes || d.Unchanged != 1-changes {
			t.Errorf("%s: %d changes, %d unchanged, %v", trigger, len(d.Changes), d.Unchanged, err)
		}
	}
}

func TestFillPassesErrorsOn(t *testing.T) {
	broken := errors.New("disk")
	var confirmed iter.Seq2[pipeline.Confirmed, error] = func(yield func(pipeline.Confirmed, error) bool) {
		yield(pipeline.Confirmed{}, broken)
	}
	if _, err := policy.Fill(run, model, pipeline.Found{}, confirmed); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
