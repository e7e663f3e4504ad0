package feature

import (
	"math"
	"slices"
	"strings"
	"testing"

	"scored/pipeline"
)

func ptr[T any](v T) *T { return &v }

func number1(name string, values ...float64) pipeline.Column {
	return pipeline.Column{Name: name, Kind: pipeline.Number, Type: "float8", Numbers: values}
}

// text1 makes a text column, "" being missing.
func text1(name string, values ...string) pipeline.Column {
	c := pipeline.Column{Name: name, Kind: pipeline.Text, Type: "varchar"}
	for _, v := range values {
		code := pipeline.NoText
		if v != "" {
			if !slices.Contains(c.Dict, v) {
				c.Dict = append(c.Dict, v)
			}
			code = int32(slices.Index(c.Dict, v))
		}
		c.Codes = append(c.Codes, code)
	}
	return c
}

func batch(rows int, columns ...pipeline.Column) *pipeline.Batch {
	b := &pipeline.Batch{Columns: columns}
	for range rows {
		b.Keys = append(b.Keys, "K")
	}
	return b
}

func transformer(t testing.TB, contract Contract, blocks []Block, columns []pipeline.Column) *Transformer {
	t.Helper()
	plan, err := NewPlan(contract, blocks)
	if err != nil {
		t.Fatal(err)
	}
	bound, err := plan.Bind(columns)
	if err != nil {
		t.Fatal(err)
	}
	return bound
}

func same(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(a, b float32) bool { return a == b || a != a && b != b })
}

var (
	nan32   = float32(math.NaN())
	refuse  = &Rule{Action: "refuse"}
	missing = &Rule{Action: "missing"}
	zero    = &Rule{Action: "zeros"}
)

func slot(n int) *Rule     { return &Rule{Action: "slot", Slot: &n} }
func code(x float64) *Rule { return &Rule{Action: "code", Code: &x} }

var isMissing = Step{Op: "is_missing"}

func imputeNumber(x float64) Step { return Step{Op: "impute", Number: &x} }
func imputeText(s string) Step    { return Step{Op: "impute", Text: &s} }

func oneHot(width int, categories []Category, missing, unknown *Rule) Step {
	return Step{Op: "one_hot", Width: &width, Categories: categories, Missing: missing, Unknown: unknown}
}

func ordinal(categories []Category, missing, unknown *Rule) Step {
	return Step{Op: "ordinal", Categories: categories, Missing: missing, Unknown: unknown}
}

var regions = []Category{{Text: ptr("north"), Slot: ptr(0)}, {Text: ptr("south"), Slot: ptr(1)},
	{Text: ptr("west"), Slot: ptr(1)}, {Text: ptr("dropped"), Slot: ptr(-1)}}

var flags = []Category{{Number: ptr(0.0), Slot: ptr(0)}, {Number: ptr(1.5), Slot: ptr(1)}}

var fuels = []Category{{Text: ptr("diesel"), Code: ptr(0.0)}, {Text: ptr("petrol"), Code: ptr(7.1)}}

var sizes = []Category{{Number: ptr(-2.0), Code: ptr(0.0)}, {Number: ptr(0.1), Code: ptr(1.0)}}

