package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"scored/configs"
	"scored/pipeline"
	"scored/pipeline/model"
)

// takesAll is a model that binds to any columns and scores nothing.
type takesAll struct{}

func (takesAll) Name() string                                    { return "m@12345678" }
func (takesAll) Digest() string                                  { return "" }
func (takesAll) Reference() *pipeline.Profile                    { return nil }
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

// Without SHAP values there is all the rest, and why they are missing.
func TestAStoryWithoutShap(t *testing.T) {
	for _, why := range []string{"", "not computed: tree 0: a path asks 2000 features, more than 1024"} {
		s := story{key: "L1", model: "m@12345678", Explanation: &model.Explanation{
			Columns: []model.ExplainedColumn{{Name: "visits", Value: "7", Path: 0.25}}, Bias: 0.5, Forest: 0.75, NoShap: why,
			Score: pipeline.Score{Score: 91, Grade: "A", Probability: 0.75},
		}}
		if why == "" {
			s.ShapBias, s.Columns[0].Shap = 0.625, 0.125
		}
		var text, object bytes.Buffer
		s.print(&text)
		if err := s.json(&object); err != nil {
			t.Fatal(err)
		}
		var got struct {
			Score    int
			Bias     float64
			ShapBias *float64 `json:"shap_bias"`
			ShapNote string   `json:"shap_note"`
			Columns  []struct {
				Path float64
				Shap *float64
			}
		}
		decode(t, object.String(), &got)
		if got.Score != 91 || got.Bias != 0.5 || got.Columns[0].Path != 0.25 || got.ShapNote != why ||
			(got.ShapBias == nil) != (why != "") || (got.Columns[0].Shap == nil) != (why != "") {
			t.Errorf("%q: got %s", why, &object)
		}
		if why == "" && (*got.ShapBias != 0.625 || *got.Columns[0].Shap != 0.125) {
			t.Errorf("got %s", &object)
		}
		want := []string{"+0.125000", "+0.625000", "SHAP: the column's"}
		if why != "" {
			want = []string{"+0.250000  -\n", "+0.750000  -\n", "\nSHAP not computed: tree 0: "}
		}
		for _, want := range append(want, "91, grade A", "PATH: ") {
			if !strings.Contains(text.String(), want) {
				t.Errorf("%q: it lacks %q:\n%s", why, want, &text)
			}
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
