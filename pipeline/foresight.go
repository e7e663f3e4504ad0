package pipeline

import (
	"context"
	"iter"
	"math"
	"slices"
)

// foresight tells, while rows are scored, which of the scores may turn out to be changes: those get reasons, for which the
// row must still be at hand. It reads what the targets confirmed while the source reads the first rows.
//
// It foresees every change, and may take a score for one that is none: a score is due unless every target that wants
// reasons has confirmed it for certain, with the same grade and model. What a target confirmed does not change before its
// scores are decided on: the run holds the job's gate.
type foresight struct {
	model   string
	ready   chan struct{} // closed once what follows is set
	err     error
	keys    *keyTable
	known   []known // per key
	grades  []string
	targets uint16
}

// known is what targets have confirmed of a key.
type known struct {
	score   int32
	grade   uint16 // an index into grades
	targets uint16 // how many of them, in order
}

// foresee begins to read what the targets confirmed; nil if none of them wants reasons.
func (r *Runner) foresee(ctx context.Context, full bool) *foresight {
	if !slices.ContainsFunc(r.Targets, func(t Target) bool { return t.Reasons }) {
		return nil
	}
	f := &foresight{model: r.Model.Name(), ready: make(chan struct{})}
	go func() {
		defer close(f.ready)
		f.err = catch(func() error { return f.read(ctx, r, full) })
	}()
	return f
}

// read gathers what all targets that want reasons have confirmed.
func (f *foresight) read(ctx context.Context, r *Runner, full bool) error {
	f.keys = newKeyTable()
	grades := map[string]uint16{}
	for _, t := range r.Targets {
		if !t.Reasons {
			continue
		}
		confirmed, doubtful, err := r.foreseen(ctx, t, full)
		if err != nil {
			return err
		}
		if doubtful { // at one of the targets every score is due
			f.keys, f.known = newKeyTable(), nil
			return nil
		}
		for c, err := range confirmed {
			if err != nil {
				return err
			}
			f.add(c, grades)
		}
		f.targets++
	}
	return nil
}

// foreseen is what the ledger will have of the target when the run's scores are decided on. It is doubtful as a whole
// where all of it is due again.
func (r *Runner) foreseen(ctx context.Context, t Target, full bool) (confirmed iter.Seq2[Confirmed, error], doubtful bool, err error) {
	name := t.Sink.Name()
	reshaped, err := r.Ledger.Shaped(ctx, r.Job, name, t.Shape)
	if err != nil {
		return nil, false, err
	}
	confirmed = r.Ledger.Confirmed(ctx, r.Job, name)
	if full || reshaped {
		return doubted(confirmed), true, nil
	}
	return confirmed, false, nil
}

// add takes note of an entry that is certain and that the targets before had, too.
func (f *foresight) add(c Confirmed, grades map[string]uint16) {
	if c.Unsure || c.Filled || c.Model != f.model || c.Score != int(int32(c.Score)) {
		return
	}
	grade, ok := grades[c.Grade]
	if !ok {
		if len(f.grades) > math.MaxUint16 {
			return
		}
		grade = uint16(len(f.grades))
		grades[c.Grade] = grade
		f.grades = append(f.grades, c.Grade)
	}
	k := known{score: int32(c.Score), grade: grade, targets: f.targets}
	n, ok := f.keys.find(c.Key)
	switch {
	case f.targets == 0 && !ok && f.keys.add(c.Key):
		k.targets++
		f.known = append(f.known, k)
	case ok && f.known[n] == k:
		f.known[n].targets++
	}
}

// due says whether the score may be a change. It waits until all is read, which is not before a scorer first asks; what it
// says is void if that failed.
func (f *foresight) due(s Score) bool {
	<-f.ready
	n, ok := f.keys.find(s.Key)
	if !ok {
		return true
	}
	k := f.known[n]
	return k.targets != f.targets || int(k.score) != s.Score || f.grades[k.grade] != s.Grade
}

// failed says, without waiting, why what was answered so far is void.
func (f *foresight) failed() error {
	if f == nil {
		return nil
	}
	select {
	case <-f.ready:
		return f.err
	default:
		return nil
	}
}

// end waits for the goroutine that reads, if there is one.
func (f *foresight) end() {
	if f != nil {
		<-f.ready
	}
}
