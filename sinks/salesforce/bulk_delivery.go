package salesforce

import (
	"context"
	"errors"
	"fmt"

	"scored/pipeline"
)

// blockRows is how many outcomes of a Bulk job are confirmed at a time.
const blockRows = 2000

// bulk is one delivery through the Bulk API. Beside the changes it holds a bit per change.
type bulk struct {
	*Sink
	run     *pipeline.Run
	shared  *shared
	changes []pipeline.Change // in ascending order of key
	confirm func([]pipeline.Outcome) error

	done   bitset             // the outcome is reported, or in block
	block  []pipeline.Outcome // to be confirmed; filled again afterwards
	broken error              // what confirm said: nothing is reported any more
	places *pipeline.Places   // of changes
}

// newBulk refuses changes that are not in order: results could not be joined with them.
func (s *Sink) newBulk(run *pipeline.Run, model string, changes []pipeline.Change, confirm func([]pipeline.Outcome) error,
) (*bulk, error) {
	for i := 1; i < len(changes); i++ {
		if changes[i-1].Key >= changes[i].Key {
			return nil, fmt.Errorf("change %d does not follow the one before it in order of key", i+1)
		}
	}
	return &bulk{Sink: s, run: run, shared: share(run, model), changes: changes, confirm: confirm, done: newBitset(len(changes)),
		places: pipeline.NewPlaces(changes)}, nil
}

// report notes a change's outcome, and confirms a block when it is full.
func (d *bulk) report(i int, o pipeline.Outcome) error {
	if d.broken != nil {
		return d.broken
	}
	d.done.add(i)
	o = ofClear(&d.changes[i], o)
	o.Key = d.changes[i].Key
	if d.block == nil {
		d.block = make([]pipeline.Outcome, 0, blockRows)
	}
	if d.block = append(d.block, o); len(d.block) < blockRows {
		return nil
	}
	return d.flush()
}

// flush confirms what is in the block.
func (d *bulk) flush() error {
	if len(d.block) > 0 && d.broken == nil {
		d.broken = d.confirm(d.block)
		d.block = d.block[:0]
	}
	return d.broken
}

// find returns the index of the change with the key, from lo and below hi. A job that found a record by the other form of its Id
// may repeat that form.
func (d *bulk) find(key []byte, lo, hi int) (int, bool) {
	at, ok := d.search(key, lo, hi)
	if !ok && d.cfg.Operation == Update && len(key) == 18 {
		at, ok = d.search(key[:15], lo, hi)
	}
	if !ok && d.cfg.Operation == Update && len(key) == 15 {
		long, _ := normalID(string(key))
		at, ok = d.search([]byte(long), lo, hi)
	}
	return at, ok
}

func (d *bulk) search(key []byte, lo, hi int) (int, bool) {
	at, found := d.places.Find(string(key))
	return at, found && at >= lo && at < hi
}

// deliver sends what is not done, job after job.
func (d *bulk) deliver(ctx context.Context) error {
	if err := d.refuseGone(ctx); err != nil {
		return errors.Join(err, d.flush())
	}
	for at := 0; ; {
		from, err := d.next(at)
		if err != nil {
			return err
		}
		if from == len(d.changes) {
			return d.flush()
		}
		if err := ctx.Err(); err != nil {
			return errors.Join(fmt.Errorf("stopped before change %d of %d: %w", from+1, len(d.changes), err), d.flush())
		}
		if at, err = d.send(ctx, from); err != nil {
			return errors.Join(fmt.Errorf("%s %s through the Bulk API, from change %d of %d: %w", d.cfg.Operation, d.cfg.Object,
				from+1, len(d.changes), err), d.flush())
		}
	}
}

// next returns the index of the first change, from at on, that an upload can carry. Those before it are refused.
func (d *bulk) next(at int) (int, error) {
	for ; at < len(d.changes); at++ {
		if d.done.has(at) {
			continue
		}
		why := d.cfg.unfit(&d.changes[at])
		if why.Status == 0 {
			return at, nil
		}
		if err := d.report(at, why); err != nil {
			return at, err
		}
	}
	return at, nil
}

// refuseUnfit refuses the changes below hi that the upload passed over.
func (d *bulk) refuseUnfit(lo, hi int) error {
	for at := lo; at < hi; at++ {
		if d.done.has(at) {
			continue
		}
		if why := d.cfg.unfit(&d.changes[at]); why.Status != 0 {
			if err := d.report(at, why); err != nil {
				return err
			}
		}
	}
	return nil
}

// giveUp reports as Unknown what is not done from lo and below hi.
func (d *bulk) giveUp(lo, hi int) error {
	for at := lo; at < hi; at++ {
		if d.done.has(at) {
			continue
		}
		if err := d.report(at, pipeline.Outcome{Status: pipeline.Unknown}); err != nil {
			return err
		}
	}
	return d.flush()
}
