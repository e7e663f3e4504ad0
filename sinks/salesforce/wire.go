package salesforce

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

const (
	userAgent = "scored"
	// maxAnswer bounds what is read of an answer, in bytes after decompression. A Describe of an object with 800 fields
	// is below 2 MB, a page of 2,000 query records too.
	maxAnswer   = 16 << 20
	dialTimeout = 10 * time.Second
)

// wire makes single HTTP requests: each goes out once, redirects are answers, and answers are read whole.
type wire struct {
	transport *http.Transport
	timeout   time.Duration
}

// answer is an HTTP answer that was read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func newWire(timeout time.Duration) *wire {
	return &wire{timeout: timeout, transport: &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: dialTimeout,
		IdleConnTimeout:     90 * time.Second,
		MaxIdleConnsPerHost: 2,
		WriteBufferSize:     chunk,
		ReadBufferSize:      chunk,
		ForceAttemptHTTP2:   true,
	}}
}

// do makes the request within the wire's timeout and the request's context. left tells, also on an error, whether there
// was a connection to write it to.
func (w *wire) do(req *http.Request) (a *answer, left bool, err error) {
	parent := req.Context()
	ctx, cancel := context.WithTimeout(parent, w.timeout)
	defer cancel()
	resp, left, err := w.send(ctx, req)
	if err != nil {
		return nil, left, w.explain(parent, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = fmt.Errorf("the answer is larger than %d MB", maxAnswer>>20)
	}
	if err != nil {
		return nil, true, w.explain(parent, err)
	}
	return &answer{status: resp.StatusCode, header: resp.Header, body: body}, true, nil
}

// send sends the request within ctx.
func (w *wire) send(ctx context.Context, req *http.Request) (resp *http.Response, left bool, err error) {
	var connected atomic.Bool
	req = req.Clone(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	}))
	req.Header.Set("User-Agent", userAgent)
	resp, err = w.transport.RoundTrip(req)
	return resp, connected.Load() || err == nil, err
}

// explain words the error that ends a request without an answer.
func (w *wire) explain(parent context.Context, err error) error {
	switch {
	case parent.Err() != nil:
		return parent.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer within %s", w.timeout)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the connection was closed before the answer was complete")
	default:
		return err
	}
}
