package feature

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"scored/pipeline"
)

// maxSteps bounds the steps of a block.
const maxSteps = 32

// program is what the steps of a block come down to. Text is looked up first, per text of a batch's dictionary; numbers
// are imputed first. What follows works on numbers, a column or a dictionary at a time.
type program struct {
	width   int
	texts   *encoder // of a text column: what makes numbers, or features, of it
	missing float64  // of a number column: takes a missing value's place; NaN where it stays missing
	steps   []operation
	oneHot  *encoder // makes features of the numbers; nil where each is a feature itself
	tooBig  string   // the reason of a rejection
}

// compiler goes through a block's steps.
type compiler struct {
	*program
	column string
	kind   pipeline.Kind // of what the last step gives; Unsupported where that is features
	text   *string       // takes a missing text's place
}

func compile(column Column, steps []Step) (*program, error) {
	if len(steps) > maxSteps {
		return nil, fmt.Errorf("has %d steps, more than %d", len(steps), maxSteps)
	}
	c := &compiler{column: column.Name, kind: column.Kind(), program: &program{
		width: 1, missing: math.NaN(),
		tooBig: fmt.Sprintf("column %q: does not fit in a float32, as the model's trees compare it", column.Name),
	}}
	for i := range steps {
		if err := c.add(&steps[i]); err != nil {
			return nil, fmt.Errorf("step %d (%s): %w", i+1, Shown(steps[i].Op), err)
		}
	}
	if c.kind == pipeline.Text {
		return nil, errors.New("text needs an encoder: one_hot, ordinal or is_missing")
	}
	return c.program, nil
}

// Shown returns a word of a bundle as a message shows it. A known word stays as it is; whoever wrote the file may have put
// one there that a terminal obeys, or megabytes: these come in quotes, escaped and cut.
func Shown(word string) string {
	if quoted := fmt.Sprintf("%.60q", word); quoted != `"`+word+`"` {
		return quoted
	}
	return word
}

// add checks a step and adds it to the program.
func (c *compiler) add(s *Step) error {
	if c.kind == pipeline.Unsupported {
		return errors.New("comes after one_hot, which comes last")
	}
	switch s.Op {
	case "impute":
		return c.addImpute(s)
	case "is_missing":
		return c.addMark(s)
	case "one_hot", "ordinal":
		return c.addEncoder(s)
	case "add", "subtract", "multiply", "divide", "clip", "bin":
		if c.kind != pipeline.Number {
			return errors.New("takes a number, and comes after text")
		}
		step, err := newOperation(s)
		c.steps = append(c.steps, step)
		if s.Op != "clip" && s.Op != "bin" {
			c.steps = append(c.steps, finiteOnly(fmt.Sprintf("column %q: %s gives an infinite number", c.column, s.Op)))
		}
		return err
	}
	return errors.New("the operation is not known")
}

func (c *compiler) addImpute(s *Step) error {
	if err := s.takes("number", "text"); err != nil {
		return err
	}
	if err := checkValue(c.kind, s.Number, s.Text); err != nil {
		return err
	}
	switch first := c.texts == nil && len(c.steps) == 0 && math.IsNaN(c.missing); {
	case c.kind == pipeline.Text && c.text == nil: // after the first, no text is missing
		c.text = s.Text
	case c.kind == pipeline.Number && first:
		c.missing = *s.Number
	case c.kind == pipeline.Number:
		c.steps = append(c.steps, impute(*s.Number))
	}
	return nil
}

func (c *compiler) addMark(s *Step) error {
	if err := s.takes(); err != nil {
		return err
	}
	if c.kind == pipeline.Text {
		c.lookUp(newMark())
	} else {
		c.steps = append(c.steps, mark{})
	}
	c.kind = pipeline.Number
	return nil
}

func (c *compiler) addEncoder(s *Step) error {
	keys := []string{"categories", "missing", "unknown"}
	if s.Op == "one_hot" {
		keys = append(keys, "width")
	}
	if err := s.takes(keys...); err != nil {
		return err
	}
	e, err := newEncoder(c.column, c.kind, s)
	if err != nil {
		return err
	}
	text := c.kind == pipeline.Text
	if text {
		c.lookUp(e)
	}
	if c.kind = pipeline.Number; s.Op == "one_hot" {
		c.kind, c.width = pipeline.Unsupported, e.features
	}
	switch {
	case text:
	case s.Op == "one_hot":
		c.oneHot = e
	default:
		c.steps = append(c.steps, recode{e})
	}
	return nil
}

// lookUp makes the encoder the program's first step.
func (c *compiler) lookUp(e *encoder) {
	if c.text != nil {
		e.missing = e.text(*c.text)
	}
	c.texts = e
}

// newOperation checks a step that is arithmetic, clip or bin.
func newOperation(s *Step) (operation, error) {
	switch s.Op {
	case "clip":
		return newClip(s)
	case "bin":
		return newBin(s)
	}
	if err := s.takes("number"); err != nil {
		return nil, err
	}
	if err := checkValue(pipeline.Number, s.Number, nil); err != nil {
		return nil, err
	}
	switch v := *s.Number; {
	case s.Op == "add":
		return add(v), nil
	case s.Op == "subtract":
		return subtract(v), nil
	case s.Op == "multiply":
		return multiply(v), nil
	case v == 0:
		return nil, errors.New("divides by 0")
	default:
		return divide(v), nil
	}
}

func newClip(s *Step) (operation, error) {
	if err := s.takes("min", "max"); err != nil {
		return nil, err
	}
	switch {
	case s.Min == nil || s.Max == nil:
		return nil, errors.New("min and max must be given")
	case !finite(*s.Min) || !finite(*s.Max):
		return nil, errors.New("a limit is not finite")
	case *s.Min > *s.Max:
		return nil, fmt.Errorf("min %g is above max %g", *s.Min, *s.Max)
	}
	return clip{min: *s.Min, max: *s.Max}, nil
}

func newBin(s *Step) (operation, error) {
	if err := s.takes("edges"); err != nil {
		return nil, err
	}
	if s.Edges == nil {
		return nil, errors.New("edges must be given")
	}
	for i, edge := range s.Edges {
		if !finite(edge) {
			return nil, fmt.Errorf("edge %d is not finite", i+1)
		}
	}
	if !slices.IsSorted(s.Edges) {
		return nil, errors.New("the edges do not ascend")
	}
	return bin{edges: s.Edges}, nil
}