// One column, one block: what each step and each rule gives.
func TestTransform(t *testing.T) {
	tests := []struct {
		name   string
		steps  []Step
		column pipeline.Column
		want   [][]float32 // nil for a rejected row
		reason string
	}{
		{"a number is cast to float32", nil, number1("c", 1, 0.1, -16777217, math.NaN()),
			[][]float32{{1}, {float32(0.1)}, {-16777216}, {nan32}}, ""},
		{"a number that is infinite", nil, number1("c", math.Inf(1), math.Inf(-1), 2), [][]float32{nil, nil, {2}},
			"infinite"},
		{"a number too large for a float32", nil, number1("c", 3.4028235677973366e38, -1e39, 3.4028235677973362e38),
			[][]float32{nil, nil, {math.MaxFloat32}}, "does not fit in a float32"},
		{"impute a number in float64", []Step{imputeNumber(0.1)}, number1("c", math.NaN(), 5),
			[][]float32{{float32(0.1)}, {5}}, ""},
		{"impute a number that does not fit", []Step{imputeNumber(1e300)}, number1("c", math.NaN(), 5),
			[][]float32{nil, {5}}, "does not fit in a float32"},

		{"one-hot text", []Step{oneHot(3, regions, slot(2), zero)},
			text1("c", "south", "north", "west", "dropped", "", "moon", "north"),
			[][]float32{{0, 1, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 0}, {0, 0, 1}, {0, 0, 0}, {1, 0, 0}}, ""},
		{"one-hot text, missing zeros and unknown in a slot", []Step{oneHot(3, regions, zero, slot(0))},
			text1("c", "", "moon"), [][]float32{{0, 0, 0}, {1, 0, 0}}, ""},
		{"one-hot refuses unknown", []Step{oneHot(2, regions, zero, refuse)},
			text1("c", "north", "moon", ""), [][]float32{{1, 0}, nil, {0, 0}}, "unknown category"},
		{"one-hot refuses missing", []Step{oneHot(2, regions, refuse, zero)},
			text1("c", "north", "moon", ""), [][]float32{{1, 0}, {0, 0}, nil}, "missing, and its encoder"},
		{"impute then one-hot: a category", []Step{imputeText("south"),
			oneHot(2, regions, refuse, refuse)},
			text1("c", "", "north"), [][]float32{{0, 1}, {1, 0}}, ""},
		{"impute then one-hot: unknown", []Step{imputeText("moon"),
			oneHot(2, regions, slot(0), refuse)},
			text1("c", "", "north"), [][]float32{nil, {1, 0}}, "unknown category"},
		{"one-hot of nothing but dropped categories", []Step{oneHot(1, nil, zero, zero)},
			text1("c", "", "north"), [][]float32{{0}, {0}}, ""},
		{"one-hot numbers are equal as float64", []Step{oneHot(2, flags, zero, refuse)},
			number1("c", 0, math.Copysign(0, -1), 1.5, math.Nextafter(1.5, 2), math.NaN()),
			[][]float32{{1, 0}, {1, 0}, {0, 1}, nil, {0, 0}}, "unknown category"},
		{"one-hot numbers that are infinite", []Step{oneHot(2, flags, zero, zero)},
			number1("c", math.Inf(1), 1e300), [][]float32{nil, {0, 0}}, "infinite"},
		{"impute then one-hot numbers", []Step{imputeNumber(1.5),
			oneHot(2, flags, refuse, zero)},
			number1("c", math.NaN(), 0), [][]float32{{0, 1}, {1, 0}}, ""},

		{"ordinal text", []Step{ordinal(fuels, missing, code(-1))},
			text1("c", "petrol", "diesel", "", "coal"), [][]float32{{float32(7.1)}, {0}, {nan32}, {-1}}, ""},
		{"ordinal text, the other way round", []Step{ordinal(fuels, code(-2), missing)},
			text1("c", "", "coal"), [][]float32{{-2}, {nan32}}, ""},
		{"ordinal refuses unknown", []Step{ordinal(fuels, missing, refuse)},
			text1("c", "", "coal"), [][]float32{{nan32}, nil}, "unknown category"},
		{"ordinal refuses missing", []Step{ordinal(fuels, refuse, missing)},
			text1("c", "", "coal"), [][]float32{nil, {nan32}}, "missing, and its encoder"},
		{"ordinal numbers", []Step{ordinal(sizes, code(9), refuse)},
			number1("c", -2, 0.1, math.NaN(), 0.2), [][]float32{{0}, {1}, {9}, nil}, "unknown category"},
		{"impute then ordinal", []Step{imputeNumber(0.1), ordinal(sizes, refuse, refuse)},
			number1("c", math.NaN()), [][]float32{{1}}, ""},

		{"is missing, number", []Step{isMissing}, number1("c", math.NaN(), 0, 5), [][]float32{{1}, {0}, {0}}, ""},
		{"is missing, text", []Step{isMissing}, text1("c", "", "moon"), [][]float32{{1}, {0}}, ""},
		{"impute then is missing", []Step{imputeText("x"), isMissing}, text1("c", "", "y"), [][]float32{{0}, {0}}, ""},
		{"is missing, infinite", []Step{isMissing}, number1("c", math.Inf(1)), [][]float32{nil}, "infinite"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			contract := Contract{{Name: "c", Type: tt.column.Kind.String(), Nullable: true}}
			bound := transformer(t, contract, []Block{{Column: "c", Steps: tt.steps}}, []pipeline.Column{tt.column})
			width := bound.plan.Width()
			dst := slices.Repeat([]float32{99}, len(tt.want)*width)
			reasons := bound.Transform(batch(len(tt.want), tt.column), dst)
			for row, want := range tt.want {
				rejected := strings.HasPrefix(reasons[row], `column "c": `) && strings.Contains(reasons[row], tt.reason)
				switch got := dst[row*width : (row+1)*width]; {
				case want == nil && !rejected:
					t.Errorf("row %d: reason %q, want %q", row, reasons[row], tt.reason)
				case want != nil && reasons[row] != "":
					t.Errorf("row %d: rejected: %s", row, reasons[row])
				case want != nil && !same(got, want):
					t.Errorf("row %d: got %v, want %v", row, got, want)
				}
			}
		})
	}
}

