package fakeorg

import (
	"cmp"
	"hash/fnv"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// jobsPerPage is how many jobs a page of the list holds.
const jobsPerPage = 1000

// jobList is a page of the list.
type jobList struct {
	Done    bool       `json:"done"`
	Records []*jobInfo `json:"records"`
	Next    *string    `json:"nextRecordsUrl"`
}

// listJobs is GET /jobs/ingest. The order of the list tells nothing; a page goes on after the job of its locator.
func (c *call) listJobs() *answer {
	query := c.r.URL.Query()
	locator := query.Get("queryLocator")
	c.org.mu.Lock()
	defer c.org.mu.Unlock()
	c.org.forgetJobs()
	jobs := slices.SortedFunc(maps.Values(c.org.jobs), func(a, b *job) int {
		return cmp.Or(cmp.Compare(scatter(a.id), scatter(b.id)), cmp.Compare(a.id, b.id))
	})
	if kind := query.Get("jobType"); kind != "" && kind != "V2Ingest" ||
		strings.EqualFold(query.Get("isPkChunkingEnabled"), "true") {
		jobs = nil // of other kinds there are none, and chunking is of queries
	}
	if locator != "" {
		last, err := normalizeID(locator)
		if err != nil || last[:3] != jobPrefix {
			return refuse(http.StatusBadRequest, "INVALID_QUERY_LOCATOR", "invalid query locator")
		}
		jobs = slices.DeleteFunc(jobs, func(j *job) bool {
			return cmp.Or(cmp.Compare(scatter(j.id), scatter(last)), cmp.Compare(j.id, last)) <= 0
		})
	}
	page := &jobList{Done: len(jobs) <= jobsPerPage, Records: []*jobInfo{}}
	for _, j := range jobs[:min(jobsPerPage, len(jobs))] {
		i := j.info()
		i.Key = "" // the list doesn't tell
		page.Records = append(page.Records, i)
	}
	if !page.Done {
		next := c.base() + "/jobs/ingest?queryLocator=" + jobs[jobsPerPage-1].id
		page.Next = &next
	}
	return ok(page)
}

// scatter is a number that has nothing to do with the order in which jobs were made.
func scatter(id string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return h.Sum32()
}

// forgetJobs removes the jobs whose time is over. The org's lock is held.
func (o *Org) forgetJobs() {
	now := o.now()
	maps.DeleteFunc(o.jobs, func(_ string, j *job) bool { return now.Sub(j.modified) >= jobLife })
}

// Job is a snapshot of a Bulk job.
type Job struct {
	ID, Object, Operation, State, Error string
	Username                            string // who made it
	Created                             time.Time
	Bytes                               int // of the upload
	Processed, Failed                   int // rows
}

// Jobs returns a snapshot of the Bulk jobs that were not deleted, in the order in which they were made.
func (o *Org) Jobs() []Job {
	o.runBulk()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.forgetJobs()
	var list []Job
	for _, j := range slices.SortedFunc(maps.Values(o.jobs), (*job).compare) {
		list = append(list, Job{
			ID: j.id, Object: j.object.Name, Operation: j.operation, State: j.state, Error: j.message,
			Username: j.user.Username, Created: j.created, Bytes: len(j.data), Processed: j.next, Failed: j.failed,
		})
	}
	return list
}

// compare orders jobs by their age.
func (j *job) compare(other *job) int { return cmp.Compare(j.number, other.number) }
