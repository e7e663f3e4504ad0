package status_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"scored/pipeline"
	"scored/pipeline/status"
)

const job = "lead_scoring"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// board is a Board whose fields are its answers.
type board struct {
	jobs    []status.Job
	process status.Process
	quotas  []status.Quota
	runs    []pipeline.Record // oldest first
	lost    []pipeline.Span
	guards  []status.Guard
	waiting []status.Waiting
	held    *pipeline.Record
	err     error // of reading the ledger
	asked   int   // the largest limit of runs so far
}

func (b *board) Jobs() []status.Job      { return b.jobs }
func (b *board) Process() status.Process { return b.process }
func (b *board) Quotas() []status.Quota  { return b.quotas }
func (b *board) Guards() []status.Guard  { return b.guards }

func (b *board) Runs(_ context.Context, job string, limit int) (newest []pipeline.Record, err error) {
	b.asked = max(b.asked, limit)
	for i := len(b.runs) - 1; i >= 0 && len(newest) < limit; i-- {
		if b.runs[i].Job == job {
			newest = append(newest, b.runs[i])
		}
	}
	return newest, b.err
}

func (b *board) Lost(context.Context, string, int) ([]pipeline.Span, error) { return b.lost, b.err }

func (b *board) Held(context.Context, string) (*pipeline.Record, error) { return b.held, b.err }

func (b *board) Quarantine(context.Context, string) ([]status.Waiting, error) {
	return b.waiting, b.err
}

// quarters is a job that runs every 15 minutes, in a daemon that has been up for a day.
func quarters(now time.Time) *board {
	slot := now.Truncate(15 * time.Minute)
	return &board{
		jobs: []status.Job{{
			Name: job, Schedule: "*/15 * * * *", Model: "lead_scoring@0a1b2c3d", Digest: "0a1b2c3d4e5f", Targets: []string{"salesforce"},
			Next: slot.Add(15 * time.Minute), Bound: 44 * time.Minute,
		}},
		process: status.Process{Version: "1.4.0", Started: now.Add(-24 * time.Hour), Config: "/etc/scored/scored.yaml", Reloaded: now.Add(-24 * time.Hour)},
	}
}

// ended adds a run that ended a minute after its as-of; shape changes its summary before it is taken over.
func (b *board) ended(asOf time.Time, end pipeline.End, shape ...func(*pipeline.Summary)) *pipeline.Summary {
	run, err := pipeline.NewRun(job, pipeline.Request{Trigger: pipeline.Scheduled, Slot: asOf, AsOf: asOf}, 0, asOf)
	if err != nil {
		panic(err)
	}
	s := &pipeline.Summary{
		ID: run.ID, Job: job, Trigger: run.Trigger, AsOf: run.AsOf, Started: run.Started, End: end, Read: 42000, Scored: 42000, Duration: 61_000,
		Stages:  pipeline.Stages{Read: 31_000, Score: 900, Decide: 300, Deliver: 28_000},
		Targets: []pipeline.TargetSummary{{Target: "salesforce", Delivery: pipeline.Delivery{Unchanged: 41_000, Changes: 1000, Sent: 1000, Accepted: 1000, APICalls: 6}}},
	}
	for _, change := range shape {
		change(s)
	}
	run.Trigger = s.Trigger
	for _, t := range s.Targets {
		s.Sent, s.Accepted, s.Refused, s.APICalls = s.Sent+t.Sent, s.Accepted+t.Accepted, s.Refused+t.Refused, s.APICalls+t.APICalls
	}
	b.runs = append(b.runs, pipeline.Record{Run: *run, Ended: asOf.Add(time.Minute), End: s.End, Reason: s.Reason, Summary: s})
	return s
}

func down(s *pipeline.Summary) {
	s.Reason = "deliver to salesforce: no answer"
	s.Targets = []pipeline.TargetSummary{{Target: "salesforce", Error: "no answer"}}
}

func by(trigger pipeline.Trigger) func(*pipeline.Summary) {
	return func(s *pipeline.Summary) { s.Trigger = trigger }
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// answer is what came back.
type answer struct {
	code   int
	header http.Header
	body   string
}

func ask(h http.Handler, method, target string, shape ...func(*http.Request)) answer {
	r := httptest.NewRequest(method, target, nil)
	r.Host = "127.0.0.1:9848"
	for _, change := range shape {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

func get(h http.Handler, path string) answer { return ask(h, http.MethodGet, path) }

// lines collects what is logged.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) log() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// each hands every line that is logged to a channel.
type each chan<- string

func (e each) Write(p []byte) (int, error) {
	e <- string(p)
	return len(p), nil
}

func logTo(lines chan<- string) *slog.Logger { return slog.New(slog.NewTextHandler(each(lines), nil)) }
