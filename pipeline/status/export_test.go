package status

import "net/http"

// Through sends the pings through another transport, before the first one.
func (h *Heartbeat) Through(transport http.RoundTripper) { h.client.Transport = transport }
