package feature

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestNewPlanRefuses(t *testing.T) {
	oneHot := func(change func(s *Step)) []Step {
		s := oneHot(2, []Category{{Text: ptr("a"), Slot: ptr(0)}}, zero, zero)
		change(&s)
		return []Step{s}
	}
	ordinal := func(change func(s *Step)) []Step {
		s := ordinal([]Category{{Number: ptr(1.0), Code: ptr(0.0)}}, missing, missing)
		change(&s)
		return []Step{s}
	}
	tests := []struct {
		name   string
		column string
		steps  []Step
		want   string
	}{
		{"a column of nobody", "x", nil, `block 1: column "x" is not in the contract`},
		{"text without encoder", "t", nil, "text needs an encoder"},
		{"text with an impute alone", "t", []Step{{Op: "impute", Text: ptr("a")}}, "text needs an encoder"},
		{"an unknown operation", "n", []Step{{Op: "scale"}},
			`block 1 (column "n"): step 1 (scale): the operation is not known`},
		{"33 steps", "n", slices.Repeat([]Step{isMissing}, 33), `block 1 (column "n"): has 33 steps, more than 32`},
		{"a step after one_hot", "t", append(oneHot(func(*Step) {}), isMissing),
			"step 2 (is_missing): comes after one_hot, which comes last"},
		{"arithmetic on text", "t", []Step{arithmetic("add", 1)}, "step 1 (add): takes a number, and comes after text"},
		{"text after its encoder", "t", []Step{isMissing, imputeText("a")}, "step 2 (impute): the value must be given as number"},
		{"categories of text after an encoder", "t", append([]Step{isMissing}, oneHot(func(*Step) {})...),
			"step 2 (one_hot): category 1: the value must be given as number"},
		{"impute without a value", "n", []Step{{Op: "impute"}}, "the value must be given as number"},
		{"impute text in numbers", "n", []Step{{Op: "impute", Text: ptr("a")}}, "the value must be given as number"},
		{"impute a number in text", "t", []Step{{Op: "impute", Number: ptr(1.0)}, {Op: "is_missing"}},
			"the value must be given as text"},
		{"impute both", "n", []Step{{Op: "impute", Number: ptr(1.0), Text: ptr("a")}}, "the value must be given as number"},
		{"impute infinity", "n", []Step{{Op: "impute", Number: ptr(math.Inf(1))}}, "the value is not finite"},
		{"impute with a width", "n", []Step{{Op: "impute", Number: ptr(1.0), Width: ptr(1)}},
			"takes no width"},
		{"is_missing with a rule", "n", []Step{{Op: "is_missing", Missing: zero}}, "takes no missing"},
		{"is_missing with a value", "n", []Step{{Op: "is_missing", Number: ptr(1.0)}}, "takes no number"},

		{"add without a number", "n", []Step{{Op: "add"}}, "step 1 (add): the value must be given as number"},
		{"subtract infinity", "n", []Step{arithmetic("subtract", math.Inf(1))}, "the value is not finite"},
		{"multiply by text", "n", []Step{{Op: "multiply", Text: ptr("2")}}, "takes no text"},
		{"divide by nothing", "n", []Step{arithmetic("divide", math.Copysign(0, -1))}, "divides by 0"},
		{"add with edges", "n", []Step{{Op: "add", Number: ptr(1.0), Edges: []float64{1}}}, "takes no edges"},
		{"clip without max", "n", []Step{{Op: "clip", Min: ptr(1.0)}}, "min and max must be given"},
		{"clip to nothing", "n", []Step{clipTo(2, 1)}, "min 2 is above max 1"},
		{"clip to infinity", "n", []Step{clipTo(2, math.Inf(1))}, "a limit is not finite"},
		{"clip with a number", "n", []Step{{Op: "clip", Min: ptr(1.0), Max: ptr(1.0), Number: ptr(1.0)}}, "takes no number"},
		{"bin without edges", "n", []Step{{Op: "bin"}}, "edges must be given"},
		{"bin with falling edges", "n", []Step{bins(1, 2, 1)}, "the edges do not ascend"},
		{"bin with an edge NaN", "n", []Step{bins(1, math.NaN())}, "edge 2 is not finite"},
		{"bin with limits", "n", []Step{{Op: "bin", Edges: []float64{1}, Max: ptr(2.0)}}, "takes no max"},

		{"one-hot without width", "t", oneHot(func(s *Step) { s.Width = nil }), "width must be given"},
		{"one-hot with a negative width", "t", oneHot(func(s *Step) { s.Width = ptr(-1) }), "width must be given, from 0"},
		{"one-hot with a huge width", "t", oneHot(func(s *Step) { s.Width = ptr(1 << 40) }), "width must be given"},
		{"one-hot of a wrong kind", "n", oneHot(func(s *Step) {}), "category 1: the value must be given as number"},
		{"one-hot with a slot too large", "t", oneHot(func(s *Step) { s.Categories[0].Slot = ptr(2) }),
			"category 1: slot 2 is outside -1 to 1"},
		{"one-hot with a slot too small", "t", oneHot(func(s *Step) { s.Categories[0].Slot = ptr(-2) }),
			"slot -2 is outside"},
		{"one-hot with a code", "t", oneHot(func(s *Step) { s.Categories[0].Code = ptr(1.0) }), "one_hot takes a slot"},
		{"one-hot without a slot", "t", oneHot(func(s *Step) { s.Categories[0].Slot = nil }), "one_hot takes a slot"},
		{"one-hot with a category twice", "t", oneHot(func(s *Step) { s.Categories = append(s.Categories, s.Categories[0]) }),
			"category 2: another category has the same value"},
		{"one-hot without a missing rule", "t", oneHot(func(s *Step) { s.Missing = nil }), "missing: a rule must be given"},
		{"one-hot without an unknown rule", "t", oneHot(func(s *Step) { s.Unknown = nil }), "unknown: a rule must be given"},
		{"one-hot with an ordinal's rule", "t", oneHot(func(s *Step) { s.Missing = missing }),
			`missing: the action "missing" is not one`},
		{"one-hot with a code rule", "t", oneHot(func(s *Step) { s.Unknown = code(1) }),
			`unknown: the action "code" is not one`},
		{"one-hot with an unknown rule word", "t", oneHot(func(s *Step) { s.Unknown = &Rule{Action: "guess"} }),
			`the action "guess"`},
		{"one-hot rule slot out of width", "t", oneHot(func(s *Step) { s.Missing = slot(2) }),
			"missing: slot 2 is outside 0 to 1"},
		{"one-hot rule slot -1", "t", oneHot(func(s *Step) { s.Missing = slot(-1) }), "missing: slot -1 is outside 0 to 1"},
		{"one-hot rule without its slot", "t", oneHot(func(s *Step) { s.Missing = &Rule{Action: "slot"} }),
			"missing: one_hot takes a slot"},
		{"a zeros rule with a slot", "t", oneHot(func(s *Step) { s.Missing = &Rule{Action: "zeros", Slot: ptr(1)} }),
			"missing: zeros takes nothing"},
		{"a refuse rule with a code", "t", oneHot(func(s *Step) { s.Missing = &Rule{Action: "refuse", Code: ptr(1.0)} }),
			"refuse takes nothing"},

		{"ordinal with a width", "n", ordinal(func(s *Step) { s.Width = ptr(1) }), "takes no width"},
		{"ordinal with a slot", "n", ordinal(func(s *Step) { s.Categories[0].Slot = ptr(1) }),
			"category 1: ordinal takes a code"},
		{"ordinal without a code", "n", ordinal(func(s *Step) { s.Categories[0].Code = nil }), "ordinal takes a code"},
		{"ordinal with a code NaN", "n", ordinal(func(s *Step) { s.Categories[0].Code = ptr(math.NaN()) }),
			"the code is not finite"},
		{"ordinal with zeros", "n", ordinal(func(s *Step) { s.Unknown = zero }), `unknown: the action "zeros" is not one`},
		{"ordinal with 0 and -0", "n", ordinal(func(s *Step) {
			s.Categories = []Category{{Number: ptr(0.0), Code: ptr(0.0)}, {Number: ptr(math.Copysign(0, -1)), Code: ptr(1.0)}}
		}), "category 2: another category has the same value"},
		{"ordinal with a category NaN", "n", ordinal(func(s *Step) { s.Categories[0].Number = ptr(math.NaN()) }),
			"the value is not finite"},
		{"ordinal with text", "n", ordinal(func(s *Step) { s.Categories[0].Text = ptr("a") }),
			"the value must be given as number"},
		{"no feature at all", "t", oneHot(func(s *Step) { s.Width, s.Categories = ptr(0), nil }), "gives no features"},
	}
	contract := Contract{number("n"), text("t")}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewPlan(contract, []Block{{Column: tt.column, Steps: tt.steps}})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestNewPlanBoundsTheFeatures(t *testing.T) {
	wide := Block{Column: "t", Steps: []Step{{Op: "one_hot", Width: ptr(maxWidth), Missing: zero, Unknown: zero}}}
	contract := Contract{text("t")}
	if _, err := NewPlan(contract, []Block{wide}); err != nil {
		t.Error(err)
	}
	_, err := NewPlan(contract, []Block{wide, wide})
	if err == nil || !strings.Contains(err.Error(), "more than 65536 features") {
		t.Errorf("got error %v", err)
	}
}

func TestPlanNamesTheSourceOfEachFeature(t *testing.T) {
	contract, blocks := mixed()
	plan, err := NewPlan(contract, blocks)
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{1, 1, 0, 3, 0}; !slices.Equal(plan.Sources(), want) || plan.Width() != 5 {
		t.Errorf("got %v, want %v", plan.Sources(), want)
	}
}
