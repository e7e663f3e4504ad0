package fakeorg

import (
	"maps"
	"slices"
	"time"
)

// The limits of Bulk processing: rows of an internal batch, and batches in 24 hours.
const (
	rowsPerBatch = 10_000
	batchesADay  = 15_000
)

// quotaExceeded is the message of the Bulk API's error ExceededQuota.
const quotaExceeded = "ApiBatchItems Limit exceeded."

// HoldBulk keeps Bulk jobs where they are, and those that are closed from now on in the state UploadComplete, until
// StepBulk or ReleaseBulk.
func (o *Org) HoldBulk() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.bulkHeld = true
}

// StepBulk processes up to n internal batches of held jobs, oldest job first, and returns how many it did. A job of which
// batches remain is then InProgress.
func (o *Org) StepBulk(n int) int {
	done := 0
	for _, j := range o.waitingJobs() {
		for done < n && o.step(j, true) {
			done++
		}
	}
	return done
}

// ReleaseBulk ends a hold, and processes what waited.
func (o *Org) ReleaseBulk() {
	o.mu.Lock()
	o.bulkHeld = false
	o.mu.Unlock()
	o.runBulk()
}

// runBulk processes the batches that are due: all, unless they are held or take time.
func (o *Org) runBulk() {
	for _, j := range o.waitingJobs() {
		for o.step(j, false) {
		}
	}
}

func (o *Org) waitingJobs() []*job {
	o.mu.Lock()
	defer o.mu.Unlock()
	jobs := slices.SortedFunc(maps.Values(o.jobs), (*job).compare)
	return slices.DeleteFunc(jobs, func(j *job) bool { return !j.waiting() })
}

// step processes a job's next batch, if there is one and it is due or forced. It tells whether it did.
func (o *Org) step(j *job, forced bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.jobs[j.id] != j || !j.waiting() || !forced && !o.due(j) {
		return false
	}
	if j.file == nil {
		var err error
		if j.file, err = openFile(j); err != nil {
			j.fail(err.Error(), o.now())
			return true
		}
	}
	if !o.batches.take(o.now()) {
		j.lose()
		j.fail("ExceededQuota : "+quotaExceeded, o.now())
		return true
	}
	j.batches++
	j.enter(stateRunning, o.now())
	o.runBatch(j)
	return true
}

// due tells whether a job's next batch has had its time.
func (o *Org) due(j *job) bool {
	return !o.bulkHeld && o.now().Sub(j.closed) >= time.Duration(j.batches+1)*o.bulkTime
}

// lose leaves what isn't processed out of every result, as an org does with batches beyond the daily allocation.
func (j *job) lose() {
	for i := range j.file.results[j.next:] {
		j.file.results[j.next+i].outcome = lost
	}
}

// runBatch writes a job's next rows. The org's lock is held.
func (o *Org) runBatch(j *job) {
	end := min(j.next+o.bulkRows, len(j.file.results))
	stop := end
	if j.fault != nil {
		stop = min(end, max(j.fault.After, j.next))
	}
	o.writeRows(j, j.next, stop)
	j.next = stop
	switch {
	case j.fault != nil && j.fault.After <= end && stop < len(j.file.results):
		if j.fault.Lost {
			j.lose()
		}
		j.fail(j.fault.message(), o.now())
	case stop == len(j.file.results):
		j.enter(stateComplete, o.now())
	}
}

// writeRows writes rows from one up to another, as the rows of one request.
func (o *Org) writeRows(j *job, from, to int) {
	w := &writer{org: o, user: j.user, failing: j.failing}
	s := o.newSave(j.user)
	s.assign, s.final = j.assignment != "", true
	rows := make([]row, to-from)
	values := make([]assignment, 0, (to-from)*len(j.file.columns))
	reader := j.file.newReader()
	var good []*row
	for i := range rows {
		r := &rows[i]
		r.object, r.values = j.object, values[len(values):]
		if err := j.file.parse(reader, from+i, r); err != nil {
			j.refuse(from+i, nil, err)
			r.object = nil
			continue
		}
		values = values[:len(values)+len(r.values)]
		good = append(good, r)
	}
	spoiled := j.spoiled(good)
	for i := range rows {
		r := &rows[i]
		if r.object == nil {
			continue
		}
		var rec *record
		var made bool
		err := spoiled[r]
		if err == nil {
			rec, made, err = j.write(w, s, r)
		}
		switch {
		case err != nil:
			j.refuse(from+i, rec, err)
		case made:
			j.file.results[from+i] = rowResult{outcome: created, record: rec}
		default:
			j.file.results[from+i] = rowResult{outcome: succeeded, record: rec}
		}
	}
}

func (j *job) refuse(i int, rec *record, err *RowError) {
	j.failed++
	j.file.results[i] = rowResult{outcome: failed, record: rec, err: err}
}

// spoiled are the rows that name the same record.
func (j *job) spoiled(rows []*row) map[*row]*RowError {
	switch {
	case j.operation == "insert":
		return nil
	case j.key != nil:
		return duplicateKeys(rows, j.key)
	}
	return duplicateIDs(rows)
}

// write does with a row what the job asks for.
func (j *job) write(w *writer, s *save, r *row) (rec *record, made bool, err *RowError) {
	switch {
	case j.operation == "insert", j.operation == "upsert" && j.key == nil && r.id == "":
		return w.insertRow(s, r)
	case j.operation == "delete":
		return w.deleteRow(s, r)
	case j.key != nil:
		return w.upsertRow(s, r, j.key)
	}
	return w.updateRow(s, r)
}
