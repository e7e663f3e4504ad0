package pipeline

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

// reported is a list of changes, and their outcomes in no order.
func reported(n int) ([]Change, []Outcome) {
	changes, outcomes := make([]Change, n), make([]Outcome, n)
	for i := range changes {
		changes[i].Key = fmt.Sprintf("00Q%015d", i)
		outcomes[i] = Outcome{Key: changes[i].Key, Status: Accepted}
	}
	random := rand.New(rand.NewPCG(1, 1))
	random.Shuffle(len(outcomes), func(i, j int) { outcomes[i], outcomes[j] = outcomes[j], outcomes[i] })
	return changes, outcomes
}

func TestABookIsSmall(t *testing.T) {
	const n = 100_000
	changes, outcomes := reported(n)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b := newBook(changes)
	if err := b.enter(outcomes); err != nil || b.count != len(changes) {
		t.Fatal(b.count, err)
	}
	for range b.unreported() {
		t.Fatal("a change was not reported")
	}
	runtime.ReadMemStats(&after)
	if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 24*n { // a table that is at least a quarter full
		t.Errorf("%d bytes for %d changes", bytes, n)
	}
}

func TestWhatWasNotReportedSideBySideIsOne(t *testing.T) {
	for _, tt := range []struct{ reported, want string }{
		{"", "abcdef"}, {"abcdef", ""}, {"a", "bcdef"}, {"f", "abcde"}, {"cd", "ab ef"}, {"ace", "b d f"}, {"bdf", "a c e"}, {"abef", "cd"},
	} {
		changes := make([]Change, 6)
		for i := range changes {
			changes[i].Key = string("abcdef"[i])
		}
		b := newBook(changes)
		for _, key := range tt.reported {
			if err := b.enter([]Outcome{{Key: string(key), Status: Unknown}}); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for side := range b.unreported() {
			keys := ""
			for _, c := range side {
				keys += c.Key
			}
			got = append(got, keys)
		}
		if got := strings.Join(got, " "); got != tt.want {
			t.Errorf("reported %q: got %q, want %q", tt.reported, got, tt.want)
		}
	}
}

func BenchmarkBook(b *testing.B) {
	changes, shuffled := reported(1_000_000)
	ordered := make([]Outcome, len(changes))
	for i := range changes {
		ordered[i] = Outcome{Key: changes[i].Key, Status: Accepted}
	}
	for name, outcomes := range map[string][]Outcome{"ordered": ordered, "shuffled": shuffled} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := newBook(changes).enter(outcomes); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
