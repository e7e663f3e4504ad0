package status

import (
	"net/http"
	"time"
)

// Through sends the pings through another transport, before the first one.
func (h *Heartbeat) Through(transport http.RoundTripper) { h.client.Transport = transport }

// LastBeat is when the daemon's loop turned last.
func (s *Server) LastBeat() time.Time { return *s.beat.Load() }
