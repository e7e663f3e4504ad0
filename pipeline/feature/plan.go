package feature

import (
	"errors"
	"fmt"
)

// maxWidth bounds the features, of a block and of a plan.
const maxWidth = 1 << 16

// Plan is a validated contract with the transform that leads from its columns to the features.
type Plan struct {
	contract Contract
	blocks   []planned
	sources  []int
}

// planned is a block with its place among the contract's columns and among the features.
type planned struct {
	*program
	column int
	first  int
}

// NewPlan checks the blocks against the contract, which is valid: columns exist and have the kind that their steps take,
// each step takes what the one before gives, slots lie within the width, categories differ, and numbers are finite.
func NewPlan(contract Contract, blocks []Block) (*Plan, error) {
	p := &Plan{contract: contract}
	places := contract.index()
	for i, block := range blocks {
		at, ok := places[block.Column]
		if !ok {
			return nil, fmt.Errorf("transform, block %d: column %q is not in the contract", i+1, block.Column)
		}
		program, err := compile(contract[at], block.Steps)
		if err != nil {
			return nil, fmt.Errorf("transform, block %d (column %q): %w", i+1, block.Column, err)
		}
		p.blocks = append(p.blocks, planned{program: program, column: at, first: len(p.sources)})
		if len(p.sources)+program.width > maxWidth {
			return nil, fmt.Errorf("transform, block %d: more than %d features", i+1, maxWidth)
		}
		for range program.width {
			p.sources = append(p.sources, at)
		}
	}
	if p.Width() == 0 {
		return nil, errors.New("transform: gives no features")
	}
	return p, nil
}

// Width returns the number of features.
func (p *Plan) Width() int { return len(p.sources) }

// Contract returns the raw columns in training order.
func (p *Plan) Contract() Contract { return p.contract }

// Sources returns, per feature, the index in the contract of the raw column that it is made of. The caller must not
// change it.
func (p *Plan) Sources() []int { return p.sources }
