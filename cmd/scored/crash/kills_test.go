package crash

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// aim draws the moments of the kills. Some of them lie evenly over the length of a run, the others in the stage that was hit
// least, for many last a millisecond; the first of these come with the stage's begin.
type aim struct {
	length time.Duration            // of a run that ends by itself, about
	stages map[string]time.Duration // how long each lasts, about
	hits   map[string]int
}

func newAim() *aim {
	return &aim{stages: map[string]time.Duration{}, hits: map[string]int{}}
}

// learn takes the times of a process.
func (a *aim) learn(p *process, whole bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, m := range p.marks[1:] {
		stage := p.marks[i].stage
		a.stages[stage] = blend(a.stages[stage], m.at.Sub(p.marks[i].at))
	}
	last := p.marks[len(p.marks)-1]
	if _, known := a.stages[last.stage]; !known {
		a.stages[last.stage] = time.Millisecond
	}
	if whole {
		a.length = blend(a.length, last.at.Sub(p.marks[0].at))
	}
}

func blend(known, seen time.Duration) time.Duration {
	if known == 0 {
		return seen
	}
	return (3*known + seen) / 4
}

// next draws a shot.
func (a *aim) next(w *world) *shot {
	if w.rng.IntN(3) == 0 {
		return &shot{after: time.Duration(w.rng.Int64N(int64(a.length)*11/10 + 1))}
	}
	least := ""
	for _, stage := range stages {
		if _, known := a.stages[stage]; known && (least == "" || a.hits[stage] < a.hits[least]) {
			least = stage
		}
	}
	if a.hits[least] == 0 {
		return &shot{stage: least}
	}
	return &shot{least, time.Duration(w.rng.Int64N(int64(a.stages[least]) + 1))}
}

// leg is a part of the kills.
type leg struct {
	kind
	share  int // of a hundred kills
	daemon bool
}

var legs = []leg{
	{kind{name: "Collections", rule: true, timeout: 2 * time.Second}, 30, false},
	{kind{name: "Bulk", bulk: true, rule: true, timeout: 2 * time.Second}, 30, false},
	{kind{name: "Collections without the rule", timeout: time.Second}, 15, false},
	{kind{name: "Bulk without the rule", bulk: true, timeout: time.Second}, 15, false},
	{kind{name: "the daemon", rule: true, timeout: 2 * time.Second}, 10, true},
}

// TestKills kills the binary at random moments, with a tenth of its requests done late or after its death. KILLS is how often.
func TestKills(t *testing.T) {
	total := int(number("KILLS", 100))
	t.Log(repeat())
	table := &table{hits: map[string]int{}}
	t.Run("legs", func(t *testing.T) {
		for _, l := range legs {
			t.Run(l.name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, l.kind, build(t, "scored"))
				a := killAll(t, w, l, total*l.share/100)
				w.clean(t)
				v := w.judge(t)
				if broken := v.broken(); len(broken) > 0 {
					t.Errorf("broken: %v; %q", broken, v.examples)
				}
				table.add(w, v, a)
				for _, stage := range l.always() {
					if a.hits[stage] == 0 && !l.daemon {
						t.Errorf("no kill hit the stage %q", stage)
					}
				}
			})
		}
	})
	t.Log(table)
}

// killAll kills the binary so often, and moves the data on between.
func killAll(t *testing.T, w *world, l leg, kills int) *aim {
	t.Helper()
	a := newAim()
	args := []string{"run", job}
	if l.daemon {
		args = []string{"daemon"}
		a.length = 2 * time.Second
	} else {
		w.advance(t, 1)
		p := w.start(t, nil, args...)
		w.end(t, p)
		a.learn(p, true)
	}
	w.front.disturb(0.1)
	for w.kills < kills {
		w.shoot(t, a, a.next(w), args)
	}
	w.front.disturb(0)
	for _, stage := range l.always() { // where no random moment was
		for tries := 0; a.hits[stage] == 0 && tries < 20 && !l.daemon; tries++ {
			w.shoot(t, a, &shot{stage: stage}, args)
		}
	}
	return a
}

// shoot moves the data on, starts the binary and has it killed, unless it is through before that.
func (w *world) shoot(t *testing.T, a *aim, at *shot, args []string) {
	t.Helper()
	w.advance(t, []float64{0.05, 0.3, 1}[w.rng.IntN(3)])
	p := w.start(t, at, args...)
	daemon := args[0] == "daemon"
	if daemon { // it does not end by itself where it never comes to the stage
		p.killIn(2 * a.length)
	}
	code, killed := w.end(t, p)
	a.learn(p, !killed && !daemon)
	switch {
	case killed:
		a.hits[p.last()]++
	case code == 0, code == 3, code == 75:
	default:
		t.Fatalf("a run ended with %d:\n%s", code, p.text())
	}
}

// table sums the legs up.
type table struct {
	mu    sync.Mutex
	lines []string
	hits  map[string]int
	sum   struct{ kills, runs, late, sent, twice, lost, unlike, stale int }
}

func (s *table) add(w *world, v verdict, a *aim) {
	s.mu.Lock()
	defer s.mu.Unlock()
	late := w.front.awaitAll()
	s.lines = append(s.lines, fmt.Sprintf("%-28s %4d kills %4d whole runs %4d late requests %7d rows sent %6d twice "+
		"(at most %d for one kill, a batch is %d): %d lost, %d stale",
		w.kind.name, w.kills, w.runs, late, w.watch.sent, v.twice, v.most, v.batch, v.lost, v.stale))
	for stage, n := range a.hits {
		s.hits[stage] += n
	}
	s.sum.kills += w.kills
	s.sum.runs += w.runs
	s.sum.late += late
	s.sum.sent += w.watch.sent
	s.sum.twice += v.twice
	s.sum.lost += v.lost
	s.sum.unlike += v.unlike
	s.sum.stale += v.stale
}

// String has the stages, the legs, and all of it in one line.
func (s *table) String() string {
	var b strings.Builder
	b.WriteString("kills by stage\n")
	for _, stage := range stages {
		fmt.Fprintf(&b, "  %5d %s\n", s.hits[stage], stage)
	}
	b.WriteString(strings.Join(s.lines, "\n"))
	fmt.Fprintf(&b, "\n%d kills, %d whole runs, %d late requests: %d lost, %d stale, %d leads of which ledger and org differ; "+
		"%d of %d rows sent twice (%.1f %%)",
		s.sum.kills, s.sum.runs, s.sum.late, s.sum.lost, s.sum.stale, s.sum.unlike, s.sum.twice, s.sum.sent,
		100*float64(s.sum.twice)/float64(max(1, s.sum.sent)))
	return b.String()
}
