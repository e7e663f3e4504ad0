package feature

import (
	"errors"
	"fmt"
	"strings"

	"scored/pipeline"
)

// Bind matches columns with a valid contract, by name and in whatever order. Its error, a [pipeline.Configuration] problem,
// lists every column that is missing, retyped, repeated or surplus.
func (c Contract) Bind(columns []pipeline.Column) (*Gate, error) {
	places := make(map[string]int, len(columns))
	var wrong []string
	for i, column := range columns {
		if _, ok := places[column.Name]; ok {
			wrong = append(wrong, fmt.Sprintf("column %q comes twice", column.Name))
			continue
		}
		places[column.Name] = i
	}
	all := make([]rules, len(c))
	for i, want := range c {
		at, ok := places[want.Name]
		switch {
		case !ok:
			wrong = append(wrong, fmt.Sprintf("column %q (%s) is missing", want.Name, want.Type))
		case columns[at].Kind != want.Kind():
			wrong = append(wrong, fmt.Sprintf("column %q is %s (%s), the contract says %s",
				want.Name, columns[at].Kind, columns[at].Type, want.Type))
		}
		all[i] = newRules(want, at)
		delete(places, want.Name)
	}
	for i, column := range columns {
		if at, ok := places[column.Name]; ok && at == i {
			wrong = append(wrong, fmt.Sprintf("column %q (%s) is surplus", column.Name, column.Type))
		}
	}
	if len(wrong) > 0 {
		return nil, &pipeline.Problem{
			Class: pipeline.Configuration,
			Err:   errors.New("the dataprep result does not fit the model's contract: " + strings.Join(wrong, "; ")),
			Hint: "change the last SELECT of the dataprep script so that it gives the contract's columns beside the key, " +
				"or train and export the model again on what the script gives now",
		}
	}
	return &Gate{rules: all, seen: make([]*pipeline.Column, len(all))}, nil
}

// Behind returns a transformer of what a gate of the plan's contract admits. All behind one gate are made before its first
// batch.
func (p *Plan) Behind(gate *Gate) *Transformer {
	for _, b := range p.blocks {
		if b.texts != nil {
			gate.tables++
		}
	}
	return &Transformer{plan: p, gate: gate, tables: make([][]outcome, len(p.blocks))}
}
