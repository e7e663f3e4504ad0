package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"scored/pipeline"
)

const (
	// maxConcurrency is how many windows are read at a time at most.
	maxConcurrency = 8
	// maxAhead is how many bytes of results that were read ahead are held.
	maxAhead = 1 << 30
	// glance is how often it is looked whether another run of the job wants the warehouse.
	glance = 250 * time.Millisecond
)

// ahead is a Source for the windows of a backfill, oldest first, that reads the results of the next ones while one is made, and
// holds them in memory. It stands back while another run of the job waits or is made: what is being read then is called off,
// and read anew. A window whose turn has come reads for itself if nothing was read for it, and is not called off.
//
// How much may be read at a time is known from the windows before: nothing is read ahead before the first one has its result,
// and a result that turns out larger than there is room for is given up, and read when its window has its turn.
type ahead struct {
	pipeline.Source
	job    string
	most   int           // results held or being read, beside those of the window at work
	room   int64         // bytes
	wanted func() bool   // another run of the job waits or is made
	wake   chan struct{} // something has changed
	end    context.CancelFunc
	ended  sync.WaitGroup

	mu     sync.Mutex // guards what follows, and what of the readings is said to be
	next   []time.Time
	ready  map[int64]*prefetch // by as-of, in Unix seconds: held or being read
	all    map[*prefetch]bool  // these, and those that are called off and not over yet
	held   int64               // bytes, of all
	size   int64               // of the largest result so far; 0 while there is none
	paused bool
	asked  time.Time // since when another run wants the warehouse, as far as was looked; zero if none does
}

// readAhead begins to read for the windows that a backfill is to make. Whoever calls it must close it.
func readAhead(ctx context.Context, b *backfill) *ahead {
	r := b.job.runner
	a := newAhead(ctx, r.Source, r.Job, b.todo, b.concurrency-1, func() bool { return b.job.ledger.Wanted(r.Job) })
	r.Source = a
	return a
}

func newAhead(ctx context.Context, source pipeline.Source, job string, windows []time.Time, most int, wanted func() bool) *ahead {
	ctx, cancel := context.WithCancel(ctx)
	a := &ahead{
		Source: source, job: job, most: most, room: maxAhead, wanted: wanted, wake: make(chan struct{}, 1), end: cancel,
		next: windows, ready: map[int64]*prefetch{}, all: map[*prefetch]bool{},
	}
	a.ended.Go(func() { a.drive(ctx) })
	return a
}

// close ends all reads, and returns once nothing of them goes on.
func (a *ahead) close() {
	a.end()
	a.ended.Wait()
}

// drive begins reads, and calls them off, until ctx ends.
func (a *ahead) drive(ctx context.Context) {
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	for {
		a.steer(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-a.wake:
		}
	}
}

func (a *ahead) steer(ctx context.Context) {
	wanted := a.wanted()
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case !wanted:
		a.asked = time.Time{}
	case a.asked.IsZero(): // it may be this backfill, on its way through the gate
		a.asked = time.Now()
		return
	case time.Since(a.asked) >= glance:
		a.standBack()
		return
	default:
		return
	}
	for _, asOf := range a.next {
		waiting := a.waiting()
		if a.paused || a.size == 0 || waiting >= a.most || int64(waiting+1)*a.size > a.room || ctx.Err() != nil {
			return
		}
		if a.ready[asOf.Unix()] == nil {
			a.begin(ctx, asOf)
		}
	}
}

// waiting counts the results for windows that have not had their turn.
func (a *ahead) waiting() (n int) {
	for _, p := range a.ready {
		if !p.turn {
			n++
		}
	}
	return n
}

// standBack calls off what is being read for windows that have not had their turn.
func (a *ahead) standBack() {
	for at, p := range a.ready {
		select {
		case <-p.over:
		default:
			if !p.turn {
				p.cancel()
				delete(a.ready, at)
			}
		}
	}
}

func (a *ahead) begin(ctx context.Context, asOf time.Time) {
	ctx, cancel := context.WithCancel(ctx)
	p := &prefetch{of: a, asOf: asOf, cancel: cancel, over: make(chan struct{})}
	a.ready[asOf.Unix()], a.all[p] = p, true
	// No run is begun yet: the log and the warehouse's label name it by what it is read for.
	run := &pipeline.Run{ID: fmt.Sprintf("%s-%s-ahead", a.job, asOf.UTC().Format("20060102T150405Z")), Job: a.job, AsOf: asOf}
	a.ended.Go(func() {
		defer cancel()
		p.err = a.Source.Read(ctx, run, p)
		a.settle(p)
	})
}

// settle ends a read. What was called off, or had no room, is nobody's any more; and where there was no room, not as much is
// read again.
func (a *ahead) settle(p *prefetch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer close(p.over)
	defer a.stir()
	at := p.asOf.Unix()
	switch {
	case p.err == nil:
		a.size = max(a.size, p.bytes)
	case errors.Is(p.err, errNoRoom) && a.ready[at] == p:
		delete(a.ready, at)
		a.most = min(a.most, a.waiting())
	}
	if a.ready[at] != p && !p.turn {
		a.drop(p)
	}
}

// drop forgets what is held of a result.
func (a *ahead) drop(p *prefetch) {
	a.held -= p.bytes
	p.bytes, p.batches = 0, nil
	delete(a.all, p)
}

// stir has drive look again.
func (a *ahead) stir() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// turn says which window is made next: what was read for those before it is of no use.
func (a *ahead) turn(asOf time.Time) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.next) > 0 && a.next[0].Before(asOf) {
		a.next = a.next[1:]
	}
	for at, p := range a.ready {
		if p.asOf.Before(asOf) {
			p.cancel()
			delete(a.ready, at)
			select {
			case <-p.over:
				a.drop(p)
			default:
			}
		}
	}
}

// pause begins no more reads, and returns once none goes on.
func (a *ahead) pause() {
	if a == nil {
		return
	}
	a.mu.Lock()
	a.paused = true
	all := make([]*prefetch, 0, len(a.all))
	for p := range a.all {
		all = append(all, p)
	}
	a.mu.Unlock()
	for _, p := range all {
		<-p.over
	}
}

func (a *ahead) resume() {
	if a == nil {
		return
	}
	a.mu.Lock()
	a.paused = false
	a.mu.Unlock()
	a.stir()
}

// Read implements [pipeline.Source].
func (a *ahead) Read(ctx context.Context, run *pipeline.Run, rows pipeline.Rows) error {
	p := a.take(run.AsOf)
	if p == nil {
		return a.readNow(ctx, run, rows)
	}
	defer a.putBack(p)
	select {
	case <-p.over:
	case <-ctx.Done():
		p.cancel()
		<-p.over
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(p.err, errNoRoom):
		return a.readNow(ctx, run, rows)
	case p.err != nil:
		return p.err
	}
	return a.give(p, rows)
}

// take returns what is read for the window, nil if nothing is. From then on the next ones are read for.
func (a *ahead) take(asOf time.Time) *prefetch {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer a.stir()
	for len(a.next) > 0 && !a.next[0].After(asOf) {
		a.next = a.next[1:]
	}
	p := a.ready[asOf.Unix()]
	if p != nil {
		p.turn = true
	}
	return p
}

func (a *ahead) putBack(p *prefetch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.ready, p.asOf.Unix())
	a.drop(p)
	a.stir()
}
