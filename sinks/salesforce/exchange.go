package salesforce

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/simpleforce/simpleforce"
)

// exchange is one API request, as the round tripper under a simpleforce client that lives as long. It never lets
// simpleforce see a failure: that is kept here, and simpleforce gets an empty object.
type exchange struct {
	sink    *Sink
	ctx     context.Context //nolint:containedctx // simpleforce has no way to hand it over
	failure *failure
}

// client returns a simpleforce client that makes its one request through x.
func (x *exchange) client(s *session) *simpleforce.Client {
	c := simpleforce.NewClient(x.sink.cfg.LoginURL, x.sink.cfg.ClientID, x.sink.cfg.APIVersion)
	c.SetSidLoc(string(s.token), s.instance)
	c.SetHttpClient(&http.Client{Transport: x})
	return c
}

// farewell is how long a write in flight may still take once its context has ended: a service manager that wants the
// process gone waits for about 10 seconds.
const farewell = 5 * time.Second

// parting is a context that outlives another. Nothing outlives it: one farewell is all that several requests have.
type parting struct {
	context.Context //nolint:containedctx // it is one
}

// outlive returns a context that ends the farewell after its parent, or with it if the parent came from outlive.
func outlive(parent context.Context) (parting, context.CancelFunc) {
	if p, ok := parent.(parting); ok {
		ctx, cancel := context.WithCancel(p)
		return parting{ctx}, cancel
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		timer := time.AfterFunc(farewell, cancel)
		context.AfterFunc(ctx, func() { timer.Stop() })
	})
	return parting{ctx}, func() {
		stop()
		cancel()
	}
}

// RoundTrip makes the request. A write, once begun, is not cut off when the context ends, for its outcome would be
// lost: it has a few seconds to come back.
func (x *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := x.ctx
	if req.Method != http.MethodGet {
		later, cancel := outlive(ctx)
		defer cancel()
		ctx = later
	}
	req = req.Clone(ctx)
	if req.Method != http.MethodGet {
		// The default is TRUE, and active assignment rules apply to updates too: a new score would give the lead away.
		req.Header.Set("Sforce-Auto-Assign", "FALSE")
		// A duplicate rule that only warns a person would refuse the row: a score makes no duplicate.
		req.Header.Set("Sforce-Duplicate-Rule-Header", "allowSave=true")
	}
	body := []byte("{}")
	a, left, err := x.sink.wire.do(req)
	if left {
		x.sink.calls.Add(1)
	}
	switch {
	case err != nil:
		x.failure = lost(err, left)
	case a.status < 200 || a.status > 299:
		x.failure = refusal(a)
	default:
		body = a.body
	}
	if a != nil {
		x.sink.noteUsage(a.header)
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}, nil
}

// call makes one API request with the current session, and once more with a new one if that has expired. fn makes
// exactly one request with the client; its error matters only if the request was answered.
func (s *Sink) call(ctx context.Context, fn func(*simpleforce.Client) error) error {
	return s.renewed(ctx, func(current *session) error {
		x := &exchange{sink: s, ctx: ctx}
		if err := fn(x.client(current)); x.failure == nil {
			return err
		}
		return x.failure
	})
}

// renewed makes a request with the current session, and once more with a new one if that has expired.
func (s *Sink) renewed(ctx context.Context, request func(*session) error) error {
	current, err := s.open(ctx, nil)
	if err != nil {
		return err
	}
	err = request(current)
	if f, ok := errors.AsType[*failure](err); ok && f.expired {
		s.log.Info("session expired, logging in again")
		if current, err = s.open(ctx, current); err != nil {
			return err
		}
		err = request(current)
	}
	return err
}
