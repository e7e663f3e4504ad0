package salesforce

import (
	"context"
	"errors"
	"fmt"

	"scored/pipeline"
)

// Resume finishes the Bulk jobs that the journal has of earlier runs. One that was not closed is aborted; the results of the
// others are confirmed with the keys that were sent. A job that the org no longer has is forgotten, and so is one that is over
// and whose results could not be read for hours: what became of its rows stays unknown. Other errors leave a job in the
// journal, and so does an org that check refuses: another one knows nothing of these jobs. One that the org still works on is
// waited for 2 minutes and then left with a TryAgain problem.
func (s *Sink) Resume(
	ctx context.Context, check func(identity string) error, confirm func(run string, outcomes []pipeline.Outcome) error,
) error {
	if s.cfg.Journal == nil {
		return nil
	}
	open, err := s.cfg.Journal.Open(ctx)
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	if len(open) == 0 {
		return nil
	}
	current, err := s.open(ctx, nil)
	if err != nil {
		return err
	}
	if err := check(current.org); err != nil {
		return err
	}
	for _, left := range open {
		t := &resumed{run: left.Run, confirm: confirm}
		if err := s.finish(ctx, left, t, resumeWait); err != nil {
			return fmt.Errorf("finish what run %s left in Salesforce: %w", left.Run, errors.Join(err, t.flush()))
		}
	}
	return nil
}

// resumed confirms outcomes of a run that has ended.
type resumed struct {
	run     string
	confirm func(run string, outcomes []pipeline.Outcome) error
	block   []pipeline.Outcome
	broken  error
}

func (t *resumed) take(key []byte, o pipeline.Outcome) error {
	o.Key = string(key)
	if t.block = append(t.block, o); len(t.block) < blockRows {
		return t.broken
	}
	return t.flush()
}

func (t *resumed) flush() error {
	if len(t.block) > 0 && t.broken == nil {
		t.broken = t.confirm(t.run, t.block)
		t.block = t.block[:0]
	}
	return t.broken
}

// resume has what this run's earlier call of Write left at the org finished, and returns how many changes remain to be sent.
func (d *bulk) resume(ctx context.Context, left []pipeline.RemoteJob) (rest int, err error) {
	for _, job := range left {
		if err := d.finish(ctx, job, d, 0); err != nil {
			return 0, errors.Join(fmt.Errorf("finish what this run left in Salesforce: %w", err), d.flush())
		}
	}
	for i := range d.changes {
		if !d.done.has(i) {
			rest++
		}
	}
	return rest, nil
}

// rest returns the changes that are not done.
func (d *bulk) rest() (rest []pipeline.Change) {
	for i := range d.changes {
		if !d.done.has(i) {
			rest = append(rest, d.changes[i])
		}
	}
	return rest
}

// take reports what a job of an earlier call says of a change. That call may have confirmed some of the job's rows, and they
// are no changes of this one.
func (d *bulk) take(key []byte, o pipeline.Outcome) error {
	at, ok := d.find(key, 0, len(d.changes))
	if !ok || d.done.has(at) {
		return nil
	}
	o.Settled = true
	return d.report(at, o)
}
