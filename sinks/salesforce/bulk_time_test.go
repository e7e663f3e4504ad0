package salesforce

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"scored/pipeline"
)

// bubble serves a sink from within a bubble of virtual time: handler is the org, and connections are pipes.
func bubble(t *testing.T, handler http.HandlerFunc) *Sink {
	conns, done := make(chan net.Conn), make(chan struct{})
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(&pipes{conns, done}) }()
	s := &Sink{log: slog.New(slog.DiscardHandler), wire: newWire(time.Minute), session: &session{token: "t", instance: "http://org"},
		cfg: Config{APIVersion: "66.0", FirstPoll: DefaultFirstPoll, Timeout: time.Minute}}
	s.wire.transport.Proxy = nil
	s.wire.transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		conns <- theirs
		return ours, nil
	}
	t.Cleanup(func() {
		s.Close()
		_ = server.Close()
		time.Sleep(time.Second) // of the bubble's: the server lingers where a request was not read to its end
	})
	return s
}

// pipes is a listener.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.done)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

const jobID = "750000000000001AAA"

func TestAJobIsLookedAtEverLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		last := start
		var waits []time.Duration
		s := bubble(t, func(w http.ResponseWriter, _ *http.Request) {
			waits, last = append(waits, time.Since(last)), time.Now()
			state := jobInProgress
			if time.Since(start) > 2*time.Minute {
				state = jobComplete
			}
			fmt.Fprintf(w, `{"id":%q,"state":%q}`, jobID, state)
		})
		j, err := s.await(t.Context(), jobID)
		if err != nil || j.State != jobComplete {
			t.Fatal(j, err)
		}
		want := time.Second
		for i, wait := range waits {
			if wait < want*9/10 || wait > want*11/10+1 {
				t.Errorf("wait %d took %s, want about %s", i, wait, want)
			}
			want = min(want*3/2, 15*time.Second)
		}
		if n := len(waits); n < 13 || n > 16 {
			t.Errorf("%d looks in 2 minutes", n)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := s.await(ctx, jobID); err == nil {
			t.Error("the end of the context was passed over")
		}
	})
}

// A transfer may take as long as bytes move: neither an upload nor a result has the deadline of a small request. One that
// stands still is ended.
func TestOnlySilenceEndsATransfer(t *testing.T) {
	const pace = 50 * time.Second // of the minute that is allowed
	sip := func(w http.ResponseWriter, r *http.Request, pieces int, pause time.Duration) {
		piece := make([]byte, 64<<10)
		for range pieces {
			time.Sleep(pause)
			if r.Method == http.MethodGet {
				_, _ = w.Write([]byte("L000001,false\n"))
				_ = http.NewResponseController(w).Flush()
			} else if _, err := io.ReadFull(r.Body, piece); err != nil {
				break
			}
		}
	}
	for _, c := range []struct {
		name  string
		org   func(w http.ResponseWriter, r *http.Request, over chan struct{})
		words string
	}{
		{"slow", func(w http.ResponseWriter, r *http.Request, _ chan struct{}) {
			if r.Method == http.MethodGet {
				fmt.Fprintln(w, "Lead_Key__c,sf__Created")
			}
			sip(w, r, 20, pace)
			_, _ = io.Copy(io.Discard, r.Body)
		}, ""},
		{"silent at once", func(_ http.ResponseWriter, _ *http.Request, over chan struct{}) { <-over }, "nothing moved for 1m0s"},
		{"silent in the middle", func(w http.ResponseWriter, r *http.Request, over chan struct{}) {
			if r.Method == http.MethodGet {
				fmt.Fprintln(w, "Lead_Key__c,sf__Created")
			}
			sip(w, r, 3, pace)
			<-over
		}, "nothing moved for 1m0s"},
		{"spooled and passed on late", func(w http.ResponseWriter, r *http.Request, _ chan struct{}) {
			if r.Method == http.MethodGet {
				fmt.Fprintln(w, "Lead_Key__c,sf__Created")
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			time.Sleep(4 * time.Minute)
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				over := make(chan struct{})
				s := bubble(t, func(w http.ResponseWriter, r *http.Request) { c.org(w, r, over) })
				defer close(over)
				d := uploading(10<<20, manyChanges(20_000))
				_, put := s.put(t.Context(), "x", func() *upload { return d.newUpload(0) })
				fetched := s.fetch(t.Context(), "x", func(in io.Reader) error {
					return resultFiles[0].read(&d.cfg, in, "Lead_Key__c", func([]byte, pipeline.Outcome) error {
						time.Sleep(2 * time.Minute) // the ledger may take its time
						return nil
					})
				})
				for what, err := range map[string]error{"upload": put, "result": fetched} {
					if (err != nil) != (c.words != "") || err != nil && (!strings.Contains(err.Error(), c.words) || !uncertain(err)) {
						t.Errorf("%s: %v", what, err)
					}
				}
			})
		})
	}
}

// An upload that was sent is given minutes, not for ever.
func TestAnUploadThatIsNeverAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := make(chan struct{})
		s := bubble(t, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-over
		})
		defer close(over)
		d := uploading(10<<20, manyChanges(2000))
		_, err := s.put(t.Context(), "x", func() *upload { return d.newUpload(0) })
		if err == nil || !strings.Contains(err.Error(), "nothing moved for 5m0s") || !uncertain(err) {
			t.Errorf("error is %v", err)
		}
	})
}

// A run waits for a job of an earlier one no longer than the others can bear; its own it waits for.
func TestAJobAtWorkIsNotWaitedForForEver(t *testing.T) {
	for patience, want := range map[time.Duration]time.Duration{resumeWait: resumeWait, 0: time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			s := bubble(t, func(w http.ResponseWriter, _ *http.Request) {
				state := jobInProgress
				if time.Since(start) > time.Hour {
					state = jobComplete
				}
				fmt.Fprintf(w, `{"id":%q,"state":%q}`, jobID, state)
			})
			j, err := s.ended(t.Context(), pipeline.RemoteJob{Run: "leads-died", ID: jobID, Since: start}, patience)
			took := time.Since(start)
			if took < want || took > want+time.Minute {
				t.Errorf("it took %s, want %s", took, want)
			}
			if patience > 0 && (pipeline.ClassOf(err) != pipeline.TryAgain || !strings.Contains(pipeline.HintOf(err), "Bulk Data Load Jobs")) ||
				patience == 0 && (err != nil || j.State != jobComplete) {
				t.Errorf("%v, %v", j, err)
			}
		})
	}
}

// However many requests take their leave, and however deep, they have one farewell together.
func TestNothingOutlivesAFarewell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, stop := context.WithCancel(t.Context())
		first, cancel := outlive(parent)
		defer cancel()
		second, cancel := outlive(first)
		defer cancel()
		stop()
		start := time.Now()
		<-second.Done()
		if took := time.Since(start); took != farewell {
			t.Errorf("it took %s", took)
		}
	})
}

// An answer before the upload was sent can't be of all of it.
func TestAnAnswerBeforeTheEndOfAnUploadIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := bubble(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) })
		d := uploading(100<<20, manyChanges(50_000))
		if up, err := s.put(t.Context(), "x", func() *upload { return d.newUpload(0) }); err == nil || up.complete() {
			t.Errorf("error is %v", err)
		}
	})
}
