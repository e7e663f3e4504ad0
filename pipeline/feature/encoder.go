package feature

import (
	"errors"
	"fmt"
	"math"

	"scored/pipeline"
)

// outcome is what an encoder gives for a value: value in the slot-th of its features and 0 in the others, or, if reason
// is set, a rejection.
type outcome struct {
	slot   int // none if negative
	value  float32
	reason string
}

var zeros = outcome{slot: -1}

// encoder looks outcomes up. One-hot, ordinal and is_missing are all tables.
type encoder struct {
	features int
	missing  outcome
	unknown  outcome
	texts    map[string]outcome  // of a text column
	numbers  map[float64]outcome // of a number column; -0 finds 0, as in scikit-learn
}

func (e *encoder) width() int { return e.features }

func (e *encoder) text(s string) outcome {
	if o, ok := e.texts[s]; ok {
		return o
	}
	return e.unknown
}

func (e *encoder) number(v float64) outcome {
	if math.IsNaN(v) {
		return e.missing
	}
	if o, ok := e.numbers[v]; ok {
		return o
	}
	return e.unknown
}

// newEncoder checks an encoding step and makes its table; impute, if there is one, decides what a missing value gives.
func newEncoder(column Column, impute, step *Step) (*encoder, error) {
	if step.Number != nil || step.Text != nil {
		return nil, errors.New("takes no value")
	}
	e, err := newTable(column, step)
	if err != nil {
		return nil, err
	}
	switch {
	case impute != nil && column.Kind() == pipeline.Text:
		e.missing = e.text(*impute.Text)
	case impute != nil:
		e.missing = e.number(*impute.Number)
	}
	return e, nil
}

func newTable(column Column, step *Step) (*encoder, error) {
	if step.Op == "is_missing" {
		if step.Width != nil || step.Categories != nil || step.Missing != nil || step.Unknown != nil {
			return nil, errors.New("takes nothing")
		}
		return &encoder{features: 1, missing: outcome{value: 1}, unknown: zeros}, nil
	}
	e := &encoder{features: 1, texts: map[string]outcome{}, numbers: map[float64]outcome{}}
	oneHot := step.Op == "one_hot"
	switch {
	case oneHot && (step.Width == nil || *step.Width < 0 || *step.Width > maxWidth):
		return nil, fmt.Errorf("width must be given, from 0 to %d", maxWidth)
	case oneHot:
		e.features = *step.Width
	case step.Width != nil:
		return nil, errors.New("takes no width")
	}
	for i, category := range step.Categories {
		if err := e.add(column, oneHot, category); err != nil {
			return nil, fmt.Errorf("category %d: %w", i+1, err)
		}
	}
	var err error
	missing := fmt.Sprintf("column %q: missing, and its encoder was not trained for that", column.Name)
	if e.missing, err = e.rule(oneHot, step.Missing, missing); err != nil {
		return nil, fmt.Errorf("missing: %w", err)
	}
	unknown := fmt.Sprintf("column %q: unknown category", column.Name)
	if e.unknown, err = e.rule(oneHot, step.Unknown, unknown); err != nil {
		return nil, fmt.Errorf("unknown: %w", err)
	}
	return e, nil
}

func (e *encoder) add(column Column, oneHot bool, c Category) error {
	if err := checkValue(column, c.Number, c.Text); err != nil {
		return err
	}
	o, err := e.outcome(oneHot, c.Slot, c.Code, -1)
	if err != nil {
		return err
	}
	var known bool
	if c.Text != nil {
		_, known = e.texts[*c.Text]
		e.texts[*c.Text] = o
	} else {
		_, known = e.numbers[*c.Number]
		e.numbers[*c.Number] = o
	}
	if known {
		return errors.New("another category has the same value")
	}
	return nil
}

// outcome makes the outcome of a slot, from least on, or of a code.
func (e *encoder) outcome(oneHot bool, slot *int, code *float64, least int) (outcome, error) {
	switch {
	case oneHot && (slot == nil || code != nil):
		return zeros, errors.New("one_hot takes a slot")
	case oneHot && (*slot < least || *slot >= e.features):
		return zeros, fmt.Errorf("slot %d is outside %d to %d", *slot, least, e.features-1)
	case oneHot:
		return outcome{slot: *slot, value: 1}, nil
	case code == nil || slot != nil:
		return zeros, errors.New("ordinal takes a code")
	case math.IsNaN(*code) || !fits(*code):
		return zeros, errors.New("the code does not fit in a float32")
	}
	return outcome{value: float32(*code)}, nil
}

func (e *encoder) rule(oneHot bool, r *Rule, reason string) (outcome, error) {
	if r == nil {
		return zeros, errors.New("a rule must be given")
	}
	takesValue := r.Action == "slot" || r.Action == "code"
	if !takesValue && (r.Slot != nil || r.Code != nil) {
		return zeros, fmt.Errorf("%s takes nothing", r.Action)
	}
	switch {
	case r.Action == "refuse":
		return outcome{slot: -1, reason: reason}, nil
	case r.Action == "zeros" && oneHot:
		return zeros, nil
	case r.Action == "missing" && !oneHot:
		return outcome{value: float32(math.NaN())}, nil
	case r.Action == "slot" && oneHot, r.Action == "code" && !oneHot:
		return e.outcome(oneHot, r.Slot, r.Code, 0)
	}
	return zeros, fmt.Errorf("the action %q is not one of this operation", r.Action)
}
