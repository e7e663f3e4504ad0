package fakeorg

import (
	"fmt"
	"net/http"
	"time"
)

// limit counts the API calls of a window of 24 hours.
type limit struct {
	max  int
	used int
	from time.Time
}

// take counts a call if the budget has room for it.
func (l *limit) take(now time.Time) bool {
	l.roll(now)
	if l.used >= l.max {
		return false
	}
	l.used++
	return true
}

func (l *limit) roll(now time.Time) {
	if now.Sub(l.from) >= 24*time.Hour {
		l.from, l.used = now, 0
	}
}

// String is the value of the header Sforce-Limit-Info.
func (l *limit) String() string { return fmt.Sprintf("api-usage=%d/%d", l.used, l.max) }

// APIUsage returns how many REST calls were counted in the current 24 hours.
func (o *Org) APIUsage() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.limit.roll(o.now())
	return o.limit.used
}

// SpendAPICalls counts n calls that other integrations made.
func (o *Org) SpendAPICalls(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.limit.roll(o.now())
	o.limit.used = min(o.limit.used+n, o.limit.max)
}

func (c *call) limits() *answer {
	type of struct{ Max, Remaining int }
	o := c.org
	o.mu.Lock()
	defer o.mu.Unlock()
	return ok(map[string]of{
		"DailyApiRequests":         {o.limit.max, o.limit.max - o.limit.used},
		"DailyBulkApiBatches":      {15_000, 15_000},
		"DailyBulkV2QueryJobs":     {10_000, 10_000},
		"DailyAsyncApexExecutions": {250_000, 250_000},
		"DataStorageMB":            {5, 5},
		"FileStorageMB":            {20, 20},
	})
}

func limitExceeded() *answer {
	return refuse(http.StatusForbidden, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
}
