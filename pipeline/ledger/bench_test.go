package ledger_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"scored/pipeline"
)

func rows(n int) (changes []pipeline.Change, accepted []pipeline.Outcome) {
	for i := range n {
		key := fmt.Sprintf("L%07d", i)
		changes = append(changes, change(key, i%101))
		accepted = append(accepted, pipeline.Outcome{Key: key, Status: pipeline.Accepted})
	}
	return changes, accepted
}

// BenchmarkDelivery records 100,000 changes as a delivery does: all intents at once, then 500 durable confirmations.
func BenchmarkDelivery(b *testing.B) {
	const n, request = 100_000, 200
	l := fresh(b)
	changes, accepted := rows(n)
	var intending, confirming time.Duration
	b.ReportAllocs()
	minute := 0
	for b.Loop() {
		minute++
		run := begin(b, l, minute)
		start := time.Now()
		intend(b, l, run, changes...)
		intending += time.Since(start)
		start = time.Now()
		for i := 0; i < n; i += request {
			check(b, l.Confirm(context.Background(), run, target, accepted[i:i+request]))
		}
		confirming += time.Since(start)
		finish(b, l, run)
	}
	b.ReportMetric(n*float64(b.N)/intending.Seconds(), "intents/s")
	b.ReportMetric(n*float64(b.N)/confirming.Seconds(), "confirms/s")
}

func BenchmarkMillion(b *testing.B) {
	const n = 1_000_000
	l := fresh(b)
	changes, accepted := rows(n)
	run := begin(b, l, 0)
	start := time.Now()
	intend(b, l, run, changes...)
	b.Logf("intend: %.0f rows/s", n/time.Since(start).Seconds())
	start = time.Now()
	check(b, l.Confirm(context.Background(), run, target, accepted))
	b.Logf("confirm: %.0f rows/s", n/time.Since(start).Seconds())

	b.ReportAllocs()
	for b.Loop() {
		seen := 0
		for _, err := range l.Confirmed(context.Background(), job, target) {
			check(b, err)
			seen++
		}
		if seen != n {
			b.Fatal(seen)
		}
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
