package feature

import (
	"math"
	"slices"
	"testing"

	"scored/pipeline"
)

// Several steps one after the other.
func TestChains(t *testing.T) {
	nan := math.NaN()
	colours := []Category{{Text: ptr("red"), Code: ptr(0.0)}, {Text: ptr("blue"), Code: ptr(3.0)}}
	threes := []Category{{Number: ptr(0.0), Slot: ptr(0)}, {Number: ptr(3.0), Slot: ptr(1)}}
	tests := []struct {
		name   string
		steps  []Step
		column pipeline.Column
		want   [][]float32 // nil for a rejected row
	}{
		{"arithmetic, each in its order of operands",
			[]Step{arithmetic("add", 1), arithmetic("subtract", 4), arithmetic("multiply", 3), arithmetic("divide", 8)},
			number1("c", 5, nan), [][]float32{{0.75}, {nan32}}},
		{"a scaler before its imputer", []Step{arithmetic("subtract", 2), imputeNumber(-7)}, number1("c", 5, nan), [][]float32{{3}, {-7}}},
		{"an imputer before its scaler", []Step{imputeNumber(-7), arithmetic("subtract", 2)}, number1("c", 5, nan), [][]float32{{3}, {-9}}},
		{"the first of two imputers", []Step{imputeNumber(1), imputeNumber(2)}, number1("c", nan), [][]float32{{1}}},
		{"clip", []Step{clipTo(-1, 2)}, number1("c", -3, -1, 0.5, 2, 3, nan), [][]float32{{-1}, {-1}, {0.5}, {2}, {2}, {nan32}}},
		{"overflow, clipped", []Step{arithmetic("multiply", 1e300), clipTo(-1, 2)}, number1("c", 1e300, -1e300, 1, nan), [][]float32{nil, nil, {2}, {nan32}}},
		{"overflow, binned", []Step{arithmetic("divide", 1e-300), bins(0)}, number1("c", 1e300, -1e300, 1), [][]float32{nil, nil, {1}}},
		{"overflow", []Step{arithmetic("multiply", 1e300)}, number1("c", 1e300, 0), [][]float32{nil, {0}}},
		{"what does not fit until it is scaled", []Step{arithmetic("divide", 1e200)}, number1("c", 2e200, 2), [][]float32{{2}, {0}}},
		{"bin: an edge belongs to the bin above", []Step{bins(-1.5, 0, 1.5)},
			number1("c", -2, -1.5, -0.1, 0, math.Copysign(0, -1), 1.5, math.Nextafter(1.5, 0), 9, nan),
			[][]float32{{0}, {1}, {1}, {2}, {2}, {3}, {2}, {3}, {nan32}}},
		{"bin without edges", []Step{bins()}, number1("c", 5, nan), [][]float32{{0}, {nan32}}},
		{"bin with an edge twice", []Step{bins(1, 1, 2)}, number1("c", 0, 1, 2), [][]float32{{0}, {2}, {3}}},
		{"one-hot of bins", []Step{bins(0.5, 2.5), oneHot(3, []Category{{Number: ptr(0.0), Slot: ptr(2)}, {Number: ptr(2.0), Slot: ptr(0)}},
			slot(1), refuse)}, number1("c", 0, 1, 9, nan), [][]float32{{0, 0, 1}, nil, {1, 0, 0}, {0, 1, 0}}},
		{"is missing, and the other way round", []Step{isMissing, arithmetic("multiply", -1), arithmetic("add", 1)},
			number1("c", 5, nan), [][]float32{{1}, {0}}},
		{"ordinal in the middle", []Step{ordinal(sizes, code(4), refuse), arithmetic("multiply", 2)},
			number1("c", -2, 0.1, nan, 7), [][]float32{{0}, {2}, {8}, nil}},

		{"what an ordinal leaves missing behind an imputer", []Step{imputeNumber(0.1), ordinal(sizes, refuse, missing)},
			number1("c", nan, 7, -2), [][]float32{{1}, {nan32}, {0}}},

		{"a scaled ordinal of text", []Step{imputeText("blue"), ordinal(colours, refuse, missing), arithmetic("subtract", 1),
			imputeNumber(9)}, text1("c", "red", "", "green", "blue"), [][]float32{{-1}, {2}, {9}, {2}}},
		{"one-hot of an ordinal of text", []Step{ordinal(colours, missing, refuse), oneHot(2, threes, zero, refuse)},
			text1("c", "red", "blue", "", "green"), [][]float32{{1, 0}, {0, 1}, {0, 0}, nil}},
		{"one-hot refuses what an ordinal gave", []Step{ordinal(colours, missing, code(7)), oneHot(2, threes, refuse, refuse)},
			text1("c", "red", "", "green"), [][]float32{{1, 0}, nil, nil}},
		{"is missing of text, scaled", []Step{isMissing, arithmetic("divide", 4)}, text1("c", "", "x"), [][]float32{{0.25}, {0}}},
		{"text that overflows", []Step{ordinal(colours, refuse, refuse), arithmetic("multiply", 1e308)},
			text1("c", "red", "blue"), [][]float32{{0}, nil}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			contract := Contract{{Name: "c", Type: tt.column.Kind.String(), Nullable: true, Abnormal: Refuse}}
			if tt.column.Kind == pipeline.Text {
				contract[0].Abnormal = Pass
			}
			bound := transformer(t, contract, []Block{{Column: "c", Steps: tt.steps}}, []pipeline.Column{tt.column})
			width := bound.plan.Width()
			dst := slices.Repeat([]float32{99}, len(tt.want)*width)
			reasons := bound.Transform(batch(len(tt.want), tt.column), dst)
			for row, want := range tt.want {
				switch got := dst[row*width : (row+1)*width]; {
				case (want == nil) != (reasons[row] != ""):
					t.Errorf("row %d: reason %q, want %v", row, reasons[row], want)
				case want != nil && !same(got, want):
					t.Errorf("row %d: got %v, want %v", row, got, want)
				}
			}
		})
	}
}

