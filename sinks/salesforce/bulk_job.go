package salesforce

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/simpleforce/simpleforce"

	"scored/pipeline"
)

// The states of a Bulk job. From the last three it does not move.
const (
	jobOpen       = "Open"
	jobUploaded   = "UploadComplete"
	jobInProgress = "InProgress"
	jobComplete   = "JobComplete"
	jobFailed     = "Failed"
	jobAborted    = "Aborted"
)

// job is what the org says of a Bulk job.
type job struct {
	ID         string `json:"id"`
	State      string `json:"state"`
	Object     string `json:"object"`
	Operation  string `json:"operation"`
	ExternalID string `json:"externalIdFieldName"`
	CreatedBy  string `json:"createdById"`
	Created    string `json:"createdDate"`
	Processed  count  `json:"numberRecordsProcessed"` // those that failed among them
	Failed     *count `json:"numberRecordsFailed"`    // nil if the org does not tell
	Message    string `json:"errorMessage"`           // may echo data
}

// count is a number that may come as a string.
type count int

func (c *count) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	n, err := strconv.Atoi(strings.Trim(string(text), `"`))
	if err != nil || n < 0 {
		return errors.New("no count")
	}
	*c = count(n)
	return nil
}

// over tells whether the org has done with the job.
func (j *job) over() bool {
	return j.State == jobComplete || j.State == jobFailed || j.State == jobAborted
}

// failures is how many rows the org says that it did not take.
func (j *job) failures() int {
	if j.Failed == nil {
		return 0
	}
	return int(*j.Failed)
}

// successes is how many rows the org says that it took.
func (j *job) successes() int { return int(j.Processed) - j.failures() }

// keyColumn is the column by which its rows are told apart.
func (j *job) keyColumn() string {
	if j.Operation == Update.String() {
		return "Id"
	}
	return j.ExternalID
}

// trouble is the error of a job that is over and was not completed.
func (j *job) trouble() error {
	problem := func(class pipeline.Class, what, hint string) error {
		return &pipeline.Problem{Class: class, Err: fmt.Errorf("job %s %s", j.ID, what), Hint: hint}
	}
	code, _, _ := strings.Cut(j.Message, ":")
	code = strings.TrimSpace(code)
	switch {
	case j.State == jobComplete:
		return nil
	case j.State == jobAborted:
		return problem(0, "was aborted in the org", // a person's doing, which is not fought with another job
			"ask whoever looks after Bulk Data Load Jobs in Setup; a later run sends what the job left")
	case classOf(strings.ToUpper(code), "") == pipeline.Exhausted: // ExceededQuota
		return problem(pipeline.Exhausted, "failed: "+plainCode(code), exhaustedHint(strings.ToUpper(code)))
	case code == "InvalidBatch":
		return problem(pipeline.Configuration, "failed: InvalidBatch",
			"run scored check; Bulk Data Load Jobs in Setup shows which column the org does not take")
	default:
		return problem(pipeline.TryAgain, "failed: "+plainCode(code), "Bulk Data Load Jobs in Setup shows the job's message")
	}
}

// jobsPath is the resource of jobs.
func (s *Sink) jobsPath() string { return "services/data/v" + s.cfg.APIVersion + "/jobs/ingest" }

// createJob makes a job and returns its id.
func (s *Sink) createJob(ctx context.Context) (id string, err error) {
	settings := map[string]string{"object": s.cfg.Object, "operation": s.cfg.Operation.String(), "contentType": "CSV",
		"lineEnding": "LF", "columnDelimiter": "COMMA"}
	if s.cfg.Operation == Upsert {
		settings["externalIdFieldName"] = s.cfg.ExternalID
	}
	body, _ := json.Marshal(settings) // strings always marshal
	err = s.call(ctx, func(c *simpleforce.Client) error {
		j, err := s.askJob(c, http.MethodPost, s.jobsPath(), body)
		if err == nil && j.State != jobOpen {
			err = garbled("a new job that is not open")
		}
		id = j.ID
		return err
	})
	return id, err
}

