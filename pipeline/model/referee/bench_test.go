package referee

import (
	"bytes"
	"testing"

	"scored/pipeline/forest"
	"scored/pipeline/forest/foresttest"
)

// BenchmarkPeers scores the same rows with the same forest in one thread; compare the two rates with each other, for
// machines differ.
func BenchmarkPeers(b *testing.B) {
	const rows, features = 2048, 58
	data := foresttest.Random(1, features, 500, 9).Bytes()
	f, err := forest.Read(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		b.Fatal(err)
	}
	peer, err := NewPeer(f)
	if err != nil {
		b.Fatal(err)
	}
	x, out := foresttest.Matrix(2, rows, features, 0.02), make([]float64, rows)
	wide := make([]float64, len(x))
	for i := range x {
		wide[i] = float64(x[i])
	}
	b.Run("forest", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f.Predict(x, rows, out)
		}
		b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	})
	b.Run("leaves", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := peer.Predict(wide, rows, out, 1); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	})
}
