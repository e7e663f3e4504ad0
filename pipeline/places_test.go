package pipeline_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"scored/pipeline"
)

func TestPlacesAreFoundInAnyOrder(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 1000} {
		changes := make([]pipeline.Change, n)
		for i := range changes {
			changes[i].Key = fmt.Sprintf("L%04d", 2*i)
		}
		for name, order := range map[string][]int{"in order": ascending(n), "shuffled": rand.New(rand.NewPCG(1, 2)).Perm(n)} {
			places := pipeline.NewPlaces(changes)
			for _, want := range order {
				for _, strange := range []string{"", "L", fmt.Sprintf("L%04d", 2*want+1), "Z"} {
					if at, found := places.Find(strange); found {
						t.Fatalf("%d changes: %q was found at %d", n, strange, at)
					}
				}
				if at, found := places.Find(changes[want].Key); !found || at != want {
					t.Fatalf("%d changes, %s: %q at %d, %t", n, name, changes[want].Key, at, found)
				}
			}
		}
	}
}

// Asked in order, a million places cost nothing.
func TestPlacesInOrderHoldNothing(t *testing.T) {
	changes := make([]pipeline.Change, 1000)
	for i := range changes {
		changes[i].Key = fmt.Sprintf("L%04d", i)
	}
	allocations := testing.AllocsPerRun(10, func() {
		places := pipeline.NewPlaces(changes)
		for i := range changes {
			if at, found := places.Find(changes[i].Key); !found || at != i {
				t.Fatal(at, found)
			}
		}
	})
	if allocations > 1 {
		t.Errorf("%v allocations", allocations)
	}
}

func ascending(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	return order
}