// readJob asks for a job's state.
func (s *Sink) readJob(ctx context.Context, id string) (j *job, err error) {
	err = s.call(ctx, func(c *simpleforce.Client) error {
		j, err = s.askJob(c, http.MethodGet, s.jobsPath()+"/"+id, nil)
		if err == nil && j.ID != id && !sameRecord(j.ID, id) {
			err = garbled("another job")
		}
		return err
	})
	return j, ofKnown(err)
}

// lookUps is how often an org that does not know a job is asked for it before it is believed.
const lookUps = 4

// lookUp is readJob of a job that was made: an org that moves its work about may not find it for a moment.
func (s *Sink) lookUp(ctx context.Context, id string) (j *job, err error) {
	wait := s.cfg.FirstPoll
	for n := 1; ; n++ {
		j, err = s.readJob(ctx, id)
		if f, ok := errors.AsType[*failure](err); !ok || !f.absent() || n == lookUps {
			return j, err
		}
		s.log.Debug("the org does not know a job, asking again", "job_id", id)
		if err := pause(ctx, wait); err != nil {
			return nil, err
		}
		wait = nextPoll(wait)
	}
}

// ofKnown is the error of a request for a job that was made: that the org has no such resource is no fault of the config then.
func ofKnown(err error) error {
	if f, ok := errors.AsType[*failure](err); !ok || !f.absent() {
		return err
	}
	return &pipeline.Problem{Class: pipeline.TryAgain, Err: fmt.Errorf("the org does not know the job: %w", err),
		Hint: "if that lasts, somebody may have deleted it under Bulk Data Load Jobs in Setup: what it had is sent again"}
}

// moveJob asks for another state of a job: UploadComplete or Aborted.
func (s *Sink) moveJob(ctx context.Context, id, state string) error {
	body, _ := json.Marshal(map[string]string{"state": state}) // strings always marshal
	return ofKnown(s.call(ctx, func(c *simpleforce.Client) error {
		_, err := s.askJob(c, http.MethodPatch, s.jobsPath()+"/"+id, body)
		return err
	}))
}

// deleteJob tidies a job up that is over. If that fails the org does it within days.
func (s *Sink) deleteJob(ctx context.Context, id string) {
	err := s.call(ctx, func(c *simpleforce.Client) error {
		_, err := c.ApexREST(http.MethodDelete, s.jobsPath()+"/"+id, nil)
		return err
	})
	if err != nil {
		s.log.Warn("a finished job could not be deleted in the org", "job_id", id, "reason", err.Error())
	}
}

// askJob makes a request that is answered with a job.
func (s *Sink) askJob(c *simpleforce.Client, method, path string, body []byte) (*job, error) {
	answer, err := c.ApexREST(method, path, bytes.NewReader(body))
	if err != nil {
		return &job{}, err
	}
	var j job
	if err := json.Unmarshal(answer, &j); err != nil || !isJobID(j.ID) || j.State == "" {
		return &job{}, garbled("no description of a job")
	}
	return &j, nil
}

// maxPoll is the longest wait between two looks at a job.
const maxPoll = 15 * time.Second

// await looks at a job until it is over, ever less often.
func (s *Sink) await(ctx context.Context, id string) (*job, error) {
	for wait := s.cfg.FirstPoll; ; wait = nextPoll(wait) {
		if err := pause(ctx, wait*9/10+rand.N(wait/5+1)); err != nil {
			return nil, err
		}
		j, err := s.lookUp(ctx, id)
		switch {
		case err != nil:
			return nil, fmt.Errorf("ask for job %s: %w", id, err)
		case j.over():
			return j, nil
		case j.State != jobUploaded && j.State != jobInProgress:
			return nil, &pipeline.Problem{Class: pipeline.TryAgain, Err: fmt.Errorf("job %s went back to another state", id),
				Hint: "see Bulk Data Load Jobs in Setup"}
		}
		s.log.Debug("the org works on a job", "job_id", id, "state", j.State, "rows", j.Processed)
	}
}

// nextPoll is the wait after wait.
func nextPoll(wait time.Duration) time.Duration { return min(wait*3/2+1, max(maxPoll, wait)) }

// pause waits, or returns why ctx ended.
func pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// uncertain says that a request may have been applied although it failed.
func uncertain(err error) bool {
	f, ok := errors.AsType[*failure](err)
	return ok && f.uncertain
}
