package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/simpleforce/simpleforce"

	"scored/pipeline"
)

// usageFresh is how long the org's count is good for. Every answer brings it along, so that an org that is written to in
// every slot of a quarter of an hour is asked for it once, at the start; the share that is left to others covers what
// they use meanwhile.
const usageFresh = 30 * time.Minute

// reading is the org's count of API requests, and when it was heard of.
type reading struct {
	pipeline.Usage
	at time.Time
}

func (r reading) fresh() bool { return time.Since(r.at) < usageFresh }

// Usage returns the org's count of API requests in the last 24 hours, of all its clients: what an answer of the last half
// hour said, or else what the org says when it is asked, which is a request of its own. Of an org
// that turns the question down, whoever or whatever in between does it, that is the last that it said, if anything.
func (s *Sink) Usage(ctx context.Context) (pipeline.Usage, error) {
	if r := s.usage.Load(); r != nil && r.fresh() {
		return r.Usage, nil
	}
	var u pipeline.Usage
	err := s.call(ctx, func(c *simpleforce.Client) error {
		body, err := c.ApexREST(http.MethodGet, "services/data/v"+s.cfg.APIVersion+"/limits", nil)
		if err != nil {
			return err
		}
		u, err = parseLimits(body)
		return err
	})
	if f, failed := errors.AsType[*failure](err); failed && f.status >= 400 && f.status < 500 && !f.passing() {
		s.log.Debug("the org does not tell its API limits", "reason", err.Error())
		return s.LastUsage(), nil
	}
	if err != nil {
		return pipeline.Usage{}, fmt.Errorf("read the org's API limits: %w", err)
	}
	s.usage.Store(&reading{u, time.Now()})
	return u, nil
}

// LastUsage returns what the org last said of its count; the zero Usage before it said anything.
func (s *Sink) LastUsage() pipeline.Usage {
	if r := s.usage.Load(); r != nil {
		return r.Usage
	}
	return pipeline.Usage{}
}

// parseLimits reads the count from the answer of the resource limits.
func parseLimits(body []byte) (pipeline.Usage, error) {
	var limits struct {
		Daily *struct {
			Max       *int `json:"Max"`
			Remaining *int `json:"Remaining"`
		} `json:"DailyApiRequests"`
	}
	if json.Unmarshal(body, &limits) != nil || limits.Daily == nil || limits.Daily.Max == nil || limits.Daily.Remaining == nil {
		return pipeline.Usage{}, garbled("no limits with DailyApiRequests")
	}
	// An org may go on for a while beyond its limit, with less than nothing remaining.
	return pipeline.Usage{Used: *limits.Daily.Max - *limits.Daily.Remaining, Limit: *limits.Daily.Max}, nil
}

// usageForm is the form of Sforce-Limit-Info: api-usage=10018/100000; per-app-api-usage=17/250(appName=scored).
var usageForm = regexp.MustCompile(`(?:^|[;, ])api-usage=(\d{1,12})/(\d{1,12})\b`)

// noteUsage keeps what the header of an answer says of the count.
func (s *Sink) noteUsage(h http.Header) {
	m := usageForm.FindStringSubmatch(h.Get("Sforce-Limit-Info"))
	if m == nil {
		return
	}
	used, _ := strconv.Atoi(m[1])
	limit, _ := strconv.Atoi(m[2])
	s.usage.Store(&reading{pipeline.Usage{Used: used, Limit: limit}, time.Now()})
}
