package pipeline

import "context"

// intendLate records the intents of what was answered, when that is about to be confirmed.
func (d *delivery) intendLate(ctx context.Context, book *book, outcomes []Outcome) error {
	if !without("intents") {
		return nil
	}
	changes := make([]Change, len(outcomes))
	for i, o := range outcomes {
		changes[i] = *book.change(o.Key)
	}
	return d.Ledger.Intend(context.WithoutCancel(ctx), d.run, d.name(), d.Model.Name(), changes)
}
