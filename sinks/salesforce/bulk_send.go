package salesforce

import (
	"context"
	"errors"
	"fmt"

	"scored/pipeline"
)

// part is the part of a delivery that one job has.
type part struct {
	*bulk
	id     string
	lo, hi int // of changes; those of them that no upload can carry, or that were done before, are not in the job
	sent   int
	left   int // of sent: in no result yet

	accepted bitset // from lo on: nothing but accepted, and not reported yet

	refused int               // of sent
	failed  int               // of sent: in the file of those that failed
	mapping *pipeline.Outcome // the first refusal that is the mapping's fault
}

// send brings changes to the org, from an index on and as many as fit into an upload, and returns the index of the first that
// did not. Until the job is closed it is called off when something fails, and nothing was changed; from then on it is the
// org's: whatever remains open of it is Unknown, and the journal keeps it.
func (d *bulk) send(ctx context.Context, from int) (to int, err error) {
	parting, cancel := outlive(ctx)
	defer cancel()
	id, err := d.create(ctx, parting)
	if err != nil {
		return from, fmt.Errorf("create a job: %w", err)
	}
	up, err := d.put(ctx, d.jobsPath()+"/"+id+"/batches", func() *upload { return d.newUpload(from) })
	if err = ofKnown(err); err == nil {
		err = ctx.Err() // the org has not begun
	}
	if err != nil {
		d.callOff(parting, d.run.ID, id)
		return from, fmt.Errorf("upload to job %s: %w", id, err)
	}
	p := &part{bulk: d, id: id, lo: from, hi: up.at, sent: up.rows, left: up.rows, accepted: newBitset(up.at - from)}
	d.log.Info("uploaded to a Bulk job", "run_id", d.run.ID, "job_id", id, "rows", up.rows, "bytes", up.bytes)
	if err := p.start(ctx, parting); err != nil {
		return from, fmt.Errorf("close job %s: %w", id, err)
	}
	return p.hi, p.settle(ctx)
}

// create makes a job, with a note before and behind. A creation without an answer left nothing but, perhaps, an empty job:
// the note stays for finish.
func (d *bulk) create(ctx, parting context.Context) (id string, err error) {
	journal := d.cfg.Journal
	if err := journal.Creating(ctx, d.run.ID); err != nil {
		return "", fmt.Errorf("note it before: %w", err)
	}
	if id, err = d.createJob(ctx); err != nil {
		if !uncertain(err) {
			err = errors.Join(err, journal.Closed(context.WithoutCancel(ctx), d.run.ID, ""))
		}
		return "", err
	}
	if err := journal.Created(context.WithoutCancel(ctx), d.run.ID, id); err != nil {
		d.callOff(parting, d.run.ID, id)
		return "", fmt.Errorf("note job %s: %w", id, err)
	}
	return id, nil
}

// start closes the upload, after which the org works on it.
func (p *part) start(ctx, parting context.Context) error {
	err := p.moveJob(ctx, p.id, jobUploaded)
	if err == nil {
		return nil
	}
	untouched := !uncertain(err)
	if j, asked := p.readJob(parting, p.id); asked == nil {
		switch {
		case j.State != jobOpen && j.State != jobAborted, j.Processed > 0:
			return nil // the request did arrive
		case j.State == jobAborted:
			err = j.trouble()
		}
		untouched = p.callOff(parting, p.run.ID, p.id) || untouched
	}
	if untouched {
		return err
	}
	return errors.Join(err, p.giveUp(p.lo, p.hi))
}

// callOff aborts a job that was not closed, and tells whether it is certain that it changed nothing. If it is not, the
// journal keeps the job.
func (s *Sink) callOff(ctx context.Context, run, id string) bool {
	parting, cancel := outlive(ctx)
	defer cancel()
	moved := s.moveJob(parting, id, jobAborted)
	j, err := s.readJob(parting, id)
	switch {
	case err == nil && j.State == jobAborted && j.Processed == 0:
		err = s.cfg.Journal.Closed(context.WithoutCancel(parting), run, id)
	case err == nil:
		err = fmt.Errorf("the job is %s", j.State)
	}
	if err != nil {
		s.log.Warn("a job could not be called off: a later run will look after it", "run_id", run, "job_id", id,
			"reason", errors.Join(moved, err).Error())
	}
	return err == nil
}

