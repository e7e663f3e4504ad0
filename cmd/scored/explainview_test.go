package main

import (
	"strings"
	"testing"
	"time"

	"scored/configs"
	"scored/pipeline"
)

// takesAll is a model that binds to any columns and scores nothing.
type takesAll struct{}

func (takesAll) Name() string                                    { return "m@12345678" }
func (takesAll) Digest() string                                  { return "" }
func (takesAll) Bind([]pipeline.Column) (pipeline.Scorer, error) { return nil, nil }

// The row is kept while the source goes on in the memory that it came in.
func TestTheWantedRowIsKept(t *testing.T) {
	batch := pipeline.Batch{
		Keys: []string{"a", "b", "c"},
		Columns: []pipeline.Column{
			{Name: "n", Kind: pipeline.Number, Numbers: []float64{1, 2, 3}},
			{Name: "t", Kind: pipeline.Text, Codes: []int32{pipeline.NoText, 1, 0}, Dict: []string{"x", "y"}},
			{Name: "u", Kind: pipeline.Text, Codes: []int32{0, pipeline.NoText, 0}, Dict: []string{"z"}},
		},
	}
	w := &wanted{model: takesAll{}, key: "b"}
	for range 2 { // the source may start again
		if err := w.Begin(batch.Columns); err != nil {
			t.Fatal(err)
		}
		if err := w.Add(&batch); err != nil {
			t.Fatal(err)
		}
	}
	batch.Columns[0].Numbers[1], batch.Columns[1].Codes[1], batch.Columns[1].Dict[1], batch.Columns[2].Codes[1] = 9, 0, "w", 0
	batch.Keys[1] = "other"
	if err := w.Add(&batch); err != nil {
		t.Fatal(err)
	}
	kept := w.row.Columns
	if w.found != 1 || w.rows != 6 || w.row.Keys[0] != "b" || kept[0].Numbers[0] != 2 || kept[1].Dict[kept[1].Codes[0]] != "y" ||
		kept[2].Codes[0] != pipeline.NoText || kept[0].Name != "n" {
		t.Errorf("kept %+v of %d rows", w.row, w.rows)
	}
	batch.Keys[2] = "b"
	if err := w.Add(&batch); err != nil || w.found != 2 {
		t.Errorf("%d rows with the key, %v", w.found, err)
	}
}

func TestAKeyWithoutAScoreSaysWhy(t *testing.T) {
	job := configs.Job{Name: "leads"}
	for _, tt := range []struct {
		view view
		want string
	}{
		{view{key: "L1", rows: 7}, `none of the 7 rows has the key "L1"`},
		{view{key: "L1", found: 2, rejected: "duplicate key: 2 rows have it"}, `the row of "L1" is rejected: duplicate key`},
	} {
		err := tt.view.problem(job)
		if !strings.Contains(err.Error(), tt.want) || pipeline.HintOf(err) == "" || exitCode(err) != exitFailed {
			t.Errorf("%v, hint %q", err, pipeline.HintOf(err))
		}
	}
}

func TestWhatATargetHoldsIsSaid(t *testing.T) {
	asOf := time.Date(2026, 11, 22, 13, 15, 0, 0, time.UTC)
	at := func(d time.Duration) int64 { return asOf.Add(d).UnixMilli() * 1000 }
	all := []standing{
		{target: "a"},
		{target: "b", Confirmed: pipeline.Confirmed{Unsure: true, Version: at(-time.Hour)}},
		{target: "c", known: true, Confirmed: pipeline.Confirmed{Model: "m", Unsure: true, Version: at(-time.Hour) + 3}},
		{target: "d", known: true, Confirmed: pipeline.Confirmed{Model: "m", Version: at(time.Hour)}},
		{target: "e", known: true, Confirmed: pipeline.Confirmed{Model: "m", Version: at(-2 * time.Hour), Filled: true}},
		{target: "f", known: true, Confirmed: pipeline.Confirmed{Model: "m", Version: at(-time.Hour)}},
		{target: "g", known: true, Confirmed: pipeline.Confirmed{Model: "m", Version: at(0)}},
	}
	want := []string{"nothing was confirmed yet", "sent, and never confirmed", "in doubt: due again", "newer than this explanation", "by a backfill", "", ""}
	for i, h := range all {
		if got := h.note(asOf); got != want[i] {
			t.Errorf("%s: %q, want %q", h.target, got, want[i])
		}
	}
	s := story{asOf: asOf, holds: all}
	got := s.confirmed()
	if len(got) != 4 || !got[2].asOf.Equal(asOf.Add(-time.Hour)) || !got[3].asOf.Equal(asOf.Add(-2*time.Hour)) {
		t.Fatalf("confirmed %+v", got)
	}
	if m := got[2]; m.what != "c, f: last found equal" || len(m.given) != 1 || m.given[0].to != "f" {
		t.Errorf("an hour before there is %+v: what is in doubt says nothing of what was given", m)
	}
}
