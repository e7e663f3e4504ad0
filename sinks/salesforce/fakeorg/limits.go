package fakeorg

import (
	"fmt"
	"net/http"
	"time"
)

// limit counts the API calls, or the batches of Bulk jobs, of a window of 24 hours.
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

// left is how much of the budget is not used.
func (l *limit) left(now time.Time) int {
	l.roll(now)
	return l.max - l.used
}

// spend counts up to n calls at once.
func (l *limit) spend(n int, now time.Time) {
	l.roll(now)
	l.used = min(l.used+n, l.max)
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
	o.limit.spend(n, o.now())
}

// BulkUsage returns how many batches of Bulk jobs were counted in the current 24 hours.
func (o *Org) BulkUsage() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.batches.max - o.batches.left(o.now())
}

// SpendBulkBatches counts n batches of other integrations' Bulk jobs.
func (o *Org) SpendBulkBatches(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.batches.spend(n, o.now())
}

func (c *call) limits() *answer {
	type of struct{ Max, Remaining int }
	o := c.org
	o.mu.Lock()
	defer o.mu.Unlock()
	return ok(map[string]of{
		"DailyApiRequests":              {o.limit.max, o.limit.max - o.limit.used},
		"DailyBulkApiBatches":           {o.batches.max, o.batches.left(o.now())},
		"DailyBulkV2QueryJobs":          {10_000, 10_000},
		"DailyBulkV2QueryFileStorageMB": {976_562, 976_562},
		"DailyAsyncApexExecutions":      {250_000, 250_000},
		"DataStorageMB":                 {5, 5},
		"FileStorageMB":                 {20, 20},
	})
}

func limitExceeded() *answer {
	return refuse(http.StatusForbidden, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
}
