package faults

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"scored/cmd/scored/overlay"
)

// usage is what the daemon says it uses, between two slots.
type usage struct {
	heap, resident   float64 // bytes
	goroutines, open float64 // open descriptors
}

// leaking leaves something behind in every run.
var leaking = overlay.Behind("cmd/scored/daemon.go", "d.server.RunEnded(job, s, err)", "leak()")

// TestSoak makes as many slots back to back as SLOTS says, with data that moves on, and compares what the daemon uses after a
// seventh of them, a day of a week, with what it uses at the end. A figure is the least that was seen after each of the slots
// before a mark, as many as a seventh: what is left when garbage was collected, of which a low GOGC leaves little. So it finds
// out a binary that leaves something behind in every run.
func TestSoak(t *testing.T) {
	t.Log(repeat())
	leak, err := os.ReadFile("testdata/leak.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, binary string
		slots        int
		grows        []string
	}{
		{"as shipped", build(t), number("SLOTS", 21), nil},
		{"with a leak", edited(t, leaking, map[string]string{"cmd/scored/leak.go": string(leak)}), 21,
			[]string{"goroutines", "descriptors", "heap"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, setup{status: freeAddress(t)})
			p := w.startWith(t, []string{"GOGC=5"}, c.binary, "daemon")
			days := w.soak(t, p, c.slots)
			if grew := days[0].growth(days[6]); !slices.Equal(grew, c.grows) {
				t.Errorf("%q grew, want %q: %v, then %v", grew, c.grows, days[0], days[6])
			}
			w.awaitQuiet(t, p)
			p.endedWell(t)
			p.stop(t)
			w.agree(t)
		})
	}
}

// soak waits for so many slots, and returns what the daemon used in each seventh of them.
func (w *world) soak(t *testing.T, p *process, slots int) (days []usage) {
	t.Helper()
	for slot, seen := 1, []usage(nil); slot <= slots; slot++ {
		p.await(t, "run ended", slot)
		w.move(t, 0.05)
		if seen = append(seen, w.usage(t)); slot%(slots/7) == 0 {
			days = append(days, least(seen))
			t.Logf("slot %d: %v", slot, least(seen))
			seen = nil
		}
	}
	return days
}

// awaitQuiet waits for a run of each job with the data as it is.
func (w *world) awaitQuiet(t *testing.T, p *process) {
	t.Helper()
	for name := range w.jobs() {
		p.awaitRun(t, name)
	}
}

// What is no growth.
const (
	warm   = 1 << 20 // of heap, in bytes: what the first slots leave is little beside what is kept to be at hand
	atWork = 10      // of goroutines and descriptors: what a run has, for a slow machine may be found at one each time
)

// growth names what grew from the day to the week.
func (day usage) growth(week usage) (grew []string) {
	if week.goroutines > day.goroutines+atWork {
		grew = append(grew, "goroutines")
	}
	if week.open > day.open+atWork {
		grew = append(grew, "descriptors")
	}
	if week.heap > max(day.heap*1.1, day.heap+warm) {
		grew = append(grew, "heap")
	}
	return grew
}

// least takes the least of each figure.
func least(seen []usage) usage {
	low := seen[0]
	for _, u := range seen[1:] {
		low.heap, low.resident = min(low.heap, u.heap), min(low.resident, u.resident)
		low.goroutines, low.open = min(low.goroutines, u.goroutines), min(low.open, u.open)
	}
	return low
}

func (day usage) String() string {
	return fmt.Sprintf("heap %.2f MB, resident %.1f MB, %.0f goroutines, %.0f descriptors",
		day.heap/1e6, day.resident/1e6, day.goroutines, day.open)
}

// usage reads the daemon's metrics.
func (w *world) usage(t *testing.T) (u usage) {
	t.Helper()
	resp, err := http.Get("http://" + w.setup.status + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	into := map[string]*float64{
		"go_memstats_heap_alloc_bytes": &u.heap, "process_resident_memory_bytes": &u.resident,
		"go_goroutines": &u.goroutines, "process_open_fds": &u.open,
	}
	for s := bufio.NewScanner(resp.Body); s.Scan(); {
		name, text, _ := strings.Cut(s.Text(), " ")
		if at := into[name]; at != nil {
			if *at, err = strconv.ParseFloat(text, 64); err != nil {
				t.Fatal(err)
			}
			delete(into, name)
		}
	}
	if len(into) > 0 {
		t.Fatalf("the metrics lack %v", into)
	}
	return u
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
