package pipeline

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// scorers is how many goroutines score while the source reads: two keep up with it on two cores, also where a row takes
// longer to score than to read.
const scorers = 2

// collector scores batches on goroutines of its own, while the source reads the next ones. One batch more than there are
// scorers goes round between them and the source.
type collector struct {
	model    Model
	due      *foresight // nil: no score gets reasons
	progress func(stage string, done, total int)
	attempt  *attempt      // nil while nothing is read
	rows     int           // of the attempt
	waiting  time.Duration // how long the source waited for a scorer
	err      error         // what Add returned
}

// attempt is what one attempt at reading the result gives.
type attempt struct {
	batches int
	filled  chan numbered // to be scored
	free    chan Batch    // to be filled again
	scorers sync.WaitGroup
	failed  chan struct{} // closed once failure is set

	mu       sync.Mutex // guards what follows
	failure  *failure
	scores   []Score
	rejected []rejections
}

// numbered is a batch with its number within the attempt.
type numbered struct {
	Batch
	number int
}

// rejections are a batch's.
type rejections struct {
	number int
	rows   []Rejection
}

// failure is what ended a scorer: an error or a panic.
type failure struct {
	err    error
	raised *raised
}

// raised is a panic of another goroutine, to be raised again on the run's.
type raised struct {
	value any
	stack []byte
}

// Error is what a crash prints: the panic, and where it was raised.
func (r *raised) Error() string { return fmt.Sprintf("%v\n\n%s", r.value, r.stack) }

// caught is what was recovered, with the stack of where it was raised first.
func caught(p any) *raised {
	if r, ok := p.(*raised); ok {
		return r
	}
	return &raised{value: p, stack: debug.Stack()}
}

func (c *collector) Begin(columns []Column) error {
	c.drop()
	c.rows = 0
	bound := make([]Scorer, scorers)
	for i := range bound {
		scorer, err := c.model.Bind(columns)
		if err != nil {
			return err
		}
		bound[i] = scorer
	}
	a := &attempt{filled: make(chan numbered), free: make(chan Batch, scorers), failed: make(chan struct{})}
	for _, scorer := range bound {
		a.scorers.Go(func() { a.work(scorer, c.due) })
	}
	c.attempt = a
	return nil
}

// Add gives the batch to a scorer, as soon as one is free, and leaves one in its place that was scored.
func (c *collector) Add(batch *Batch) error {
	a := c.attempt
	start := time.Now()
	select {
	case a.filled <- numbered{*batch, a.batches}:
	case <-a.failed:
		c.err = a.failure.end()
		return c.err
	}
	c.waiting += time.Since(start)
	a.batches++
	c.rows += batch.Rows()
	select {
	case *batch = <-a.free:
	default:
		*batch = Batch{}
	}
	c.progress("read and score", c.rows, 0)
	return nil
}

// finish waits until all that was added is scored and returns it: the scores in no order, the rejections in the rows'.
func (c *collector) finish() ([]Score, []Rejection, error) {
	a := c.attempt
	if a == nil {
		return nil, nil, nil
	}
	c.drop()
	if a.failure != nil {
		return nil, nil, a.failure.end()
	}
	slices.SortFunc(a.rejected, func(x, y rejections) int { return cmp.Compare(x.number, y.number) })
	var rejected []Rejection
	for _, r := range a.rejected {
		rejected = append(rejected, r.rows...)
	}
	return a.scores, rejected, nil
}

// drop ends the attempt's goroutines, if there are any.
func (c *collector) drop() {
	if c.attempt != nil {
		close(c.attempt.filled)
		c.attempt.scorers.Wait()
		c.attempt = nil
	}
}

// work scores batches until there are no more.
func (a *attempt) work(scorer Scorer, foresight *foresight) {
	defer func() {
		if p := recover(); p != nil {
			a.fail(&failure{raised: caught(p)})
		}
	}()
	due, expected, err := foresight.due()
	if err != nil {
		a.fail(&failure{err: err})
		return
	}
	var scores []Score
	for batch := range a.filled {
		var rejected []Rejection
		scores, rejected = scorer.Score(&batch.Batch, due, scores[:0], nil)
		a.keep(batch.number, scores, rejected, expected)
		a.free <- batch.Batch
	}
}

// keep copies the scores of a batch: of a million, there is room for those that are expected, and so no need to move them.
func (a *attempt) keep(number int, scores []Score, rejected []Rejection, expected int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.scores == nil {
		a.scores = make([]Score, 0, max(expected+expected/16, len(scores)))
	}
	a.scores = append(a.scores, scores...)
	if len(rejected) > 0 {
		a.rejected = append(a.rejected, rejections{number, rejected})
	}
}

// fail keeps the first failure, which ends the read at the next batch.
func (a *attempt) fail(f *failure) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failure == nil {
		a.failure = f
		close(a.failed)
	}
}

// end returns the error, or panics.
func (f *failure) end() error {
	if f.raised != nil {
		panic(f.raised)
	}
	return f.err
}
