package status_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/status"
)

func TestRoutes(t *testing.T) {
	s := status.New(quarters(time.Now()), quiet())
	for _, c := range []struct {
		method, path string
		code         int
	}{
		{"GET", "/", 200}, {"GET", "/healthz", 200}, {"GET", "/readyz", 503}, {"GET", "/metrics", 200}, {"HEAD", "/", 200},
		{"POST", "/", 405}, {"PUT", "/healthz", 405}, {"DELETE", "/readyz", 405}, {"POST", "/metrics", 405}, {"OPTIONS", "/", 405},
		{"GET", "/debug/pprof/", 404}, {"GET", "/debug/vars", 404}, {"GET", "/favicon.ico", 404}, {"GET", "/index.html", 404},
		{"POST", "/release", 404}, {"GET", "/metrics/x", 404},
	} {
		if got := ask(s, c.method, c.path); got.code != c.code {
			t.Errorf("%s %s answered %d, want %d", c.method, c.path, got.code, c.code)
		}
	}
}

func TestEveryAnswerCarriesTheSecurityHeaders(t *testing.T) {
	s := status.New(quarters(time.Now()), quiet())
	elsewhere := func(r *http.Request) { r.Host = "evil.example.com" }
	for name, got := range map[string]answer{
		"page": get(s, "/"), "metrics": get(s, "/metrics"), "not found": get(s, "/x"), "method": ask(s, "POST", "/"), "host": ask(s, "GET", "/", elsewhere),
	} {
		for header, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'sha256-", "X-Content-Type-Options": "nosniff",
			"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if !strings.HasPrefix(got.header.Get(header), want) {
				t.Errorf("%s: header %s is %q, want %q", name, header, got.header.Get(header), want)
			}
		}
		if !strings.Contains(got.header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
			t.Errorf("%s may be framed", name)
		}
	}
}

// A browser drops a style whose digest the policy does not name.
func TestThePolicyAdmitsTheStyleOfThePageAndNothingElse(t *testing.T) {
	got := get(status.New(quarters(time.Now()), quiet()), "/")
	_, rest, _ := strings.Cut(got.body, "<style>")
	style, _, closed := strings.Cut(rest, "</style>")
	if !closed || len(style) < 100 {
		t.Fatal("the page has no style")
	}
	sum := sha256.Sum256([]byte(style))
	if policy := got.header.Get("Content-Security-Policy"); !strings.Contains(policy, "style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
		t.Errorf("the policy %s does not admit the page's style", policy)
	}
	for _, banned := range []string{"<script", " style=", " onclick", "src=", "<form", "<link"} {
		if strings.Contains(strings.ToLower(got.body), banned) {
			t.Errorf("the page has %q, which its policy forbids", banned)
		}
	}
}

func TestOnlyLoopbackNamesAreAnswered(t *testing.T) {
	s := status.New(quarters(time.Now()), quiet())
	for host, code := range map[string]int{
		"localhost": 200, "localhost:9848": 200, "LOCALHOST:9848": 200, "127.0.0.1": 200, "127.8.8.8:1": 200, "[::1]:9848": 200, "[::1]": 200,
		"": 421, "evil.example.com": 421, "evil.example.com:9848": 421, "localhost.evil.example.com": 421, "10.0.0.1:9848": 421,
		"0.0.0.0": 421, "127.0.0.1.nip.io:9848": 421, "localhost:9848:1": 421, "[::]:1": 421, "2130706433": 421,
	} {
		for _, path := range []string{"/healthz", "/metrics"} {
			if got := ask(s, "GET", path, func(r *http.Request) { r.Host = host }); got.code != code {
				t.Errorf("host %q, %s: answered %d, want %d", host, path, got.code, code)
			}
		}
	}
}

func TestListenStaysOnLoopback(t *testing.T) {
	for _, addr := range []string{
		":0", "0.0.0.0:0", "[::]:0", "10.0.0.1:0", "192.168.1.1:80", "example.com:80", "localhost.example.com:0", "127.0.0.1", "", "2130706433:0",
		"/run/scored.sock", "*:0", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:http", "[::1]:99999", "::1:80",
		"unix:/run/scored.sock", "unix:80", "@scored:80", "[::ffff:10.0.0.1]:80", "[fe80::1%lo]:80", "127.1:80", "0:80", "0x7f000001:80",
		"[::ffff:0.0.0.0]:80", "ip6-localhost:80", "127.0.0.1.example.com:80", " 127.0.0.1:80", "127.0.0.1,0.0.0.0:80",
	} {
		if err := status.Valid(addr); pipeline.ClassOf(err) != pipeline.Configuration || pipeline.HintOf(err) == "" || !strings.Contains(err.Error(), "status.listen") {
			t.Errorf("%q is held for valid: %v", addr, err)
		}
		l, err := status.Listen(addr)
		if err == nil {
			l.Close()
		}
		if pipeline.ClassOf(err) != pipeline.Configuration || pipeline.HintOf(err) == "" || !strings.Contains(err.Error(), "status.listen") {
			t.Errorf("listen on %q: %v, want a configuration problem", addr, err)
		}
	}
	for _, addr := range []string{"127.0.0.1:0", "localhost:0", "127.0.0.53:0"} {
		check(t, status.Valid(addr))
		l, err := status.Listen(addr)
		check(t, err)
		if ip := l.Addr().(*net.TCPAddr).IP; !ip.IsLoopback() {
			t.Errorf("%s listens on %s", addr, ip)
		}
		l.Close()
	}
}

// Valid opens nothing: the daemon may be listening there.
func TestAnAddressInUseIsValid(t *testing.T) {
	l, err := status.Listen("127.0.0.1:0")
	check(t, err)
	defer l.Close()
	check(t, status.Valid(l.Addr().String()))
	check(t, status.Valid("[::1]:65535"))
}

func TestAPortInUseMayBeFreeLater(t *testing.T) {
	l, err := status.Listen("127.0.0.1:0")
	check(t, err)
	defer l.Close()
	_, err = status.Listen(l.Addr().String())
	if pipeline.ClassOf(err) != pipeline.TryAgain || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("listen on a port in use: %v, want to try again, with the address", err)
	}
}

func TestServeAnswersUntilItsContextEnds(t *testing.T) {
	l, err := status.Listen("127.0.0.1:0")
	check(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- status.New(quarters(time.Now()), quiet()).Serve(ctx, l) }()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://" + l.Addr().String() + "/healthz")
	check(t, err)
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("answered %s", resp.Status)
	}
	stop()
	check(t, <-done)
	if again, err := status.Listen(l.Addr().String()); err != nil {
		t.Errorf("the port is not free again: %v", err)
	} else {
		again.Close()
	}
}

func TestServeSaysWhenItCanNoLongerListen(t *testing.T) {
	l, err := status.Listen("127.0.0.1:0")
	check(t, err)
	l.Close()
	if err := status.New(quarters(time.Now()), quiet()).Serve(t.Context(), l); err == nil || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("serve on a closed listener: %v", err)
	}
}

func TestAHugeHeaderIsRefused(t *testing.T) {
	l, err := status.Listen("127.0.0.1:0")
	check(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- status.New(quarters(time.Now()), quiet()).Serve(ctx, l) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequest("GET", "http://"+l.Addr().String()+"/healthz", nil)
	check(t, err)
	req.Header.Set("X-Huge", strings.Repeat("x", 64<<10))
	resp, err := client.Do(req)
	check(t, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a header of 64 KiB is answered %s", resp.Status)
	}
	stop()
	check(t, <-done)
}
