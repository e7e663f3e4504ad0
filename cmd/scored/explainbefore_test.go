package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"scored/cmd/sandbox/world"
	"scored/pipeline"
	"scored/pipeline/model"
	"scored/pipeline/warehouse/pgtest"
)

// A rep asks half an hour after a run why a score moved in the run before that: what the targets confirmed is as new as the
// last run, and would say that nothing changed. The first run was made, as of first.
func explainThroughThreeRuns(t *testing.T, w *world.World, c string, first time.Time) {
	t.Helper()
	second, third, asked := w.Loaded.Add(-time.Hour), w.Loaded.Add(-30*time.Minute), w.Loaded
	then := leadScores(w)
	for _, at := range []time.Time{second, third} {
		scored(t, "run", leads, "-c", c, "--as-of", stamp(at)).want(t, exitOK)
	}
	key := movedOnce(t, w, then, computed(t, c, asked), second)
	story := func(t *testing.T, at time.Time, args ...string) (e explained) {
		t.Helper()
		r := scored(t, append([]string{"explain", leads, key, "-c", c, "--as-of", stamp(at), "--json"}, args...)...)
		decode(t, r.want(t, exitOK).out, &e)
		return e
	}
	was, moved, is := story(t, first), story(t, second), story(t, asked)

	t.Run("it shows what moved the score", func(t *testing.T) {
		if moved.Score != is.Score || was.Score == is.Score && was.Grade == is.Grade {
			t.Fatalf("%d, then %d, then %d: this proves nothing", was.Score, moved.Score, is.Score)
		}
		if len(is.Before) != 1 || is.BeforeNote != "" || !is.Before[0].AsOf.Equal(first) || is.Before[0].What != "the score before" ||
			*is.Before[0].Score != was.Score || len(is.Before[0].Notes) != 0 {
			t.Fatalf("got %q, %+v", is.BeforeNote, is.Before)
		}
		var shown, want []string
		for _, d := range is.Before[0].Changed {
			shown = append(shown, d.Column)
		}
		for _, col := range is.Columns {
			if is.value(col.Column) != was.value(col.Column) {
				want = append(want, col.Column)
			}
		}
		slices.Sort(shown)
		slices.Sort(want)
		if !slices.Equal(shown, want) || len(want) == 0 {
			t.Errorf("%v are shown, %v changed", shown, want)
		}
		if !is.Targets[0].AsOf.Equal(third) {
			t.Errorf("the target's was last found equal as of %s, want %s", is.Targets[0].AsOf, stamp(third))
		}
		r := scored(t, "explain", leads, key, "-c", c, "--as-of", stamp(asked)).want(t, exitOK,
			"LAST FOUND EQUAL AS OF", "since "+stamp(first)+" (the score before): score ")
		widest(t, strings.ReplaceAll(r.out, is.Reasons, ""), 120)
	})
	t.Run("without a history it says so, and has what was confirmed", func(t *testing.T) {
		without := config(t, "history_schema: scored", `history_schema: ""`)
		r := scored(t, "explain", leads, key, "-c", without, "--as-of", stamp(asked)).want(t, exitOK,
			"the score before is not known: no history is kept (warehouse.history_schema is empty)\n(--since TIME",
			"since "+stamp(third)+" (salesforce: last found equal): score ")
		widest(t, strings.ReplaceAll(r.out, is.Reasons, ""), 120)
		w.Cluster.Inject(pgtest.Fault{Match: "LAG(score)", Code: "42501", Message: "permission denied for schema scored"})
		e := story(t, asked)
		if !strings.Contains(e.BeforeNote, "the history can't be read: select from scored.scores: permission denied") ||
			len(e.Before) != 1 || !e.Before[0].AsOf.Equal(third) {
			t.Errorf("got %q, %+v", e.BeforeNote, e.Before)
		}
		if e := story(t, asked, "--since", stamp(first)); e.BeforeNote != "" || len(e.Before) != 1 || !e.Before[0].AsOf.Equal(first) {
			t.Errorf("since an instant: %q, %+v", e.BeforeNote, e.Before)
		}
	})
	t.Run("the first score has none before it", func(t *testing.T) {
		if want := "the history has no score of the key before "; !strings.Contains(was.BeforeNote, want) || len(was.Before) != 0 {
			t.Errorf("got %q, %+v", was.BeforeNote, was.Before)
		}
	})
}

