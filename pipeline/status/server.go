package status

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"scored/pipeline"
)

// shutdownPatience is how long answers that are on their way may take when the daemon stops.
const shutdownPatience = 2 * time.Second

// Server answers questions about the daemon, and is told of what happens.
type Server struct {
	board    Board
	log      *slog.Logger
	metrics  *metrics
	template *template.Template
	handler  http.Handler
	beat     atomic.Pointer[time.Time] // with its monotonic reading: a step of the clock is neither a stall nor a beat
}

// New makes a server that asks the board.
func New(board Board, log *slog.Logger) *Server {
	s := &Server{board: board, log: log, metrics: newMetrics(board, log), template: newPage()}
	s.Beat()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.page)
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("GET /metrics", s.metrics.handler())
	s.handler = secured(localOnly(mux))
	return s
}

// Beat says that the daemon's loop has turned.
func (s *Server) Beat() {
	now := time.Now()
	s.beat.Store(&now)
}

// SlotsAccounted counts slots whose fate is settled.
func (s *Server) SlotsAccounted(job string, spans []pipeline.Span) {
	s.metrics.slotsAccounted(job, spans)
}

// RunEnded counts a run. It has no summary if it could not even be begun.
func (s *Server) RunEnded(job string, summary *pipeline.Summary, _ error) {
	s.metrics.runEnded(job, summary)
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Serve answers until ctx ends, and closes the listener.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownPatience)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close() // whoever still reads is cut off
		}
	})
	err := server.Serve(listener)
	if stop() {
		return fmt.Errorf("serve status on %s: %w", listener.Addr(), err)
	}
	<-stopped
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve status on %s: %w", listener.Addr(), err)
}

// secured adds to every answer what keeps a browser from doing anything with it but show it.
func secured(next http.Handler) http.Handler {
	hash := sha256.Sum256([]byte(style))
	csp := fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		base64.StdEncoding.EncodeToString(hash[:]))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", csp)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// localOnly refuses requests that name another host: a web page whose name was made to resolve to 127.0.0.1 could read
// the answer otherwise.
func localOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = strings.Trim(r.Host, "[]")
		}
		if !loopback(host) {
			http.Error(w, "ask by a loopback name: localhost, 127.0.0.1 or [::1]", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}
