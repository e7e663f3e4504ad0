package feature

import (
	"fmt"
	"slices"
)

// Block turns one raw column into features, by steps in order. docs/bundle.md words what each step does.
type Block struct {
	Column string `json:"column"`
	Steps  []Step `json:"steps"`
}

// Step is one step of a [Block]; which fields belong to it depends on Op.
type Step struct {
	Op         string     `json:"op"`
	Number     *float64   `json:"number,omitempty"`     // impute of numbers, add, subtract, multiply, divide
	Text       *string    `json:"text,omitempty"`       // impute of text
	Min        *float64   `json:"min,omitempty"`        // clip
	Max        *float64   `json:"max,omitempty"`        // clip
	Edges      []float64  `json:"edges,omitempty"`      // bin
	Width      *int       `json:"width,omitempty"`      // one_hot
	Categories []Category `json:"categories,omitempty"` // one_hot and ordinal
	Missing    *Rule      `json:"missing,omitempty"`    // one_hot and ordinal
	Unknown    *Rule      `json:"unknown,omitempty"`    // one_hot and ordinal
}

// Category is a value that an encoder knows, with its slot (one_hot) or its code (ordinal).
type Category struct {
	Number *float64 `json:"number,omitempty"`
	Text   *string  `json:"text,omitempty"`
	Slot   *int     `json:"slot,omitempty"`
	Code   *float64 `json:"code,omitempty"`
}

// Rule says what an encoder gives for a value that is missing or in no category.
type Rule struct {
	Action string   `json:"action"`         // refuse; zeros or slot (one_hot); code or missing (ordinal)
	Slot   *int     `json:"slot,omitempty"` // slot
	Code   *float64 `json:"code,omitempty"` // code
}

// takes checks that a step has no keys but these beside op.
func (s *Step) takes(keys ...string) error {
	for _, field := range []struct {
		key   string
		given bool
	}{
		{"number", s.Number != nil}, {"text", s.Text != nil}, {"min", s.Min != nil}, {"max", s.Max != nil},
		{"edges", s.Edges != nil}, {"width", s.Width != nil}, {"categories", s.Categories != nil},
		{"missing", s.Missing != nil}, {"unknown", s.Unknown != nil},
	} {
		if field.given && !slices.Contains(keys, field.key) {
			return fmt.Errorf("takes no %s", field.key)
		}
	}
	return nil
}
