package warehouse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"scored/pipeline"
)

// batchRows is how many rows a batch holds.
const batchRows = 8192

// layout is how a result's fields become a batch: the key, and beside it the columns in the result's order.
type layout struct {
	key    keyReader
	fields []field
}

// field is one column of the result: where it stands in a row, and how its values are read.
type field struct {
	index  int
	column pipeline.Column
	number func([]byte) (float64, error) // Number
	text   *dictionary                   // Text
}

// newLayout looks at the description of a result. Its errors are of class Configuration.
func newLayout(described []pgconn.FieldDescription, key string) (*layout, error) {
	names := make([]string, len(described))
	for i, d := range described {
		names[i] = d.Name
	}
	if err := checkNames(names, key); err != nil {
		return nil, err
	}
	l := &layout{}
	types := newTypes()
	for i, d := range described {
		typ := types.name(d.DataTypeOID)
		if d.Name == key {
			appendKey := keyDecoder(d.DataTypeOID, d.Format)
			if appendKey == nil {
				return nil, misconfigured(fmt.Sprintf("the key column %s is %s", key, typ),
					"Make the key text or a whole number in the last SELECT: "+key+"::varchar.")
			}
			l.key = keyReader{index: i, append: appendKey}
			continue
		}
		f := field{index: i, column: pipeline.Column{Name: d.Name, Type: typ}}
		if f.number = numberDecoder(d.DataTypeOID, d.Format); f.number != nil {
			f.column.Kind = pipeline.Number
		} else if isText(d.DataTypeOID) {
			f.column.Kind = pipeline.Text
			f.text = newDictionary(padding(d.DataTypeOID))
		}
		l.fields = append(l.fields, f)
	}
	return l, nil
}

func checkNames(names []string, key string) error {
	listed := strings.Join(names, ", ")
	seen := make(map[string]bool, len(names))
	var twice []string
	for _, n := range names {
		if seen[n] && !slices.Contains(twice, n) {
			twice = append(twice, n)
		}
		seen[n] = true
	}
	switch {
	case len(twice) > 0:
		return misconfigured(fmt.Sprintf("several columns are called %s; the columns are %s", strings.Join(twice, ", "), listed),
			"Give each column of the last SELECT a name of its own.")
	case len(names) == 0:
		return misconfigured("the last statement gives no columns", "End the script with the SELECT that gives the key and the features.")
	case !seen[key]:
		return misconfigured(fmt.Sprintf("the key column %s is missing; the columns are %s", key, listed),
			"Select it in the last statement, or correct the job's key.")
	default:
		return nil
	}
}

// columns returns the columns without values.
func (l *layout) columns() []pipeline.Column {
	columns := make([]pipeline.Column, len(l.fields))
	for i, f := range l.fields {
		columns[i] = f.column
	}
	return columns
}

// newBatch returns an empty batch with room for all its rows.
func (l *layout) newBatch() *pipeline.Batch {
	batch := &pipeline.Batch{Columns: l.columns()}
	for i := range batch.Columns {
		switch c := &batch.Columns[i]; c.Kind {
		case pipeline.Number:
			c.Numbers = make([]float64, 0, batchRows)
		case pipeline.Text:
			c.Codes = make([]int32, 0, batchRows)
		}
	}
	return batch
}

// drain reads a result, which ctx bounds, to its end and returns the number of its rows.
func (q query) drain(ctx context.Context, reader *pgconn.ResultReader, key string, rows pipeline.Rows) (int, error) {
	more := reader.NextRow()
	if !more {
		if _, err := reader.Close(); err != nil {
			return 0, q.failed(ctx, err)
		}
	}
	l, err := newLayout(reader.FieldDescriptions(), key)
	if err != nil {
		return 0, err
	}
	if err := rows.Begin(l.columns()); err != nil {
		return 0, err
	}
	batch := l.newBatch()
	count := 0
	for ; more; more = reader.NextRow() {
		if err := l.read(batch, reader.Values()); err != nil {
			return count, fmt.Errorf("row %d: %w", count+1, err)
		}
		if count++; l.key.rows() == batchRows {
			if err := l.hand(batch, rows); err != nil {
				return count, err
			}
		}
	}
	if _, err := reader.Close(); err != nil {
		return count, q.failed(ctx, err)
	}
	if l.key.rows() > 0 {
		return count, l.hand(batch, rows)
	}
	return count, nil
}

// read appends a row to the batch. The values are valid during the call only.
func (l *layout) read(batch *pipeline.Batch, values [][]byte) error {
	if err := l.key.read(values[l.key.index]); err != nil {
		return fmt.Errorf("key: %w", err)
	}
	for i := range l.fields {
		f, column := &l.fields[i], &batch.Columns[i]
		raw := values[f.index]
		switch column.Kind {
		case pipeline.Number:
			v := missing
			if raw != nil {
				var err error
				if v, err = f.number(raw); err != nil {
					return fmt.Errorf("column %s (%s): %w", column.Name, column.Type, err)
				}
			}
			column.Numbers = append(column.Numbers, v)
		case pipeline.Text:
			column.Codes = append(column.Codes, f.text.code(raw, column))
		}
	}
	return nil
}

// hand gives the batch to the consumer and empties what that leaves.
func (l *layout) hand(batch *pipeline.Batch, rows pipeline.Rows) error {
	batch.Keys = l.key.take(batch.Keys)
	err := rows.Add(batch)
	if batch.Columns == nil { // the consumer keeps it
		*batch = *l.newBatch()
	}
	batch.Keys = batch.Keys[:0]
	for i := range batch.Columns {
		c := &batch.Columns[i]
		c.Numbers, c.Codes, c.Dict = c.Numbers[:0], c.Codes[:0], c.Dict[:0]
		if f := &l.fields[i]; f.text != nil {
			f.text.reset()
		}
	}
	return err
}

var errUnreadable = errors.New("the server sent a value that cannot be read as this type")
