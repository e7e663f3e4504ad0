package salesforce_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"scored/pipeline"
	"scored/sinks/salesforce"
	"scored/sinks/salesforce/fakeorg"
)

var errDead = errors.New("the process is dead")

// process is a process that dies at its nth event: a request before or after the org has it, a note in the journal before or
// after it is written, or a confirmation before or after the ledger has it. From then on nothing comes out of it.
type process struct {
	mu     sync.Mutex
	events int
	until  int
	died   string
}

// alive counts an event, and says whether the process lives to see it through.
func (p *process) alive(event string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.died != "" {
		return false
	}
	if p.events++; p.events == p.until {
		p.died = event
		return false
	}
	return true
}

func (p *process) step(event string, do func() error) error {
	if !p.alive("before " + event) {
		return errDead
	}
	if err := do(); err != nil {
		return err
	}
	if !p.alive("after " + event) {
		return errDead
	}
	return nil
}

// mortal is a journal that is written to by a process.
type mortal struct {
	*journal
	process *process
}

func (m *mortal) Creating(ctx context.Context, run string) error {
	return m.process.step("creating", func() error { return m.journal.Creating(ctx, run) })
}

func (m *mortal) Created(ctx context.Context, run, id string) error {
	return m.process.step("created", func() error { return m.journal.Created(ctx, run, id) })
}

func (m *mortal) Closed(ctx context.Context, run, id string) error {
	return m.process.step("closed", func() error { return m.journal.Closed(ctx, run, id) })
}

// through serves what the process sends on to the org.
func (p *process) through(org http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		event := r.Method + " " + r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		if !p.alive("before " + event) {
			panic(http.ErrAbortHandler)
		}
		answer := httptest.NewRecorder()
		org.ServeHTTP(answer, r)
		if !p.alive("after " + event) {
			panic(http.ErrAbortHandler)
		}
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
}

// A process dies between any two events of a delivery of two jobs. The next one resumes: what it confirms is what the org
// holds, no job goes on, and a new run brings every row up to date.
func TestACrashBetweenAnyTwoSteps(t *testing.T) {
	for until := 1; ; until++ {
		p := &process{until: until}
		t.Run(fmt.Sprint(until), func(t *testing.T) { crash(t, p) })
		if p.died == "" {
			break
		}
	}
}

func crash(t *testing.T, p *process) {
	w, j := newBulkWorld(t, func(_ *fakeorg.Config, c *salesforce.Config) { c.UploadLimit = 600 })
	changes := w.insert(6, false)
	convert(t, w, changes[4].Key)
	front := httptest.NewUnstartedServer(p.through(w.org))
	front.Config.ErrorLog = w.server.Config.ErrorLog
	front.Start()
	defer front.Close()
	config := w.config
	config.LoginURL, config.Journal = front.URL, &mortal{j, p}
	confirmed := map[string]pipeline.Outcome{}
	first := &pipeline.Run{ID: "leads-first", Version: 1795353300000001, Started: time.Now()}
	sink := w.newSink(config)
	_ = sink.Write(t.Context(), first, model, changes, func(outcomes []pipeline.Outcome) error {
		return p.step("confirm", func() error {
			for _, o := range outcomes {
				confirmed[o.Key] = o
			}
			return nil
		})
	})
	sink.Close()

	resumed, err := w.resume(t.Context(), w.sink)
	if err != nil {
		t.Fatalf("died %s: %v", p.died, err)
	}
	if err := onlyOf(resumed, first.ID); err != nil {
		t.Error(err)
	}
	records := w.records()
	for i, c := range changes {
		o := resumed[first.ID][c.Key]
		if o.Status == 0 {
			o = confirmed[c.Key]
		}
		applied := records[c.Key]["Lead_Score_Version__c"] == float64(first.Version)
		if (o.Status == accepted) != applied && o.Status != 0 && o.Status != unknown {
			t.Errorf("died %s: row %d is %+v, applied %t", p.died, i, o, applied)
		}
		if o.Status == 0 && applied {
			t.Errorf("died %s: row %d was applied, and nobody says so", p.died, i)
		}
	}
	if len(j.jobs()) > 0 { // a creation that may still arrive, until it can't any more
		j.age(time.Minute)
		if _, err := w.resume(t.Context(), w.sink); err != nil {
			t.Fatalf("died %s: %v", p.died, err)
		}
	}
	w.wantTidy(j)
	d := w.deliver(t.Context(), w.sink, changes, nil)
	d.want(t, counts{accepted: 5, refused: 1}, false, 0)
	w.wantTidy(j)
}

func onlyOf(resumed map[string]map[string]pipeline.Outcome, run string) error {
	for id := range resumed {
		if id != run {
			return fmt.Errorf("outcomes of run %q, want those of %q", id, run)
		}
	}
	return nil
}
