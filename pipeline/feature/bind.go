package feature

import (
	"errors"
	"fmt"
	"strings"

	"scored/pipeline"
)

// Bind matches columns with the contract, by name and in whatever order. Its error, a [pipeline.Configuration] problem,
// lists every column that is missing, retyped, repeated or surplus.
func (p *Plan) Bind(columns []pipeline.Column) (*Transformer, error) {
	places := make(map[string]int, len(columns))
	var wrong []string
	for i, column := range columns {
		if _, ok := places[column.Name]; ok {
			wrong = append(wrong, fmt.Sprintf("column %q comes twice", column.Name))
			continue
		}
		places[column.Name] = i
	}
	all := make([]rules, len(p.contract))
	for i, want := range p.contract {
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
	return &Transformer{
		plan: p, rules: all,
		seen: make([]*pipeline.Column, len(all)), tables: make([][]outcome, len(p.blocks)),
	}, nil
}
