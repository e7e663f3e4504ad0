package feature

import (
	"errors"
	"fmt"
	"math"

	"scored/pipeline"
)

// outcome is what a value comes down to: value in the slot-th of the block's features and 0 in the others, or, if reason
// is set, a rejection.
type outcome struct {
	slot   int // none if negative
	value  float64
	reason string
}

var zeros = outcome{slot: -1}

// encoder looks outcomes up: one_hot and ordinal, and is_missing of text.
type encoder struct {
	features int
	missing  outcome
	unknown  outcome
	texts    map[string]outcome  // of text
	numbers  map[float64]outcome // of numbers; -0 finds 0, as in scikit-learn
}

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

// newMark returns is_missing of text.
func newMark() *encoder {
	return &encoder{features: 1, missing: outcome{value: 1}}
}

// newEncoder checks a one_hot or ordinal step of values of a kind and makes its table.
func newEncoder(column string, kind pipeline.Kind, step *Step) (*encoder, error) {
	e := &encoder{features: 1, texts: map[string]outcome{}, numbers: map[float64]outcome{}}
	oneHot := step.Op == "one_hot"
	if oneHot {
		if step.Width == nil || *step.Width < 0 || *step.Width > maxWidth {
			return nil, fmt.Errorf("width must be given, from 0 to %d", maxWidth)
		}
		e.features = *step.Width
	}
	for i, category := range step.Categories {
		if err := e.add(kind, oneHot, category); err != nil {
			return nil, fmt.Errorf("category %d: %w", i+1, err)
		}
	}
	var err error
	missing := fmt.Sprintf("column %q: missing, and its encoder was not trained for that", column)
	if e.missing, err = e.rule(oneHot, step.Missing, missing); err != nil {
		return nil, fmt.Errorf("missing: %w", err)
	}
	unknown := fmt.Sprintf("column %q: unknown category", column)
	if e.unknown, err = e.rule(oneHot, step.Unknown, unknown); err != nil {
		return nil, fmt.Errorf("unknown: %w", err)
	}
	return e, nil
}

func (e *encoder) add(kind pipeline.Kind, oneHot bool, c Category) error {
	if err := checkValue(kind, c.Number, c.Text); err != nil {
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
	case !finite(*code):
		return zeros, errors.New("the code is not finite")
	}
	return outcome{value: *code}, nil
}

func (e *encoder) rule(oneHot bool, r *Rule, reason string) (outcome, error) {
	if r == nil {
		return zeros, errors.New("a rule must be given")
	}
	takesValue := r.Action == "slot" || r.Action == "code"
	if !takesValue && (r.Slot != nil || r.Code != nil) {
		return zeros, fmt.Errorf("%s takes nothing", Shown(r.Action))
	}
	switch {
	case r.Action == "refuse":
		return outcome{slot: -1, reason: reason}, nil
	case r.Action == "zeros" && oneHot:
		return zeros, nil
	case r.Action == "missing" && !oneHot:
		return outcome{value: math.NaN()}, nil
	case r.Action == "slot" && oneHot, r.Action == "code" && !oneHot:
		return e.outcome(oneHot, r.Slot, r.Code, 0)
	}
	return zeros, fmt.Errorf("the action %.60q is not one of this operation", r.Action)
}

// checkValue checks that a value is given once, and as the kind that the step takes.
func checkValue(kind pipeline.Kind, number *float64, text *string) error {
	isNumber := kind == pipeline.Number
	switch {
	case isNumber && (number == nil || text != nil), !isNumber && (text == nil || number != nil):
		return fmt.Errorf("the value must be given as %s, and only so", kind)
	case isNumber && !finite(*number):
		return errors.New("the value is not finite")
	}
	return nil
}
