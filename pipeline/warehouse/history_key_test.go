package warehouse

import (
	"math"
	"strings"
	"testing"

	"scored/pipeline"
)

func TestScoresOfAKeyAreNewestFirstAndEachAsItWasFirstFound(t *testing.T) {
	h := newTestHistory(t)
	scoresOf := func(job, key string, below int64, n int) (got []string) {
		t.Helper()
		list, err := h.ScoresOf(t.Context(), job, key, below, n)
		if err != nil {
			t.Fatalf("%v\nhint: %s", err, pipeline.HintOf(err))
		}
		for _, c := range list {
			if c.Key != key {
				t.Errorf("got the key %q, want %q", c.Key, key)
			}
			got = append(got, c.Grade+" "+c.Model)
		}
		return got
	}
	if got := scoresOf("leads", "a", math.MaxInt64, 2); len(got) != 0 {
		t.Errorf("a history that does not exist has %v", got)
	}
	write := func(job, model, key string, attempt, score int, grade string) int64 {
		t.Helper()
		run, err := pipeline.NewRun(job, pipeline.Request{AsOf: asOfNoon}, attempt, asOfNoon)
		if err != nil {
			t.Fatal(err)
		}
		list := changes(key)
		list[0].Score.Score, list[0].Grade = score, grade
		if err := h.Write(t.Context(), run, model, list, ignore); err != nil {
			t.Fatal(err)
		}
		return run.Version
	}
	hostile := `a' OR '1'='1`
	write("others", "m@1", "a", 4, 99, "of another job")
	write("leads", "m@1", "a ", 5, 99, "of a longer key")
	write("leads", "m@1", hostile, 1, 99, "hostile")
	last := write("leads", "m@2", "a", 10, 71, "A") // written first: versions count, neither the order nor the text of ids
	write("leads", "m@1", "a", 1, 34, "C")
	third := write("leads", "m@1", "a", 3, 71, "B")
	write("leads", "m@1", "a", 2, 34, "C") // by a run with --full
	write("leads", "m@1", "a", 9, 71, "A")
	for _, tt := range []struct {
		name  string
		key   string
		below int64
		n     int
		want  string
	}{
		{"all", "a", last + 1, 9, "A m@1, B m@1, C m@1"},
		{"the newest two", "a", last + 1, 2, "A m@1, B m@1"},
		{"below a version", "a", third, 9, "C m@1"},
		{"a key with blanks at its end", "a ", last + 1, 9, "of a longer key m@1"},
		{"a key that is SQL", hostile, last + 1, 9, "hostile m@1"},
		{"no such key", "b", last + 1, 9, ""},
		{"keys that no row can have", "zero\x00", last + 1, 9, ""},
		{"and that a cast would cut", strings.Repeat("x", maxScoreKey+1), last + 1, 9, ""},
	} {
		if got := strings.Join(scoresOf("leads", tt.key, tt.below, tt.n), ", "); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	if list, err := h.ScoresOf(t.Context(), "leads", "a", last+1, 1); err != nil || list[0].Version != last-1 || list[0].Score != 71 {
		t.Errorf("got %+v, %v: want the first run that found the score", list, err)
	}
}
