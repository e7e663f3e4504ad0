package status_test

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"scored/pipeline"
	"scored/pipeline/status"
)

const token = "b1946ac9-secret"

// wire is a transport that counts what is on it, and answers when the test lets it.
type wire struct {
	sent, answered, flying, most atomic.Int32
	hold                         chan struct{} // nil: answers at once
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.sent.Add(1)
	w.most.Store(max(w.most.Load(), w.flying.Add(1)))
	defer w.flying.Add(-1)
	if w.hold != nil {
		select {
		case <-w.hold:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	w.answered.Add(1)
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
}

func heartbeat(t *testing.T, w http.RoundTripper, log *lines) *status.Heartbeat {
	t.Helper()
	h, err := status.NewHeartbeat("https://hc.example.com/"+token, log.log())
	check(t, err)
	h.Through(w)
	return h
}

func ended(end pipeline.End, shape ...func(*pipeline.Summary)) *pipeline.Summary {
	return new(board).ended(noon, end, shape...)
}

func TestTheHeartbeatTellsSuccessesOnly(t *testing.T) {
	for name, c := range map[string]struct {
		summary *pipeline.Summary
		pings   int32
	}{
		"ok":                       {ended(pipeline.OK), 1},
		"manual":                   {ended(pipeline.OK, by(pipeline.Manual)), 1},
		"partial, all targets":     {ended(pipeline.Partial), 1},
		"failed":                   {ended(pipeline.Failed), 0},
		"interrupted":              {ended(pipeline.Interrupted), 0},
		"partial, its target down": {ended(pipeline.Partial, down), 0},
		"backfill":                 {ended(pipeline.OK, by(pipeline.Backfill)), 0},
		"never begun":              {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var w wire
				h := heartbeat(t, &w, new(lines))
				defer h.Close()
				h.RunEnded(job, c.summary, nil)
				synctest.Wait()
				if got := w.sent.Load(); got != c.pings {
					t.Errorf("%d pings, want %d", got, c.pings)
				}
			})
		})
	}
}

func TestOnePingIsOnItsWayAndOneMayWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := wire{hold: make(chan struct{})}
		h := heartbeat(t, &w, new(lines))
		defer h.Close()
		for range 5 {
			h.RunEnded(job, ended(pipeline.OK), nil)
			synctest.Wait()
		}
		close(w.hold)
		synctest.Wait()
		if sent, most := w.sent.Load(), w.most.Load(); sent != 2 || most != 1 {
			t.Errorf("%d pings for five successes while nobody answered, want 2; %d at a time, want 1", sent, most)
		}
	})
}

func TestAPingIsGivenUpAfterTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lines
		w := wire{hold: make(chan struct{})}
		h := heartbeat(t, &w, &log)
		defer h.Close()
		h.RunEnded(job, ended(pipeline.OK), nil)
		time.Sleep(9 * time.Second)
		synctest.Wait()
		if log.String() != "" {
			t.Errorf("given up after less than 10 s: %s", log.String())
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !strings.Contains(log.String(), "level=WARN") || w.flying.Load() != 0 {
			t.Errorf("after 11 s: %d on the way, and the log has %q", w.flying.Load(), log.String())
		}
	})
}

// A reload or a restart just after a daily job's success must not look to the switch as if there had been none.
func TestCloseLetsPingsThrough(t *testing.T) {
	for name, c := range map[string]struct {
		successes int32         // before Close
		delay     time.Duration // of the answers
	}{
		"no success":                                  {0, 0},
		"a success just now":                          {1, 0},
		"a success just now, and a slow answer":       {1, time.Second},
		"a ping on its way, and one that waits":       {2, time.Second},
		"an answer just before the ping would be cut": {1, 1999 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			for range 20 { // a goroutine that has two things to do may do either first
				synctest.Test(t, func(t *testing.T) {
					var log lines
					w := wire{hold: make(chan struct{})}
					h := heartbeat(t, &w, &log)
					for range c.successes {
						synctest.Wait() // until the one before is on its way
						h.RunEnded(job, ended(pipeline.OK), nil)
					}
					start := time.Now()
					time.AfterFunc(c.delay, func() { close(w.hold) })
					h.Close()
					if took := time.Since(start); took != c.delay || w.answered.Load() != c.successes || log.String() != "" {
						t.Errorf("closed after %s with %d of %d pings answered, and the log has %q", took, w.answered.Load(), c.successes, log.String())
					}
					synctest.Wait()
				})
			}
		})
	}
}

