package feature

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"scored/pipeline"
)

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

		{"ordinal with a code that does not fit", []Step{ordinal([]Category{{Text: ptr("a"), Code: ptr(1e39)}}, missing, missing)},
			text1("c", "a", "b"), [][]float32{nil, {nan32}}, "does not fit in a float32"},

		{"is missing, number", []Step{isMissing}, number1("c", math.NaN(), 0, 5), [][]float32{{1}, {0}, {0}}, ""},
		{"is missing, text", []Step{isMissing}, text1("c", "", "moon"), [][]float32{{1}, {0}}, ""},
		{"impute then is missing", []Step{imputeText("x"), isMissing}, text1("c", "", "y"), [][]float32{{0}, {0}}, ""},
		{"is missing, infinite", []Step{isMissing}, number1("c", math.Inf(1)), [][]float32{nil}, "infinite"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			contract := Contract{number("c")}
			if tt.column.Kind == pipeline.Text {
				contract = Contract{text("c")}
			}
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
	contract := required(number("n"), text("t"), number("unused"))
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
	bound := transformer(t, Contract{number("c")}, []Block{{Column: "c"}}, b.Columns)
	reasons := bound.Transform(b, make([]float32, 2))
	if reasons[0] != "missing key" || reasons[1] != "missing key" {
		t.Errorf("got %q", reasons)
	}
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

// Rows have the same features and reasons whichever are filled with them.
func TestFillGivesTheRowsAskedFor(t *testing.T) {
	contract, blocks := mixed()
	const rows = 3*tileRows + 5
	columns := []pipeline.Column{
		number1("visits", slices.Repeat([]float64{5, math.NaN(), math.Inf(1), 2, 1e39}, rows)[:rows]...),
		text1("region", slices.Repeat([]string{"south", "north", ""}, rows)[:rows]...),
		text1("note", make([]string, rows)...),
		text1("fuel", slices.Repeat([]string{"coal", "", "petrol", "diesel"}, rows)[:rows]...),
	}
	bound, b := transformer(t, contract, blocks, columns), batch(rows, columns...)
	width := bound.plan.Width()
	want := make([]float32, rows*width)
	reasons := slices.Clone(bound.Transform(b, want))
	for _, piece := range []int{1, 7, tileRows - 1, tileRows, tileRows + 1, rows - 1} {
		got := bound.gate.Admit(b)
		bound.Begin()
		for start := 0; start < rows; start += piece {
			end := min(start+piece, rows)
			dst := slices.Repeat([]float32{-9}, (end-start)*width+1)
			bound.Fill(start, end, dst)
			if !same(dst[:len(dst)-1], want[start*width:end*width]) || dst[len(dst)-1] != -9 {
				t.Errorf("rows %d to %d have other features", start, end)
			}
		}
		if !slices.Equal(got, reasons) {
			t.Errorf("pieces of %d rows have other reasons", piece)
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
	contract[0].Min, contract[0].Max, contract[0].Abnormal = ptr(0.0), ptr(4.0), Clip
	contract[3].Categories, contract[3].Abnormal = []string{"diesel"}, Missing
	blocks = append(blocks,
		Block{Column: "visits", Steps: []Step{arithmetic("subtract", 1), bins(0, 2), oneHot(2, flags, zero, zero)}},
		Block{Column: "fuel", Steps: []Step{ordinal(fuels, missing, missing), arithmetic("add", 1), imputeNumber(1)}})
	columns := []pipeline.Column{
		number1("visits", 5, math.NaN(), math.Inf(1)), text1("region", "south", "north", ""), text1("note", "x", "", ""),
		text1("fuel", "coal", "", "petrol"),
	}
	bound, b := transformer(t, contract, blocks, columns), batch(3, columns...)
	dst := make([]float32, 3*bound.plan.Width())
	for range 2 {
		if n := testing.AllocsPerRun(50, func() { bound.Transform(b, dst) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
		withoutTables(bound)
	}
}

// The blocks of a text column, of all plans behind a gate, keep tables of no more than maxOutcomes texts together.
func TestTablesTakeBoundedMemory(t *testing.T) {
	const plans, blocks, texts = 3, 500, 8000
	dict := make([]string, texts)
	for i := range dict {
		dict[i] = fmt.Sprint("text ", i)
	}
	column := text1("t", "x")
	column.Dict = dict
	contract := Contract{text("t")}
	gate, err := contract.Bind([]pipeline.Column{column})
	if err != nil {
		t.Fatal(err)
	}
	var transformers []*Transformer
	for range plans {
		plan, err := NewPlan(contract, slices.Repeat([]Block{{Column: "t", Steps: []Step{isMissing}}}, blocks))
		if err != nil {
			t.Fatal(err)
		}
		transformers = append(transformers, plan.Behind(gate))
	}
	for _, length := range []int{100, texts, maxOutcomes/(plans*blocks) - 1} {
		column.Dict = dict[:length]
		gate.Admit(batch(1, column))
		kept, held := 0, 0
		for _, transformer := range transformers {
			transformer.Begin()
			for _, table := range transformer.tables {
				kept += len(table)
				held += cap(table)
			}
		}
		want := plans * blocks * (length + 1)
		if want > maxOutcomes {
			want = 0
		}
		if kept != want || held > maxOutcomes*5/4 {
			t.Errorf("%d texts: tables of %d outcomes, want %d; memory for %d", length, kept, want, held)
		}
	}
}

// Whoever comes first behind a gate gives a row its reason, after the contract's.
func TestTransformersBehindAGateShareReasons(t *testing.T) {
	contract := Contract{number("n"), text("t")}
	columns := []pipeline.Column{number1("n", 1, math.Inf(1), 1e39, 1), text1("t", "x", "x", "x", "")}
	gate, err := contract.Bind(columns)
	if err != nil {
		t.Fatal(err)
	}
	var transformers []*Transformer
	for _, blocks := range [][]Block{
		{{Column: "t", Steps: []Step{ordinal(fuels, refuse, missing)}}},
		{{Column: "n"}, {Column: "t", Steps: []Step{ordinal(fuels, missing, refuse)}}},
	} {
		plan, err := NewPlan(contract, blocks)
		if err != nil {
			t.Fatal(err)
		}
		transformers = append(transformers, plan.Behind(gate))
	}
	reasons := gate.Admit(batch(4, columns...))
	for _, transformer := range transformers {
		transformer.Begin()
		transformer.Fill(0, 4, make([]float32, 8))
	}
	want := []string{
		`column "t": unknown category`, `column "n": infinite`,
		`column "n": does not fit in a float32, as the model's trees compare it`,
		`column "t": missing, and its encoder was not trained for that`,
	}
	if !slices.Equal(reasons, want) {
		t.Errorf("got %q, want %q", reasons, want)
	}
}