// settle waits for the job and reports what became of its rows.
func (p *part) settle(ctx context.Context) error {
	if err := p.refuseUnfit(p.lo, p.hi); err != nil {
		return err
	}
	j, err := p.await(ctx, p.id)
	if err == nil {
		err = p.readResults(ctx, j, func() bool { return p.left > 0 || p.failed < j.failures() }, p.take)
	}
	if err == nil {
		err = p.addUp(j)
	}
	if failed := p.reportAccepted(ctx); failed != nil {
		err = failed
	}
	if failed := p.giveUp(p.lo, p.hi); failed != nil {
		return failed
	}
	if err != nil && !errors.Is(err, errUnaccounted) {
		return err
	}
	err = errors.Join(j.trouble(), p.fault(), err)
	if failed := p.cfg.Journal.Closed(context.WithoutCancel(ctx), p.run.ID, p.id); failed != nil {
		return errors.Join(err, fmt.Errorf("note that job %s is done: %w", p.id, failed))
	}
	if err == nil { // one that went wrong stays for whoever wants to look at it
		p.deleteJob(ctx, p.id)
	}
	return err
}

// addUp compares what the results had with what the job says of itself.
func (p *part) addUp(j *job) error {
	switch {
	case p.left > 0:
		return p.unaccounted(fmt.Sprintf("%d of %d rows are in no result", p.left, p.sent))
	case j.State == jobComplete && j.Failed != nil && p.failed != j.failures():
		return p.unaccounted(fmt.Sprintf("%d rows failed, and the job counts %d", p.failed, j.failures()))
	default:
		return nil
	}
}

// errUnaccounted marks results that can't be of the rows that were sent.
var errUnaccounted = errors.New("the results don't add up")

func (p *part) unaccounted(what string) error {
	return &pipeline.Problem{Err: fmt.Errorf("%w: %s", errUnaccounted, what),
		Hint: "see the job in Bulk Data Load Jobs in Setup; the rows concerned are sent again by a later run"}
}

// take notes a row of the results. Each that was sent must be there once, and none else. One that was plainly accepted is
// reported when all of them are known, in order of key: whoever keeps the books of a million rows finds its place at once.
func (p *part) take(key []byte, o pipeline.Outcome) error {
	at, ok := p.find(key, p.lo, p.hi)
	if !ok {
		return p.unaccounted("a row that was not sent")
	}
	if p.done.has(at) {
		if p.accepted.has(at - p.lo) { // or refused, who knows
			p.accepted.remove(at - p.lo)
			p.done.remove(at)
		}
		return p.unaccounted("a row that is there twice, or was not sent")
	}
	p.left--
	if o.Status != pipeline.Accepted && o.Status != pipeline.Unprocessed {
		p.failed++
	}
	if o.Status == pipeline.Refused {
		p.refused++
		if p.mapping == nil && o.Class == pipeline.Configuration {
			first := o // o itself would be on the heap for every row
			p.mapping = &first
		}
	}
	if o.Status == pipeline.Accepted && !o.Created {
		p.done.add(at)
		p.accepted.add(at - p.lo)
		return nil
	}
	return p.report(at, o)
}

// reportAccepted reports, block by block, what was noted as accepted, until ctx ends: the rest is for a later run to settle.
func (p *part) reportAccepted(ctx context.Context) error {
	for at := p.lo; at < p.hi; at++ {
		if !p.accepted.has(at - p.lo) {
			continue
		}
		if err := p.report(at, pipeline.Outcome{Status: pipeline.Accepted}); err != nil {
			return err
		}
		p.accepted.remove(at - p.lo)
		if len(p.block) == 0 && ctx.Err() != nil {
			p.reopen()
			return ctx.Err()
		}
	}
	return nil
}

// reopen takes back what was noted as accepted and is not reported.
func (p *part) reopen() {
	for at := p.lo; at < p.hi; at++ {
		if p.accepted.has(at - p.lo) {
			p.done.remove(at)
		}
	}
}

// fault returns the problem of a job of which no row was taken because of the mapping: no other will be.
func (p *part) fault() error {
	if p.mapping == nil || p.refused < p.sent {
		return nil
	}
	return mappingProblem(p.mapping)
}
