package status_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"scored/pipeline/status"
)

// pipes is a listener in memory, so that a test's clock covers the connections' deadlines.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
func (p *pipes) Close() error   { close(p.closed); return nil }

func TestNoConnectionIsHeldForEver(t *testing.T) {
	const whole = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
	for name, c := range map[string]struct {
		says   string
		within time.Duration
	}{
		"headers that don't end":   {"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", 5 * time.Second},
		"a body that doesn't come": {"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n", 10*time.Second + time.Minute},
		"nothing more":             {whole, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan error)
				go func() { done <- status.New(quarters(time.Now()), quiet()).Serve(ctx, p) }()
				client, server := net.Pipe()
				p.conns <- server
				start := time.Now()
				go client.Write([]byte(c.says))
				check(t, client.SetReadDeadline(start.Add(time.Hour)))
				if _, err := io.Copy(io.Discard, client); err != nil && !errors.Is(err, io.ErrClosedPipe) {
					t.Errorf("still connected after an hour: %v", err)
				}
				if took := time.Since(start); took > c.within {
					t.Errorf("cut off after %s, want %s at most", took, c.within)
				}
				client.Close()
				stop()
				check(t, <-done)
			})
		})
	}
}

// Whoever asks for the page and doesn't read the answer is let go, too.
func TestAnAnswerThatNobodyReadsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- status.New(quarters(time.Now()), quiet()).Serve(ctx, p) }()
		client, server := net.Pipe()
		p.conns <- server
		_, err := client.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
		check(t, err)
		time.Sleep(31 * time.Second)
		synctest.Wait()
		if n, _ := io.Copy(io.Discard, client); n > 0 {
			t.Errorf("after 31 s the server still offers its answer: %d bytes", n)
		}
		client.Close()
		stop()
		check(t, <-done)
	})
}

func TestServeEndsAlthoughAClientHangsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- status.New(quarters(time.Now()), quiet()).Serve(ctx, p) }()
		client, server := net.Pipe()
		p.conns <- server
		_, err := client.Write([]byte("GET /healthz HTTP/1.1\r\nHost: localhost\r\n")) // and never the end of it
		check(t, err)
		start := time.Now()
		stop()
		check(t, <-done)
		_, _ = io.Copy(io.Discard, client) // until it is cut off
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("the client was cut off %s after the daemon was told to stop", took)
		}
	})
}
