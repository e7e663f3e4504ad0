// Package feature turns batches of raw columns into the matrix of features that a model was trained on, row by row as
// the fitted scikit-learn pipeline does, and rejects the rows that the pipeline would refuse.
package feature

import (
	"errors"
	"fmt"
	"math"

	"scored/pipeline"
)

// maxNameBytes is how long Redshift lets a column's name be.
const maxNameBytes = 127

// Contract is what a model expects of a row: the raw columns in training order.
type Contract []Column

// Column is one column of a [Contract]. docs/bundle.md words its rules.
type Column struct {
	Name       string   `json:"name"`
	Type       string   `json:"type"` // number or text
	Nullable   bool     `json:"nullable"`
	Min        *float64 `json:"min,omitempty"`        // of a number; nil where there is no limit
	Max        *float64 `json:"max,omitempty"`        // of a number; nil where there is no limit
	Categories []string `json:"categories,omitempty"` // of text; nil where any text is normal
	Abnormal   string   `json:"abnormal"`             // one of the rules below
}

// What becomes of a number that is infinite or outside the limits, and of a text in none of the categories.
const (
	Refuse  = "refuse"  // the row is rejected
	Clip    = "clip"    // the nearer limit takes a number's place
	Missing = "missing" // the value counts as missing
	Pass    = "pass"    // text stays as it is
)

// Kind returns how the column's values are held; Unsupported if Type is neither word.
func (c Column) Kind() pipeline.Kind {
	for _, kind := range []pipeline.Kind{pipeline.Number, pipeline.Text} {
		if c.Type == kind.String() {
			return kind
		}
	}
	return pipeline.Unsupported
}

// Validate checks that there are columns, that each has a name of its own, which Redshift can hold, and that the rules of
// each belong to its type and do not contradict each other.
func (c Contract) Validate() error {
	if len(c) == 0 {
		return errors.New("has no columns")
	}
	seen := make(map[string]bool, len(c))
	for i, column := range c {
		switch {
		case column.Name == "":
			return fmt.Errorf("column %d has no name", i+1)
		case len(column.Name) > maxNameBytes:
			return fmt.Errorf("column %d has a name of %d bytes, and Redshift's have at most %d", i+1, len(column.Name), maxNameBytes)
		case seen[column.Name]:
			return fmt.Errorf("column %q comes twice", column.Name)
		case column.Kind() == pipeline.Unsupported:
			return fmt.Errorf("column %q has type %q, neither number nor text", column.Name, column.Type)
		}
		if err := column.validate(); err != nil {
			return fmt.Errorf("column %q: %w", column.Name, err)
		}
		seen[column.Name] = true
	}
	return nil
}

func (c Column) validate() error {
	check := c.validateNumber
	if c.Kind() == pipeline.Text {
		check = c.validateText
	}
	if err := check(); err != nil {
		return err
	}
	if c.Abnormal == Missing && !c.Nullable {
		return errors.New(`abnormal "missing" wants a nullable column`)
	}
	return nil
}

func (c Column) validateNumber() error {
	switch {
	case c.Categories != nil:
		return errors.New("a number has no categories")
	case c.Min != nil && !finite(*c.Min), c.Max != nil && !finite(*c.Max):
		return errors.New("a limit is not finite")
	case c.Min != nil && c.Max != nil && *c.Min > *c.Max:
		return fmt.Errorf("min %g is above max %g", *c.Min, *c.Max)
	case c.Abnormal == Clip && (c.Min == nil || c.Max == nil):
		return errors.New(`abnormal "clip" wants both min and max`)
	case c.Abnormal != Refuse && c.Abnormal != Clip && c.Abnormal != Missing:
		return fmt.Errorf("abnormal %q is none of refuse, clip and missing, the rules of numbers", c.Abnormal)
	}
	return nil
}

func (c Column) validateText() error {
	switch {
	case c.Min != nil || c.Max != nil:
		return errors.New("text has no min and no max")
	case c.Categories != nil && len(c.Categories) == 0:
		return errors.New("categories is empty")
	case c.Abnormal != Refuse && c.Abnormal != Missing && c.Abnormal != Pass:
		return fmt.Errorf("abnormal %q is none of refuse, missing and pass, the rules of text", c.Abnormal)
	case c.Abnormal != Pass && c.Categories == nil:
		return fmt.Errorf("abnormal %q wants categories", c.Abnormal)
	}
	seen := make(map[string]bool, len(c.Categories))
	for i, category := range c.Categories {
		if category == "" || seen[category] {
			return fmt.Errorf("category %d is empty, or comes twice", i+1)
		}
		seen[category] = true
	}
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// index returns the place of each column.
func (c Contract) index() map[string]int {
	places := make(map[string]int, len(c))
	for i, column := range c {
		places[column.Name] = i
	}
	return places
}
