package forest

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"unsafe"

	"scored/pipeline/forest/foresttest"
)

// benched are forests as training leaves them: shallow, and as deep as the rows carry.
func benched() map[string]*foresttest.File {
	return map[string]*foresttest.File{
		"depth=12":         foresttest.Trained(1, 58, 500, 12, 50000, 20),
		"depth=any,leaf=5": foresttest.Trained(1, 58, 500, 1000, 15000, 5),
		"trees=50":         foresttest.Trained(1, 58, 50, 12, 50000, 20),
	}
}

const benchRows = 4096

// BenchmarkPredict sets the fast layout beside the general one, and two goroutines beside one.
func BenchmarkPredict(b *testing.B) {
	for name, file := range benched() {
		x, out := foresttest.Matrix(2, benchRows, 58, 0.02), make([]float64, benchRows)
		for _, layout := range []string{"fast", "general"} {
			f := readAs(b, file, layouts[layout])
			perRow := visits(f, x, 100)
			for _, goroutines := range []int{1, 2} {
				b.Run(fmt.Sprintf("%s/%s/goroutines=%d", name, layout, goroutines), func(b *testing.B) {
					b.ReportAllocs()
					share(2, func(from, to int) { f.Predict(x[from*58:], to-from, out[from:]) }) // makes the scratch memory
					for b.Loop() {
						share(goroutines, func(from, to int) { f.Predict(x[from*58:], to-from, out[from:]) })
					}
					report(b, benchRows, perRow)
					b.ReportMetric(float64(bytesOf(f))/float64(f.Nodes()), "B/node")
				})
			}
		}
	}
}

// BenchmarkContribute sets contributions beside predictions, and beside the SHAP values of one row.
func BenchmarkContribute(b *testing.B) {
	for name, file := range benched() {
		f := readAs(b, file, narrowLimits())
		x, out := foresttest.Matrix(2, benchRows, 58, 0.02), make([]float64, benchRows*58)
		perRow := visits(f, x, 100)
		for _, call := range []struct {
			name string
			of   func(x []float32, rows int, out []float64)
		}{{"predict", f.Predict}, {"contribute", f.Contribute}} {
			b.Run(name+"/"+call.name, func(b *testing.B) {
				b.ReportAllocs()
				call.of(x, benchRows, out) // makes the scratch memory
				for b.Loop() {
					call.of(x, benchRows, out)
				}
				report(b, benchRows, perRow)
			})
		}
		b.Run(name+"/shap", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Shap(x, out); err != nil {
					b.Fatal(err)
				}
			}
			report(b, 1, perRow)
			b.ReportMetric(float64(f.Nodes()), "nodes")
		})
	}
}

// BenchmarkSmallBatches tells what few rows take, one call after the other.
func BenchmarkSmallBatches(b *testing.B) {
	f := readAs(b, benched()["depth=12"], narrowLimits())
	x, out := foresttest.Matrix(2, 2048, 58, 0.02), make([]float64, 64)
	for _, rows := range []int{1, fewRows, fewRows + 1, half, groupRows, 64} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			b.ReportAllocs()
			at := 0
			for b.Loop() {
				f.Predict(x[at*58:], rows, out)
				at = (at + rows) % (2048 - 64)
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func BenchmarkRead(b *testing.B) {
	data := benched()["depth=any,leaf=5"].Bytes()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(bytes.NewReader(data), int64(len(data))); err != nil {
			b.Fatal(err)
		}
	}
}

// share parts the rows among goroutines.
func share(goroutines int, do func(from, to int)) {
	var group sync.WaitGroup
	for n := 1; n < goroutines; n++ {
		group.Go(func() { do(benchRows*n/goroutines, benchRows*(n+1)/goroutines) })
	}
	do(0, benchRows/goroutines)
	group.Wait()
}

func report(b *testing.B, rows int, visitsPerRow float64) {
	done := float64(rows) * float64(b.N)
	b.ReportMetric(done/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/done/visitsPerRow, "ns/visit")
}

// visits returns how many splits a row comes through, on average over some.
func visits(f *Forest, x []float32, rows int) float64 {
	n := 0
	for i := range f.trees {
		t := f.Tree(i)
		for row := range rows {
			for at := 0; at >= 0 && len(t.Splits) > 0; n++ {
				s := &t.Splits[at]
				if v := x[row*f.features+s.Feature]; float64(v) <= s.Threshold || v != v && s.MissingLeft {
					at = s.Left
				} else {
					at = s.Right
				}
			}
		}
	}
	return float64(n) / float64(rows)
}

// bytesOf returns what a forest's nodes take.
func bytesOf(f *Forest) int {
	return cap(f.narrow)*int(unsafe.Sizeof(narrowNode{})) + cap(f.wide)*int(unsafe.Sizeof(wideNode{})) +
		8*(cap(f.values)+cap(f.covers)+cap(f.thresholds)+cap(f.leaves))
}