func TestTransformRejectsMissingWhereTheContractDoes(t *testing.T) {
	contract := Contract{{Name: "n", Type: "number"}, {Name: "t", Type: "text"}, {Name: "unused", Type: "number"}}
	blocks := []Block{{Column: "n", Steps: []Step{imputeNumber(1.0)}}, {Column: "t", Steps: []Step{isMissing}}}
	columns := []pipeline.Column{
		number1("n", 1, math.NaN(), 1, 1, math.NaN(), 1),
		text1("t", "a", "a", "", "a", "", "a"),
		number1("unused", 1, 1, 1, math.NaN(), 1, math.Inf(1)),
	}
	reasons := transformer(t, contract, blocks, columns).Transform(batch(6, columns...), make([]float32, 12))
	want := []string{
		"",
		`column "n": missing, and the contract does not allow that`,
		`column "t": missing, and the contract does not allow that`,
		`column "unused": missing, and the contract does not allow that`,
		`column "n": missing, and the contract does not allow that`, // the first in the contract's order
		`column "unused": infinite`,
	}
	if !slices.Equal(reasons, want) {
		t.Errorf("got %q, want %q", reasons, want)
	}
}

func TestTransformRejectsAMissingKey(t *testing.T) {
	column := number1("c", 1, math.Inf(1))
	b := batch(2, column)
	b.Keys[0], b.Keys[1] = "", ""
	bound := transformer(t, Contract{{Name: "c", Type: "number"}}, []Block{{Column: "c"}}, b.Columns)
	reasons := bound.Transform(b, make([]float32, 2))
	if reasons[0] != "missing key" || reasons[1] != "missing key" {
		t.Errorf("got %q", reasons)
	}
}

// mixed is a contract with every kind of block, one column used twice and one never.
func mixed() (Contract, []Block) {
	contract := Contract{
		{Name: "visits", Type: "number", Nullable: true}, {Name: "region", Type: "text", Nullable: true},
		{Name: "note", Type: "text", Nullable: true}, {Name: "fuel", Type: "text", Nullable: true},
	}
	blocks := []Block{
		{Column: "region", Steps: []Step{oneHot(2, regions, zero, zero)}},
		{Column: "visits", Steps: []Step{imputeNumber(3.0)}},
		{Column: "fuel", Steps: []Step{ordinal(fuels, missing, refuse)}},
		{Column: "visits", Steps: []Step{isMissing}},
	}
	return contract, blocks
}

