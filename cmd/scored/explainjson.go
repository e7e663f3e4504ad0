package main

import (
	"encoding/json"
	"io"
	"time"

	"scored/pipeline/model"
)

// The story in JSON. Numbers that are missing, and texts, are as in the tables.
type storyJSON struct {
	Job         string       `json:"job"`
	Key         string       `json:"key"`
	AsOf        time.Time    `json:"as_of"`
	Model       string       `json:"model"`
	Score       int          `json:"score"`
	Grade       string       `json:"grade"`
	Probability float64      `json:"probability"`
	Forest      float64      `json:"forest_probability"`
	Bias        float64      `json:"bias"`
	ShapBias    *float64     `json:"shap_bias"`           // null, as every shap, where there are no SHAP values
	ShapNote    string       `json:"shap_note,omitempty"` // why there are none
	Reasons     string       `json:"reasons"`
	Columns     []columnJSON `json:"columns"`
	Targets     []targetJSON `json:"targets"`
	BeforeNote  string       `json:"before_note,omitempty"`
	Before      []beforeJSON `json:"before"`
}

type columnJSON struct {
	Column string   `json:"column"`
	Value  *string  `json:"value"` // null where it is missing
	Path   float64  `json:"path"`
	Shap   *float64 `json:"shap"`
	Banned bool     `json:"banned"`
}

type targetJSON struct {
	Target string     `json:"target"`
	Score  *int       `json:"score"`
	Grade  string     `json:"grade,omitempty"`
	Model  string     `json:"model,omitempty"`
	AsOf   *time.Time `json:"as_of"` // up to which the score was found equal
	Note   string     `json:"note,omitempty"`
}

type beforeJSON struct {
	AsOf     time.Time     `json:"as_of"`
	What     string        `json:"what,omitempty"`
	Found    bool          `json:"found"`
	Rejected string        `json:"rejected,omitempty"`
	Score    *int          `json:"score"`
	Grade    string        `json:"grade,omitempty"`
	Prob     *float64      `json:"probability"`
	Notes    []string      `json:"notes"`
	Changed  []changedJSON `json:"changed"`
}

type changedJSON struct {
	Column   string  `json:"column"`
	Then     *string `json:"then"`
	Now      *string `json:"now"`
	PathThen float64 `json:"path_then"`
	PathNow  float64 `json:"path_now"`
}

func (s *story) json(out io.Writer) error {
	shap := func(v float64) *float64 {
		if s.NoShap != "" {
			return nil
		}
		return &v
	}
	o := storyJSON{Job: s.job, Key: s.key, AsOf: s.asOf, Model: s.model, Score: s.Score.Score, Grade: s.Grade, Probability: s.Probability,
		Forest: s.Forest, Bias: s.Bias, ShapBias: shap(s.ShapBias), ShapNote: s.NoShap, Reasons: s.Reasons, Columns: []columnJSON{}, Targets: []targetJSON{},
		BeforeNote: s.lack, Before: []beforeJSON{}}
	for _, c := range sorted(s.Explanation) {
		o.Columns = append(o.Columns, columnJSON{c.Name, orNull(c), c.Path, shap(c.Shap), c.Banned})
	}
	for _, h := range s.holds {
		j := targetJSON{Target: h.target, Note: h.note(s.asOf)}
		if h.known {
			at := h.asOf()
			j.Score, j.Grade, j.Model, j.AsOf = &h.Score, h.Grade, h.Model, &at
		}
		o.Targets = append(o.Targets, j)
	}
	for _, c := range s.before {
		o.Before = append(o.Before, s.beforeJSON(&c))
	}
	return json.NewEncoder(out).Encode(o)
}

func (s *story) beforeJSON(c *comparison) beforeJSON {
	j := beforeJSON{AsOf: c.asOf, What: c.what, Found: c.then.found > 0, Rejected: c.then.rejected, Notes: []string{}, Changed: []changedJSON{}}
	if e := c.then.Explanation; e != nil {
		j.Score, j.Grade, j.Prob = &e.Score.Score, e.Grade, &e.Probability
		j.Notes = append(j.Notes, s.doubts(c)...)
	}
	for _, d := range c.changed {
		j.Changed = append(j.Changed, changedJSON{d.now.Name, orNull(d.then), orNull(d.now), d.then.Path, d.now.Path})
	}
	return j
}

func orNull(c model.ExplainedColumn) *string {
	if c.Missing {
		return nil
	}
	return &c.Value
}
