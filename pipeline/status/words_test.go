package status

import (
	"testing"
	"time"
)

func TestSpan(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0 s": 0, "45 s": 45 * time.Second, "1 s": 1400 * time.Millisecond, "1 min": 59*time.Second + 600*time.Millisecond, "3 min 20 s": 200 * time.Second,
		"2 h": 2*time.Hour + 59*time.Second, "2 h 5 min": 125 * time.Minute, "1 d": 24 * time.Hour, "4 d 3 h": 99*time.Hour + 30*time.Minute,
		"5 s": -5 * time.Second,
	} {
		if got := span(d); got != want {
			t.Errorf("span(%s) is %q, want %q", d, got, want)
		}
	}
}

func TestSpanOfRun(t *testing.T) {
	for want, d := range map[string]time.Duration{"0.1 s": 123 * time.Millisecond, "9.9 s": 9900 * time.Millisecond, "10 s": 10 * time.Second, "1 min 1 s": 61 * time.Second} {
		if got := spanOfRun(d); got != want {
			t.Errorf("spanOfRun(%s) is %q, want %q", d, got, want)
		}
	}
}

func TestNumber(t *testing.T) {
	for want, n := range map[string]int{"0": 0, "999": 999, "1,000": 1000, "42,000": 42_000, "1,234,567": 1_234_567} {
		if got := number(n); got != want {
			t.Errorf("number(%d) is %q, want %q", n, got, want)
		}
	}
}
