package feature

import (
	"math"
	"slices"

	"scored/pipeline"
)

// value is a raw value, or what a step made of it: text if text is not nil, else a number, NaN where missing.
type value struct {
	isText bool
	text   string // "" where missing
	number float64
}

func (v value) missing() bool { return v.isText && v.text == "" || !v.isText && math.IsNaN(v.number) }

// ruled is the contract's rule for one value, word by word as docs/bundle.md has it.
func ruled(c Column, v value) (value, bool) {
	if v.missing() {
		return v, c.Nullable
	}
	low, high := v.number, v.number
	if c.Min != nil {
		low = *c.Min
	}
	if c.Max != nil {
		high = *c.Max
	}
	abnormal := !v.isText && (math.IsInf(v.number, 0) || v.number < low || v.number > high) ||
		v.isText && c.Categories != nil && !slices.Contains(c.Categories, v.text)
	switch {
	case !abnormal || c.Abnormal == Pass:
		return v, true
	case c.Abnormal == Clip:
		v.number = min(max(v.number, low), high)
		return v, true
	case c.Abnormal == Missing:
		return value{isText: v.isText, number: math.NaN()}, true
	}
	return v, false
}

// walked is a block's features for one value, step by step as docs/bundle.md has it; ok is false if the row is rejected.
func walked(steps []Step, v value) (features []float32, ok bool) {
	for _, s := range steps {
		switch {
		case s.Op == "impute" && v.missing() && v.isText:
			v.text = *s.Text
		case s.Op == "impute" && v.missing():
			v.number = *s.Number
		case s.Op == "is_missing" && v.missing():
			v = value{number: 1}
		case s.Op == "is_missing":
			v = value{}
		case s.Op == "add":
			v.number += *s.Number
		case s.Op == "subtract":
			v.number -= *s.Number
		case s.Op == "multiply":
			v.number *= *s.Number
		case s.Op == "divide":
			v.number /= *s.Number
		case s.Op == "clip" && !v.missing():
			v.number = min(max(v.number, *s.Min), *s.Max)
		case s.Op == "bin" && !v.missing():
			n := 0.0
			for _, edge := range s.Edges {
				if edge <= v.number {
					n++
				}
			}
			v.number = n
		case s.Op == "ordinal":
			code, action := encoded(s, v)
			if action == "refuse" {
				return nil, false
			}
			v = value{number: math.NaN()}
			if code.Code != nil {
				v.number = *code.Code
			}
		case s.Op == "one_hot":
			place, action := encoded(s, v)
			if action == "refuse" {
				return nil, false
			}
			features = make([]float32, *s.Width)
			if place.Slot != nil && *place.Slot >= 0 {
				features[*place.Slot] = 1
			}
			return features, true
		}
		if !v.isText && math.IsInf(v.number, 0) {
			return nil, false
		}
	}
	single := float32(v.number)
	return []float32{single}, !math.IsInf(float64(single), 0)
}

// encoded returns what an encoder gives, or the action of its rule.
func encoded(s Step, v value) (given Category, action string) {
	rule := s.Unknown
	if v.missing() {
		rule = s.Missing
	} else {
		for _, c := range s.Categories {
			if c.Text != nil && v.isText && *c.Text == v.text || c.Number != nil && !v.isText && *c.Number == v.number {
				return c, ""
			}
		}
	}
	return Category{Slot: rule.Slot, Code: rule.Code}, rule.Action
}

// at returns a column's value in a row.
func at(c pipeline.Column, row int) value {
	if c.Kind == pipeline.Number {
		return value{number: c.Numbers[row]}
	}
	if c.Codes[row] == pipeline.NoText {
		return value{isText: true}
	}
	return value{isText: true, text: c.Dict[c.Codes[row]]}
}
