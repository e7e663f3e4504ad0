package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/simpleforce/simpleforce"

	"scored/pipeline"
)

const (
	// clockSkew is how far the org's clock may be from this machine's.
	clockSkew = 5 * time.Minute
	// jobTime is how a job's description writes a time.
	jobTime = "2006-01-02T15:04:05.000-0700"
	// maxPages bounds the pages of a list of jobs: an org has no more of them within the week that it keeps them.
	maxPages = 1000
)

// callOffOrphans aborts what came of a creation that was asked for at since and never answered: jobs of our user for the same
// records that were created about then, wait for an upload and are not in the journal. It returns how many there were.
func (s *Sink) callOffOrphans(ctx context.Context, parting lastly, since time.Time) (found int, err error) {
	known, err := s.cfg.Journal.Open(context.WithoutCancel(ctx))
	if err != nil {
		return 0, fmt.Errorf("read the journal: %w", err)
	}
	current, err := s.open(ctx, nil)
	if err != nil {
		return 0, err
	}
	if current.user == "" {
		s.log.Warn("the login does not tell whose it is: jobs without an owner are left to the org")
		return 0, nil
	}
	listed, err := s.listJobs(ctx, parting)
	if err != nil {
		return 0, err
	}
	for i := range listed {
		if !s.mayBeOurs(&listed[i], current.user, since, known) {
			continue
		}
		j, err := s.readJob(ctx, parting, listed[i].ID) // lists don't name the external id
		if err != nil {
			return found, err
		}
		if j.State != jobOpen || s.cfg.Operation == Upsert && !strings.EqualFold(j.ExternalID, s.cfg.ExternalID) {
			continue
		}
		if err := s.moveJob(ctx, parting, j.ID, jobAborted); err != nil {
			return found, fmt.Errorf("abort job %s: %w", j.ID, err)
		}
		s.log.Info("aborted a Bulk job whose creation was not answered", "job_id", j.ID)
		found++
	}
	return found, nil
}

// mayBeOurs tells whether a listed job can be what came of our creation. The request has reached the org, if at all, before
// its time was up.
func (s *Sink) mayBeOurs(j *job, user string, since time.Time, known []pipeline.RemoteJob) bool {
	created, err := time.Parse(jobTime, j.Created)
	if err != nil || created.Before(since.Add(-clockSkew)) || created.After(since.Add(clockSkew+s.cfg.Timeout+farewell)) {
		return false
	}
	if j.State != jobOpen || !isID(j.ID) || j.Operation != s.cfg.Operation.String() ||
		!strings.EqualFold(j.Object, s.cfg.Object) || !sameRecord(j.CreatedBy, user) {
		return false
	}
	for _, k := range known {
		if sameRecord(k.ID, j.ID) {
			return false
		}
	}
	return true
}

// listJobs returns the jobs that the org knows.
func (s *Sink) listJobs(ctx context.Context, parting lastly) (jobs []job, err error) {
	path := s.jobsPath() + "?jobType=V2Ingest"
	for range maxPages {
		var page struct {
			Done    *bool  `json:"done"`
			Records []job  `json:"records"`
			Next    string `json:"nextRecordsUrl"`
		}
		err = s.exchange(ctx, bool(parting), func(c *simpleforce.Client) error {
			answer, err := c.ApexREST(http.MethodGet, path, nil)
			if err != nil {
				return err
			}
			if json.Unmarshal(answer, &page) != nil || page.Done == nil {
				return garbled("no list of jobs")
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("list jobs: %w", err)
		}
		jobs = append(jobs, page.Records...)
		next, ok := strings.CutPrefix(page.Next, "/services/data/")
		if *page.Done || !ok {
			return jobs, nil
		}
		path = "services/data/" + next
	}
	return nil, errors.New("list jobs: the list does not end")
}
