package status

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"scored/pipeline"
)

const (
	pingTimeout   = 10 * time.Second // bounds one ping
	closePatience = 2 * time.Second  // how long pings may go on when the heartbeat is closed
)

var errCutOff = errors.New("it was cut off, as the daemon stops or has read another config")

// Heartbeat tells a dead man's switch of every success. A switch that hears nothing for too long calls a person.
type Heartbeat struct {
	url     pipeline.Secret // whoever knows it can feign life
	host    string
	client  *http.Client
	log     *slog.Logger
	pending chan struct{}           // at most one ping waits: it speaks for the later ones, too
	finish  context.CancelFunc      // ends the loop when no ping waits
	cutOff  context.CancelCauseFunc // ends the ping that is on its way
	stopped chan struct{}
}

// NewHeartbeat starts what pings the address. Close ends it.
func NewHeartbeat(address pipeline.Secret, log *slog.Logger) (*Heartbeat, error) {
	u, err := url.Parse(string(address))
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return nil, &pipeline.Problem{Class: pipeline.Configuration,
			Err:  errors.New("heartbeat: the address is no https URL"),
			Hint: "write https://...; plain http only reaches loopback addresses"}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true // minutes lie between two pings
	ctx, cutOff := context.WithCancelCause(context.Background())
	open, finish := context.WithCancel(ctx)
	h := &Heartbeat{
		url: address, host: u.Host, log: log, finish: finish, cutOff: cutOff,
		client: &http.Client{
			Transport:     transport,
			Timeout:       pingTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		pending: make(chan struct{}, 1),
		stopped: make(chan struct{}),
	}
	go h.loop(ctx, open)
	return h, nil
}

// RunEnded has a success told. It does not wait for the answer.
func (h *Heartbeat) RunEnded(_ string, summary *pipeline.Summary, _ error) {
	if !summary.Delivered() {
		return
	}
	select {
	case h.pending <- struct{}{}:
	default:
	}
}

// Close ends the heartbeat. A ping that waits or is on its way has two seconds to get through: a switch that watches a
// daily job would else call somebody because the daemon was restarted just after a success.
func (h *Heartbeat) Close() {
	h.finish()
	patience := time.AfterFunc(closePatience, func() { h.cutOff(errCutOff) })
	defer patience.Stop()
	<-h.stopped
	h.cutOff(nil)
}

// loop sends what waits until open has ended and nothing waits any more, or ctx has ended.
func (h *Heartbeat) loop(ctx, open context.Context) {
	defer close(h.stopped)
	for ctx.Err() == nil && h.await(open) {
		if err := h.ping(ctx); err != nil {
			h.log.Warn("the heartbeat did not get through", "host", h.host, "error", err.Error())
		}
	}
}

// await returns true when a ping is to be sent, and false if none waits when open has ended.
func (h *Heartbeat) await(open context.Context) bool {
	select {
	case <-h.pending:
		return true
	case <-open.Done():
	}
	select {
	case <-h.pending:
		return true
	default:
		return false
	}
}

func (h *Heartbeat) ping(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, string(h.url), nil)
	if err != nil {
		return errors.New("make request") // the reason would hold the address
	}
	resp, err := h.client.Do(req)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if failed := (*url.Error)(nil); errors.As(err, &failed) {
		return failed.Err // without the address
	} else if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return errors.New(strings.TrimSpace(fmt.Sprintf("it answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))))
	}
	return nil
}
