// Package feature turns batches of raw columns into the matrix of features that a model was trained on, row by row as
// the fitted scikit-learn pipeline does, and rejects the rows that the pipeline would refuse.
package feature

import (
	"errors"
	"fmt"

	"scored/pipeline"
)

// Contract is what a model expects of a row: the raw columns in training order.
type Contract []Column

// Column is one column of a [Contract].
type Column struct {
	Name     string `json:"name"`
	Type     string `json:"type"` // number or text
	Nullable bool   `json:"nullable"`
}

// Kind returns how the column's values are held; Unsupported if Type is neither word.
func (c Column) Kind() pipeline.Kind {
	for _, kind := range []pipeline.Kind{pipeline.Number, pipeline.Text} {
		if c.Type == kind.String() {
			return kind
		}
	}
	return pipeline.Unsupported
}

// Validate checks that there are columns, that their types are known and that no two have one name.
func (c Contract) Validate() error {
	if len(c) == 0 {
		return errors.New("has no columns")
	}
	seen := make(map[string]bool, len(c))
	for i, column := range c {
		switch {
		case column.Name == "":
			return fmt.Errorf("column %d has no name", i+1)
		case seen[column.Name]:
			return fmt.Errorf("column %q comes twice", column.Name)
		case column.Kind() == pipeline.Unsupported:
			return fmt.Errorf("column %q has type %q, neither number nor text", column.Name, column.Type)
		}
		seen[column.Name] = true
	}
	return nil
}

// index returns the place of each column.
func (c Contract) index() map[string]int {
	places := make(map[string]int, len(c))
	for i, column := range c {
		places[column.Name] = i
	}
	return places
}
