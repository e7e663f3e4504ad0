package salesforce

import "time"

const (
	typicalRow  = 250 // bytes of a change in an upload, with reasons
	typicalRate = 900 // rows per second that orgs work off
	// jobCalls are the requests of a job beside the polls: create, upload, close, two of the three results, delete.
	jobCalls = 6
)

// Cost is about how many requests it takes to deliver so many changes: 200 changes a request up to the threshold, and
// beyond it, for each upload that they fill, six and the polls of a job that the org works off at 900 rows per second. It
// counts at least what the threshold's number of changes take, so that it never falls as changes grow. The questions before an
// upsert that clears are not in it, about one for each 200 such changes.
func (s *Sink) Cost(changes int) int {
	collected := (min(changes, s.cfg.BulkThreshold) + maxRecords - 1) / maxRecords
	if changes <= s.cfg.BulkThreshold {
		return collected
	}
	whole := max(s.cfg.UploadLimit/typicalRow, 1) // rows of a full upload
	return max(collected, changes/whole*s.jobCost(whole)+s.jobCost(changes%whole))
}

// jobCost is about what a job of so many rows takes.
func (s *Sink) jobCost(rows int) int {
	if rows == 0 {
		return 0
	}
	polls, waited := 0, time.Duration(0)
	for wait := s.cfg.FirstPoll; polls == 0 || waited < time.Duration(rows)*time.Second/typicalRate; wait = nextPoll(wait) {
		waited += wait
		polls++
	}
	return jobCalls + polls
}
