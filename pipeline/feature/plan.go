package feature

import (
	"errors"
	"fmt"
	"math"

	"scored/pipeline"
)

// maxWidth bounds the features, of a block and of a plan.
const maxWidth = 1 << 16

// Plan is a validated contract with the transform that leads from its columns to the features.
type Plan struct {
	contract Contract
	blocks   []planned
	width    int
}

// planned is a block with its place among the contract's columns and among the features.
type planned struct {
	column int
	first  int
	step   compiled
}

// NewPlan checks the blocks against the contract: columns exist and have the kind that their steps take, steps stand in
// order, slots lie within the width, categories differ, and numbers are finite and fit in a float32.
func NewPlan(contract Contract, blocks []Block) (*Plan, error) {
	if err := contract.Validate(); err != nil {
		return nil, fmt.Errorf("contract: %w", err)
	}
	p := &Plan{contract: contract}
	places := contract.index()
	for i, block := range blocks {
		at, ok := places[block.Column]
		if !ok {
			return nil, fmt.Errorf("transform, block %d: column %q is not in the contract", i+1, block.Column)
		}
		step, err := compile(contract[at], block.Steps)
		if err != nil {
			return nil, fmt.Errorf("transform, block %d (column %q): %w", i+1, block.Column, err)
		}
		p.blocks = append(p.blocks, planned{column: at, first: p.width, step: step})
		if p.width += step.width(); p.width > maxWidth {
			return nil, fmt.Errorf("transform, block %d: more than %d features", i+1, maxWidth)
		}
	}
	if p.width == 0 {
		return nil, errors.New("transform: gives no features")
	}
	return p, nil
}

// Width returns the number of features.
func (p *Plan) Width() int { return p.width }

// Contract returns the raw columns in training order.
func (p *Plan) Contract() Contract { return p.contract }

// compiled is what the steps of a block come down to: the number itself, or an outcome looked up.
type compiled interface {
	width() int
	apply(column *pipeline.Column, out output)
}

// compile checks a block's steps, which are at most one impute and at most one encoder after it.
func compile(column Column, steps []Step) (compiled, error) {
	var impute *Step
	var encode compiled
	for i := range steps {
		step, last := &steps[i], i == len(steps)-1
		var err error
		switch {
		case step.Op == "impute" && i > 0:
			err = errors.New("impute comes first")
		case step.Op == "impute":
			impute, err = step, checkImpute(column, step)
		case step.Op != "one_hot" && step.Op != "ordinal" && step.Op != "is_missing":
			err = errors.New("the operation is not known")
		case !last:
			err = fmt.Errorf("%s comes last", step.Op)
		default:
			encode, err = newEncoder(column, impute, step)
		}
		if err != nil {
			return nil, fmt.Errorf("step %d (%s): %w", i+1, step.Op, err)
		}
	}
	switch {
	case encode != nil:
		return encode, nil
	case column.Kind() == pipeline.Text:
		return nil, errors.New("text needs an encoder: one_hot, ordinal or is_missing")
	}
	return newNumber(column, impute), nil
}

func checkImpute(column Column, step *Step) error {
	if step.Width != nil || step.Categories != nil || step.Missing != nil || step.Unknown != nil {
		return errors.New("takes a value and nothing else")
	}
	return checkValue(column, step.Number, step.Text)
}

// checkValue checks that a value is given once, and as the column's kind.
func checkValue(column Column, number *float64, text *string) error {
	isNumber := column.Kind() == pipeline.Number
	switch {
	case isNumber && (number == nil || text != nil), !isNumber && (text == nil || number != nil):
		return fmt.Errorf("the value of a %s column is given as %s", column.Type, column.Type)
	case isNumber && (math.IsNaN(*number) || math.IsInf(*number, 0)):
		return errors.New("the value is not finite")
	}
	return nil
}

// fits says whether a feature of this value can be given to the forest.
func fits(v float64) bool { return !math.IsInf(float64(float32(v)), 0) }
