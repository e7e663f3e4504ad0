package salesforce

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"scored/pipeline"
)

const (
	// resumeWait is how long a run waits for a job of an earlier one. Nothing else of the run is done meanwhile, for no target.
	resumeWait = 2 * time.Minute
	// resultsPatience is how old a job that is over gets before its results are given up. Nothing of it can land late; but
	// until then the target gets nothing else. Most disturbances of an org are over by then, and it is still the same day.
	resultsPatience = 6 * time.Hour
	// jobLife is how long an org keeps a job. One that is older, and of which it tells nothing, does not run any more.
	jobLife = 7 * 24 * time.Hour
)

// finish brings what the journal has of a job to its end, and hands the outcomes of its rows, if there are any, to t. It waits
// no longer than patience for a job that is at work, and as long as it takes if that is 0.
func (s *Sink) finish(ctx context.Context, left pipeline.RemoteJob, t taker, patience time.Duration) error {
	if left.ID == "" {
		return s.finishCreation(ctx, left, patience > 0)
	}
	j, err := s.ended(ctx, left, patience)
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
	if unanswered(ctx, err) && older(left, resultsPatience) {
		return errors.Join(t.flush(), s.forget(ctx, left, err))
	}
	if err := errors.Join(err, t.flush()); err != nil {
		return err
	}
	if rows != int(j.Processed) {
		s.log.Warn("the results of a job don't add up", "run_id", left.Run, "job_id", j.ID, "rows", rows, "processed", j.Processed)
	}
	if err := s.closed(ctx, left); err != nil {
		return err
	}
	s.log.Info("finished a Bulk job that was left", "run_id", left.Run, "job_id", j.ID, "state", j.State, "rows", rows)
	if j.State == jobComplete && rows == int(j.Processed) { // one that went wrong stays for whoever wants to look at it
		s.deleteJob(ctx, j.ID)
	}
	return nil
}

// finishCreation aborts what came of a creation without an answer. If it can't be found, the org is left with an empty job,
// which changes nothing and which it removes after a day. What another run asked for so lately that it may still be on its
// way stays in the journal, for the next run to look again.
func (s *Sink) finishCreation(ctx context.Context, left pipeline.RemoteJob, another bool) error {
	found, err := s.callOffOrphans(ctx, left.Since)
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("look for a job whose creation was not answered: %w", err)
	case err != nil:
		s.log.Warn("a job whose creation was not answered may stand open and empty in the org", "run_id", left.Run,
			"reason", err.Error())
	case another && found == 0 && !older(left, s.cfg.Timeout+farewell):
		return nil
	}
	return s.closed(ctx, left)
}

// ended returns a job that was left when the org has done with it, aborting one that was not closed; nil if nothing came of it
// or nothing can be known.
func (s *Sink) ended(ctx context.Context, left pipeline.RemoteJob, patience time.Duration) (*job, error) {
	if !isJobID(left.ID) {
		return nil, s.forget(ctx, left, errors.New("the journal has no id of a job"))
	}
	j, err := s.lookUp(ctx, left.ID)
	if err == nil && j.State == jobOpen {
		if s.callOff(ctx, left.Run, left.ID) {
			s.log.Info("aborted a Bulk job that was not closed", "run_id", left.Run, "job_id", left.ID)
			return nil, nil //nolint:nilnil // as the comment says
		}
		if j, err = s.readJob(ctx, left.ID); err == nil && j.State == jobOpen {
			err = &pipeline.Problem{Class: pipeline.TryAgain, Err: errors.New("the org does not abort the job"),
				Hint: "abort it under Bulk Data Load Jobs in Setup"}
		}
	}
	if err == nil && !j.over() {
		j, err = s.awaitFor(ctx, left.ID, patience)
	}
	if err == nil && j.State == jobAborted && j.Processed == 0 { // as callOff has it; without an upload, it has no results
		return nil, s.closed(ctx, left)
	}
	if err == nil {
		return j, nil
	}
	gone, err := s.surelyGone(ctx, left, err)
	if gone {
		return nil, s.forget(ctx, left, err)
	}
	return nil, fmt.Errorf("job %s: %w", left.ID, mayBeAtWork(err))
}

// mayBeAtWork says, of an org that turned down the question for a job, why nothing else is sent to it.
func mayBeAtWork(err error) error {
	if f, ok := errors.AsType[*failure](err); !ok || f.status < 400 || f.status >= 500 || f.passing() {
		return err
	}
	return &pipeline.Problem{Class: pipeline.ClassOf(err), Err: err,
		Hint: "the job may still be at work, so nothing else is sent: put api_version, user and permissions back as they were when it " +
			"was made; after 7 days it is forgotten"}
}

// awaitFor is await, for no longer than patience unless that is 0.
func (s *Sink) awaitFor(ctx context.Context, id string, patience time.Duration) (*job, error) {
	if patience == 0 {
		return s.await(ctx, id)
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	j, err := s.await(waiting, id)
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		return nil, &pipeline.Problem{Class: pipeline.TryAgain, Err: fmt.Errorf("the org is still at work on it after %s", patience),
			Hint: "see Bulk Data Load Jobs in Setup: a later run goes on when the job is over, or aborted there"}
	}
	return j, err
}

// surelyGone tells whether a job can't be at work although the org did not say what became of it: it is too old, or the org
// does not know it and lists others without it. A refusal alone may be due to the API version, or to permissions, and the job
// lands over what is written meanwhile. The error is err, with what became of the list.
func (s *Sink) surelyGone(ctx context.Context, left pipeline.RemoteJob, err error) (bool, error) {
	if !unanswered(ctx, err) {
		return false, err
	}
	if older(left, jobLife) {
		return true, err
	}
	if f, _ := errors.AsType[*failure](err); !f.missing() {
		return false, err
	}
	listed, failed := s.listJobs(ctx)
	if failed != nil {
		return false, errors.Join(err, failed)
	}
	return !slices.ContainsFunc(listed, func(j job) bool { return j.ID == left.ID || sameRecord(j.ID, left.ID) }), err
}

// unanswered tells whether err is of a request that brought no result, and not because ctx has ended.
func unanswered(ctx context.Context, err error) bool {
	_, ok := errors.AsType[*failure](err)
	return ok && ctx.Err() == nil
}

// older tells whether a job was asked for so long ago.
func older(left pipeline.RemoteJob, age time.Duration) bool { return time.Since(left.Since) > age }

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
