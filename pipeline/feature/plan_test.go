package feature

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"scored/pipeline"
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
		{"two imputes", "n", []Step{{Op: "impute", Number: ptr(1.0)}, {Op: "impute", Number: ptr(1.0)}},
			"step 2 (impute): impute comes first"},
		{"an encoder before the end", "n", []Step{{Op: "is_missing"}, {Op: "is_missing"}},
			"step 1 (is_missing): is_missing comes last"},
		{"impute after an encoder", "n", []Step{{Op: "is_missing"}, {Op: "impute", Number: ptr(1.0)}},
			"is_missing comes last"},
		{"impute without a value", "n", []Step{{Op: "impute"}}, "the value of a number column is given as number"},
		{"impute text in numbers", "n", []Step{{Op: "impute", Text: ptr("a")}},
			"the value of a number column is given as number"},
		{"impute a number in text", "t", []Step{{Op: "impute", Number: ptr(1.0)}, {Op: "is_missing"}},
			"the value of a text column is given as text"},
		{"impute both", "n", []Step{{Op: "impute", Number: ptr(1.0), Text: ptr("a")}}, "the value of a number column"},
		{"impute infinity", "n", []Step{{Op: "impute", Number: ptr(math.Inf(1))}}, "the value is not finite"},
		{"impute with a width", "n", []Step{{Op: "impute", Number: ptr(1.0), Width: ptr(1)}},
			"takes a value and nothing else"},
		{"is_missing with a rule", "n", []Step{{Op: "is_missing", Missing: zero}}, "takes nothing"},
		{"is_missing with a value", "n", []Step{{Op: "is_missing", Number: ptr(1.0)}}, "takes no value"},

		{"one-hot without width", "t", oneHot(func(s *Step) { s.Width = nil }), "width must be given"},
		{"one-hot with a negative width", "t", oneHot(func(s *Step) { s.Width = ptr(-1) }), "width must be given, from 0"},
		{"one-hot with a huge width", "t", oneHot(func(s *Step) { s.Width = ptr(1 << 40) }), "width must be given"},
		{"one-hot of a wrong kind", "n", oneHot(func(s *Step) {}), "category 1: the value of a number column"},
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
		{"ordinal with a code too large", "n", ordinal(func(s *Step) { s.Categories[0].Code = ptr(1e39) }),
			"the code does not fit in a float32"},
		{"ordinal with zeros", "n", ordinal(func(s *Step) { s.Unknown = zero }), `unknown: the action "zeros" is not one`},
		{"ordinal with 0 and -0", "n", ordinal(func(s *Step) {
			s.Categories = []Category{{Number: ptr(0.0), Code: ptr(0.0)}, {Number: ptr(math.Copysign(0, -1)), Code: ptr(1.0)}}
		}), "category 2: another category has the same value"},
		{"ordinal with a category NaN", "n", ordinal(func(s *Step) { s.Categories[0].Number = ptr(math.NaN()) }),
			"the value is not finite"},
		{"ordinal with text", "n", ordinal(func(s *Step) { s.Categories[0].Text = ptr("a") }),
			"the value of a number column"},
		{"no feature at all", "t", oneHot(func(s *Step) { s.Width, s.Categories = ptr(0), nil }), "gives no features"},
	}
	contract := Contract{{Name: "n", Type: "number"}, {Name: "t", Type: "text"}}
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
	contract := Contract{{Name: "t", Type: "text"}}
	if _, err := NewPlan(contract, []Block{wide}); err != nil {
		t.Error(err)
	}
	_, err := NewPlan(contract, []Block{wide, wide})
	if err == nil || !strings.Contains(err.Error(), "more than 65536 features") {
		t.Errorf("got error %v", err)
	}
}

func TestNewPlanRefusesAContract(t *testing.T) {
	tests := []struct {
		name     string
		contract Contract
		want     string
	}{
		{"empty", nil, "contract: has no columns"},
		{"no name", Contract{{Type: "number"}}, "contract: column 1 has no name"},
		{"twice", Contract{{Name: "a", Type: "number"}, {Name: "a", Type: "text"}}, `contract: column "a" comes twice`},
		{"type", Contract{{Name: "a", Type: "unsupported"}}, `column "a" has type "unsupported", neither number nor text`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := NewPlan(tt.contract, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestBindListsWhateverIsWrong(t *testing.T) {
	contract, blocks := mixed() // visits number, region, note, fuel text
	plan, err := NewPlan(contract, blocks)
	if err != nil {
		t.Fatal(err)
	}
	_, err = plan.Bind([]pipeline.Column{
		{Name: "zebra", Kind: pipeline.Number, Type: "int8"},
		{Name: "fuel", Kind: pipeline.Unsupported, Type: "super"},
		{Name: "visits", Kind: pipeline.Text, Type: "varchar"},
		{Name: "ape", Kind: pipeline.Text, Type: "varchar"},
		{Name: "note", Kind: pipeline.Text, Type: "varchar"},
		{Name: "note", Kind: pipeline.Text, Type: "varchar"},
		{Name: "Region", Kind: pipeline.Text, Type: "varchar"},
	})
	want := `the dataprep result does not fit the model's contract: column "note" comes twice; ` +
		`column "visits" is text (varchar), the contract says number; column "region" (text) is missing; ` +
		`column "fuel" is unsupported (super), the contract says text; ` +
		`column "zebra" (int8) is surplus; column "ape" (varchar) is surplus; column "Region" (varchar) is surplus`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if pipeline.ClassOf(err) != pipeline.Configuration || pipeline.HintOf(err) == "" {
		t.Errorf("class %v, hint %q", pipeline.ClassOf(err), pipeline.HintOf(err))
	}
}

// FuzzPlan holds that whatever plan is accepted transforms any row without a panic, into float32s, none infinite.
func FuzzPlan(f *testing.F) {
	contract, blocks := mixed()
	seed, err := json.Marshal(blocks)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(seed), 1.0, "north")
	f.Add(`[{"column":"visits","steps":[{"op":"one_hot","width":0,"missing":{"action":"zeros"},
		"unknown":{"action":"refuse"}}]}]`, 0.0, "")
	f.Add(`[{"column":"visits","steps":[]}]`, 1e39, "x")
	f.Fuzz(func(t *testing.T, transform string, v float64, s string) {
		var blocks []Block
		if json.Unmarshal([]byte(transform), &blocks) != nil {
			return
		}
		plan, err := NewPlan(contract, blocks)
		if err != nil || plan.Width() > 1000 {
			return
		}
		columns := []pipeline.Column{number1("visits", v), text1("region", s), text1("note", s), text1("fuel", s)}
		bound, err := plan.Bind(columns)
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]float32, plan.Width())
		reasons := bound.Transform(batch(1, columns...), dst)
		for i, x := range dst {
			if reasons[0] == "" && math.IsInf(float64(x), 0) {
				t.Errorf("feature %d is infinite", i)
			}
		}
	})
}
