package salesforce_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/sinks"
	"scored/sinks/salesforce"
	"scored/sinks/salesforce/fakeorg"
)

// jobStep is a request of a job, as faults tell it.
type jobStep struct {
	name, method, path string
	skip               int
}

var jobSteps = []jobStep{
	{"create", "POST", ingest, 0}, {"upload", "PUT", "/batches", 0}, {"close", "PATCH", ingest, 0}, {"poll", "GET", ingest, 0},
	{"results", "GET", "/successfulResults", 0}, {"failures", "GET", "/failedResults", 0}, {"delete", "DELETE", ingest, 0},
}

// Every request of a job meets every fault once. What is reported depends on how far the job had come; what holds of every
// delivery is checked beside it. A second try brings every row through, and nothing stays behind.
func TestFaultsOfAJob(t *testing.T) {
	const lockedRow = 2
	whole := counts{accepted: 4, again: 1}
	faults := map[string]fakeorg.Fault{
		"reset": {Reset: true}, "failed yet applied": {Drop: true}, "500": {Status: 500}, "busy": {Status: 503, Body: "[]"},
		"HTML": {Status: 200, Body: "<html>Jane</html>"}, "session over": {Status: 401, Body: fakeorg.Errors("INVALID_SESSION_ID", "x")},
		"cut short": {Cut: 20},
	}
	for _, step := range jobSteps {
		for name, fault := range faults {
			t.Run(step.name+", "+name, func(t *testing.T) {
				w, j := newBulkWorld(t, nil)
				changes := w.insert(5, false)
				locked := map[string]fakeorg.RowError{changes[lockedRow].Key: fakeorg.Locked("00Q")}
				fault.Method, fault.Path = step.method, step.path
				if step.method == "GET" && fault.Status == 0 {
					fault.Times = 2 // on a connection that was used before, HTTP asks once more by itself
				}
				if step.name == "create" {
					fault.Rows = locked
				} else {
					w.org.Inject(fakeorg.Fault{Method: "POST", Path: ingest, Rows: locked})
				}
				w.org.Inject(fault)
				d := w.deliver(t.Context(), w.sink, changes, nil)

				// A PUT has no answer to cut, nor has a DELETE.
				harmless := name == "session over" || step.name == "delete" || step.name == "upload" && name == "cut short"
				switch {
				case harmless, step.name == "close" && (name == "failed yet applied" || name == "cut short"):
					if step.name == "create" && name == "session over" {
						d.want(t, counts{accepted: 5}, false, 0) // the fault took the locks with it
						break
					}
					d.want(t, whole, false, 0)
				case step.name == "create", step.name == "upload", step.name == "close":
					d.want(t, counts{}, true, pipeline.TryAgain)
					if creation := step.name == "create"; creation != (len(j.jobs()) == 1) {
						t.Errorf("the journal has %q", j.jobs())
					}
					j.age(time.Minute) // until a creation can't arrive any more
					if _, err := w.resume(t.Context(), w.sink); err != nil {
						t.Error(err)
					}
					w.wantTidy(j)
				case step.name == "poll", step.name == "results" && name != "cut short":
					d.want(t, counts{unknown: 5}, true, pipeline.TryAgain)
				case step.name == "failures":
					d.want(t, counts{accepted: 4, unknown: 1}, true, pipeline.TryAgain)
				default:
					if d.err == nil || pipeline.ClassOf(d.err) != pipeline.TryAgain {
						t.Errorf("error is %v", d.err)
					}
				}
				if d.err != nil && pipeline.HintOf(d.err) == "" {
					t.Errorf("no hint: %v", d.err)
				}
			})
		}
	}
}

// With tries, every fault of every step ends well: the job that was left is finished, and what it says of a row counts.
func TestFaultsOfAJobAreMendedByAnotherTry(t *testing.T) {
	for _, step := range jobSteps {
		for name, fault := range map[string]fakeorg.Fault{
			"reset": {Reset: true}, "failed yet applied": {Drop: true}, "busy": {Status: 503, Body: "[]"}, "HTML": {Status: 200, Body: "<html>"},
			"twice": {Status: 500, Times: 2},
		} {
			t.Run(step.name+", "+name, func(t *testing.T) {
				w, j := newBulkWorld(t, nil)
				changes := w.insert(7, false)
				convert(t, w, changes[3].Key)
				fault.Method, fault.Path = step.method, step.path
				w.org.Inject(fault)
				d := w.deliver(t.Context(), sinks.Retry(w.sink, fast, w.config.Log), changes, nil)
				want := counts{accepted: 6, refused: 1}
				if step.name == "close" && name == "twice" {
					// Neither closed nor called off, for all that was known; the refusal is that of another job.
					want = counts{accepted: 6, unknown: 1}
				}
				d.want(t, want, false, 0)
				w.wantTidy(j)
			})
		}
	}
}

