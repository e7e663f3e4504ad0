package faults

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fault is a toxic on one way of one wire.
type fault struct {
	toxic
	stream string
	wire   string
	bulk   bool
}

func (f fault) name() string {
	way := "Collections"
	if f.bulk {
		way = "Bulk"
	}
	return fmt.Sprintf("%s %s %v %s %s", f.wire, f.kind, f.attributes, f.stream, way)
}

// faults are all toxics, in all directions, on all wires; those of the org for both ways of delivery.
func faults() (all []fault) {
	for _, how := range toxics {
		for _, stream := range streams {
			if how.kind == down && stream != streams[0] {
				continue // it has no direction
			}
			all = append(all, fault{how, stream, "warehouse", false}, fault{how, stream, "org", false}, fault{how, stream, "org", true})
		}
	}
	return all
}

func (w *world) wire(name string) *wire {
	if name == "org" {
		return w.crmWire
	}
	return w.warehouse
}

// undisturbed is a run that went on as if there were no fault.
const undisturbed = "undisturbed"

// breaks are the toxics that no run goes on with: the others only slow it down.
var breaks = map[string]bool{"reset_peer": true, "timeout": true, "limit_data": true, down: true}

// felt counts runs by the wire that failed in them and how, and by what became of them.
type felt struct {
	mu     sync.Mutex
	counts map[string]map[string]int
}

func (f *felt) count(wire, kind, what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := wire + " " + kind
	if f.counts[name] == nil {
		f.counts[name] = map[string]int{}
	}
	f.counts[name][what]++
}

// TestFaultsOnTheWires has a wire fail for a run as a whole, or from a random moment of it on. The run completes, or stops with
// an error that says to try again; and then the next one leaves nothing behind. ROUNDS is how often.
func TestFaultsOnTheWires(t *testing.T) {
	t.Log(repeat())
	build(t)
	felt := felt{counts: map[string]map[string]int{}}
	t.Run("runs", func(t *testing.T) {
		for _, f := range faults() {
			t.Run(f.name(), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, setup{bulk: f.bulk, wires: true})
				w.clean(t)
				begin := time.Now()
				w.clean(t)
				length := time.Since(begin)
				for round := range number("ROUNDS", 1) {
					w.move(t, 0.5)
					after := time.Duration(w.rng.Int64N(int64(length)))
					if f.stream == streams[round%2] {
						after = 0
					}
					felt.count(f.wire, f.kind, w.disturbed(t, f, after))
					w.wire(f.wire).heal(t)
					w.move(t, 0.1)
					w.clean(t)
					w.agree(t)
				}
			})
		}
	})
	for name, counts := range felt.counts {
		t.Log(name, counts)
		if _, kind, _ := strings.Cut(name, " "); breaks[kind] && len(counts) == min(1, counts[undisturbed]) {
			t.Errorf("%s was never felt", name)
		}
	}
}

// disturbed makes a run with a fault from some moment on, and says what became of it.
func (w *world) disturbed(t *testing.T, f fault, after time.Duration) string {
	t.Helper()
	if after == 0 {
		w.wire(f.wire).fail(t, f.toxic, f.stream)
	}
	p := w.start(t, build(t), "run", job)
	if after > 0 {
		select {
		case <-p.ended:
		case <-time.After(after):
		}
		w.wire(f.wire).fail(t, f.toxic, f.stream)
	}
	code := p.end(t)
	ended := p.logged("run ended")
	if !slices.Contains([]int{0, 3, 75}, code) || len(ended) != 1 {
		t.Fatalf("it ended with %d and %d summaries", code, len(ended))
	}
	if code != 0 && (ended[0].Reason == "" || ended[0].Hint == "") {
		t.Errorf("it ended with %d, reason %q and hint %q", code, ended[0].Reason, ended[0].Hint)
	}
	again := len(p.logged("trying again")) + len(p.logged("warehouse does not answer, trying again")) +
		len(p.logged("starting again on a new connection"))
	switch {
	case code != 0:
		return fmt.Sprintf("exit code %d", code)
	case again > 0:
		return "tried again, ok"
	default:
		return undisturbed
	}
}
