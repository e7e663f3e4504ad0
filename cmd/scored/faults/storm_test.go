package faults

import (
	"testing"

	"scored/cmd/scored/overlay"
	"scored/sinks/salesforce/fakeorg"
)

// withoutBudget leaves out what bounds the retries.
var withoutBudget = overlay.Instead("cmd/scored/targets.go",
	"Sink:  sinks.Retry(o, sinks.Backoff{Tries: 4, First: time.Second, Max: 8 * time.Second, Budget: new(sinks.Budget)}, log),",
	"Sink: sinks.Retry(o, sinks.Backoff{Tries: 4, First: time.Second, Max: 8 * time.Second}, log),")

// TestAStormIsNotMadeWorse has the org answer that it is busy for 20 slots, and counts what it is asked meanwhile: one request for
// each slot, which asks whether it is back, and at most a tenth more. Without the budget there are several for each.
func TestAStormIsNotMadeWorse(t *testing.T) {
	t.Log(repeat())
	for _, c := range []struct {
		name, binary string
		slots        int
		bounded      bool
	}{
		{"as shipped", build(t), 20, true},
		{"without the budget", edited(t, withoutBudget, nil), 2, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, setup{retries: 3})
			p := w.start(t, c.binary, "daemon")
			p.await(t, "slot ended", 2)
			sent := w.storm(t, p, c.slots)
			t.Logf("%d requests in %d slots, %.2f for each", sent, c.slots, float64(sent)/float64(c.slots))
			if bounded := float64(sent) <= 1.1*float64(c.slots); bounded != c.bounded {
				t.Errorf("%d requests in %d slots", sent, c.slots)
			}
			w.awaitQuiet(t, p)
			p.stop(t)
			w.agree(t)
		})
	}
}

// storm has the org answer nothing but that it is busy, in both ways, for so many slots, and returns how many requests it got.
func (w *world) storm(t *testing.T, p *process, slots int) (sent int) {
	t.Helper()
	w.move(t, 1)
	before := len(p.logged("slot ended")) + 1
	p.await(t, "slot ended", before) // the next begins with the next second
	w.move(t, 1)
	w.org.ForgetRequests()
	busy := fakeorg.Errors("SERVER_UNAVAILABLE", "Too busy.")
	w.org.Inject(fakeorg.Fault{Times: slots / 2, Status: 503, Body: busy}, fakeorg.Fault{Times: -1, Status: 429, Body: busy})
	p.await(t, "slot ended", before+slots)
	w.org.ClearFaults()
	for _, r := range w.org.Requests() {
		if r.Status == 503 || r.Status == 429 {
			sent++
		}
	}
	return sent
}
