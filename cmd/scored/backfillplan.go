package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"scored/pipeline"
)

// mode says which windows a backfill makes.
type mode string

// The modes.
const (
	makeMissing mode = "missing" // those of which no run was ever begun
	makeFailed  mode = "failed"  // these, and those whose runs did not do what the window is for
	makeAll     mode = "all"     // every one
)

// parseMode reads --mode.
func parseMode(text string) (mode, error) {
	m := mode(text)
	if m != makeMissing && m != makeFailed && m != makeAll {
		return m, fmt.Errorf("--mode %s is not one of %s, %s, %s", text, makeMissing, makeFailed, makeAll)
	}
	return m, nil
}

// left says what was before of the windows that the mode leaves.
func (m mode) left() string {
	if m == makeMissing {
		return "begun"
	}
	return "done"
}

// more says how the windows that the mode leaves are made.
func (m mode) more() string {
	if m == makeMissing {
		return "--mode failed makes those again that failed, --mode all all of them"
	}
	return "--mode all makes them again"
}

// known returns, by end of window, the runs that the ledger has of it, oldest first, with the summaries of those that may
// do for their window.
func (b *backfill) known(ctx context.Context) (map[int64][]pipeline.Record, error) {
	l, r := b.job.ledger, b.job.runner
	runs, err := l.EndsBetween(ctx, r.Job, b.windows.from, b.windows.to)
	if err != nil {
		return nil, err
	}
	known := map[int64][]pipeline.Record{}
	for _, run := range runs {
		if ended(run.End) {
			if run, _, err = l.Run(ctx, run.ID); err != nil {
				return nil, err
			}
		}
		known[run.AsOf.Unix()] = append(known[run.AsOf.Unix()], run)
	}
	return known, nil
}

// ended says whether a run got through its window.
func ended(end pipeline.End) bool { return end == pipeline.OK || end == pipeline.Partial }

// plan picks the windows to make.
func (b *backfill) plan(known map[int64][]pipeline.Record) {
	for _, end := range b.windows.ends {
		if b.makes(known[end.Unix()]) {
			b.todo = append(b.todo, end)
		}
	}
}

// makes says whether a window that has had these runs is to be made.
func (b *backfill) makes(runs []pipeline.Record) bool {
	switch b.mode {
	case makeMissing:
		return len(runs) == 0
	case makeFailed:
		return !slices.ContainsFunc(runs, b.suffices)
	default:
		return true
	}
}

// suffices says whether a run did for its window what this backfill would do. One of a backfill that left changes to be sent
// later did not: no later run is made for them.
func (b *backfill) suffices(r pipeline.Record) bool {
	switch r.Trigger {
	case pipeline.Undo:
		return false
	case pipeline.Fill:
		return b.did(r.Summary) && r.Summary.Deferred == 0 && !b.deliver
	case pipeline.Backfill:
		return b.did(r.Summary) && r.Summary.Deferred == 0
	default:
		return b.did(r.Summary)
	}
}

// did says whether a run brought its window to all that it was for. One of before there was a history left a gap in it.
func (b *backfill) did(s *pipeline.Summary) bool {
	return s.Complete() && (b.job.runner.Keep == nil || s.History != nil)
}

// list says of each window what would be done, and why.
func (b *backfill) list(out io.Writer, known map[int64][]pipeline.Record) {
	for _, end := range b.windows.ends {
		fmt.Fprintf(out, "%s to %s: %s\n", stamp(end.Add(-b.windows.step)), stamp(end), b.state(known[end.Unix()]))
	}
	fmt.Fprintf(out, "%d windows of %s, %d to make; nothing was written\n", len(b.windows.ends), b.step, len(b.todo))
}

// state says what would be done of a window that has had these runs, and why.
func (b *backfill) state(runs []pipeline.Record) string {
	what := "left"
	if b.makes(runs) {
		what = "to make"
	}
	i := slices.IndexFunc(runs, b.suffices)
	switch {
	case len(runs) == 0:
		return what + ", no run was begun"
	case i >= 0 && what == "left":
		return "left, done by " + runs[i].ID
	case i >= 0:
		return "to make again, done by " + runs[i].ID
	default:
		return what + ", " + unfit(runs[len(runs)-1])
	}
}

// unfit says why a run does not do for its window.
func unfit(r pipeline.Record) string {
	switch {
	case r.Ended.IsZero():
		return r.ID + " is running"
	case ended(r.End) && r.Summary.Deferred > 0:
		return fmt.Sprintf("%s (%s) left %d changes for lack of API calls", r.ID, r.Trigger, r.Summary.Deferred)
	case ended(r.End):
		return fmt.Sprintf("%s (%s) did less", r.ID, r.Trigger)
	default:
		return fmt.Sprintf("%s %s before: %s", r.ID, r.End, printable(r.Reason))
	}
}
