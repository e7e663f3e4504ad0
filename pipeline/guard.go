package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// judged says whether a guard has anything to say of the run. What a backfill finds in the past is not like what live runs
// find.
func (r *Run) judged() bool { return r.Trigger == Scheduled || r.Trigger == Manual }

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

// judge makes the run's profile, and asks the guard.
func (r *Runner) judge(ctx context.Context, run *Run, s *Summary, got *result, recall *recall) (Verdict, error) {
	if r.Guard == nil || !run.judged() {
		return Verdict{}, nil
	}
	before, err := r.Ledger.Baseline(ctx, r.Job)
	if err != nil {
		return Verdict{}, fmt.Errorf("read the figures of the runs before: %w", err)
	}
	p := &Profile{Model: r.Model.Name(), Read: s.Read, Rejected: s.Rejected, Columns: got.columns}
	for i := range got.scores {
		p.Scores[got.scores[i].Score]++
	}
	rejected := got.keysRejected()
	for i := range r.Targets {
		p.Targets = append(p.Targets, Crossing{Target: r.Targets[i].Sink.Name()})
		crossing := &sides{
			Crossing: &p.Targets[i], run: run, model: p.Model, clears: r.Targets[i].Clear, scores: got.scores, rejected: rejected,
		}
		for known, err := range recall.of(i, false) {
			if err != nil {
				return Verdict{}, err
			}
			crossing.meet(&known)
		}
	}
	v := r.Guard(p, r.Model.Reference(), before)
	p.Targets, p.Difference, p.Allowed = nil, v.Difference, v.Allowed
	s.Profile = p
	return v, nil
}

// keysRejected returns them in ascending order.
func (g *result) keysRejected() []string {
	keys := make([]string, len(g.rejected))
	for i := range g.rejected {
		keys[i] = g.rejected[i].Key
	}
	slices.Sort(keys)
	return keys
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

// meet counts a key that the target confirmed. What may have been sent and was not answered since says nothing: if that was
// wrong, a guard let it pass.
func (s *sides) meet(known *Confirmed) {
	for len(s.scores) > 0 && s.scores[0].Key < known.Key {
		s.scores = s.scores[1:]
	}
	for len(s.rejected) > 0 && s.rejected[0] < known.Key {
		s.rejected = s.rejected[1:]
	}
	switch {
	case known.Model == "" || known.Cleared || known.Filled || known.Version > s.run.Version || known.Until.After(s.run.Started):
		return
	case known.Score < 0 || known.Score >= Levels: // read back from a target, where a person may have typed it
		return
	}
	s.Held++
	switch {
	case len(s.scores) > 0 && s.scores[0].Key == known.Key && known.Model == s.model:
		s.Own[known.Score][s.scores[0].Score]++
	case len(s.scores) > 0 && s.scores[0].Key == known.Key:
		s.Other[known.Score][s.scores[0].Score]++
	case s.clears && (len(s.rejected) == 0 || s.rejected[0] != known.Key):
		s.Left++
	}
}
