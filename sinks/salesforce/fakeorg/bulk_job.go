package fakeorg

import (
	"encoding/json"
	"maps"
	"strings"
	"time"
)

// jobPrefix begins the ids of jobs.
const jobPrefix = "750"

// The states of a Bulk API 2.0 job.
const (
	stateOpen     = "Open"
	stateUploaded = "UploadComplete"
	stateRunning  = "InProgress"
	stateComplete = "JobComplete"
	stateFailed   = "Failed"
	stateAborted  = "Aborted"
)

// How long jobs live, by the org's clock (Salesforce Help 000386004). An open job takes no data after a day; every job
// is gone a week after its last change.
const (
	openLife = 24 * time.Hour
	jobLife  = 7 * 24 * time.Hour
)

// job is an ingest job of Bulk API 2.0. The org's lock guards it; its file's rows don't change once it has ended.
type job struct {
	id         string
	number     int
	user       *user
	object     *object
	operation  string // insert, update, upsert or delete
	key        *Field // of an upsert: the external id, nil for the record's id
	keyName    string // as the client gave it
	version    string // such as v66.0
	delimiter  string // its name, such as COMMA
	lineEnding string // LF or CRLF
	assignment string // the id of an assignment rule, "" for none

	state    string
	message  string // why it failed
	created  time.Time
	modified time.Time
	closed   time.Time

	failing map[string]RowError // rows that faults refuse
	fault   *JobFault           // nil for none

	data     []byte // the upload
	uploaded bool
	file     *bulkFile // the upload's rows; nil before the first batch
	batches  int       // processed
	next     int       // the row that the next batch begins with
	failed   int       // rows refused
}

// jobInfo is a job as the API shows it.
type jobInfo struct {
	ID            string          `json:"id"`
	Operation     string          `json:"operation"`
	Object        string          `json:"object"`
	CreatedByID   string          `json:"createdById"`
	CreatedDate   string          `json:"createdDate"`
	Modified      string          `json:"systemModstamp"`
	State         string          `json:"state"`
	Key           string          `json:"externalIdFieldName,omitempty"`
	Assignment    string          `json:"assignmentRuleId,omitempty"`
	Concurrency   string          `json:"concurrencyMode"`
	ContentType   string          `json:"contentType"`
	APIVersion    json.RawMessage `json:"apiVersion"`
	JobType       string          `json:"jobType"`
	ContentURL    string          `json:"contentUrl,omitempty"`
	LineEnding    string          `json:"lineEnding"`
	Delimiter     string          `json:"columnDelimiter"`
	*jobProgress                  // of one job that is asked for
	*jobRowCounts                 // of one that is no longer open
}

type jobProgress struct {
	Retries      int    `json:"retries"`
	TotalTime    int64  `json:"totalProcessingTime"`
	ActiveTime   int64  `json:"apiActiveProcessingTime"`
	ApexTime     int64  `json:"apexProcessingTime"`
	ErrorMessage string `json:"errorMessage,omitempty"`
}

type jobRowCounts struct {
	Processed int `json:"numberRecordsProcessed"`
	Failed    int `json:"numberRecordsFailed"`
}

// info shows a job as creating, changing and listing it does.
func (j *job) info() *jobInfo {
	i := &jobInfo{
		ID: j.id, Operation: j.operation, Object: j.object.Name, CreatedByID: j.user.id,
		CreatedDate: j.created.Format(datetimeLayout), Modified: j.modified.Format(datetimeLayout), State: j.state,
		Key: j.keyName, Assignment: j.assignment, Concurrency: "Parallel", ContentType: "CSV",
		APIVersion: json.RawMessage(strings.TrimPrefix(j.version, "v")), JobType: "V2Ingest",
		LineEnding: j.lineEnding, Delimiter: j.delimiter,
	}
	if j.state == stateOpen {
		i.ContentURL = "services/data/" + j.version + "/jobs/ingest/" + j.id + "/batches"
	}
	return i
}

// detail shows a job that was asked for by its id. perBatch is how long the org takes for a batch.
func (j *job) detail(perBatch time.Duration) *jobInfo {
	i := j.info()
	took := int64(j.batches) * perBatch.Milliseconds()
	i.jobProgress = &jobProgress{TotalTime: took, ActiveTime: took, ErrorMessage: j.message}
	if j.state != stateOpen {
		i.jobRowCounts = &jobRowCounts{j.next, j.failed}
	}
	return i
}

// meet takes up what a fault holds for the job's rows and for the job.
func (j *job) meet(f *Fault) {
	maps.Copy(j.failing, f.Rows)
	if f.Job != nil {
		j.fault = f.Job
	}
}

// close ends the upload.
func (j *job) close(now time.Time) {
	j.closed = now
	j.enter(stateUploaded, now)
}

// stateName is the state as refusals call it.
func (j *job) stateName() string {
	if j.state == stateComplete {
		return "Completed"
	}
	return j.state
}

func (j *job) ended() bool {
	return j.state == stateComplete || j.state == stateFailed || j.state == stateAborted
}

func (j *job) waiting() bool { return j.state == stateUploaded || j.state == stateRunning }

func (j *job) enter(state string, now time.Time) {
	j.state, j.modified = state, now.UTC().Truncate(time.Second)
}

// fail ends the job. What is not processed stays so.
func (j *job) fail(message string, now time.Time) {
	j.message = message
	j.enter(stateFailed, now)
}
