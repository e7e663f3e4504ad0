package model

import (
	"strings"
	"testing"

	"scored/pipeline"
)

// scoredWith scores the case's rows and returns the scores.
func scoredWith(t *testing.T, b *Bundle, name string, due func(pipeline.Score) bool) []pipeline.Score {
	t.Helper()
	batch, _ := secondOpinion(t, b, name)
	scorer, err := b.Bind(batch.Columns)
	if err != nil {
		t.Fatal(err)
	}
	scores, _ := scorer.Score(batch, due, make([]pipeline.Score, 3), nil)
	return scores[3:]
}

func always(pipeline.Score) bool { return true }

// Only what is due gets reasons, whichever rows are due beside it, and nothing else of a score depends on that.
func TestOnlyDueScoresGetReasons(t *testing.T) {
	for _, name := range cases(t) {
		b := load(t, name)
		all, none := scoredWith(t, b, name, always), scoredWith(t, b, name, nil)
		n := 0
		some := scoredWith(t, b, name, func(s pipeline.Score) bool {
			if s != none[n] {
				t.Errorf("%s: due is asked of %+v, want %+v", name, s, none[n])
			}
			n++
			return n%3 == 0
		})
		with := 0
		for i, s := range some {
			want := all[i]
			if (i+1)%3 != 0 {
				want.Reasons = ""
			}
			if s != want {
				t.Errorf("%s: got %+v, want %+v", name, s, want)
			}
			if none[i].Reasons != "" {
				t.Errorf("%s: reasons that nobody asked for", name)
			}
			if all[i].Reasons != "" {
				with++
			}
		}
		if with < len(all)/2 && name != "single_leaves" {
			t.Errorf("%s: only %d of %d rows have reasons", name, with, len(all))
		}
	}
}

// More due rows than are worked on at a time have the reasons that each has alone.
func TestReasonsOfManyDueRows(t *testing.T) {
	const name = "calibrated_isotonic" // whose members have transforms of their own
	b := load(t, name)
	batch, _ := secondOpinion(t, b, name)
	many := &pipeline.Batch{Columns: make([]pipeline.Column, len(batch.Columns))}
	for i, c := range batch.Columns {
		many.Columns[i] = c
		many.Columns[i].Numbers, many.Columns[i].Codes = nil, nil
	}
	for len(many.Keys) < 3*dueBlock {
		many.Keys = append(many.Keys, batch.Keys...)
		for i, c := range batch.Columns {
			many.Columns[i].Numbers = append(many.Columns[i].Numbers, c.Numbers...)
			many.Columns[i].Codes = append(many.Columns[i].Codes, c.Codes...)
		}
	}
	scorer, err := b.Bind(many.Columns)
	if err != nil {
		t.Fatal(err)
	}
	scores, _ := scorer.Score(many, always, nil, nil)
	want := scoredWith(t, b, name, always)
	for i, s := range scores {
		if s != want[i%len(want)] {
			t.Fatalf("row %d: got %+v, want %+v", i, s, want[i%len(want)])
		}
	}
}

// What raises the probability is said to raise it, for the complement of a class as well: the two classes' reasons are
// each other's, with the sides changed.
func TestReasonsOfAComplement(t *testing.T) {
	b := load(t, "complement")
	other := *b
	other.members = nil
	for _, m := range b.members {
		c := *m.Calibration
		c.Complement = false
		m.Calibration = &c
		other.members = append(other.members, m)
	}
	theirs, ours := scoredWith(t, &other, "complement", always), scoredWith(t, b, "complement", always)
	for i := range ours {
		up, down := sides(ours[i].Reasons)
		otherUp, otherDown := sides(theirs[i].Reasons)
		if up != otherDown || down != otherUp {
			t.Fatalf("row %s: %q, and the other class %q", ours[i].Key, ours[i].Reasons, theirs[i].Reasons)
		}
	}
}

// sides splits a text of reasons.
func sides(text string) (up, down string) {
	up, down, both := strings.Cut(text, " Down: ")
	if !both && strings.HasPrefix(text, "Down: ") {
		return "", strings.TrimPrefix(text, "Down: ")
	}
	return strings.TrimPrefix(up, "Up: "), down
}

// Reasons take one allocation or a few per due row, and rows that are not due none.
func TestReasonsAllocatePerDueRow(t *testing.T) {
	b := load(t, "imputers")
	batch, _ := secondOpinion(t, b, "imputers")
	scorer, err := b.Bind(batch.Columns)
	if err != nil {
		t.Fatal(err)
	}
	scores, rejected := scorer.Score(batch, always, nil, nil)
	allocations := func(every int) float64 {
		return testing.AllocsPerRun(5, func() {
			n := 0
			scores, rejected = scorer.Score(batch, func(pipeline.Score) bool { n++; return n%every == 0 }, scores[:0], rejected[:0])
		})
	}
	one, ten := allocations(len(scores)), allocations(len(scores)/10)
	if one > 40 || ten > 10*one+40 {
		t.Errorf("%v allocations for one due row, %v for ten", one, ten)
	}
}