// numpy rounds after every operation. These are values where a fused multiplication and addition, or one in float32,
// gives another float32.
func TestStepsRoundOneByOne(t *testing.T) {
	steps := []Step{arithmetic("multiply", 0.1), arithmetic("add", -0.3)}
	bound := transformer(t, Contract{number("c")}, []Block{{Column: "c", Steps: steps}}, []pipeline.Column{number1("c", 3)})
	dst := make([]float32, 1)
	bound.Transform(batch(1, number1("c", 3)), dst)
	const rounded = 5.5511151231257827e-17 // numpy: numpy.float64(3) * 0.1 + -0.3
	if fused := math.FMA(3, 0.1, -0.3); dst[0] != rounded || float32(fused) == rounded {
		t.Errorf("got %v, want %v; fused: %v", dst[0], rounded, fused)
	}
}

// More rows than are filled at a time, those of a text column among them.
func TestTransformOfManyRows(t *testing.T) {
	const rows = 3*tileRows + 1
	contract, blocks := mixed()
	contract[0].Min, contract[0].Max, contract[0].Abnormal = ptr(0.0), ptr(200.0), Clip
	blocks = append(blocks, Block{Column: "visits", Steps: []Step{imputeNumber(7), bins(10, 100, 300)}})
	var visits []float64
	var regions, notes, fuels []string
	for row := range rows {
		visits = append(visits, []float64{float64(row), math.NaN(), math.Inf(1)}[row%5%3])
		regions = append(regions, []string{"north", "south", "", "moon"}[row%4])
		notes = append(notes, "")
		fuels = append(fuels, []string{"diesel", "petrol", "", "coal"}[row*3%7%4])
	}
	plan, err := NewPlan(contract, blocks)
	if err != nil {
		t.Fatal(err)
	}
	checkPlan(t, plan, blocks, []pipeline.Column{
		number1("visits", visits...), text1("region", regions...), text1("note", notes...), text1("fuel", fuels...),
	}, rows)
}
