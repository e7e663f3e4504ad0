package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"scored/configs"
	"scored/pipeline"
	"scored/pipeline/model"
)

// view is one key as the dataprep script gives it as of an instant.
type view struct {
	asOf     time.Time
	key      string
	rows     int    // of the whole result
	found    int    // rows with the key
	rejected string // why the row can't be scored, "" if it can
	*model.Explanation
}

// view runs the script as of an instant, keeps the one row, and explains it.
func (e *explainer) view(ctx context.Context, at time.Time) (*view, error) {
	run, err := pipeline.NewRun(e.job.Name, pipeline.Request{Trigger: pipeline.Manual, AsOf: at}, 0, time.Now())
	if err != nil {
		return nil, err
	}
	w := &wanted{model: e.bundle, key: e.key}
	if err := e.source.Read(ctx, run, w); err != nil {
		return nil, fmt.Errorf("read dataprep result as of %s: %w", stamp(at), err)
	}
	v := &view{asOf: at, key: e.key, rows: w.rows, found: w.found}
	switch {
	case w.found == 0:
		return v, nil
	case w.found > 1:
		v.rejected = fmt.Sprintf("duplicate key: %d rows have it", w.found)
		return v, nil
	}
	v.Explanation, err = e.bundle.Explain(&w.row, 0)
	if rejected, ok := errors.AsType[*model.RejectedError](err); ok {
		v.rejected = rejected.Reason
		return v, nil
	}
	return v, err
}

// problem says why the key has no score.
func (v *view) problem(job configs.Job) error {
	if v.found == 0 {
		return &pipeline.Problem{Err: fmt.Errorf("%s as of %s: none of the %d rows has the key %q", job.Name, stamp(v.asOf), v.rows, v.key),
			Hint: "the script leaves the lead out as of then (it may be closed, or too new), or the key is written in another way: case counts"}
	}
	return &pipeline.Problem{Err: fmt.Errorf("%s as of %s: the row of %q is rejected: %s", job.Name, stamp(v.asOf), v.key, v.rejected),
		Hint: "mend the value, or the script that gives it; scored model contract " + job.Name + " shows what the model takes"}
}

// wanted keeps the one row of a dataprep result that has the key.
type wanted struct {
	model pipeline.Model
	key   string
	row   pipeline.Batch
	rows  int
	found int
}

// Begin refuses columns that do not fit before the rows are read.
func (w *wanted) Begin(columns []pipeline.Column) error {
	w.rows, w.found, w.row = 0, 0, pipeline.Batch{}
	_, err := w.model.Bind(columns)
	return err
}

func (w *wanted) Add(b *pipeline.Batch) error {
	w.rows += b.Rows()
	for i, key := range b.Keys {
		if key != w.key {
			continue
		}
		if w.found++; w.found == 1 {
			w.row = rowOf(b, i)
		}
	}
	return nil
}

// rowOf copies one row: the batch's memory is the source's.
func rowOf(b *pipeline.Batch, row int) pipeline.Batch {
	one := pipeline.Batch{Keys: []string{b.Keys[row]}, Columns: slices.Clone(b.Columns)}
	for i := range one.Columns {
		switch c := &one.Columns[i]; c.Kind {
		case pipeline.Number:
			c.Numbers = []float64{c.Numbers[row]}
		case pipeline.Text:
			code, dict := c.Codes[row], c.Dict
			c.Codes, c.Dict = []int32{pipeline.NoText}, nil
			if code != pipeline.NoText {
				c.Codes[0], c.Dict = 0, []string{dict[code]}
			}
		}
	}
	return one
}

// comparison is what differs between an earlier view and a later one.
type comparison struct {
	moment
	then    *view
	changed []changedColumn // by what they changed in the probability, the most first
}

type changedColumn struct{ then, now model.ExplainedColumn }

func compareViews(m moment, then, now *view) comparison {
	c := comparison{moment: m, then: then}
	if then.Explanation == nil {
		return c
	}
	for i, column := range now.Columns {
		if before := then.Columns[i]; before.Value != column.Value || before.Missing != column.Missing {
			c.changed = append(c.changed, changedColumn{before, column})
		}
	}
	slices.SortStableFunc(c.changed, func(a, b changedColumn) int {
		return compareSize(a.now.Path-a.then.Path, b.now.Path-b.then.Path)
	})
	return c
}