// movedOnce finds a lead whose score the run as of the given instant moved, and which has that one since.
func movedOnce(t *testing.T, w *world.World, then, is map[string]string, run time.Time) string {
	t.Helper()
	rows, err := w.Cluster.Query(t.Context(), "SELECT score_key, max(as_of) FROM scored.scores GROUP BY score_key HAVING count(*) = 2 ORDER BY score_key")
	if err != nil {
		t.Fatal(err)
	}
	held := leadScores(w)
	for _, r := range rows {
		if key := r[0]; then[key] != "" && then[key] != held[key] && held[key] == is[key] && r[1] == run.Format(time.DateTime) {
			return key
		}
	}
	t.Fatal("no lead of the sample has a score that moved once")
	return ""
}

// closed is a history that nobody may read.
type closed struct{ hint string }

func (c closed) ScoresOf(context.Context, string, string, int64, int) ([]pipeline.Confirmed, error) {
	return nil, fmt.Errorf("select: %w", &pipeline.Problem{Err: errors.New("permission denied"), Hint: c.hint})
}

func TestExplainSaysWhatToDoAboutTheHistory(t *testing.T) {
	for _, tt := range []struct{ hint, want string }{
		{"grant select on scored.scores", "the history can't be read: select: permission denied; grant select on scored.scores"},
		{"", "the history can't be read: select: permission denied"},
	} {
		e := &explainer{history: closed{tt.hint}}
		if _, unknown, err := e.given(t.Context(), time.Now()); err != nil || unknown != tt.want {
			t.Errorf("got %q and %v, want %q", unknown, err, tt.want)
		}
	}
}

// Which of the history's newest two scores is before the explained one, 71 A as of noon.
func TestExplainFindsTheScoresBefore(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	score := func(score int, grade string, at time.Duration) pipeline.Confirmed {
		return pipeline.Confirmed{Score: score, Grade: grade, Model: "m", Version: noon.Add(at).UnixMilli()*1000 + 2}
	}
	for _, tt := range []struct {
		name    string
		scores  []pipeline.Confirmed
		want    string
		unknown string
	}{
		{"none", nil, "", "the history has no score of the key"},
		{"only the explained one", []pipeline.Confirmed{score(71, "A", -time.Hour)}, "", "before 71 A, first given as of 2026-11-22T11:00:00Z"},
		{"the explained one, and one before", []pipeline.Confirmed{score(71, "A", -time.Hour), score(34, "C", -3*time.Hour)},
			"2026-11-22T09:00:00Z the score before, 34", ""},
		{"no run found the explained one yet", []pipeline.Confirmed{score(70, "A", -time.Hour), score(34, "C", -3*time.Hour)},
			"2026-11-22T11:00:00Z the history's newest score, 70; 2026-11-22T09:00:00Z the score before it, 34", ""},
		{"nor another", []pipeline.Confirmed{score(71, "B", -time.Hour)}, "2026-11-22T11:00:00Z the history's newest score, 71", ""},
		{"the run as of noon gave another", []pipeline.Confirmed{score(70, "A", 0), score(34, "C", -3*time.Hour)},
			"2026-11-22T09:00:00Z the score before, 34", ""},
		{"two runs as of noon", []pipeline.Confirmed{score(71, "A", 0), score(70, "A", 0)}, "", "before 71 A"},
	} {
		s := story{asOf: noon, Explanation: &model.Explanation{Score: pipeline.Score{Score: 71, Grade: "A"}}}
		all, unknown := s.earlier(tt.scores)
		var got []string
		for _, m := range all {
			got = append(got, fmt.Sprintf("%s %s, %d", stamp(m.asOf), m.what, m.given[0].Score))
		}
		if strings.Join(got, "; ") != tt.want || !strings.Contains(unknown, tt.unknown) || (unknown == "") != (tt.unknown == "") {
			t.Errorf("%s: got %q and %q, want %q and %q", tt.name, got, unknown, tt.want, tt.unknown)
		}
	}
}
