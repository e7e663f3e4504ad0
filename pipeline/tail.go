package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
)

// maxLines is how many log lines of a run are kept. Rows that did not make it are recorded by themselves.
const maxLines = 1000

// Tail is a [slog.Handler] that hands every record on, and keeps a copy of the lines that carry the run_id of an open run,
// whoever logs them.
type Tail struct {
	next  slog.Handler
	line  slog.Handler // renders one line into lines.buffer
	run   string       // the run_id that is attached to this logger
	lines *lines
}

// lines is shared by a tail and the loggers derived from it.
type lines struct {
	mu     sync.Mutex
	buffer bytes.Buffer
	open   map[string][]string
}

// NewTail puts a tail over a handler.
func NewTail(next slog.Handler) *Tail {
	shared := &lines{open: map[string][]string{}}
	return &Tail{next: next, lines: shared, line: slog.NewJSONHandler(&shared.buffer, &slog.HandlerOptions{Level: slog.LevelDebug})}
}

// open begins to keep the run's lines; take ends it and returns them. A nil tail keeps nothing.
func (t *Tail) open(runID string) {
	if t == nil {
		return
	}
	t.lines.mu.Lock()
	defer t.lines.mu.Unlock()
	t.lines.open[runID] = []string{}
}

func (t *Tail) take(runID string) []string {
	if t == nil {
		return nil
	}
	t.lines.mu.Lock()
	defer t.lines.mu.Unlock()
	kept := t.lines.open[runID]
	delete(t.lines.open, runID)
	return kept
}

// Enabled asks the next handler.
func (t *Tail) Enabled(ctx context.Context, level slog.Level) bool { return t.next.Enabled(ctx, level) }

// Handle hands the record on and keeps its line.
func (t *Tail) Handle(ctx context.Context, record slog.Record) error {
	t.keep(ctx, record)
	return t.next.Handle(ctx, record)
}

func (t *Tail) keep(ctx context.Context, record slog.Record) {
	run := t.run
	record.Attrs(func(a slog.Attr) bool {
		run = runOf(run, a)
		return true
	})
	t.lines.mu.Lock()
	defer t.lines.mu.Unlock()
	kept, open := t.lines.open[run]
	if !open {
		return
	}
	switch {
	case len(kept) < maxLines:
		t.lines.buffer.Reset()
		if t.line.Handle(ctx, record) == nil {
			kept = append(kept, string(bytes.TrimSuffix(t.lines.buffer.Bytes(), []byte{'\n'})))
		}
	case len(kept) == maxLines:
		kept = append(kept, fmt.Sprintf("more than %d lines: the rest is in the daemon's log only", maxLines))
	}
	t.lines.open[run] = kept
}

// WithAttrs derives a handler.
func (t *Tail) WithAttrs(attrs []slog.Attr) slog.Handler {
	derived := *t
	derived.next, derived.line = t.next.WithAttrs(attrs), t.line.WithAttrs(attrs)
	for _, a := range attrs {
		derived.run = runOf(derived.run, a)
	}
	return &derived
}

// WithGroup derives a handler.
func (t *Tail) WithGroup(name string) slog.Handler {
	derived := *t
	derived.next, derived.line = t.next.WithGroup(name), t.line.WithGroup(name)
	return &derived
}

func runOf(run string, a slog.Attr) string {
	if a.Key == "run_id" {
		return a.Value.String()
	}
	return run
}
