package status

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"scored/pipeline"
)

// pingTimeout bounds one ping.
const pingTimeout = 10 * time.Second

// Heartbeat tells a dead man's switch of every success. A switch that hears nothing for too long calls a person.
type Heartbeat struct {
	url     pipeline.Secret // whoever knows it can feign life
	host    string
	client  *http.Client
	log     *slog.Logger
	pending chan struct{} // at most one ping waits: it speaks for the later ones, too
	stop    context.CancelFunc
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
	ctx, stop := context.WithCancel(context.Background())
	h := &Heartbeat{
		url: address, host: u.Host, log: log, stop: stop,
		client: &http.Client{
			Transport:     transport,
			Timeout:       pingTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		pending: make(chan struct{}, 1),
		stopped: make(chan struct{}),
	}
	go h.loop(ctx)
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

// Close stops pinging, and cuts a ping off that is on its way.
func (h *Heartbeat) Close() {
	h.stop()
	<-h.stopped
}

func (h *Heartbeat) loop(ctx context.Context) {
	defer close(h.stopped)
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.pending:
		}
		if err := h.ping(ctx); err != nil && ctx.Err() == nil {
			h.log.Warn("the heartbeat did not get through", "host", h.host, "error", err.Error())
		}
	}
}

func (h *Heartbeat) ping(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, string(h.url), nil)
	if err != nil {
		return errors.New("make request") // the reason would hold the address
	}
	resp, err := h.client.Do(req)
	if failed := (*url.Error)(nil); errors.As(err, &failed) {
		return failed.Err // without the address
	} else if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("it answered %s", http.StatusText(resp.StatusCode))
	}
	return nil
}
