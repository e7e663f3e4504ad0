package status_test

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"scored/pipeline/status"
)

// FuzzRequests: whatever is asked, only a plain question for one of the four pages, addressed to this machine, is answered with
// anything, and nobody is sent anywhere but to the same path written plainly.
func FuzzRequests(f *testing.F) {
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: 127.0.0.1:9848\r\n\r\n", "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n",
		"GET //evil.example.com/.. HTTP/1.1\r\nHost: [::1]:9848\r\n\r\n", "POST /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\n\r\nabc",
		"GET http://evil.example.com/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
		"GET /readyz?a=%zz HTTP/1.0\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1.\r\n\r\n", "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/plain;q=x\r\n\r\n",
	} {
		f.Add(request)
	}
	s := status.New(quarters(time.Now()), quiet())
	pages := map[string]bool{"/": true, "/healthz": true, "/readyz": true, "/metrics": true}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			return
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Header().Get("Content-Security-Policy") == "" || w.Header().Get("X-Frame-Options") != "DENY" {
			t.Errorf("%q is answered without the security headers", text)
		}
		told := w.Code == http.StatusOK || w.Code == http.StatusServiceUnavailable
		if told && (!pages[r.URL.Path] || r.Method != http.MethodGet && r.Method != http.MethodHead || !here(r.Host)) {
			t.Errorf("%q is answered %d", text, w.Code)
		}
		if w.Code >= 500 && !(w.Code == http.StatusServiceUnavailable && r.URL.Path == "/readyz") {
			t.Errorf("%q is answered %d", text, w.Code)
		}
		if to := w.Header().Get("Location"); to != "" && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.HasPrefix(to, `/\`)) {
			t.Errorf("%q is sent to %q", text, to)
		}
	})
}

// here says whether a host is this machine.
func here(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}