func convert(t *testing.T, w *world, key string) {
	t.Helper()
	for _, r := range w.org.Records("Lead") {
		if r.Fields["Lead_Key__c"] == key || r.ID == key {
			if err := w.org.Update("Lead", r.ID, map[string]any{"IsConverted": true}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestJobsThatFail(t *testing.T) {
	for _, c := range []struct {
		name  string
		job   fakeorg.JobFault
		want  counts
		class pipeline.Class
		words string
	}{
		{"after three rows", fakeorg.JobFault{After: 3}, counts{accepted: 3, unprocessed: 4}, pipeline.TryAgain, "failed: InternalServerError"},
		{"at once", fakeorg.JobFault{}, counts{unprocessed: 7}, pipeline.TryAgain, "failed: InternalServerError"},
		{"with rows lost", fakeorg.JobFault{After: 3, Lost: true}, counts{accepted: 3, unknown: 4}, pipeline.TryAgain,
			"4 of 7 rows are in no result"},
		{"for want of batches", fakeorg.JobFault{After: 3, Lost: true, Message: "ExceededQuota : ApiBatchItems Limit exceeded."},
			counts{accepted: 3, unknown: 4}, pipeline.Exhausted, "ExceededQuota"},
		{"for want of rows", fakeorg.JobFault{After: 3, Message: "EXCEEDED_QUOTA:rows"}, counts{accepted: 3, unprocessed: 4},
			pipeline.Exhausted, "EXCEEDED_QUOTA"},
		{"for a column", fakeorg.JobFault{Message: "InvalidBatch : Field name not found : Jane"}, counts{unprocessed: 7},
			pipeline.Configuration, "InvalidBatch"},
		{"for reasons that are data", fakeorg.JobFault{Message: "Jane@acme.example : Jane"}, counts{unprocessed: 7}, pipeline.TryAgain, "UNREADABLE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, j := newBulkWorld(t, nil)
			changes := w.insert(7, false)
			w.org.Inject(fakeorg.Fault{Method: "PATCH", Path: ingest, Job: &c.job})
			d := w.deliver(t.Context(), w.sink, changes, nil)
			d.want(t, c.want, true, c.class)
			if d.err == nil || !strings.Contains(d.err.Error(), c.words) {
				t.Errorf("error is %v, want %q in it", d.err, c.words)
			}
			w.wantTidy(j)
			if states := w.states(); len(states) != 1 || states[0] != "Failed" {
				t.Errorf("the job is for whoever wants to look at it: %q", states)
			}
		})
	}
}

func TestAnOrgWithoutBatchesTakesNoJob(t *testing.T) {
	w, j := newBulkWorld(t, func(o *fakeorg.Config, _ *salesforce.Config) { o.DailyBulkBatches = 1 })
	w.org.SpendBulkBatches(1)
	w.deliver(t.Context(), w.sink, w.insert(3, false), nil).want(t, counts{}, true, pipeline.Exhausted)
	w.wantTidy(j)
}

// What the org says when it takes no job, and what it does of the sort for a day.
func TestTheBulkAPIsQuotaIsSpent(t *testing.T) {
	for _, code := range []string{"EXCEEDEDQUOTA", "EXCEEDED_QUOTA"} {
		for _, step := range jobSteps[:3] {
			w, j := newBulkWorld(t, nil)
			w.org.Inject(fakeorg.Fault{Method: step.method, Path: step.path, Status: 400, Body: fakeorg.Errors(code, "x")})
			d := w.deliver(t.Context(), sinks.Retry(w.sink, fast, w.config.Log), w.insert(5, false), nil)
			d.want(t, counts{}, true, pipeline.Exhausted)
			if hint := pipeline.HintOf(d.err); !strings.Contains(hint, "Bulk API") || w.requests("POST", ingest) != 1 {
				t.Errorf("%s, %s: hint %q after %d jobs", step.name, code, hint, w.requests("POST", ingest))
			}
			w.wantTidy(j)
		}
	}
}

func TestAJobOfWhichNoRowFitsTheMappingNeedsAPerson(t *testing.T) {
	w, j := newBulkWorld(t, nil)
	changes := w.insert(3, false)
	rows := map[string]fakeorg.RowError{}
	for _, c := range changes {
		rows[c.Key] = fakeorg.RowError{Code: "INVALID_FIELD_FOR_INSERT_UPDATE", Message: "Unable to: create/update", Fields: []string{"Lead_Grade__c"}}
	}
	w.org.Inject(fakeorg.Fault{Method: "POST", Path: ingest, Rows: rows})
	d := w.deliver(t.Context(), w.sink, changes, nil)
	d.want(t, counts{refused: 3}, true, pipeline.Configuration)
	if o := d.outcomes[changes[0].Key]; fmt.Sprint(o.Fields, o.Message) != "[Lead_Grade__c]Unable to: create/update" {
		t.Errorf("%+v", o)
	}
	w.wantTidy(j)
}

func TestAJournalThatFails(t *testing.T) {
	for step, want := range map[string]counts{"open": {}, "creating": {}, "created": {}, "closed": {accepted: 3}} {
		t.Run(step, func(t *testing.T) {
			w, j := newBulkWorld(t, nil)
			j.fail[step] = errBroken
			d := w.deliver(t.Context(), w.sink, w.insert(3, false), nil)
			d.want(t, want, true, 0)
			if d.err == nil || !strings.Contains(d.err.Error(), "disk is full") {
				t.Errorf("error is %v", d.err)
			}
			for _, state := range w.states() {
				if state == "Open" {
					t.Error("a job is open in the org")
				}
			}
		})
	}
}

func TestAnOrgThatIsSilent(t *testing.T) {
	for _, step := range jobSteps[:5] {
		if step.name == "upload" {
			continue // it is given minutes
		}
		t.Run(step.name, func(t *testing.T) {
			w, _ := newBulkWorld(t, func(_ *fakeorg.Config, c *salesforce.Config) { c.Timeout = 200 * time.Millisecond })
			changes := w.insert(3, false)
			release := make(chan struct{})
			defer close(release)
			w.org.Inject(fakeorg.Fault{Method: step.method, Path: step.path, Before: func() { <-release }, Reset: true})
			d := w.deliver(t.Context(), w.sink, changes, nil)
			if d.err == nil || pipeline.ClassOf(d.err) != pipeline.TryAgain || !strings.Contains(d.err.Error(), "200ms") {
				t.Errorf("error is %v", d.err)
			}
		})
	}
}
