package pipeline_test

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"scored/pipeline"
)

// org is a Sink that sends two changes a request and answers as told. It keeps the version of what it took, and refuses
// none; as a Resumer it has what is left of earlier runs.
type org struct {
	name      string
	preflight error
	guarded   bool
	answer    func(key string) pipeline.Outcome // nil: accepted
	report    func([]pipeline.Outcome) []pipeline.Outcome
	deaf      bool  // what confirm returns is not heard
	failAfter int   // requests; 0 for never
	err       error // what Write then returns
	onRequest func()
	calls     int
	written   []string
	changes   map[string]pipeline.Change // the last written, by key
	reasons   map[string]string          // of what was written
	held      map[string]int64
	left      map[string][]pipeline.Outcome // by run
	leftErr   error
	usage     pipeline.Usage
	usageErr  error
	edited    map[string]bool // by a person, who left the version alone
	asked     int             // keys, by Standing
}

var (
	_ pipeline.Resumer = (*org)(nil)
	_ pipeline.Meter   = (*org)(nil)
	_ pipeline.Reader  = (*org)(nil)
)

func (o *org) Name() string { return cmp.Or(o.name, "org") }

func (o *org) Preflight(context.Context) (pipeline.Ready, error) {
	return pipeline.Ready{Identity: "00D", Guarded: o.guarded}, o.preflight
}

func (o *org) Calls() int { return o.calls }

func (o *org) Write(
	ctx context.Context, run *pipeline.Run, _ string, changes []pipeline.Change, confirm func([]pipeline.Outcome) error,
) error {
	for chunk := range slices.Chunk(changes, 2) {
		if o.err != nil && o.calls >= o.failAfter {
			return o.err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if o.onRequest != nil {
			o.onRequest()
		}
		o.calls++
		var outcomes []pipeline.Outcome
		for _, c := range chunk {
			outcomes = append(outcomes, o.take(run, c))
		}
		if o.report != nil {
			outcomes = o.report(outcomes)
		}
		if err := confirm(outcomes); err != nil && !o.deaf {
			return err
		}
	}
	return nil
}

// take is what the org does with a change.
func (o *org) take(run *pipeline.Run, c pipeline.Change) pipeline.Outcome {
	out := pipeline.Outcome{Key: c.Key, Status: pipeline.Accepted}
	if o.answer != nil {
		out = o.answer(c.Key)
	}
	o.written = append(o.written, c.Key)
	if o.changes == nil {
		o.changes, o.held = map[string]pipeline.Change{}, map[string]int64{}
	}
	o.changes[c.Key] = c
	if out.Status == pipeline.Accepted {
		o.held[c.Key] = run.Version
	}
	if c.Reasons != "" {
		if o.reasons == nil {
			o.reasons = map[string]string{}
		}
		o.reasons[c.Key] = c.Reasons
	}
	return out
}

func (o *org) Resume(_ context.Context, check func(string) error, confirm func(run string, outcomes []pipeline.Outcome) error) error {
	if len(o.left) > 0 {
		if err := check("00D"); err != nil {
			return err
		}
	}
	for run, outcomes := range o.left {
		o.calls++
		if err := confirm(run, outcomes); err != nil {
			return err
		}
	}
	o.left = nil
	return o.leftErr
}

func (o *org) Usage(context.Context) (pipeline.Usage, error) {
	o.calls++
	return o.usage, o.usageErr
}

func (o *org) Cost(changes int) int { return (changes + 1) / 2 }

func (o *org) Standing(
	_ context.Context, written []pipeline.Written, found func(key string, version int64, stands bool) error,
) error {
	for _, w := range written {
		o.asked++
		if version, ok := o.held[w.Key]; ok {
			if err := found(w.Key, version, w.Under(version) != nil && !o.edited[w.Key]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o *org) Any(context.Context) (bool, error) { return len(o.held) > 0, nil }

func (o *org) Held(context.Context) iter.Seq2[pipeline.Holding, error] {
	return func(func(pipeline.Holding, error) bool) {}
}

// whole is a Target with all that the org can do.
func whole(o *org) pipeline.Target {
	return pipeline.Target{Sink: o, Resumer: o, Meter: o, Reader: o}
}
