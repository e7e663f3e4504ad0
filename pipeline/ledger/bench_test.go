package ledger_test

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"scored/pipeline"
)

// reasons are as long as they usually are.
var reasons = strings.Repeat("Up: a call. ", 8)

func rows(n int) (changes []pipeline.Change, accepted []pipeline.Outcome) {
	for i := range n {
		key := fmt.Sprintf("L%07d", i)
		c := change(key, i%101)
		c.Probability, c.Reasons = float64(i)/float64(n), reasons
		changes = append(changes, c)
		accepted = append(accepted, pipeline.Outcome{Key: key, Status: pipeline.Accepted})
	}
	return changes, accepted
}

// cpuTime is what this process has used: a busy machine stretches time, and this less.
func cpuTime() time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		panic(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
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
	for minute := range 2 { // the second replaces the first
		run := begin(b, l, minute)
		start, cpu := time.Now(), cpuTime()
		intend(b, l, run, changes...)
		b.Logf("intend: %.1f s, %.1f s of CPU", time.Since(start).Seconds(), (cpuTime() - cpu).Seconds())
		start, cpu = time.Now(), cpuTime()
		check(b, l.Confirm(context.Background(), run, target, accepted))
		b.Logf("confirm: %.1f s, %.1f s of CPU", time.Since(start).Seconds(), (cpuTime() - cpu).Seconds())
		finish(b, l, run)
	}
	cpu := cpuTime()

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
	b.ReportMetric((cpuTime()-cpu).Seconds()/float64(b.N), "CPU-s/op")
}
