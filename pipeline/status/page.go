package status

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"scored/pipeline"
)

// How much of a job's past the page shows.
const (
	shownRuns = 30
	shownLost = 10
)

//go:embed page.html
var markup string

// style stands in the page itself; the content security policy admits it by its digest.
//
//go:embed page.css
var style string

// view is what the page shows.
type view struct {
	Now      time.Time
	Style    template.CSS
	Problems []problem // what is wrong
	Notes    []string  // what is good to know before it goes wrong
	Jobs     []jobView
	Process  Process
	Quotas   []Quota
	Guards   []Guard
}

// problem is one in a sentence, and what was said of it, if that has lines.
type problem struct{ Words, Said string }

// jobView is one job's part of the page.
type jobView struct {
	Job
	State   state
	Words   string
	Success *pipeline.Record
	Due     []due
	Waiting []quarantine
	Held    *pipeline.Record // nil if no held run waits
	Runs    []pipeline.Record
	Lost    []pipeline.Span
	Unread  string // why the job's past can't be shown
}

// due is what a target has not got.
type due struct {
	Target  string
	Changes int
	Since   time.Time // zero if everything was at least sent
}

// quarantine is what a target refused lately.
type quarantine struct {
	Target    string
	Due, Over int // keys that are offered again by themselves, and that are not
}

func newPage() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{
		"stamp":  stamp,
		"span":   span,
		"number": number,
		"asides": asides,
		"ms":     func(ms int64) string { return spanOfRun(time.Duration(ms) * time.Millisecond) },
		"join":   func(list []string) string { return strings.Join(list, ", ") },
	}).Parse(markup))
}

func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	var page bytes.Buffer
	if err := s.template.Execute(&page, s.view(r.Context(), time.Now())); err != nil {
		s.log.Error("render the status page", "error", err.Error())
		http.Error(w, "the page can't be shown: the daemon's log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = page.WriteTo(w) // who no longer listens needs no answer
}

func (s *Server) view(ctx context.Context, now time.Time) view {
	v := view{Now: now, Style: template.CSS(style), Process: s.board.Process(), Quotas: quotas(s.board), Guards: guards(s.board)} //nolint:gosec // our own file
	if words := s.stalled(); words != "" {
		v.Problems = append(v.Problems, problem{Words: words})
	}
	if said := v.Process.Refusal; said != "" {
		v.Problems = append(v.Problems, problem{"the config was refused when it was last read: the one before is in force", said})
	}
	for _, job := range s.board.Jobs() {
		j, note := s.viewJob(ctx, job, v.Process.Started, now)
		switch {
		case j.State.bad():
			v.Problems = append(v.Problems, problem{Words: job.Name + " is " + j.Words})
		case j.Unread != "":
			v.Problems = append(v.Problems, problem{Words: job.Name + ": " + j.Unread})
		case j.Held != nil: // said below
		case note != "":
			v.Notes = append(v.Notes, job.Name+": "+note)
		}
		if j.Held != nil {
			v.Problems = append(v.Problems, problem{Words: fmt.Sprintf("%s: run %s is held, and waits for a person: %s", job.Name, j.Held.ID, j.Held.Reason)})
		}
		v.Jobs = append(v.Jobs, j)
	}
	return v
}

// viewJob gathers what is shown of a job, and what should be noted of it though it is no problem yet.
func (s *Server) viewJob(ctx context.Context, job Job, started, now time.Time) (j jobView, note string) {
	f, err := freshnessOf(ctx, s.board, job, started, now)
	j = jobView{Job: job, State: f.state, Words: f.words, Success: f.success}
	for _, a := range f.arrears {
		if a.backlog > 0 || !a.since.IsZero() {
			j.Due = append(j.Due, due{Target: a.target, Changes: a.backlog, Since: a.since})
		}
	}
	if err == nil {
		j.Runs, err = s.board.Runs(ctx, job.Name, shownRuns)
	}
	if err == nil {
		j.Lost, err = s.board.Lost(ctx, job.Name, shownLost)
	}
	if err == nil {
		j.Waiting, err = s.quarantines(ctx, job)
	}
	if err == nil {
		j.Held, err = s.board.Held(ctx, job.Name)
	}
	if err != nil {
		s.log.Error("the status page can't show a job's past", "job", job.Name, "error", err.Error())
		j.Unread = "the ledger can't be read: " + err.Error()
	}
	switch {
	case f.state == paused || f.state == waiting:
		note = f.words
	case f.last != nil && (!f.last.Summary.Delivered() || f.last.Summary.Created > 0):
		note = lastWords(f.last)
	}
	return j, note
}

// quarantines are those of the job's targets in which something waits.
func (s *Server) quarantines(ctx context.Context, job Job) (list []quarantine, err error) {
	waiting, err := s.board.Quarantine(ctx, job.Name)
	for _, target := range job.Targets {
		q := quarantine{Target: target}
		for class, keys := range quarantined(waiting, target) {
			if class == pipeline.Terminal.String() {
				q.Over += keys
			} else {
				q.Due += keys
			}
		}
		if q.Due+q.Over > 0 {
			list = append(list, q)
		}
	}
	return list, err
}

// Ago is how long before now t was.
func (v view) Ago(t time.Time) string { return span(v.Now.Sub(t)) }

// Until counts down to a moment.
func (v view) Until(t time.Time) string {
	if t.Before(v.Now) {
		return "due for " + span(v.Now.Sub(t))
	}
	return "in " + span(t.Sub(v.Now))
}

// spanOfRun is a span with tenths where they matter.
func spanOfRun(d time.Duration) string {
	if d < 10*time.Second {
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	}
	return span(d)
}

// number groups thousands.
func number(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
