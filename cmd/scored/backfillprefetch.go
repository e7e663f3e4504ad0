package main

import (
	"context"
	"errors"
	"slices"
	"time"
	"unsafe"

	"scored/pipeline"
)

// prefetch is a result that is read ahead; it is the Rows of that read.
type prefetch struct {
	of     *ahead
	asOf   time.Time
	cancel context.CancelFunc
	over   chan struct{} // closed once nothing more comes; the rest may be read then

	columns []pipeline.Column
	batches []pipeline.Batch
	began   bool
	err     error
	turn    bool  // guarded by of.mu: its window waits for it
	bytes   int64 // guarded by of.mu
}

var errNoRoom = errors.New("the result is larger than what may be held")

// weighed is the Rows of a result whose size is wanted.
type weighed struct {
	pipeline.Rows
	bytes int64
}

func (w *weighed) Begin(columns []pipeline.Column) error {
	w.bytes = 0
	return w.Rows.Begin(columns)
}

func (w *weighed) Add(batch *pipeline.Batch) error {
	w.bytes += weight(batch)
	return w.Rows.Add(batch)
}

// Begin implements [pipeline.Rows].
func (p *prefetch) Begin(columns []pipeline.Column) error {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	p.of.held -= p.bytes
	p.columns, p.batches, p.bytes, p.began = slices.Clone(columns), nil, 0, true
	return nil
}

// Add implements [pipeline.Rows]. The batch is kept, and nothing left in its place.
func (p *prefetch) Add(batch *pipeline.Batch) error {
	bytes := weight(batch)
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	p.of.held, p.bytes = p.of.held+bytes, p.bytes+bytes
	if p.of.held > p.of.room {
		return errNoRoom
	}
	p.batches = append(p.batches, *batch)
	*batch = pipeline.Batch{}
	return nil
}

// weight is about how many bytes a batch holds.
func weight(b *pipeline.Batch) int64 {
	const text = int(unsafe.Sizeof(""))
	bytes := cap(b.Keys) * text
	for _, key := range b.Keys {
		bytes += len(key)
	}
	for i := range b.Columns {
		c := &b.Columns[i]
		bytes += 8*cap(c.Numbers) + 4*cap(c.Codes) + text*cap(c.Dict)
		for _, word := range c.Dict {
			bytes += len(word)
		}
	}
	return int64(bytes)
}

// give hands a result on, and lets go of each batch.
func (a *ahead) give(p *prefetch, rows pipeline.Rows) error {
	if !p.began {
		return nil
	}
	if err := rows.Begin(p.columns); err != nil {
		return err
	}
	for i := range p.batches {
		batch := p.batches[i]
		p.batches[i] = pipeline.Batch{}
		bytes := weight(&batch)
		if err := rows.Add(&batch); err != nil {
			return err
		}
		a.mu.Lock()
		a.held, p.bytes = a.held-bytes, p.bytes-bytes
		a.mu.Unlock()
	}
	return nil
}

// readNow reads for the window at work, and sees how large its result is.
func (a *ahead) readNow(ctx context.Context, run *pipeline.Run, rows pipeline.Rows) error {
	w := &weighed{Rows: rows}
	err := a.Source.Read(ctx, run, w)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.size = max(a.size, w.bytes, 1)
	a.stir()
	return nil
}
