package salesforce

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strconv"
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

// outlive returns a context that ends a while after its parent.
func outlive(parent context.Context, while time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		timer := time.AfterFunc(while, cancel)
		context.AfterFunc(ctx, func() { timer.Stop() })
	})
	return ctx, func() {
		stop()
		cancel()
	}
}

// RoundTrip makes the request. A write, once begun, is not cut off when the context ends, for its outcome would be
// lost: it has a few seconds to come back.
func (x *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := x.ctx
	if req.Method != http.MethodGet {
		var cancel context.CancelFunc
		ctx, cancel = outlive(ctx, farewell)
		defer cancel()
	}
	req = req.Clone(ctx)
	if req.Method != http.MethodGet {
		// The default is TRUE, and active assignment rules apply to updates too: a new score would give the lead away.
		req.Header.Set("Sforce-Auto-Assign", "FALSE")
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
	current, err := s.open(ctx, nil)
	if err != nil {
		return err
	}
	x := &exchange{sink: s, ctx: ctx}
	err = fn(x.client(current))
	if x.failure != nil && x.failure.expired {
		s.log.Info("session expired, logging in again")
		if current, err = s.open(ctx, current); err != nil {
			return err
		}
		x = &exchange{sink: s, ctx: ctx}
		err = fn(x.client(current))
	}
	if x.failure != nil {
		return x.failure
	}
	return err
}

// Usage is the org's count of API requests in the last 24 hours, of every client, and what it allows.
type Usage struct{ Used, Limit int }

// usageForm is the form of Sforce-Limit-Info: api-usage=10018/100000; per-app-api-usage=17/250(appName=scored).
var usageForm = regexp.MustCompile(`(?:^|[;, ])api-usage=(\d{1,12})/(\d{1,12})\b`)

func (s *Sink) noteUsage(h http.Header) {
	m := usageForm.FindStringSubmatch(h.Get("Sforce-Limit-Info"))
	if m == nil {
		return
	}
	used, _ := strconv.Atoi(m[1])
	limit, _ := strconv.Atoi(m[2])
	s.usage.Store(&Usage{Used: used, Limit: limit})
}
