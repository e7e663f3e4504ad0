package model

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"scored/pipeline"
	"scored/pipeline/feature"
)

// rowBlock is how many rows are read and scored at a time.
const rowBlock = 1024

// probabilityName heads the field that holds what the fitted pipeline gave.
const probabilityName = "probability"

// rowReader reads raw rows and what the fitted pipeline gave, from CSV, as batches.
type rowReader struct {
	csv         *csv.Reader
	fields      []int // per column of the contract: its place in a record
	probability int   // its place in a record
	batch       pipeline.Batch
	codes       []map[string]int32 // per text column: where a text is in its Dict
	want        []float64          // per row: the probability, NaN if the row must be rejected
	lines       []int              // per row
}

// newGoldenReader reads golden.csv, whose header is the contract's columns in order, then probability.
func newGoldenReader(r io.Reader, contract feature.Contract) (*rowReader, error) {
	g := newRowReader(r, contract)
	got, err := g.header()
	if err != nil {
		return nil, err
	}
	if !slices.Equal(got, g.names()) {
		return nil, errors.New("line 1: wants the contract's columns in order, then probability")
	}
	for i := range g.fields {
		g.fields[i] = i
	}
	g.probability = len(g.fields)
	return g, nil
}

// newVerifyReader reads a CSV that has the contract's columns and probability in any order, and maybe others.
func newVerifyReader(r io.Reader, contract feature.Contract) (*rowReader, error) {
	g := newRowReader(withoutMark(r), contract)
	got, err := g.header()
	if err != nil {
		return nil, err
	}
	places := make(map[string]int, len(got))
	twice := make(map[string]bool)
	for i, name := range got {
		_, twice[name] = places[name]
		places[name] = i
	}
	var wrong []string
	find := func(name string) int {
		at, ok := places[name]
		switch {
		case !ok:
			wrong = append(wrong, fmt.Sprintf("column %q is missing", name))
		case twice[name]:
			wrong = append(wrong, fmt.Sprintf("column %q comes twice", name))
		}
		return at
	}
	for i := range g.fields {
		g.fields[i] = find(g.batch.Columns[i].Name)
	}
	g.probability = find(probabilityName)
	if len(wrong) > 0 {
		return nil, fmt.Errorf("line 1: %s", strings.Join(wrong, "; "))
	}
	return g, nil
}

// withoutMark leaves out the mark that spreadsheets begin a file with. It comes off before the CSV is read: a quote behind
// it would be one inside a field.
func withoutMark(r io.Reader) io.Reader {
	const mark = "\ufeff"
	in := bufio.NewReader(r)
	if head, _ := in.Peek(len(mark)); string(head) == mark {
		_, _ = in.Discard(len(mark)) // which are in the buffer
	}
	return in
}

func newRowReader(r io.Reader, contract feature.Contract) *rowReader {
	g := &rowReader{
		csv: csv.NewReader(r), fields: make([]int, len(contract)), codes: make([]map[string]int32, len(contract)),
	}
	g.csv.ReuseRecord = true
	for i, c := range contract {
		g.batch.Columns = append(g.batch.Columns, pipeline.Column{Name: c.Name, Kind: c.Kind(), Type: c.Type})
		g.codes[i] = make(map[string]int32)
	}
	return g
}

// header returns the first record.
func (g *rowReader) header() ([]string, error) {
	got, err := g.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("is empty")
	}
	return slices.Clone(got), err
}

// names returns the header of golden.csv.
func (g *rowReader) names() []string {
	var names []string
	for _, c := range g.batch.Columns {
		names = append(names, c.Name)
	}
	return append(names, probabilityName)
}

// next reads the next rows into batch, want and lines. It returns io.EOF with the last of them.
func (g *rowReader) next() error {
	g.reset()
	for len(g.want) < rowBlock {
		record, err := g.csv.Read()
		if err != nil {
			return err
		}
		line, _ := g.csv.FieldPos(0)
		if err := g.add(record); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
		g.lines = append(g.lines, line)
	}
	return nil
}

func (g *rowReader) reset() {
	g.batch.Keys, g.want, g.lines = g.batch.Keys[:0], g.want[:0], g.lines[:0]
	for i := range g.batch.Columns {
		c := &g.batch.Columns[i]
		c.Numbers, c.Codes, c.Dict = c.Numbers[:0], c.Codes[:0], c.Dict[:0]
		clear(g.codes[i])
	}
}

func (g *rowReader) add(record []string) error {
	want, err := parseProbability(record[g.probability])
	if err != nil {
		return err
	}
	for i, at := range g.fields {
		c := &g.batch.Columns[i]
		if c.Kind == pipeline.Text {
			c.Codes = append(c.Codes, g.code(i, record[at]))
			continue
		}
		v, err := parseNumber(record[at])
		if err != nil {
			return fmt.Errorf("column %q: %w", c.Name, err)
		}
		c.Numbers = append(c.Numbers, v)
	}
	g.batch.Keys = append(g.batch.Keys, "golden") // rows without a key are rejected, and golden rows have none
	g.want = append(g.want, want)
	return nil
}

// code returns a text's place in the column's dictionary.
func (g *rowReader) code(column int, text string) int32 {
	if text == "" {
		return pipeline.NoText
	}
	code, ok := g.codes[column][text]
	if !ok {
		c := &g.batch.Columns[column]
		text = strings.Clone(text) // a field keeps its whole record in memory
		code = int32(len(c.Dict))
		c.Dict = append(c.Dict, text)
		g.codes[column][text] = code
	}
	return code
}

// parseProbability returns NaN for a row that must be rejected.
func parseProbability(s string) (float64, error) {
	if s == "refused" {
		return math.NaN(), nil
	}
	p, err := parseNumber(s)
	if err != nil || !(p >= 0 && p <= 1) {
		return 0, errors.New("the probability is neither a number from 0 to 1 nor refused")
	}
	return p, nil
}

// parseNumber reads a number as Python, scored dataset or a spreadsheet writes it: with an exponent or without, infinities
// with any sign and in any case. The empty field is a missing one. The error doesn't quote it: values are personal data.
func parseNumber(s string) (float64, error) {
	switch s {
	case "":
		return math.NaN(), nil
	case "True":
		return 1, nil
	case "False":
		return 0, nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if isDecimal := strings.Trim(s, "0123456789+-.eE") == ""; err != nil || !isDecimal && !math.IsInf(v, 0) {
		return 0, errors.New("is not a number; leave missing values empty")
	}
	return v, nil
}
