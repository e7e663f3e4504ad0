package sinks

import (
	"sync"

	"scored/pipeline"
)

const (
	// share is what a request that went well adds to a [Budget]: one in ten may be tried again.
	share = 0.1
	// most is how much a [Budget] holds: so many requests may be tried again when an outage begins, however long all went well.
	most = 2
)

// Budget bounds what [Retry] tries again for a target that fails as a whole, so that many who do the same don't keep down an
// org that is busy: what went well pays for it. When it is spent, a failure is left to the next slot, whose first request asks
// whether the target is back. It is full at first, and is used from run to run. Rows that come back one by one are not counted:
// whoever answers for single rows is not down.
type Budget struct {
	mu    sync.Mutex
	spent float64
}

// earn notes a request that went well.
func (b *Budget) earn() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spent = max(0, b.spent-share)
}

// pay pays for one more try after err, whoever makes it, or returns false.
func (b *Budget) pay(err error) bool {
	if b == nil || !again(err) {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spent > most-1 {
		return false
	}
	b.spent++
	return true
}

// answered says that the target looked at the row.
func answered(o pipeline.Outcome) bool {
	switch o.Status {
	case pipeline.Accepted, pipeline.Refused, pipeline.Stale, pipeline.Retry:
		return true
	default:
		return false
	}
}

// later marks err as one that is left to the next slot.
func later(err error) error {
	return &pipeline.Problem{Class: pipeline.ClassOf(err), Err: err, Hint: pipeline.HintOf(err), Later: true}
}
