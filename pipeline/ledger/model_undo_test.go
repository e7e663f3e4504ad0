package ledger_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"scored/pipeline"
)

// change is what a run writes: a score or empty fields, and in an undo those of any run, or of none.
func (w *world) change(key string) pipeline.Change {
	c := pipeline.Change{Score: pipeline.Score{Key: key}, Clear: true}
	if w.rng.IntN(5) > 0 {
		c = change(key, w.rng.IntN(101))
		c.Probability, c.Reasons = w.rng.Float64(), fmt.Sprint("Up: ", w.rng.IntN(9))
	}
	switch n := w.rng.IntN(4); {
	case w.run.Trigger != pipeline.Undo:
	case c.Clear && n < 2:
		c.Origin = []*pipeline.Origin{nil, {Filled: true}}[n]
	default:
		version := w.versions[w.rng.IntN(len(w.versions))]
		c.Origin = &pipeline.Origin{Model: "before@1", ScoredAt: slot(-w.rng.IntN(40)), Version: version, Filled: w.rng.IntN(2) == 0}
	}
	return c
}

// origin is the version whose score a change brings back; 0 if none.
func origin(c pipeline.Change) int64 {
	if c.Origin == nil {
		return 0
	}
	return c.Origin.Version
}

// written is what an undo of a run finds that replaced s.
func (s settled) written(key string, by *pipeline.Run) pipeline.Written {
	w := pipeline.Written{Key: key, Version: by.Version}
	if s.by == nil {
		if by.Trigger == pipeline.Fill {
			w.Origin = &pipeline.Origin{Filled: true}
		}
		return w
	}
	w.Origin = &pipeline.Origin{Model: model, ScoredAt: s.by.Started.Truncate(time.Millisecond), Version: s.version, Filled: s.filled}
	if o := s.change.Origin; o != nil && o.Model != "" {
		*w.Origin = *o
	}
	if !s.cleared {
		score := s.change.Score
		w.Before = &score
	}
	return w
}

// sameReplaced compares what a run wrote, and what was there before, with the model.
func (w *world) sameReplaced(id string) {
	got := map[string]pipeline.Written{}
	for _, written := range written(w, w.ledger, id) {
		got[written.Key] = written
	}
	want := w.replaced[id]
	for key, writes := range w.open {
		for _, s := range writes {
			if s.run == id {
				open := w.confirmed[key].written(key, w.runs[id])
				open.Open = true
				want[key] = open
			}
		}
	}
	standing := w.runs[id].Version
	for i := range 8 {
		key := fmt.Sprint("k", i)
		again := func(s held, origin int64) {
			if origin == w.runs[id].Version {
				standing = max(standing, s.version)
			} else if s.version != w.runs[id].Version {
				return
			}
			if written, ok := want[key]; ok {
				written.Stands = append(written.Stands, s.stand())
				want[key] = written
			}
		}
		again(w.confirmed[key].held, w.confirmed[key].origin)
		for _, s := range w.open[key] {
			again(s.held, s.origin)
		}
	}
	if g, m := show(got), show(want); g != m {
		w.Errorf("run %s replaced\n%s, the model has\n%s", id, g, m)
	}
	if version, err := w.ledger.Standing(w.Context(), id); err != nil || version != standing {
		w.Errorf("run %s stands under version %d, the model has %d (%v)", id, version, standing, err)
	}
}

// stand is the value as a target's record has it.
func (h held) stand() pipeline.Stand {
	return pipeline.Stand{Version: h.version, Empty: h.cleared, Score: h.score}
}

func show(list map[string]pipeline.Written) (text string) {
	for _, key := range slices.Sorted(maps.Keys(list)) {
		w := list[key]
		text += fmt.Sprintf("%s at %d, open %t: %+v of %+v; it may be", key, w.Version, w.Open, w.Before, w.Origin)
		for _, s := range slices.SortedFunc(slices.Values(w.Stands), func(a, b pipeline.Stand) int { return cmp.Compare(a.Version, b.Version) }) {
			if text += fmt.Sprintf(" %d:", s.Version); !s.Empty {
				text += fmt.Sprint(s.Score)
			}
		}
		text += "\n"
	}
	return text
}
