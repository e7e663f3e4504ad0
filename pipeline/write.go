package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// telling is how often a long delivery says how far it is.
const telling = time.Minute

// write records intents before the first request, and confirmations after each. It settles every intent whose end is
// known, also when it is told to stop.
func (d *delivery) write(ctx context.Context, model string, changes []Change) error {
	if len(changes) == 0 {
		return nil
	}
	if err := d.Ledger.Intend(ctx, d.run, d.name(), model, changes); err != nil {
		return fmt.Errorf("record intents: %w", err)
	}
	d.begun = true
	book := newBook(changes)
	told := time.Now()
	d.progress("deliver to "+d.name(), 0, len(changes))
	err := d.target.Sink.Write(ctx, d.run, model, changes, func(outcomes []Outcome) error {
		if err := d.confirm(ctx, book, outcomes); err != nil {
			return err
		}
		d.progress("deliver to "+d.name(), book.count, len(changes))
		if time.Since(told) >= telling {
			told = time.Now()
			d.log.Info("delivering", "done", book.count, "changes", len(changes), "api_calls", d.target.Sink.Calls()-d.calls)
		}
		return nil
	})
	if book.wrong != nil && !errors.Is(err, book.wrong) {
		err = errors.Join(err, book.wrong)
	}
	return errors.Join(err, d.unreported(ctx, book))
}

// confirm counts outcomes and records them.
func (d *delivery) confirm(ctx context.Context, book *book, outcomes []Outcome) error {
	if err := book.enter(outcomes); err != nil {
		return err
	}
	outcomes = d.letGo(book, outcomes)
	// Counted before it is recorded: a row that the ledger can't confirm is one that was sent all the same.
	for _, o := range outcomes {
		d.counts.count(o)
		d.keep(o)
	}
	if outcomes = answered(outcomes); len(outcomes) == 0 {
		return nil
	}
	if err := d.Ledger.Confirm(context.WithoutCancel(ctx), d.run, d.name(), outcomes); err != nil {
		d.lost = true
		return fmt.Errorf("record confirmations: %w", err)
	}
	return nil
}

// answered leaves out what is unknown: open is what that is, and of a large job it is a lot when a run is told to stop.
func answered(outcomes []Outcome) []Outcome {
	unknown := func(o Outcome) bool { return o.Status == Unknown }
	if !slices.ContainsFunc(outcomes, unknown) {
		return outcomes
	}
	return slices.DeleteFunc(slices.Clone(outcomes), unknown) // a copy, as the outcomes are the sink's
}

// letGo takes a lead that left the result, and whose record takes nothing any more, for cleared: leads leave because they were
// converted or deleted, and there is nothing left to clear. Otherwise each of them would be a fault of its run, and in
// quarantine for good. If the lead comes back, its score is due as that of any cleared one. An undo is not let off: what it
// could not bring back is for the person who asked for it.
func (d *delivery) letGo(book *book, outcomes []Outcome) []Outcome {
	var ends []Outcome // a copy, as the outcomes are the sink's
	for i, o := range outcomes {
		if o.Status != Refused || o.Class != Terminal || d.run.Trigger == Undo || !book.change(o.Key).Clear {
			continue
		}
		if ends == nil {
			ends = slices.Clone(outcomes)
		}
		ends[i] = Outcome{Key: o.Key, Status: Accepted}
		d.gone++
	}
	if ends == nil {
		return outcomes
	}
	return ends
}

// keep remembers what an operator wants to know of a single row.
func (d *delivery) keep(o Outcome) {
	if o.Status == Accepted && !o.Created {
		return
	}
	d.list(o)
	if o.Status == Accepted || o.Class == 0 {
		return
	}
	if d.classes == nil {
		d.classes = map[string]int{}
	}
	d.classes[o.Class.String()]++
}

// unreported records what the sink did not report: it was not sent. That is not to be believed of a sink whose word was
// wrong, nor of one that was cut short as the ledger could not take its word: its rows stay open, for they may have been
// applied.
func (d *delivery) unreported(ctx context.Context, book *book) error {
	left, believed := len(book.changes)-book.count, book.wrong == nil && !d.lost
	if !believed {
		d.counts.Sent += left
		d.counts.Unknown += left
	}
	if left == 0 || !believed {
		return nil
	}
	d.counts.NotSent += left
	if err := d.Ledger.Withdraw(context.WithoutCancel(ctx), d.run, d.name(), book.unreported()); err != nil {
		return fmt.Errorf("record what was not sent: %w", err)
	}
	return nil
}
