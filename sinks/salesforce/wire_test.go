package salesforce

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"scored/pipeline"
)

func get(t *testing.T, ctx context.Context, w *wire, url string) (*answer, bool, error) {
	t.Helper()
	t.Cleanup(w.transport.CloseIdleConnections)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.do(req)
}

func TestOldTLSIsRefused(t *testing.T) {
	for version, ok := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true} {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: version}
		server.StartTLS()
		w := newWire(time.Minute)
		w.transport.TLSClientConfig.RootCAs = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		_, left, err := get(t, t.Context(), w, server.URL)
		if (err == nil) != ok || left != ok {
			t.Errorf("%s: error %v, left %t", tls.VersionName(version), err, left)
		}
		w.transport.CloseIdleConnections()
		server.Close()
	}
}

func TestAServerThatIsNotTrustedNeedsAPerson(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	_, left, err := get(t, t.Context(), newWire(time.Minute), server.URL)
	if got := pipeline.ClassOf(unreachable(err)); got != pipeline.Configuration || left {
		t.Errorf("class %d, left %t, %v", got, left, err)
	}
}

func TestAnAnswerIsReadUpToALimit(t *testing.T) {
	served := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(served)
		for chunk := make([]byte, 1<<20); r.Context().Err() == nil; {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	_, left, err := get(t, t.Context(), newWire(time.Minute), server.URL)
	if err == nil || !strings.Contains(err.Error(), "larger than 16 MB") || !left {
		t.Errorf("error %v, left %t", err, left)
	}
	<-served
}

func TestTheCallersContextIsToldFromTheTimeout(t *testing.T) {
	release := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		cancel()
		<-release
	}))
	defer server.Close()
	defer close(release)
	if _, left, err := get(t, ctx, newWire(time.Minute), server.URL); !errors.Is(err, context.Canceled) || !left {
		t.Errorf("error %v, left %t", err, left)
	}
	_, left, err := get(t, t.Context(), newWire(time.Nanosecond), server.URL)
	if err == nil || errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer within 1ns") || left {
		t.Errorf("error %v, left %t", err, left)
	}
}

func TestAWriteInFlightOutlivesItsContextByTheFarewell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, stop := context.WithCancel(t.Context())
		ctx, cancel := outlive(parent)
		defer cancel()
		stop()
		time.Sleep(farewell - time.Millisecond)
		synctest.Wait()
		if ctx.Err() != nil {
			t.Fatal("cut off at once: the outcome of the write would be lost")
		}
		<-ctx.Done() // or the bubble is deadlocked
	})
}

func TestAWriteThatCameBackLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, stop := context.WithCancel(t.Context())
		ctx, cancel := outlive(parent)
		cancel()
		<-ctx.Done()
		stop()
	})
}