// The bubble ends only when every goroutine of the heartbeat has.
func TestCloseCutsAPingOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lines
		w := wire{hold: make(chan struct{})}
		h := heartbeat(t, &w, &log)
		for range 2 { // one on its way, one that waits
			h.RunEnded(job, ended(pipeline.OK), nil)
			synctest.Wait()
		}
		start := time.Now()
		h.Close()
		if took := time.Since(start); took != 2*time.Second || w.flying.Load() != 0 || w.answered.Load() != 0 {
			t.Errorf("closed after %s with %d pings on the way and %d answered", took, w.flying.Load(), w.answered.Load())
		}
		if text := log.String(); strings.Count(text, "level=WARN") != 1 || !strings.Contains(text, "it was cut off, as") {
			t.Errorf("the log has %q", text)
		}
		h.Close() // and again, at once
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("the second Close took %s", took-2*time.Second)
		}
	})
}

func TestAnErrorStatusIsLoggedByNumberAndText(t *testing.T) {
	for code, want := range map[int]string{503: `error="it answered 503 Service Unavailable"`, 404: `error="it answered 404 Not Found"`, 599: `error="it answered 599"`} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }))
		warned := make(chan string, 1)
		h, err := status.NewHeartbeat(pipeline.Secret(server.URL), logTo(warned))
		check(t, err)
		h.RunEnded(job, ended(pipeline.OK), nil)
		if line := <-warned; !strings.Contains(line, want) {
			t.Errorf("%d: the log has %q, want %s", code, line, want)
		}
		h.Close()
		server.Close()
	}
}

// Whoever knows the address can keep the switch quiet while the daemon is dead.
func TestNoLogOrErrorShowsTheAddress(t *testing.T) {
	var followed atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Store(true) }))
	defer elsewhere.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("/refused/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	mux.Handle("/moved/", http.RedirectHandler(elsewhere.URL+"/"+token, http.StatusFound))
	plain := httptest.NewServer(mux)
	defer plain.Close()
	untrusted := httptest.NewUnstartedServer(mux)
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	defer untrusted.Close()
	gone := httptest.NewServer(mux)
	gone.Close()
	for name, address := range map[string]string{
		"an error status": plain.URL + "/refused/" + token, "a redirect": plain.URL + "/moved/" + token,
		"a certificate that nobody signed": untrusted.URL + "/" + token, "nobody there": gone.URL + "/" + token,
	} {
		t.Run(name, func(t *testing.T) {
			warned := make(chan string, 1)
			h, err := status.NewHeartbeat(pipeline.Secret(address), logTo(warned))
			check(t, err)
			defer h.Close()
			h.RunEnded(job, ended(pipeline.OK), nil)
			line := ""
			select {
			case line = <-warned:
			case <-time.After(30 * time.Second):
				t.Fatal("nothing was logged")
			}
			host, _, _ := strings.Cut(strings.SplitN(address, "//", 2)[1], "/")
			if strings.Contains(line, token) || !strings.Contains(line, host) || !strings.Contains(line, "level=WARN") {
				t.Errorf("the log has %s", line)
			}
		})
	}
	if followed.Load() {
		t.Error("a redirect was followed")
	}
}

func TestThePingIsAGet(t *testing.T) {
	seen := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Method + " " + r.URL.Path }))
	defer server.Close()
	h, err := status.NewHeartbeat(pipeline.Secret(server.URL+"/"+token), quiet())
	check(t, err)
	defer h.Close()
	h.RunEnded(job, ended(pipeline.OK), errors.New("single rows were refused"))
	if got := <-seen; got != "GET /"+token {
		t.Errorf("the ping is %q", got)
	}
}

func TestHeartbeatAddresses(t *testing.T) {
	for _, address := range []string{
		"", token, "http://hc.example.com/" + token, "http://10.0.0.1/" + token, "ftp://127.0.0.1/" + token, "https:///" + token,
		"http://127.0.0.1.example.com/" + token, "https://hc.example.com:port/" + token, "%zz" + token,
	} {
		h, err := status.NewHeartbeat(pipeline.Secret(address), quiet())
		if err == nil {
			h.Close()
		}
		if pipeline.ClassOf(err) != pipeline.Configuration || pipeline.HintOf(err) == "" || strings.Contains(err.Error(), token) {
			t.Errorf("%q: %v, want a configuration problem without the address", address, err)
		}
	}
	for _, address := range []string{"https://hc.example.com/x", "http://127.0.0.1:8000/x", "http://localhost/x", "http://[::1]:8000/x"} {
		h, err := status.NewHeartbeat(pipeline.Secret(address), quiet())
		check(t, err)
		h.Close()
	}
}
