package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"time"

	"scored/pipeline"
)

// sidecar describes a data set: CSV has no types, and a reader that guesses them trains on other values than those
// that will be scored.
type sidecar struct {
	Job       string          `json:"job"`
	Key       string          `json:"key"`
	Label     *string         `json:"label"`
	From      time.Time       `json:"from"`
	To        time.Time       `json:"to"`
	Step      string          `json:"step"`
	AsOf      []time.Time     `json:"as_of"`
	Rows      int             `json:"rows"`
	SQLDigest string          `json:"sql_digest"`
	Columns   []sidecarColumn `json:"columns"`
}

type sidecarColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// datasetFile is a CSV file that takes its name only when it is whole.
type datasetFile struct {
	path    string
	file    *os.File
	buf     *bufio.Writer
	key     string
	label   *string
	columns []sidecarColumn
	rows    int

	unlabelled int // of rows
}

func newDatasetFile(path, key string) (*datasetFile, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, usage{fmt.Errorf("--out %s is a folder: name the CSV file", path)}
	}
	f, err := os.OpenFile(path+".part", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create data set: %w", err)
	}
	return &datasetFile{path: path, file: f, buf: bufio.NewWriterSize(f, 1<<20), key: key}, nil
}

// discard removes what was not kept.
func (f *datasetFile) discard() {
	f.file.Close()
	os.Remove(f.path + ".part")
	os.Remove(f.sidecar() + ".part")
}

func (f *datasetFile) sidecar() string { return f.path + ".json" }

func (f *datasetFile) keep(s sidecar) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("describe data set: %w", err)
	}
	if err := errors.Join(f.buf.Flush(), f.file.Close()); err != nil {
		return fmt.Errorf("write data set: %w", err)
	}
	if err := os.WriteFile(f.sidecar()+".part", append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write data set: %w", err)
	}
	if err := os.Rename(f.path+".part", f.path); err != nil {
		return fmt.Errorf("write data set: %w", err)
	}
	return os.Rename(f.sidecar()+".part", f.sidecar())
}

// begin takes the columns of a snapshot; they are the same in each, or a model could not be trained on them.
func (f *datasetFile) begin(columns []pipeline.Column, label string) ([]byte, error) {
	described := make([]sidecarColumn, len(columns))
	for i, c := range columns {
		if c.Name == label {
			return nil, &pipeline.Problem{Class: pipeline.Configuration, Err: fmt.Errorf("the label %s is a feature, too", label),
				Hint: "give the label a name of its own in the labels script"}
		}
		if c.Kind == pipeline.Unsupported {
			return nil, &pipeline.Problem{Class: pipeline.Configuration, Err: fmt.Errorf("column %s is a %s", c.Name, c.Type),
				Hint: "a feature is a number or a text: cast it in the script"}
		}
		described[i] = sidecarColumn{c.Name, c.Kind.String()}
	}
	if f.columns != nil {
		if !slices.Equal(f.columns, described) {
			return nil, errors.New("the columns differ from those of the snapshot before")
		}
		return nil, nil
	}
	f.columns = described
	header := []string{"as_of", f.key}
	for _, c := range columns {
		header = append(header, c.Name)
	}
	if label != "" {
		f.label = &label
		header = append(header, label)
	}
	return csvLine(header)
}

func csvLine(fields []string) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.Write(fields); err != nil {
		return nil, err
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// snapshotRows holds one snapshot until it is read to its end: the source may start it again.
type snapshotRows struct {
	file   *datasetFile
	asOf   time.Time
	labels *labelRows
	header []byte
	lines  bytes.Buffer
	csv    *csv.Writer
	seen   map[string]bool

	unlabelled int
}

func (s *snapshotRows) Begin(columns []pipeline.Column) error {
	s.lines.Reset()
	s.csv = csv.NewWriter(&s.lines)
	s.seen, s.unlabelled = map[string]bool{}, 0
	header, err := s.file.begin(columns, s.labels.name)
	if header != nil {
		s.header = header
	}
	return err
}

// Add writes a line per row. Text stays as it is, also where a spreadsheet would take it for a formula: what is trained
// on must be what is scored.
func (s *snapshotRows) Add(b *pipeline.Batch) error {
	at := s.asOf.Format(time.RFC3339)
	record := make([]string, 0, len(b.Columns)+3)
	for i, key := range b.Keys {
		if key == "" || s.seen[key] {
			return &pipeline.Problem{Class: pipeline.Configuration, Err: fmt.Errorf("key %q is missing or occurs twice", key),
				Hint: "a run would reject these rows, so no model may learn from them: mend the script"}
		}
		s.seen[key] = true
		record = append(record[:0], at, key)
		for _, c := range b.Columns {
			record = append(record, cell(c, i))
		}
		if s.labels.name != "" {
			value, ok := s.labels.values[key]
			if !ok {
				value = math.NaN()
				s.unlabelled++
			}
			record = append(record, number(value))
		}
		if err := s.csv.Write(record); err != nil {
			return err
		}
	}
	return nil
}

func (s *snapshotRows) flush() error {
	s.csv.Flush()
	if err := s.csv.Error(); err != nil {
		return err
	}
	s.file.rows += len(s.seen)
	s.file.unlabelled += s.unlabelled
	for _, part := range [][]byte{s.header, s.lines.Bytes()} {
		if _, err := s.file.buf.Write(part); err != nil {
			return fmt.Errorf("write data set: %w", err)
		}
	}
	return nil
}

func cell(c pipeline.Column, row int) string {
	if c.Kind == pipeline.Number {
		return number(c.Numbers[row])
	}
	if code := c.Codes[row]; code != pipeline.NoText {
		return c.Dict[code]
	}
	return ""
}

// number writes the shortest digits that give the same float64 again, and nothing where it is missing.
func number(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
