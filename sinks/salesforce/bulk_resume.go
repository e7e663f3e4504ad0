package salesforce

import (
	"context"
	"errors"
	"fmt"

	"scored/pipeline"
)

// Resume finishes the Bulk jobs that the journal has of earlier runs. One that was not closed is aborted; the results of the
// others are confirmed with the keys that were sent. Of a job that the org no longer has, or whose results can't be read,
// nothing is confirmed. Other errors leave it in the journal, and so does an org that check refuses: another one knows
// nothing of these jobs.
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
		if err := s.finish(ctx, left, t); err != nil {
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
		if err := d.finish(ctx, job, d); err != nil {
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

// finish brings what the journal has of a job to its end, and hands the outcomes of its rows, if there are any, to t.
func (s *Sink) finish(ctx context.Context, left pipeline.RemoteJob, t taker) error {
	if left.ID == "" {
		if _, err := s.callOffOrphans(ctx, false, left.Since); err != nil {
			return fmt.Errorf("look for a job whose creation was not answered: %w", err)
		}
		return s.closed(ctx, left)
	}
	j, err := s.ended(ctx, left)
	if err != nil || j == nil {
		return err
	}
	rows := 0
	err = s.readResults(ctx, j, func() bool { return true }, func(key []byte, o pipeline.Outcome) error {
		if o.Status != pipeline.Unprocessed {
			rows++
		}
		return t.take(key, o)
	})
	if hopeless(err) {
		return errors.Join(t.flush(), s.forget(ctx, left, err))
	}
	if err := errors.Join(err, t.flush()); err != nil {
		return err
	}
	if rows != j.Processed {
		s.log.Warn("the results of a job don't add up", "run_id", left.Run, "job_id", j.ID, "rows", rows, "processed", j.Processed)
	}
	if err := s.closed(ctx, left); err != nil {
		return err
	}
	s.log.Info("finished a Bulk job that was left", "run_id", left.Run, "job_id", j.ID, "state", j.State, "rows", rows)
	if j.State == jobComplete {
		s.deleteJob(ctx, j.ID)
	}
	return nil
}

// ended returns a job that was left when the org has done with it, aborting one that was not closed; nil if nothing came of it
// or nothing can be known.
func (s *Sink) ended(ctx context.Context, left pipeline.RemoteJob) (*job, error) {
	if !isID(left.ID) {
		return nil, s.forget(ctx, left, errors.New("the journal has no id of a job"))
	}
	j, err := s.readJob(ctx, false, left.ID)
	if err == nil && j.State == jobOpen {
		if s.callOff(ctx, left.Run, left.ID) {
			s.log.Info("aborted a Bulk job that was not closed", "run_id", left.Run, "job_id", left.ID)
			return nil, nil //nolint:nilnil // as the comment says
		}
		if j, err = s.readJob(ctx, false, left.ID); err == nil && j.State == jobOpen {
			err = &pipeline.Problem{Class: pipeline.TryAgain, Err: errors.New("the org does not abort the job"),
				Hint: "abort it under Bulk Data Load Jobs in Setup"}
		}
	}
	if err == nil && !j.over() {
		j, err = s.await(ctx, left.ID)
	}
	if hopeless(err) {
		return nil, s.forget(ctx, left, err)
	}
	if err != nil {
		err = fmt.Errorf("job %s: %w", left.ID, err)
	}
	return j, err
}

// hopeless says that asking again would not help to know what became of a job: the org turned the question down for good, as
// it does when the job is gone, or the result is no result.
func hopeless(err error) bool {
	f, ok := errors.AsType[*failure](err)
	return ok && (errors.Is(err, errUnreadable) || f.status >= 400 && f.status < 500 && !f.uncertain && !f.passing())
}

// forget gives a job up. What became of its rows stays unknown.
func (s *Sink) forget(ctx context.Context, left pipeline.RemoteJob, why error) error {
	s.log.Warn("what became of a Bulk job is unknown", "run_id", left.Run, "job_id", left.ID, "reason", why.Error())
	return s.closed(ctx, left)
}

// closed forgets the job, also when ctx has ended.
func (s *Sink) closed(ctx context.Context, left pipeline.RemoteJob) error {
	if err := s.cfg.Journal.Closed(context.WithoutCancel(ctx), left.Run, left.ID); err != nil {
		return fmt.Errorf("note that job %s is done: %w", left.ID, err)
	}
	return nil
}
