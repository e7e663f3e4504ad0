package crash

import (
	"fmt"
	"testing"
	"time"
)

// failpoint is a step at which a process dies.
type failpoint struct {
	name string
	at   edit // without a line: it is the plain one
	only way
	left bool // it is passed when an earlier process died after it closed a Bulk job
}

// way says of which way of delivery a step is.
type way int

const (
	both way = iota
	collections
	bulk
)

// has says whether a world's runs pass the failpoint.
func (k kind) has(f failpoint) bool {
	return f.only == both || k.bulk == (f.only == bulk)
}

const (
	runner    = "pipeline/runner.go"
	deliver   = "pipeline/delivery.go"
	write     = "pipeline/write.go"
	resume    = "pipeline/resume.go"
	store     = "pipeline/ledger/ledger.go"
	wire      = "sinks/salesforce/wire.go"
	records   = "sinks/salesforce/collections.go"
	bulkSend  = "sinks/salesforce/bulk_send.go"
	bulkJob   = "sinks/salesforce/bulk_job.go"
	bulkFinal = "sinks/salesforce/bulk_finish.go"
)

const (
	// closed is where a process dies that leaves a Bulk job at work.
	closed = "job closed"

	deliverAll = "err = w.deliverAll(ctx, deliveries, w.found(got), recall)"
	createJob  = "if id, err = d.createJob(ctx); err != nil {"
	noteJob    = "if err := journal.Created(context.WithoutCancel(ctx), d.run.ID, id); err != nil {"
	upload     = `up, err := d.put(ctx, d.jobsPath()+"/"+id+"/batches", func() *upload { return d.newUpload(from) })`
	jobDone    = "if err == nil { // one that went wrong stays for whoever wants to look at it"
	patch      = "answer, err := c.ApexREST(http.MethodPatch, path, bytes.NewReader(b.body))"
	request    = "req = req.Clone(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{"
	summed     = `"superseded", c.Superseded, "kept", c.Kept, "quarantined", c.Quarantined)`
)

// failpoints are in the order in which a run passes them.
var failpoints = []failpoint{
	{name: "left job's results read", at: edit{bulkFinal, "if rows != int(j.Processed) {", before, ""}, only: bulk, left: true},
	{name: "left job's results recorded", at: edit{resume, "rows += len(outcomes)", behind, ""}, only: bulk, left: true},
	{name: "score computed", at: edit{runner, "w.rejected, w.drained = got.rejected, true", behind, ""}},
	{name: "changes decided", at: edit{deliver, summed, behind, ""}},
	{name: "a ledger's change made", at: edit{store, "if err = do(context.WithoutCancel(ctx), tx); err == nil {", behind, ""}},
	{name: "a ledger's change committed", at: edit{store, "err = tx.Commit()", behind, ""}},
	{name: "intents recorded", at: edit{write, "d.begun = true", behind, ""}},
	{name: "request sent", at: edit{wire, request, before, `ctx = failpointSent(ctx, req.Method, "request sent")`}},
	{name: "answer received", at: edit{records, patch, behind, ""}, only: collections},
	{name: "job journalled", at: edit{bulkSend, createJob, before, ""}, only: bulk},
	{name: "job created", at: edit{bulkSend, noteJob, before, ""}, only: bulk},
	{name: "job's id journalled", at: edit{bulkSend, upload, before, ""}, only: bulk},
	{name: "job uploaded", at: edit{bulkSend, upload, behind, ""}, only: bulk},
	{name: closed, at: edit{bulkSend, "err := p.moveJob(ctx, p.id, jobUploaded)", behind, ""}, only: bulk},
	{name: "job polled", at: edit{bulkJob, "j, err := s.lookUp(ctx, id)", behind, ""}, only: bulk},
	{name: "results read", at: edit{bulkSend, "if failed := p.reportAccepted(ctx); failed != nil {", before, ""}, only: bulk},
	{name: "sink confirmed", at: edit{write, "outcomes = d.letGo(book, outcomes)", behind, ""}},
	{name: "confirmation committed", at: edit{write, `d.progress("deliver to "+d.name(), book.count, len(changes))`, behind, ""}},
	{name: "job's end journalled", at: edit{bulkSend, jobDone, before, ""}, only: bulk},
	{name: "job deleted", at: edit{bulkSend, "p.deleteJob(ctx, p.id)", behind, ""}, only: bulk},
	{name: "delivered", at: edit{runner, deliverAll, behind, ""}},
	{name: "published", at: edit{runner, "published, perr := w.publishAll(ctx)", behind, ""}},
	{name: "finished", at: edit{runner, "ferr := w.Ledger.Finish(ctx, s, w.rejected, refused, lines)", behind, ""}},
}

