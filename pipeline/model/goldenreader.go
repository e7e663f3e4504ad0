package model

import (
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

// goldenBlock is how many golden rows are read and scored at a time.
const goldenBlock = 1024

// goldenReader reads golden.csv as batches.
type goldenReader struct {
	csv   *csv.Reader
	batch pipeline.Batch
	codes []map[string]int32 // per text column: where a text is in its Dict
	want  []float64          // per row: the probability, NaN if the row must be rejected
	lines []int              // per row
}

// newGoldenReader checks the header.
func newGoldenReader(r io.Reader, contract feature.Contract) (*goldenReader, error) {
	g := &goldenReader{csv: csv.NewReader(r), codes: make([]map[string]int32, len(contract))}
	g.csv.ReuseRecord = true
	var header []string
	for i, c := range contract {
		g.batch.Columns = append(g.batch.Columns, pipeline.Column{Name: c.Name, Kind: c.Kind(), Type: c.Type})
		g.codes[i] = make(map[string]int32)
		header = append(header, c.Name)
	}
	header = append(header, "probability")
	got, err := g.csv.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("is empty")
	case err != nil:
		return nil, err
	case !slices.Equal(got, header):
		return nil, errors.New("line 1: wants the contract's columns in order, then probability")
	}
	return g, nil
}

// next reads the next rows into batch, want and lines. It returns io.EOF with the last of them.
func (g *goldenReader) next() error {
	g.reset()
	for len(g.want) < goldenBlock {
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

func (g *goldenReader) reset() {
	g.batch.Keys, g.want, g.lines = g.batch.Keys[:0], g.want[:0], g.lines[:0]
	for i := range g.batch.Columns {
		c := &g.batch.Columns[i]
		c.Numbers, c.Codes, c.Dict = c.Numbers[:0], c.Codes[:0], c.Dict[:0]
		clear(g.codes[i])
	}
}

func (g *goldenReader) add(record []string) error {
	want, err := parseProbability(record[len(record)-1])
	if err != nil {
		return err
	}
	for i := range g.batch.Columns {
		c := &g.batch.Columns[i]
		if c.Kind == pipeline.Text {
			c.Codes = append(c.Codes, g.code(i, record[i]))
			continue
		}
		v, err := parseNumber(record[i])
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
func (g *goldenReader) code(column int, text string) int32 {
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

// parseNumber reads a float as Python's repr writes it; the empty field is a missing one. The error doesn't quote it:
// values are personal data.
func parseNumber(s string) (float64, error) {
	switch s {
	case "":
		return math.NaN(), nil
	case "inf":
		return math.Inf(1), nil
	case "-inf":
		return math.Inf(-1), nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || strings.Trim(s, "0123456789+-.e") != "" {
		return 0, errors.New("is not a number")
	}
	return v, nil
}
