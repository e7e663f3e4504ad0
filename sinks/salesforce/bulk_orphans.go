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
// records that were created about then, wait for an upload and are not in the journal. Another process's job that is being
// uploaded just then can't be told from it: its upload is turned down with INVALIDJOBSTATE, and tried again. It returns how
// many it aborted.
func (s *Sink) callOffOrphans(ctx context.Context, since time.Time) (aborted int, err error) {
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
	listed, err := s.listJobs(ctx)
	if err != nil {
		return 0, err
	}
	for i := range listed {
		if !s.mayBeOurs(&listed[i], current.user, since, known) {
			continue
		}
		j, err := s.readJob(ctx, listed[i].ID) // lists don't name the external id
		if err != nil {
			return aborted, err
		}
		if j.State != jobOpen || s.cfg.Operation == Upsert && !strings.EqualFold(j.ExternalID, s.cfg.ExternalID) {
			continue
		}
		if err := s.moveJob(ctx, j.ID, jobAborted); err != nil {
			return aborted, fmt.Errorf("abort job %s: %w", j.ID, err)
		}
		s.log.Info("aborted a Bulk job whose creation was not answered", "job_id", j.ID)
		aborted++
	}
	return aborted, nil
}

// mayBeOurs tells whether a listed job can be what came of our creation. The request has reached the org, if at all, before
// its time was up.
func (s *Sink) mayBeOurs(j *job, user string, since time.Time, known []pipeline.RemoteJob) bool {
	created, err := time.Parse(jobTime, j.Created)
	if err != nil || created.Before(since.Add(-clockSkew)) || created.After(since.Add(clockSkew+s.cfg.Timeout+farewell)) {
		return false
	}
	if j.State != jobOpen || !isJobID(j.ID) || j.Operation != s.cfg.Operation.String() ||
		!strings.EqualFold(j.Object, s.cfg.Object) || !sameRecord(j.CreatedBy, user) {
		return false
	}
	for _, k := range known {
		if k.ID == j.ID || sameRecord(k.ID, j.ID) {
			return false
		}
	}
	return true
}

// listJobs returns the jobs that the org knows.
func (s *Sink) listJobs(ctx context.Context) (jobs []job, err error) {
	path := s.jobsPath() + "?jobType=V2Ingest"
	for range maxPages {
		var page []job
		if page, path, err = s.listPage(ctx, path); err != nil {
			return nil, fmt.Errorf("list jobs: %w", err)
		}
		if jobs = append(jobs, page...); path == "" {
			return jobs, nil
		}
	}
	return nil, errors.New("list jobs: the list does not end")
}

// listPage returns a page of jobs and the path of the next one, "" if it is the last.
func (s *Sink) listPage(ctx context.Context, path string) (jobs []job, next string, err error) {
	var page struct {
		Done    *bool  `json:"done"`
		Records []job  `json:"records"`
		Next    string `json:"nextRecordsUrl"`
	}
	err = s.call(ctx, func(c *simpleforce.Client) error {
		answer, err := c.ApexREST(http.MethodGet, path, nil)
		if err != nil {
			return err
		}
		if json.Unmarshal(answer, &page) != nil || page.Done == nil {
			return garbled("no list of jobs")
		}
		return nil
	})
	if rest, ok := strings.CutPrefix(page.Next, "/services/data/"); err == nil && ok && !*page.Done {
		next = "services/data/" + rest
	}
	return page.Records, next, err
}
