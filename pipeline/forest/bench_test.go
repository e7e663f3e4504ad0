package forest

import (
	"bytes"
	"fmt"
	"testing"

	"scored/pipeline/forest/foresttest"
)

func BenchmarkPredict(b *testing.B) {
	const rows, features = 4096, 58
	for _, depth := range []int{8, 12} {
		data := foresttest.Random(1, features, 500, depth).Bytes()
		f, err := Read(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			b.Fatal(err)
		}
		x, out := foresttest.Matrix(2, rows, features, 0.02), make([]float64, rows)
		b.Run(fmt.Sprintf("trees=500/depth=%d/nodes=%d", depth, f.Nodes()), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.Predict(x, rows, out)
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func BenchmarkRead(b *testing.B) {
	data := foresttest.Random(1, 58, 500, 12).Bytes()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(bytes.NewReader(data), int64(len(data))); err != nil {
			b.Fatal(err)
		}
	}
}
