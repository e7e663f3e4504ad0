package fakeorg

import (
	"cmp"
	"net/http"
	"strings"
)

// createJob is POST /jobs/ingest. A multipart request brings the file along, and closes the job.
func (c *call) createJob() *answer {
	settings, file, refused := c.jobParts()
	if refused != nil {
		return refused
	}
	members, refused := decodeBody(settings)
	if refused != nil {
		return invalidJob("Unable to parse Job")
	}
	j, refused := c.newJob(members)
	if refused != nil {
		return refused
	}
	o := c.org
	o.mu.Lock()
	if o.batches.left(o.now()) == 0 {
		o.mu.Unlock()
		return refuse(http.StatusBadRequest, "EXCEEDEDQUOTA", "%s", quotaExceeded)
	}
	o.lastJob++
	j.number, j.id = o.lastJob, newID(jobPrefix, o.lastJob)
	o.jobs[j.id] = j
	if file != nil {
		j.data, j.uploaded = file, true
		j.close(o.now())
	}
	out := ok(j.info())
	o.mu.Unlock()
	o.runBulk()
	return out
}

// newJob checks the settings of a job.
func (c *call) newJob(members []member) (*job, *answer) {
	text := func(name, otherwise string) string {
		s, _ := pick(members, name).(string)
		return cmp.Or(s, otherwise)
	}
	now := c.org.clock()
	j := &job{
		user: c.user, version: c.version, state: stateOpen, created: now, modified: now,
		operation: text("operation", ""), keyName: text("externalIdFieldName", ""), assignment: text("assignmentRuleId", ""),
		delimiter: text("columnDelimiter", "COMMA"), lineEnding: text("lineEnding", "LF"),
		failing: map[string]RowError{},
	}
	j.meet(c.fault)
	known := j.lineEnding == "LF" || j.lineEnding == "CRLF"
	if delimiter(j.delimiter) == 0 || !known || text("contentType", "CSV") != "CSV" {
		return nil, invalidJob("Unable to parse Job")
	}
	switch j.operation {
	case "insert", "update", "upsert", "delete":
	case "hardDelete":
		return nil, refuse(http.StatusBadRequest, "FEATURENOTENABLED",
			"hardDelete operation requires special user profile permission, please contact your system administrator")
	default:
		return nil, invalidJob("Unable to parse Job")
	}
	name := text("object", "")
	if j.object = c.org.schema.object(name); j.object == nil || j.object.ReadOnly {
		return nil, refuse(http.StatusBadRequest, "INVALIDENTITY", "Entity '%s' is not supported by the Bulk API.", name)
	}
	return j, c.upsertKey(j)
}

// upsertKey finds the field that an upsert matches records by.
func (c *call) upsertKey(j *job) *answer {
	switch {
	case j.operation != "upsert":
		return nil
	case j.keyName == "":
		return invalidJob("External ID was blank for %s. An External ID must be specified for upsert.", j.object.Name)
	case strings.EqualFold(j.keyName, "Id"):
		return nil
	}
	f := j.object.visible(c.user, j.keyName)
	if f == nil || !f.ExternalID {
		return invalidJob("Field name provided, %s does not match an External ID, Salesforce Id, or indexed field for %s",
			j.keyName, j.object.Name)
	}
	j.key = f
	return nil
}

// showJob is GET /jobs/ingest/{job}.
func (c *call) showJob() *answer {
	c.org.mu.Lock()
	defer c.org.mu.Unlock()
	j, refused := c.job()
	if refused != nil {
		return refused
	}
	return ok(j.detail(c.org.bulkTime))
}

// changeJob is PATCH /jobs/ingest/{job}: close it or abort it.
func (c *call) changeJob() *answer {
	members, refused := decodeBody(c.body)
	if refused != nil {
		return invalidJob("Unable to parse Job")
	}
	c.org.mu.Lock()
	out := c.changeState(members)
	c.org.mu.Unlock()
	c.org.runBulk()
	return out
}

func (c *call) changeState(members []member) *answer {
	j, refused := c.ownJob()
	if refused != nil {
		return refused
	}
	state, _ := pick(members, "state").(string)
	switch {
	case state != stateUploaded && state != stateAborted:
		return refuse(http.StatusBadRequest, "INVALIDJOBSTATE", "Job state %s is not supported", state)
	case state == stateAborted && j.ended():
		return refuse(http.StatusBadRequest, "INVALIDJOBSTATE", "Aborting already %s Job not allowed", j.stateName())
	case state == stateUploaded && j.state != stateOpen:
		return refuse(http.StatusBadRequest, "INVALIDJOBSTATE", "Closing already %s Job not allowed", j.stateName())
	case state == stateAborted:
		j.enter(stateAborted, c.org.now())
	case c.org.now().Sub(j.created) >= openLife:
		return tooOld()
	default:
		j.meet(c.fault)
		j.close(c.org.now())
	}
	return ok(j.info())
}

// removeJob is DELETE /jobs/ingest/{job}.
func (c *call) removeJob() *answer {
	c.org.mu.Lock()
	defer c.org.mu.Unlock()
	j, refused := c.ownJob()
	if refused != nil {
		return refused
	}
	if j.state == stateOpen || j.state == stateRunning {
		return refuse(http.StatusBadRequest, "INVALIDJOBSTATE", "Deleting %s Job not allowed", j.stateName())
	}
	delete(c.org.jobs, j.id)
	return &answer{status: http.StatusNoContent}
}

// job returns the job that the path names. The org's lock is held.
func (c *call) job() (*job, *answer) {
	c.org.forgetJobs()
	id, err := normalizeID(c.r.PathValue("job"))
	j := c.org.jobs[id]
	if err != nil || j == nil {
		return nil, notFound()
	}
	return j, nil
}

// ownJob is job for what only its creator and administrators may do.
func (c *call) ownJob() (*job, *answer) {
	j, refused := c.job()
	if refused == nil && j.user != c.user && c.user.editable != nil {
		return nil, refuse(http.StatusBadRequest, "INVALIDUSER", "The job was created by another user")
	}
	return j, refused
}

func invalidJob(format string, args ...any) *answer {
	return refuse(http.StatusBadRequest, "INVALIDJOB", format, args...)
}

// delimiter returns the character that a column delimiter's name stands for, 0 if there is none.
func delimiter(name string) byte {
	switch name {
	case "COMMA":
		return ','
	case "TAB":
		return '\t'
	case "PIPE":
		return '|'
	case "SEMICOLON":
		return ';'
	case "CARET":
		return '^'
	case "BACKQUOTE":
		return '`'
	}
	return 0
}
