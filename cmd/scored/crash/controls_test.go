package crash

import (
	"testing"
	"time"
)

// control is a way to die, with what keeps it from doing harm, or without.
type control struct {
	name    string
	kind    kind
	without string // which of the switches is thrown, "" for none
	die     func(t *testing.T, w *world, environment []string)
	harm    string // what of the verdict must not be 0; "" for nothing
}

// How long a process waits for an answer.
const (
	short = 2 * time.Second
	long  = 10 * time.Second
)

var controls = []control{
	{"an answer is lost", kind{rule: true, timeout: long}, "", forgetAnswer, ""},
	{"an answer is lost, without intents", kind{rule: true, timeout: long}, "intents", forgetAnswer, "leads lost"},
	{"an answer is lost, without durability", kind{rule: true, timeout: long}, "durability", forgetAnswer, "leads lost"},

	{"a request is late", kind{rule: true, timeout: short}, "", overtake, ""},
	{"a request is late, without the rule", kind{timeout: short}, "", overtake, ""},
	{"a request is late, under a rule that refuses nothing", kind{decoy: true, timeout: short}, "", overtake, "stale writes"},
	{"a request is late, without the rule and without waiting", kind{timeout: short}, "settling", overtake, "stale writes"},

	{"two runs at once", kind{rule: true, timeout: long}, "", together, ""},
	{"two runs at once, without the gate", kind{rule: true, timeout: long}, "gate", together, surplus},
	{"two runs at once, and the first is killed", kind{rule: true, timeout: long}, "", inherit, ""},
}

// TestControls has the binary die in ways that do harm unless it is built and set up as it is, and wants the verdict to tell:
// nothing is broken with all safety, and something without one part of it.
func TestControls(t *testing.T) {
	t.Log(repeat())
	binary := doctored(t)
	for _, c := range controls {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.kind, binary)
			c.die(t, w, []string{"CRASH_WITHOUT=" + c.without})
			broken := w.judge(t).broken()
			if c.harm == "" && len(broken) > 0 {
				t.Errorf("broken: %v; %q", broken, w.watch.examples)
			}
			if c.harm != "" && broken[c.harm] == 0 {
				t.Errorf("broken is %v, and there should be %s", broken, c.harm)
			}
			t.Logf("broken: %v", broken)
		})
	}
}

// forgetAnswer has a run die when the org has answered, and before the ledger knows. The data goes back to what the org held
// before: a ledger that knows nothing of the write takes that for unchanged.
func forgetAnswer(t *testing.T, w *world, environment []string) {
	w.advance(t, 1)
	p := w.startIn(t, append(environment, "CRASH_AT=answer received"), nil, "run", job)
	if _, killed := w.end(t, p); !killed {
		t.Fatalf("it did not die:\n%s", p.text())
	}
	w.retreat(t)
	w.endsWell(t, w.startIn(t, environment, nil, "run", job))
}

// overtake has a run die while the org has a request of it in hand, which is done when the next run waits for it or, if that
// does not, is through with newer scores.
func overtake(t *testing.T, w *world, environment []string) {
	taken, release := w.front.holdNext(t)
	w.advance(t, 1)
	p := w.startIn(t, environment, nil, "run", job)
	p.until(t, taken)
	p.kill()
	w.end(t, p)
	w.advance(t, 1)
	p = w.startIn(t, environment, nil, "run", job)
	select {
	case <-p.await("waiting: an earlier run may have left a request"):
	case <-p.ended:
	}
	release()
	w.endsWell(t, p)
}

// together starts a run beside one that has a request under way, which is answered when the second waits or is through.
func together(t *testing.T, w *world, environment []string) {
	first, second, release := w.two(t, environment)
	release()
	w.end(t, first)
	w.end(t, second)
	w.clean(t)
}

// inherit is together with a first one that is killed, and whose request is done after the second.
func inherit(t *testing.T, w *world, environment []string) {
	first, second, release := w.two(t, environment)
	first.kill()
	w.end(t, first)
	w.end(t, second)
	release()
	w.clean(t)
}

func (w *world) two(t *testing.T, environment []string) (first, second *process, release func()) {
	t.Helper()
	taken, release := w.front.holdNext(t)
	w.advance(t, 1)
	first = w.startIn(t, environment, nil, "run", job)
	first.until(t, taken)
	second = w.startIn(t, environment, nil, "run", job)
	select {
	case <-second.await("waiting: process"):
	case <-second.ended:
	}
	return first, second, release
}

// until waits for what must happen before the process ends.
func (p *process) until(t *testing.T, happened <-chan struct{}) {
	t.Helper()
	select {
	case <-happened:
	case <-p.ended:
		t.Fatalf("it ended too early:\n%s", p.text())
	}
}
