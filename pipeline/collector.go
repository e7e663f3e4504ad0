package pipeline

import (
	"cmp"
	"errors"
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
	recall   *recall
	progress func(stage string, done, total int)
	reading  *reading      // nil while nothing is read
	rows     int           // of the reading
	waiting  time.Duration // how long the source waited for a scorer
	err      error         // what Add returned
}

// reading is what the source gives from one Begin to the next.
type reading struct {
	batches int
	filled  chan numbered // to be scored
	free    chan Batch    // to be filled again
	scorers sync.WaitGroup
	failed  chan struct{} // closed once err is set

	mu       sync.Mutex // guards what follows
	err      error      // why a scorer ended
	scores   [][]Score  // per batch, in no order
	rejected []rejections
	columns  watch
}

// numbered is a batch with its number within the reading.
type numbered struct {
	Batch
	number int
}

// rejections are a batch's.
type rejections struct {
	number int
	rows   []Rejection
}

// raised is a panic of another goroutine, an error until it is raised again on the run's.
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

// catch does a part of the work, and makes a panic in it an error for reraise.
func catch(part func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = caught(p)
		}
	}()
	return part()
}

// reraise returns the error, or raises it again if it is a panic.
func reraise(err error) error {
	if r, ok := errors.AsType[*raised](err); ok {
		panic(r)
	}
	return err
}

func (c *collector) Begin(columns []Column) error {
	c.drop()
	c.rows, c.err = 0, nil
	bound := make([]Scorer, scorers)
	for i := range bound {
		scorer, err := c.model.Bind(columns)
		if err != nil {
			return err
		}
		bound[i] = scorer
	}
	r := &reading{filled: make(chan numbered), free: make(chan Batch, scorers), failed: make(chan struct{}), columns: newWatch(columns)}
	for _, scorer := range bound {
		r.scorers.Go(func() {
			if err := catch(func() error { return r.work(scorer, newWatch(columns), c.recall) }); err != nil {
				r.fail(err)
			}
		})
	}
	c.reading = r
	return nil
}

// Add gives the batch to a scorer, as soon as one is free, and leaves one in its place that was scored.
func (c *collector) Add(batch *Batch) error {
	r := c.reading
	start := time.Now()
	select {
	case r.filled <- numbered{*batch, r.batches}:
	case <-r.failed:
		c.err = reraise(r.err)
		return c.err
	}
	c.waiting += time.Since(start)
	r.batches++
	c.rows += batch.Rows()
	select {
	case *batch = <-r.free:
	default:
		*batch = Batch{}
	}
	c.progress("read and score", c.rows, 0)
	return nil
}

// finish waits until all that was added is scored and returns it: the scores in no order, the rejections in the rows'.
func (c *collector) finish() (*result, error) {
	r := c.reading
	if r == nil {
		return &result{}, nil
	}
	c.drop()
	if r.err != nil {
		return nil, reraise(r.err)
	}
	slices.SortFunc(r.rejected, func(x, y rejections) int { return cmp.Compare(x.number, y.number) })
	var rejected []Rejection
	for _, of := range r.rejected {
		rejected = append(rejected, of.rows...)
	}
	return &result{scores: slices.Concat(r.scores...), rejected: rejected, columns: r.columns.profiles()}, nil
}

// drop ends the reading's goroutines, if there are any.
func (c *collector) drop() {
	if c.reading != nil {
		close(c.reading.filled)
		c.reading.scorers.Wait()
		c.reading = nil
	}
}

// work scores batches until there are no more.
func (r *reading) work(scorer Scorer, columns watch, recall *recall) error {
	var due func(Score) bool
	if recall.reasons {
		due = recall.due
	}
	var scores []Score
	for batch := range r.filled {
		columns.look(&batch.Batch)
		var rejected []Rejection
		scores, rejected = scorer.Score(&batch.Batch, due, scores[:0], nil)
		if err := recall.failed(); err != nil {
			return err
		}
		r.keep(batch.number, slices.Clone(scores), rejected)
		r.free <- batch.Batch
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.columns.add(columns)
	return nil
}

func (r *reading) keep(number int, scores []Score, rejected []Rejection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.scores = append(r.scores, scores)
	if len(rejected) > 0 {
		r.rejected = append(r.rejected, rejections{number, rejected})
	}
}

// fail keeps the first error. It ends the reading at the next batch, or, as long as the other scorer is free for one, soon
// after: Add takes whichever it finds.
func (r *reading) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
		close(r.failed)
	}
}
