package crash

import (
	"fmt"
	"testing"
	"time"

	"scored/cmd/scored/overlay"
)

// failpoint is a step at which a process dies.
type failpoint struct {
	name string
	at   step
	only way
	left bool // it is passed when an earlier process died after it closed a Bulk job
}

// step is where a failpoint's line is put.
type step struct {
	file, anchor string
	where        func(file, anchor, line string) overlay.Edit
	line         string // "" for the plain one
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
	{name: "left job's results read", at: step{bulkFinal, "if rows != int(j.Processed) {", overlay.Before, ""}, only: bulk, left: true},
	{name: "left job's results recorded", at: step{resume, "rows += len(outcomes)", overlay.Behind, ""}, only: bulk, left: true},
	{name: "score computed", at: step{runner, "w.rejected, w.drained = got.rejected, true", overlay.Behind, ""}},
	{name: "changes decided", at: step{deliver, summed, overlay.Behind, ""}},
	{name: "a ledger's change made", at: step{store, "if err = do(context.WithoutCancel(ctx), tx); err == nil {", overlay.Behind, ""}},
	{name: "a ledger's change committed", at: step{store, "err = tx.Commit()", overlay.Behind, ""}},
	{name: "intents recorded", at: step{write, "d.begun = true", overlay.Behind, ""}},
	{name: "request sent", at: step{wire, request, overlay.Before, `ctx = failpointSent(ctx, req.Method, "request sent")`}},
	{name: "answer received", at: step{records, patch, overlay.Behind, ""}, only: collections},
	{name: "job journalled", at: step{bulkSend, createJob, overlay.Before, ""}, only: bulk},
	{name: "job created", at: step{bulkSend, noteJob, overlay.Before, ""}, only: bulk},
	{name: "job's id journalled", at: step{bulkSend, upload, overlay.Before, ""}, only: bulk},
	{name: "job uploaded", at: step{bulkSend, upload, overlay.Behind, ""}, only: bulk},
	{name: closed, at: step{bulkSend, "err := p.moveJob(ctx, p.id, jobUploaded)", overlay.Behind, ""}, only: bulk},
	{name: "job polled", at: step{bulkJob, "j, err := s.lookUp(ctx, id)", overlay.Behind, ""}, only: bulk},
	{name: "results read", at: step{bulkSend, "if failed := p.reportAccepted(ctx); failed != nil {", overlay.Before, ""}, only: bulk},
	{name: "sink confirmed", at: step{write, "outcomes = d.letGo(book, outcomes)", overlay.Behind, ""}},
	{name: "confirmation committed", at: step{write, `d.progress("deliver to "+d.name(), book.count, len(changes))`, overlay.Behind, ""}},
	{name: "job's end journalled", at: step{bulkSend, jobDone, overlay.Before, ""}, only: bulk},
	{name: "job deleted", at: step{bulkSend, "p.deleteJob(ctx, p.id)", overlay.Behind, ""}, only: bulk},
	{name: "delivered", at: step{runner, deliverAll, overlay.Behind, ""}},
	{name: "published", at: step{runner, "published, perr := w.publishAll(ctx)", overlay.Behind, ""}},
	{name: "finished", at: step{runner, "ferr := w.Ledger.Finish(ctx, s, w.rejected, refused, lines)", overlay.Behind, ""}},
}

func failpointEdits() (edits []overlay.Edit) {
	for _, f := range failpoints {
		line := f.at.line
		if line == "" {
			line = fmt.Sprintf("failpoint(%q)", f.name)
		}
		edits = append(edits, f.at.where(f.at.file, f.at.anchor, line))
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
