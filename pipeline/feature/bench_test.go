package feature

import (
	"math"
	"slices"
	"testing"

	"scored/pipeline"
)

func BenchmarkTransform(b *testing.B) {
	const rows, numbers, texts = 4096, 48, 10
	var contract Contract
	var blocks []Block
	var columns []pipeline.Column
	for i := range numbers {
		name := string(rune('A' + i))
		contract = append(contract, number(name))
		blocks = append(blocks, Block{Column: name, Steps: []Step{imputeNumber(1.0)}})
		columns = append(columns, number1(name, slices.Repeat([]float64{1, math.NaN()}, rows/2)...))
	}
	for i := range texts {
		name := string(rune('\u00c0' + i))
		contract = append(contract, text(name))
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
