package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// hold returns an error if the guard finds the run suspicious. No target was asked for anything of the run by then.
func (w *work) hold(ctx context.Context, got *result, recall *recall) error {
	verdict, err := w.judge(ctx, w.run, w.summary, got, recall)
	if err != nil {
		return err
	}
	w.summary.Findings = verdict.Findings
	if len(verdict.Findings) == 0 {
		return nil
	}
	for _, f := range verdict.Findings {
		w.log.Error("the guard has something against the run", "check", f.Check, "finding", f.Text)
	}
	return &Problem{Err: held(verdict.Findings), Hint: w.heldHint(got)}
}

// heldHint says what the operator can do. A run without scores can't be released: there is nothing in it that could be right.
func (w *work) heldHint(got *result) string {
	if empty := got.empty(); empty != nil {
		return HintOf(empty) + "; the next run is judged anew"
	}
	if w.summary.Profile == nil {
		return "nothing was sent of this instant in the past. If its figures are as they should be, raise the limit in the job's guard " +
			"and give the same command again; to leave it out, begin after it. If not, mend what is wrong first"
	}
	return fmt.Sprintf("nothing was sent. If these figures are as they should be: scored release %[1]s, which makes a fresh run. "+
		"If not, mend what is wrong; scored discard %[1]s notes that, and the next run is judged anew", w.run.ID)
}

// held are the findings as an error.
type held []Finding

func (h held) Error() string {
	texts := make([]string, len(h))
	for i, f := range h {
		texts[i] = f.Text
	}
	return strings.Join(texts, "; ")
}

// judge makes the run's profile, and asks the guard. A result without scores needs none: a live run is held for it, and a window
// of a backfill, which may be of a time before there was data, fails.
func (r *Runner) judge(ctx context.Context, run *Run, s *Summary, got *result, recall *recall) (Verdict, error) {
	if r.Guard == nil || !run.live() && !run.backfills() {
		return Verdict{}, nil
	}
	if empty := got.empty(); empty != nil {
		return got.nothing(run, empty), nil
	}
	p := &Profile{
		Model: r.Model.Name(), AsOf: run.AsOf, Read: s.Read, Rejected: s.Rejected, Columns: got.columns, Past: run.backfills(),
	}
	for i := range got.scores {
		p.Scores[got.scores[i].Score]++
	}
	var before []Profile
	if run.Trigger != Fill { // which replaces no live score: its window has the model's reference to be compared with
		var err error
		if before, err = r.Ledger.Baseline(ctx, r.Job); err != nil {
			return Verdict{}, fmt.Errorf("read the figures of the runs before: %w", err)
		}
		p.Past = p.Past || len(before) > 0 && run.precedes(before[0].AsOf)
		if err := r.cross(p, run, got, recall); err != nil {
			return Verdict{}, err
		}
	}
	v := r.Guard(p, r.Model.Reference(), before)
	if !p.Past && !run.Behind {
		p.Targets, p.Difference, p.Allowed = nil, v.Difference, v.Allowed
		s.Profile = p
	}
	return v, nil
}

// nothing is the verdict on a result without scores.
func (g *result) nothing(run *Run, why error) Verdict {
	switch {
	case !run.live():
		return Verdict{}
	case len(g.rejected) == 0:
		return Verdict{Findings: []Finding{{Check: "rows", Text: why.Error()}}}
	default:
		return Verdict{Findings: []Finding{{Check: "rejected", Text: why.Error()}}}
	}
}

// cross compares the scores with what each target confirmed.
func (r *Runner) cross(p *Profile, run *Run, got *result, recall *recall) error {
	p.Targets = make([]Crossing, len(r.Targets))
	for i, t := range r.Targets {
		p.Targets[i].Target = t.Sink.Name()
		crossing := &sides{
			Crossing: &p.Targets[i], run: run, model: p.Model, clears: t.Clear && run.live(), scores: got.scores,
			rejected: got.keysRejected(),
		}
		for known, err := range recall.of(i, false) {
			if err != nil {
				return err
			}
			crossing.meet(&known)
		}
		crossing.New += len(crossing.scores)
	}
	return nil
}

// keysRejected returns them in ascending order.
func (g *result) keysRejected() []string {
	if g.refused == nil {
		g.refused = make([]string, len(g.rejected))
		for i := range g.rejected {
			g.refused[i] = g.rejected[i].Key
		}
		slices.Sort(g.refused)
	}
	return g.refused
}

// sides goes along what a run found and what a target confirmed, both in ascending order of key.
type sides struct {
	*Crossing
	run      *Run
	model    string
	clears   bool
	scores   []Score  // not met yet
	rejected []string // not met yet
}

// meet counts a key that the target confirmed, or was sent without an answer: what would be cleared of these is counted, too.
func (s *sides) meet(known *Confirmed) {
	score, scored := s.take(known.Key)
	holds := known.Model != "" && !known.Cleared
	if !holds && !known.Unsure || known.Filled || known.Version >= s.run.Version || known.Until.After(s.run.Started) {
		return
	}
	s.Held++
	switch {
	case scored && holds && known.Score >= 0 && known.Score < Levels: // read back from a target, a person may have typed it
		s.table(known.Model)[known.Score][score]++
	case !scored && s.clears && !s.refused(known.Key):
		s.Left++
	}
}

// take returns the score of the key, if it has one. Those that come before it are of keys that the target knows nothing of.
func (s *sides) take(key string) (score int, scored bool) {
	for len(s.scores) > 0 && s.scores[0].Key < key {
		s.scores = s.scores[1:]
		s.New++
	}
	if len(s.scores) == 0 || s.scores[0].Key != key {
		return 0, false
	}
	score, s.scores = s.scores[0].Score, s.scores[1:]
	return score, true
}

// refused says whether the key's row was rejected.
func (s *sides) refused(key string) bool {
	for len(s.rejected) > 0 && s.rejected[0] < key {
		s.rejected = s.rejected[1:]
	}
	return len(s.rejected) > 0 && s.rejected[0] == key
}

// table is that of the keys with a score of the model.
func (s *sides) table(model string) *Table {
	if model == s.model {
		return &s.Own
	}
	return &s.Other
}
