package policy_test

import (
	"reflect"
	"testing"

	"scored/pipeline"
	"scored/pipeline/policy"
)

// left decides for a key that is not among the scores.
func left(t *testing.T, r *pipeline.Run, entry pipeline.Confirmed, rejected ...string) pipeline.Decision {
	t.Helper()
	found := pipeline.Found{Scores: []pipeline.Score{{Key: "a", Score: 1}, {Key: "c", Score: 1}}, Rejected: rejected, Clear: true}
	got, err := policy.Delta(r, model, found, sequence(entry))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAKeyThatLeftIsCleared(t *testing.T) {
	const clear, unanswered, nothing, superseded, ahead, kept, quarantined = "clear", "unanswered", "nothing", "superseded", "ahead", "kept", "quarantined"
	tests := []struct {
		name  string
		known func(*pipeline.Confirmed)
		want  string
	}{
		{"confirmed", nil, clear},
		{"of another model", func(c *pipeline.Confirmed) { c.Model = "lead_scoring@ffffffff" }, clear},
		{"filled by a backfill", func(c *pipeline.Confirmed) { c.Filled = true }, kept},
		{"filled by a backfill, and in doubt", func(c *pipeline.Confirmed) { c.Filled, c.Unsure = true, true }, kept},
		{"filled by a backfill, and refused lately", func(c *pipeline.Confirmed) { c.Filled, c.Until = true, pipeline.Never }, kept},
		{"filled by a backfill as of a later time", func(c *pipeline.Confirmed) { c.Filled, c.Version = true, version }, superseded},
		{"in doubt", func(c *pipeline.Confirmed) { c.Unsure = true }, clear},
		{"a first write was never answered", func(c *pipeline.Confirmed) { c.Model, c.Unsure = "", true }, unanswered},
		{"cleared", func(c *pipeline.Confirmed) { c.Cleared = true }, nothing},
		{"cleared by an older model", func(c *pipeline.Confirmed) { c.Cleared, c.Model = true, "undo" }, nothing},
		{"cleared, and that is in doubt", func(c *pipeline.Confirmed) { c.Cleared, c.Unsure = true, true }, unanswered},
		{"only ever refused", func(c *pipeline.Confirmed) { c.Model, c.Version = "", 0 }, nothing},
		{"only ever refused, and due", func(c *pipeline.Confirmed) { *c = pipeline.Confirmed{Key: c.Key} }, nothing},
		{"only ever refused, and in quarantine", func(c *pipeline.Confirmed) { c.Model, c.Version, c.Until = "", 0, run.Started.Add(1) }, nothing},
		{"of this version", func(c *pipeline.Confirmed) { c.Version = version }, superseded},
		{"of a newer version", func(c *pipeline.Confirmed) { c.Version = version + 1 }, superseded},
		{"of a time to come", func(c *pipeline.Confirmed) { c.Version = 6_000 }, ahead},
		{"cleared in a newer version", func(c *pipeline.Confirmed) { c.Cleared, c.Version = true, 6_000 }, nothing},
		{"refused lately", func(c *pipeline.Confirmed) { c.Until = run.Started.Add(1) }, quarantined},
		{"may be tried again", func(c *pipeline.Confirmed) { c.Until = run.Started }, clear},
		{"never to be tried again", func(c *pipeline.Confirmed) { c.Until = pipeline.Never }, nothing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			entry := known(tt.known)
			cleared := pipeline.Change{Score: pipeline.Score{Key: "b"}, Before: &entry, Clear: true}
			unknown := pipeline.Change{Score: pipeline.Score{Key: "b"}, Clear: true}
			want := map[string]pipeline.Decision{
				clear:       {Changes: []pipeline.Change{cleared}},
				unanswered:  {Changes: []pipeline.Change{unknown}},
				nothing:     {},
				superseded:  {Superseded: 1},
				ahead:       {Superseded: 1, Ahead: 1},
				kept:        {Kept: 1},
				quarantined: {Quarantined: 1},
			}[tt.want]
			first, last := pipeline.Change{Score: pipeline.Score{Key: "a", Score: 1}}, pipeline.Change{Score: pipeline.Score{Key: "c", Score: 1}}
			want.Changes = append(append([]pipeline.Change{first}, want.Changes...), last)
			if got := left(t, run, entry); !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %s", got, tt.want)
			}
		})
	}
}

func TestARejectedKeyDidNotLeave(t *testing.T) {
	for _, rejected := range [][]string{{"b"}, {"a", "b", "b", "bb"}, {"B", "b"}} {
		if got := left(t, run, known(nil), rejected...); len(got.Changes) != 2 {
			t.Errorf("rejected %v: %+v", rejected, got.Changes)
		}
	}
	for _, rejected := range [][]string{nil, {"B", "a"}, {"bb"}} {
		if got := left(t, run, known(nil), rejected...); len(got.Changes) != 3 {
			t.Errorf("rejected %v: %+v", rejected, got.Changes)
		}
	}
}

// A result of the past does not tell who is there today.
func TestABackfillClearsNothing(t *testing.T) {
	for trigger, changes := range map[pipeline.Trigger]int{
		pipeline.Scheduled: 3, pipeline.Manual: 3, pipeline.Fill: 2, pipeline.Backfill: 2,
	} {
		r := *run
		r.Trigger = trigger
		if got := left(t, &r, known(nil)); len(got.Changes) != changes {
			t.Errorf("%s: %+v", trigger, got.Changes)
		}
	}
}

func TestATargetThatKeepsScoresIsNotTouched(t *testing.T) {
	got, err := policy.Delta(run, model, pipeline.Found{Rejected: []string{"z"}}, sequence(known(nil)))
	if err != nil || !reflect.DeepEqual(got, pipeline.Decision{}) {
		t.Errorf("got %+v, %v", got, err)
	}
}
