package fakeorg

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxHeader is how many characters the first line of a file may hold.
const maxHeader = 32_000

// noValue is the text that stands for null.
const noValue = "#N/A"

// bulkFile is the upload of a job, taken apart into rows.
type bulkFile struct {
	data      []byte
	delimiter byte
	crlf      bool
	columns   []*bulkColumn
	names     []string // as the header spells them
	starts    []uint32 // where each row begins; one more for the end
	results   []rowResult
}

// bulkColumn is a column of the upload. It remembers its last value: many rows have the same one.
type bulkColumn struct {
	field *Field // nil for the record's id
	text  string
	value any
	err   *RowError
}

// rowResult is what became of a row.
type rowResult struct {
	outcome outcome
	record  *record   // nil if there is none
	err     *RowError // of a failed row
}

type outcome byte

const (
	unprocessed outcome = iota
	succeeded
	created
	failed
	lost // in no result
)

// openFile finds the columns and rows of a job's upload. The error is the message that the job fails with; the file is
// nil then if its rows can't be told apart.
func openFile(j *job) (*bulkFile, error) {
	f := &bulkFile{data: j.data, delimiter: delimiter(j.delimiter), crlf: j.lineEnding == "CRLF"}
	reader := f.newReader()
	reader.data = f.data
	header, err := reader.read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("InvalidBatch : Records not found")
	}
	if err != nil {
		return nil, fileError(j, err)
	}
	if reader.at > maxHeader {
		return nil, fmt.Errorf("InvalidBatch : The header row is longer than %d characters", maxHeader)
	}
	for _, name := range header {
		f.names = append(f.names, string(name))
	}
	if err := f.findRows(reader); err != nil {
		return nil, fileError(j, err)
	}
	if len(f.results) == 0 {
		return f, errors.New("InvalidBatch : Records not found")
	}
	for _, name := range f.names {
		if err := f.addColumn(j, name); err != nil {
			return f, err
		}
	}
	return f, nil
}

func (f *bulkFile) newReader() *csvReader { return &csvReader{delimiter: f.delimiter, crlf: f.crlf} }

func fileError(j *job, err error) error {
	if errors.Is(err, errLineEnding) {
		return fmt.Errorf("ClientInputError : %w. Current LineEnding setting is %s", err, j.lineEnding)
	}
	return fmt.Errorf("InvalidBatch : %w", err)
}

func (f *bulkFile) addColumn(j *job, name string) error {
	col := &bulkColumn{}
	if !strings.EqualFold(name, "Id") {
		if col.field = j.object.visible(j.user, name); col.field == nil {
			return fmt.Errorf("InvalidBatch : Field name not found : %s", name)
		}
	}
	for _, other := range f.columns {
		if other.field == col.field {
			return fmt.Errorf("InvalidBatch : Duplicate field name : %s", name)
		}
	}
	f.columns = append(f.columns, col)
	return nil
}

// findRows notes where each row begins.
func (f *bulkFile) findRows(reader *csvReader) error {
	for reader.skipEmpty() {
		start := reader.at
		if _, err := reader.read(); err != nil && !errors.Is(err, errBareQuote) {
			return err
		}
		f.starts = append(f.starts, uint32(start))
	}
	f.starts = append(f.starts, uint32(len(f.data)))
	f.results = make([]rowResult, len(f.starts)-1)
	return nil
}

// row is a row's text, with its line end.
func (f *bulkFile) row(i int) []byte { return f.data[f.starts[i]:f.starts[i+1]] }

// fields returns a row's fields, good until the reader's next row. The error is the row's.
func (f *bulkFile) fields(reader *csvReader, i int) ([][]byte, *RowError) {
	reader.data, reader.at = f.row(i), 0
	fields, err := reader.read()
	switch {
	case err != nil:
		return nil, rowError("CLIENT_INPUT_ERROR", nil, "%v", err)
	case len(fields) != len(f.names):
		return fields, rowError("CLIENT_INPUT_ERROR", nil, "The row has %d fields, the header has %d", len(fields), len(f.names))
	}
	return fields, nil
}

// parse reads a row as a request's JSON would be read. Empty fields are ignored.
func (f *bulkFile) parse(reader *csvReader, i int, r *row) *RowError {
	fields, err := f.fields(reader, i)
	if err != nil {
		return err
	}
	for at, text := range fields {
		col := f.columns[at]
		switch {
		case len(text) == 0:
		case col.field == nil:
			if string(text) != noValue {
				r.id = string(text)
			}
		default:
			if col.text != string(text) {
				col.set(string(text), at)
			}
			if col.err != nil {
				return col.err
			}
			r.values = append(r.values, assignment{col.field, col.value})
		}
	}
	return nil
}

// set brings a field's text into the stored form.
func (c *bulkColumn) set(text string, at int) {
	c.text, c.value, c.err = text, nil, nil
	if text == noValue {
		return
	}
	value, err := convert(c.field, text)
	if err != nil {
		c.err = rowError("INVALID_FIELD", []string{c.field.Name}, "Failed to deserialize field at col %d. Due to, '%s' is not "+
			"a valid value for the type %s", at+1, text, soapType(c.field))
	}
	c.value = value
}
