package model

import (
	"fmt"
	"testing"

	"scored/pipeline"
	"scored/pipeline/feature"
	"scored/pipeline/forest/foresttest"
)

const benchRows, benchNumbers, benchTexts = 4096, 48, 10

// benchBundle is a model of numbers and texts with imputers and encoders before a forest of 500 trees, as training would
// give it, and a batch for it.
func benchBundle(b *testing.B) (*Bundle, *pipeline.Batch) {
	b.Helper()
	batch := &pipeline.Batch{Keys: make([]string, benchRows)}
	var contract feature.Contract
	var blocks []feature.Block
	x := foresttest.Matrix(1, benchNumbers, benchRows, 0.02)
	for i := range benchNumbers {
		name := fmt.Sprintf("n%d", i)
		contract = append(contract, feature.Column{Name: name, Type: "number", Nullable: true, Abnormal: feature.Refuse})
		fill := 0.5
		blocks = append(blocks, feature.Block{Column: name, Steps: []feature.Step{{Op: "impute", Number: &fill}}})
		column := pipeline.Column{Name: name, Kind: pipeline.Number}
		for row := range benchRows {
			batch.Keys[row] = fmt.Sprint(row)
			column.Numbers = append(column.Numbers, float64(x[i*benchRows+row]))
		}
		batch.Columns = append(batch.Columns, column)
	}
	dict := []string{"north", "south", "west"}
	for i := range benchTexts {
		name := fmt.Sprintf("t%d", i)
		contract = append(contract, feature.Column{Name: name, Type: "text", Nullable: true, Abnormal: feature.Pass})
		blocks = append(blocks, feature.Block{Column: name, Steps: []feature.Step{oneHotOf(dict)}})
		column := pipeline.Column{Name: name, Kind: pipeline.Text, Dict: dict}
		for row := range benchRows {
			column.Codes = append(column.Codes, int32((row*7+i)%4)-1)
		}
		batch.Columns = append(batch.Columns, column)
	}
	return assemble(b, contract, blocks, foresttest.Random(1, benchNumbers+benchTexts*len(dict), 500, 12)), batch
}

func oneHotOf(texts []string) feature.Step {
	width := len(texts)
	s := feature.Step{Op: "one_hot", Width: &width, Missing: &feature.Rule{Action: "zeros"}, Unknown: &feature.Rule{Action: "zeros"}}
	for i := range texts {
		s.Categories = append(s.Categories, feature.Category{Text: &texts[i], Slot: &i})
	}
	return s
}

// BenchmarkScore scores rows from raw columns to grades: none, a twentieth and all of them with reasons.
func BenchmarkScore(b *testing.B) {
	bundle, batch := benchBundle(b)
	for _, due := range []struct {
		name  string
		every int
	}{{"none", 0}, {"twentieth", 20}, {"all", 1}} {
		b.Run("due="+due.name, func(b *testing.B) {
			scorer, err := bundle.Bind(batch.Columns)
			if err != nil {
				b.Fatal(err)
			}
			var scores []pipeline.Score
			var rejected []pipeline.Rejection
			n := 0
			pick := func(pipeline.Score) bool { n++; return due.every > 0 && n%due.every == 0 }
			b.ReportAllocs()
			for b.Loop() {
				scores, rejected = scorer.Score(batch, pick, scores[:0], rejected[:0])
			}
			if len(scores) != benchRows {
				b.Fatalf("%d scores, rejected: %v", len(scores), rejected)
			}
			b.ReportMetric(float64(benchRows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Load(bundleFS("imputers")); err != nil {
			b.Fatal(err)
		}
	}
}