func TestTransformLaysBlocksSideBySideWhateverTheColumnsOrder(t *testing.T) {
	contract, blocks := mixed()
	columns := []pipeline.Column{
		number1("visits", 5, math.NaN()), text1("region", "south", "north"), text1("note", "x", ""),
		text1("fuel", "diesel", ""),
	}
	want := []float32{0, 1, 5, 0, 0 /* next row */, 1, 0, 3, nan32, 1}
	for range 4 {
		columns = append(columns[1:], columns[0])
		dst := make([]float32, len(want))
		reasons := transformer(t, contract, blocks, columns).Transform(batch(2, columns...), dst)
		if !same(dst, want) || reasons[0]+reasons[1] != "" {
			t.Errorf("got %v, %q, want %v", dst, reasons, want)
		}
	}
}

func TestTransformForgetsTheBatchBefore(t *testing.T) {
	contract, blocks := mixed()
	first := []pipeline.Column{
		number1("visits", 1, 2), text1("region", "south", "west"), text1("note", "", ""), text1("fuel", "coal", "petrol"),
	}
	second := []pipeline.Column{
		number1("visits", 8), text1("region", "dropped"), text1("note", ""), text1("fuel", "diesel"),
	}
	bound := transformer(t, contract, blocks, first)
	dst := make([]float32, 10)
	if reasons := bound.Transform(batch(2, first...), dst); reasons[0] == "" || reasons[1] != "" {
		t.Fatalf("got %q", reasons)
	}
	reasons := bound.Transform(batch(1, second...), dst)
	if len(reasons) != 1 || reasons[0] != "" || !same(dst[:5], []float32{0, 0, 8, 0, 0}) {
		t.Errorf("got %v, %q", dst[:5], reasons)
	}
	none := []pipeline.Column{number1("visits"), text1("region"), text1("note"), text1("fuel")}
	if reasons := bound.Transform(batch(0, none...), dst); len(reasons) != 0 {
		t.Errorf("no rows gave %q", reasons)
	}
}

func TestTransformAllocatesNothingPerBatch(t *testing.T) {
	contract, blocks := mixed()
	columns := []pipeline.Column{
		number1("visits", 5, math.NaN()), text1("region", "south", "north"), text1("note", "x", ""),
		text1("fuel", "coal", ""),
	}
	bound, dst, b := transformer(t, contract, blocks, columns), make([]float32, 10), batch(2, columns...)
	if n := testing.AllocsPerRun(50, func() { bound.Transform(b, dst) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTransform(b *testing.B) {
	const rows, numbers, texts = 4096, 48, 10
	var contract Contract
	var blocks []Block
	var columns []pipeline.Column
	for i := range numbers {
		name := string(rune('A' + i))
		contract = append(contract, Column{Name: name, Type: "number", Nullable: true})
		blocks = append(blocks, Block{Column: name, Steps: []Step{imputeNumber(1.0)}})
		columns = append(columns, number1(name, slices.Repeat([]float64{1, math.NaN()}, rows/2)...))
	}
	for i := range texts {
		name := string(rune('\u00c0' + i))
		contract = append(contract, Column{Name: name, Type: "text", Nullable: true})
		blocks = append(blocks, Block{Column: name, Steps: []Step{
			oneHot(3, regions, zero, zero)}})
		columns = append(columns, text1(name, slices.Repeat([]string{"north", "west", "moon", ""}, rows/4)...))
	}
	bound := transformer(b, contract, blocks, columns)
	in, dst := batch(rows, columns...), make([]float32, rows*bound.plan.Width())
	b.ReportAllocs()
	for b.Loop() {
		bound.Transform(in, dst)
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
