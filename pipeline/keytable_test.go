package pipeline

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestAKeyTableFindsWhatAMapDoes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	table, numbers := newKeyTable(), map[string]int{}
	for range 20_000 {
		key := fmt.Sprintf("%x", random.IntN(12_000))
		if random.IntN(1000) == 0 {
			key = ""
		}
		if _, ok := numbers[key]; !ok {
			if !table.add(key) {
				t.Fatalf("no room for %q", key)
			}
			numbers[key] = len(numbers)
		}
		for _, asked := range []string{key, fmt.Sprintf("%x", random.IntN(24_000))} {
			n, ok := table.find(asked)
			want, known := numbers[asked]
			if ok != known || ok && n != want {
				t.Fatalf("%q: got %d %t, want %d %t", asked, n, ok, want, known)
			}
		}
	}
	if table.len() != len(numbers) {
		t.Errorf("%d keys, want %d", table.len(), len(numbers))
	}
}