func failpointEdits() (edits []edit) {
	for _, f := range failpoints {
		if f.at.line == "" {
			f.at.line = fmt.Sprintf("failpoint(%q)", f.name)
		}
		edits = append(edits, f.at)
	}
	return edits
}

// TestFailpoints kills the binary at every step of a delivery, CRASHES times, and looks after each crash and the run that follows
// it whether the promise is kept.
func TestFailpoints(t *testing.T) {
	crashes := int(number("CRASHES", 2))
	t.Log(repeat())
	binary := doctored(t)
	share := (crashes + 1) / 2 // with the org's rule; as many without
	for _, k := range []kind{
		{name: "Collections", rule: true, timeout: 2 * time.Second},
		{name: "Collections without the rule", timeout: time.Second},
		{name: "Bulk", bulk: true, rule: true, timeout: 2 * time.Second},
		{name: "Bulk without the rule", bulk: true, timeout: time.Second},
	} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, k, binary)
			for _, f := range failpoints {
				for n := 0; k.has(f) && n < share; n++ {
					w.crash(t, f)
				}
			}
			v := w.judge(t)
			t.Logf("%d crashes: %d rows sent, %d twice (at most %d for one crash, a batch is %d)",
				w.kills, w.watch.sent, v.twice, v.most, v.batch)
		})
	}
}

// crash has the binary die at the failpoint, and looks at what a clean run makes of it.
func (w *world) crash(t *testing.T, f failpoint) {
	t.Helper()
	if f.left {
		w.advance(t, 0.3)
		w.dieAt(t, closed, 0)
	}
	w.advance(t, []float64{0.3, 1}[w.rng.IntN(2)])
	skip := w.rng.IntN(3)
	if f.left {
		skip = 0 // a run that lives finishes the job
	}
	if !w.diesAt(t, f.name, skip) {
		w.advance(t, 1) // it was passed less often than that
		w.dieAt(t, f.name, 0)
	}
	if w.rng.IntN(2) == 0 {
		w.retreat(t)
	} else {
		w.advance(t, 0.3)
	}
	w.clean(t)
	v := w.judge(t)
	if broken := v.broken(); len(broken) > 0 {
		t.Fatalf("died at %q, and broken is %v; %q", f.name, broken, v.examples)
	}
}

func (w *world) dieAt(t *testing.T, point string, skip int) {
	t.Helper()
	if !w.diesAt(t, point, skip) {
		t.Fatalf("the failpoint %q is not passed %d times", point, skip+1)
	}
}

// diesAt makes a run that is to die at the failpoint when it is there for the next time after skip, and tells whether it did.
func (w *world) diesAt(t *testing.T, point string, skip int) bool {
	t.Helper()
	p := w.startIn(t, []string{"CRASH_AT=" + point, fmt.Sprint("CRASH_SKIP=", skip)}, nil, "run", job)
	code, killed := w.end(t, p)
	if !killed && code != 0 {
		t.Fatalf("a run that was to die at %q ended with %d:\n%s", point, code, p.text())
	}
	return killed
}
