package feature

import (
	"math"
	"slices"
	"strings"
	"testing"

	"scored/pipeline"
)

// limited returns a column with limits and a rule for what is beyond.
func limited(abnormal string, low, high *float64) Column {
	c := number("c")
	c.Abnormal, c.Min, c.Max = abnormal, low, high
	return c
}

// listed returns a column with categories and a rule for other text.
func listed(abnormal string, categories ...string) Column {
	c := text("c")
	c.Abnormal, c.Categories = abnormal, categories
	return c
}

func TestContractIsRefused(t *testing.T) {
	with := func(c Column, change func(c *Column)) Contract {
		change(&c)
		return Contract{c}
	}
	tests := []struct {
		name     string
		contract Contract
		want     string
	}{
		{"empty", nil, "has no columns"},
		{"no name", Contract{{Type: "number"}}, "column 1 has no name"},
		{"a name too long", Contract{number("a"), number(strings.Repeat("é", 64))},
			"column 2 has a name of 128 bytes, and Redshift's have at most 127"},
		{"twice", Contract{number("a"), text("a")}, `column "a" comes twice`},
		{"type", Contract{{Name: "a", Type: "unsupported"}}, `column "a" has type "unsupported", neither number nor text`},

		{"no rule", with(number("a"), func(c *Column) { c.Abnormal = "" }),
			`column "a": abnormal "" is none of refuse, clip and missing`},
		{"numbers that pass", Contract{limited(Pass, nil, nil)}, `abnormal "pass" is none of refuse, clip and missing`},
		{"clip without min", Contract{limited(Clip, nil, ptr(1.0))}, `abnormal "clip" wants both min and max`},
		{"clip without max", Contract{limited(Clip, ptr(1.0), nil)}, `abnormal "clip" wants both min and max`},
		{"min above max", Contract{limited(Refuse, ptr(2.0), ptr(1.0))}, "min 2 is above max 1"},
		{"an infinite limit", Contract{limited(Refuse, nil, ptr(math.Inf(1)))}, "a limit is not finite"},
		{"a limit NaN", Contract{limited(Refuse, ptr(math.NaN()), nil)}, "a limit is not finite"},
		{"numbers with categories", with(number("a"), func(c *Column) { c.Categories = []string{"a"} }),
			"a number has no categories"},
		{"numbers that are missing and may not be", with(limited(Missing, nil, nil), func(c *Column) { c.Nullable = false }),
			`abnormal "missing" wants a nullable column`},

		{"text that is clipped", Contract{listed(Clip, "a")}, `abnormal "clip" is none of refuse, missing and pass`},
		{"text with min", with(text("a"), func(c *Column) { c.Min = ptr(1.0) }), "text has no min and no max"},
		{"text with max", with(text("a"), func(c *Column) { c.Max = ptr(1.0) }), "text has no min and no max"},
		{"empty categories", with(text("a"), func(c *Column) { c.Categories = []string{} }), "categories is empty"},
		{"a category twice", Contract{listed(Refuse, "a", "b", "a")}, "category 3 is empty, or comes twice"},
		{"an empty category", Contract{listed(Pass, "a", "")}, "category 2 is empty, or comes twice"},
		{"refuse without categories", Contract{listed(Refuse)}, `abnormal "refuse" wants categories`},
		{"missing without categories", Contract{listed(Missing)}, `abnormal "missing" wants categories`},
		{"text that is missing and may not be", with(listed(Missing, "a"), func(c *Column) { c.Nullable = false }),
			`abnormal "missing" wants a nullable column`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.contract.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestContractTakesTheLongestName(t *testing.T) {
	if err := (Contract{number(strings.Repeat("a", maxNameBytes))}).Validate(); err != nil {
		t.Error(err)
	}
}

// What the blocks see of a value, and what is said of a row that they never see.
func TestContractRules(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	const below, above = "below the contract's min", "above the contract's max"
	const infinite, unlisted = "infinite", "in none of the contract's categories"
	tests := []struct {
		name    string
		rule    Column
		column  pipeline.Column
		want    []float32
		reasons []string
	}{
		{"without limits", limited(Refuse, nil, nil), number1("c", -1e30, 1e30, nan), []float32{-1e30, 1e30, nan32}, nil},
		{"limits are normal", limited(Refuse, ptr(-1.0), ptr(2.0)), number1("c", -1, 2, nan), []float32{-1, 2, nan32}, nil},
		{"refuse", limited(Refuse, ptr(-1.0), ptr(2.0)), number1("c", -1.5, math.Nextafter(2, 3), inf, -inf, 0),
			[]float32{0, 0, 0, 0, 0}, []string{below, above, infinite, infinite, ""}},
		{"refuse with min alone", limited(Refuse, ptr(0.0), nil), number1("c", -1, 1e38), []float32{0, 1e38}, []string{below, ""}},
		{"refuse with max alone", limited(Refuse, nil, ptr(0.0)), number1("c", 1, -1e38), []float32{0, -1e38}, []string{above, ""}},
		{"clip", limited(Clip, ptr(-1.0), ptr(2.0)), number1("c", -7, 7, inf, -inf, 0.5, nan),
			[]float32{-1, 2, 2, -1, 0.5, nan32}, nil},
		{"missing", limited(Missing, ptr(-1.0), ptr(2.0)), number1("c", -7, 7, inf, -inf, 0.5, nan),
			[]float32{nan32, nan32, nan32, nan32, 0.5, nan32}, nil},
		{"missing without limits", limited(Missing, nil, nil), number1("c", inf, 5), []float32{nan32, 5}, nil},

		{"pass", listed(Pass, "diesel"), text1("c", "petrol", "diesel", "coal", ""), []float32{float32(7.1), 0, -9, nan32}, nil},
		{"refuse text", listed(Refuse, "diesel", "petrol"), text1("c", "coal", "diesel", "", "petrol", "coal"),
			[]float32{0, 0, nan32, float32(7.1), 0}, []string{unlisted, "", "", "", unlisted}},
		{"missing text", listed(Missing, "diesel", "petrol"), text1("c", "coal", "diesel", "", "petrol", "coal"),
			[]float32{nan32, 0, nan32, float32(7.1), nan32}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			block := Block{Column: "c"}
			if tt.column.Kind == pipeline.Text {
				block.Steps = []Step{ordinal(fuels, missing, code(-9))}
			}
			bound := transformer(t, Contract{tt.rule}, []Block{block}, []pipeline.Column{tt.column})
			numbers, codes := slices.Clone(tt.column.Numbers), slices.Clone(tt.column.Codes)
			in, dst := batch(len(tt.want), tt.column), make([]float32, len(tt.want))
			reasons := bound.Transform(in, dst)
			for row, want := range tt.want {
				reason := ""
				if tt.reasons != nil && tt.reasons[row] != "" {
					reason = `column "c": ` + tt.reasons[row]
				}
				if reasons[row] != reason {
					t.Errorf("row %d: reason %q, want %q", row, reasons[row], reason)
				}
				if reason == "" && !same(dst[row:row+1], []float32{want}) {
					t.Errorf("row %d: got %v, want %v", row, dst[row], want)
				}
			}
			same64 := func(a, b float64) bool { return a == b || a != a && b != b }
			own := bound.Column(in, 0)
			if !slices.EqualFunc(own.Numbers, numbers, same64) || !slices.Equal(own.Codes, codes) {
				t.Error("the source's batch has changed")
			}
		})
	}
}

// A copy that the batch before needed is not taken for this one.
func TestContractForgetsTheBatchBefore(t *testing.T) {
	contract := Contract{limited(Clip, ptr(0.0), ptr(1.0)), {
		Name: "t", Type: "text", Nullable: true, Abnormal: Missing, Categories: []string{"diesel", "petrol"}}}
	blocks := []Block{{Column: "c"}, {Column: "t", Steps: []Step{ordinal(fuels, missing, refuse)}}}
	first := []pipeline.Column{number1("c", 5, 5, 5), text1("t", "coal", "coal", "petrol")}
	bound, dst := transformer(t, contract, blocks, first), make([]float32, 6)
	bound.Transform(batch(3, first...), dst)
	if want := []float32{1, nan32, 1, nan32, 1, float32(7.1)}; !same(dst, want) {
		t.Fatalf("got %v, want %v", dst, want)
	}
	second := []pipeline.Column{number1("c", 0.25, 0.5), text1("t", "petrol", "diesel")}
	bound.Transform(batch(2, second...), dst)
	if want := []float32{0.25, float32(7.1), 0.5, 0}; !same(dst[:4], want) {
		t.Errorf("got %v, want %v", dst[:4], want)
	}
}
