package policy_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/policy"
)

// stays is a table of ten leads at each score from 0 to 99 that keep it, but for those that move from one score to another.
func stays(moves ...[3]int) (t pipeline.Table) {
	for score := range 100 {
		t[score][score] = 10
	}
	for _, m := range moves {
		from, to, n := m[0], m[1], int32(m[2])
		t[from][from] -= n
		t[from][to] += n
	}
	return t
}

// all moves the leads of every score from first to last.
func all(first, last int, to func(from int) int) (moves [][3]int) {
	for from := first; from <= last; from++ {
		if to(from) != from {
			moves = append(moves, [3]int{from, to(from), 10})
		}
	}
	return moves
}

// at is a run that meets a target as told.
func at(crossing pipeline.Crossing) func(*pipeline.Profile) {
	return func(p *pipeline.Profile) {
		crossing.Target = "salesforce"
		before, _ := crossing.Own.Margins()
		others, _ := crossing.Other.Margins()
		crossing.Held = max(crossing.Held, before.Rows(), others.Rows())
		p.Targets = []pipeline.Crossing{{Target: "redis"}, crossing}
	}
}

func next(from int) int { return (from + 1) % 100 }

func TestAGuardComparesLeadByLead(t *testing.T) {
	few := func(rows int32) (t pipeline.Table) { // all of them changed, and from the top to the bottom
		t[99][0], t[0][99] = rows/2, rows-rows/2
		return t
	}
	tests := []struct {
		name     string
		crossing pipeline.Crossing
		want     []string
		text     string
	}{
		{"all as it was", pipeline.Crossing{Own: stays(), Held: 1000}, nil, ""},
		{"four fifths change a little", pipeline.Crossing{Own: stays(all(0, 79, next)...)}, nil, ""},
		{"one in ten moves far", pipeline.Crossing{Own: stays(all(0, 9, func(f int) int { return f + 20 })...)}, nil, ""},
		{"not quite as far", pipeline.Crossing{Own: stays(all(0, 19, func(f int) int { return f + 19 })...)}, nil, ""},
		{"more move far", pipeline.Crossing{Own: stays(append(all(0, 9, func(f int) int { return f + 20 }), [3]int{60, 40, 1})...)},
			[]string{"jumped"}, "10.1 % of the scores at salesforce would move by 20 or more, above 10 % (10 % for each day since all was sent, up to 3)"},
		{"one more", pipeline.Crossing{Own: stays(append(all(0, 79, next), [3]int{80, 81, 1})...)}, []string{"changed"},
			"80.1 % of the scores at salesforce would change, above 80 %"},
		{"half of the top tenth falls", pipeline.Crossing{Own: stays(all(95, 99, func(f int) int { return f - 90 })...)}, nil, ""},
		{"more than half", pipeline.Crossing{Own: stays(append(slices.Concat(all(95, 99, func(f int) int { return f - 90 }),
			all(5, 9, func(f int) int { return f + 90 })), [3]int{94, 4, 10}, [3]int{4, 94, 10})...)}, []string{"jumped", "top"},
			"12 % of the scores at salesforce would move by 20 or more, above 10 % (10 % for each day since all was sent, up to 3)"},
		{"less of the top tenth", pipeline.Crossing{Own: stays(slices.Concat(all(94, 99, func(f int) int { return f - 15 }),
			all(79, 84, func(f int) int { return f + 15 }))...)}, []string{"top"},
			"40 % of the top tenth at salesforce would stay in it, below 50 %"},
		{"99 leads say nothing", pipeline.Crossing{Own: few(99)}, nil, ""},
		{"100 do", pipeline.Crossing{Own: few(100)}, []string{"changed", "jumped", "top"}, "100 % of the scores"},
		{"one score for everybody is one top for everybody", pipeline.Crossing{Own: stays(all(31, 69, func(int) int { return 50 })...)}, nil, ""},
		{"a fifth leaves", pipeline.Crossing{Held: 1000, Left: 200}, nil, ""},
		{"more than a fifth", pipeline.Crossing{Held: 1000, Left: 201}, []string{"left"},
			"201 of the 1000 leads with a score at salesforce are not in the result, and would be cleared: 20.1 %, above 20 %"},
		{"nine leads leave", pipeline.Crossing{Held: 9, Left: 9}, nil, ""},
		{"ten leave", pipeline.Crossing{Held: 49, Left: 10}, []string{"left"}, "10 of the 49"},
		{"three in ten are new", pipeline.Crossing{Held: 100, New: 300}, nil, ""},
		{"more are new", pipeline.Crossing{Held: 100, New: 301}, []string{"new"},
			"301 of the 1000 scored leads never were sent to salesforce: 30.1 %, above 30 % (30 % for each day since all was sent, up to 3)"},
		{"all are new to a target that holds few", pipeline.Crossing{Held: 99, New: 1000}, nil, ""},
		{"another model's scores are not the same", pipeline.Crossing{Other: stays(all(0, 99, next)...)}, nil, ""},
		{"another model has a third of this top", pipeline.Crossing{Other: stays(all(93, 99, func(f int) int { return f - 90 })...)}, nil, ""},
		{"another model has less of it", pipeline.Crossing{Other: stays(slices.Concat(all(92, 99, func(f int) int { return f - 90 }),
			all(2, 9, func(f int) int { return f + 90 }))...)}, []string{"top"}, "20 % of the other model's top tenth at salesforce would stay in it, below 30 %"},
		{"a new model on the scale of the old", pipeline.Crossing{Other: stays(all(0, 4, func(f int) int { return f + 20 })...)}, nil, ""},
		{"a new model on another scale", pipeline.Crossing{Other: stays(all(0, 79, func(f int) int { return 80 })...)}, []string{"scores"},
			"they are distributed otherwise than the other model's of the same leads at salesforce: stability index"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			now, reference := usual(at(tt.crossing)), usual()
			v := policy.NewGuard(limits)(&now, &reference, []pipeline.Profile{usual()})
			if got := checks(v); !slices.Equal(got, tt.want) {
				t.Fatalf("found %q: %+v, want %q", got, v.Findings, tt.want)
			}
			if len(tt.want) > 0 && !strings.Contains(v.Findings[0].Text, tt.text) {
				t.Errorf("says %q, want %q", v.Findings[0].Text, tt.text)
			}
		})
	}
}

// What is new, or moves far, is held against what may be: nothing is known of a first run or of the past, more is new and moves in
// the days since the targets took all, and what the run before could not send is found again.
func TestWhatMayBeNewOrMoveFar(t *testing.T) {
	reference, started := usual(), time.Unix(0, 0)
	after := func(days float64) func(*pipeline.Profile) {
		return func(p *pipeline.Profile) { p.AsOf = started.Add(time.Duration(days * float64(24*time.Hour))) }
	}
	due := func(p *pipeline.Profile) { p.Due = true }
	left := func(p *pipeline.Profile) { p.Due, p.Difference.Jumped, p.Difference.New = true, 0.3, 0.9 }
	moved := func(scores int) func(*pipeline.Profile) { // in hundredths of the leads
		return at(pipeline.Crossing{Own: stays(all(0, scores-1, func(f int) int { return f + 20 })...)})
	}
	fresh := func(leads int) func(*pipeline.Profile) { return at(pipeline.Crossing{Held: 100, New: leads}) }
	type runs = []pipeline.Profile
	for _, tt := range []struct {
		name   string
		now    pipeline.Profile
		before runs
		want   []string
	}{
		{"new leads", usual(fresh(301)), runs{usual()}, []string{"new"}},
		{"of a first run", usual(fresh(900)), nil, nil},
		{"in the past", usual(fresh(900), past), runs{usual()}, nil},
		{"that the run before could not send", usual(fresh(990)), runs{usual(left)}, nil},
		{"nor one of another model", usual(fresh(990)), runs{usual(left, by("old@1"))}, nil},
		{"more than that", usual(fresh(991)), runs{usual(left)}, []string{"new"}},
		{"that some other run could not send", usual(fresh(900)), runs{usual(), usual(left)}, []string{"new"}},
		{"new leads of two days", usual(fresh(505), after(2)), runs{usual(after(0))}, nil},
		{"more than that", usual(fresh(515), after(2)), runs{usual(after(0))}, []string{"new"}},
		{"after a day", usual(moved(11), after(1)), runs{usual(after(0))}, []string{"jumped"}},
		{"after two days", usual(moved(18), after(2)), runs{usual(after(0))}, nil},
		{"more than that", usual(moved(20), after(2)), runs{usual(after(0))}, []string{"jumped"}},
		{"after a month", usual(moved(27), after(30)), runs{usual(after(0))}, nil},
		{"more than three days'", usual(moved(28), after(30)), runs{usual(after(0))}, []string{"jumped"}},
		{"new leads of a month", usual(fresh(658), after(30)), runs{usual(after(0))}, []string{"new"}},
		{"two days in which a target was away", usual(moved(18), after(2)), runs{usual(after(1.9), due), usual(after(1), due), usual(after(0))}, nil},
		{"of which one took all", usual(moved(18), after(2)), runs{usual(after(1.9), due), usual(after(1)), usual(after(0))}, []string{"jumped"}},
		{"for as long as is known", usual(moved(18), after(2)), runs{usual(after(1), due), usual(after(0), due)}, nil},
		{"which is a day only", usual(moved(18), after(2)), runs{usual(after(1.9), due), usual(after(1), due)}, []string{"jumped"}},
		{"far, which the run before could not send", usual(moved(33)), runs{usual(left)}, nil},
		{"farther than that", usual(moved(34)), runs{usual(left)}, []string{"jumped"}},
		{"far, in the past", usual(moved(40), past), runs{usual()}, nil},
		{"far, and no run before", usual(moved(40)), nil, nil},
		{"far, and another model before", usual(moved(40)), runs{usual(by("old@1"))}, nil},
	} {
		if v := policy.NewGuard(limits)(&tt.now, &reference, tt.before); !slices.Equal(checks(v), tt.want) {
			t.Errorf("%s: found %+v, want %q", tt.name, v.Findings, tt.want)
		}
	}
}

// judge gives a run that meets a target as told, with its verdict, as the ledger keeps it.
func judge(c pipeline.Crossing, before ...pipeline.Profile) (pipeline.Verdict, pipeline.Profile) {
	now, reference := usual(at(c)), usual()
	v := policy.NewGuard(limits)(&now, &reference, before)
	now.Targets, now.Difference, now.Allowed = nil, v.Difference, v.Allowed
	return v, now
}

// What the first runs find is what the next ones go by: new leads that did not all fit into the budget, and scores that moved far
// in a gap and did not either.
func TestWhatDidNotFitIntoTheBudgetIsSentByTheNextRuns(t *testing.T) {
	var before []pipeline.Profile
	for _, sync := range [][]int{{0, 90, 300, 600}, {0, 300, 600}} {
		before = nil
		for _, held := range sync {
			v, now := judge(pipeline.Crossing{Held: held, New: 1000 - held}, before...)
			if now.Due = true; len(v.Findings) != 0 {
				t.Errorf("a first sync that is at %d of 1000 leads: %+v", held, v.Findings)
			}
			before = slices.Insert(before, 0, now)
		}
	}
	if v, _ := judge(pipeline.Crossing{Held: 600, New: 500}, before...); !slices.Equal(checks(v), []string{"new"}) {
		t.Errorf("more than what is still due: %+v", v.Findings)
	}
	before[0].Due = false
	if v, _ := judge(pipeline.Crossing{Held: 600, New: 400}, before...); !slices.Equal(checks(v), []string{"new"}) {
		t.Errorf("once all was sent: %+v", v.Findings)
	}

	far := func(scores int) pipeline.Crossing {
		return pipeline.Crossing{Own: stays(all(0, scores-1, func(f int) int { return f + 20 })...)}
	}
	gap := usual(func(p *pipeline.Profile) { p.AsOf = p.AsOf.AddDate(0, 0, -3) })
	for name, last := range map[string]pipeline.Profile{"after a gap": gap, "after another model's": usual(by("old@1"))} {
		v, first := judge(far(27), last)
		if len(v.Findings) != 0 {
			t.Fatalf("%s: %+v", name, v.Findings)
		}
		first.Due = true
		if v, _ := judge(far(25), first, usual()); len(v.Findings) != 0 {
			t.Errorf("%s, the rest of it: %+v", name, v.Findings)
		}
		if v, _ := judge(far(35), first, usual()); !slices.Equal(checks(v), []string{"jumped"}) {
			t.Errorf("%s, more than the rest: %+v", name, v.Findings)
		}
	}
}

// The scores of a new model are compared with those of the old one on the same leads, and with no run before; without such leads,
// with the reference.
func TestANewModelsScoresAreComparedWithTheOldOnes(t *testing.T) {
	reference := usual()
	before := []pipeline.Profile{usual(by("old@1"), scoring(10, 90, 99))}
	now := usual(at(pipeline.Crossing{Other: stays()}))
	if v := policy.NewGuard(limits)(&now, &reference, before); len(v.Findings) != 0 {
		t.Errorf("on leads that keep their scores, found %+v", v.Findings)
	}
	now = usual(scoring(10, 90, 99), at(pipeline.Crossing{Other: stays()}))
	if v := policy.NewGuard(limits)(&now, &reference, before); len(v.Findings) != 0 {
		t.Errorf("the reference was looked at: %+v", v.Findings)
	}
	now = usual(scoring(10, 90, 99))
	v := policy.NewGuard(limits)(&now, &reference, before)
	if len(v.Findings) != 1 || !strings.Contains(v.Findings[0].Text, "than in the model's reference") {
		t.Errorf("without leads to compare, found %+v", v.Findings)
	}
	now = usual(scoring(10, 90, 99))
	v = policy.NewGuard(limits)(&now, &reference, append(before, usual()))
	if len(v.Findings) != 1 || !strings.Contains(v.Findings[0].Text, "than in the runs before") {
		t.Errorf("beside a run of the same model, found %+v", v.Findings)
	}
}

// What a person released, the next run may do again, and hardly more; until the targets have it.
func TestWhatWasReleasedMayBeDoneAgain(t *testing.T) {
	bad := pipeline.Crossing{Own: stays(all(0, 90, next)...), Held: 1000, Left: 300}
	worse := pipeline.Crossing{Own: stays(all(0, 99, next)...), Held: 1000, Left: 331}
	v, held := judge(bad, usual())
	if !slices.Equal(checks(v), []string{"left", "changed"}) || math.Abs(v.Difference.Changed-0.91) > 1e-9 || v.Difference.Left != 0.3 ||
		v.Allowed != (pipeline.Difference{}) {
		t.Fatalf("the suspicious run: %+v", v)
	}
	held.Released = true
	v, fresh := judge(bad, held)
	if len(v.Findings) != 0 || v.Allowed != held.Difference {
		t.Errorf("the fresh run after the release: %+v", v)
	}
	if v, _ := judge(worse, held); !slices.Equal(checks(v), []string{"left"}) {
		t.Errorf("a run that goes further than what was released: %+v", v.Findings)
	}
	other := held
	other.Model = "other@1"
	if v, _ := judge(bad, other); len(v.Findings) == 0 {
		t.Error("the release of another model's run lets this one pass")
	}
	part := pipeline.Crossing{Own: stays(all(0, 39, next)...), Held: 1000, Left: 100}
	due := fresh
	due.Due = true
	v, better := judge(part, due, held)
	if better.Due = true; len(v.Findings) != 0 || v.Allowed != (pipeline.Difference{Changed: 0.4, Left: 0.1, Moved: v.Difference.Moved}) {
		t.Errorf("a run that differs less: %+v", v)
	}
	if v, _ := judge(bad, better, due, held); !slices.Equal(checks(v), []string{"left", "changed"}) {
		t.Errorf("what was released and is delivered for the most part may be done again: %+v", v)
	}
	if v, _ := judge(bad, fresh, held); len(v.Findings) == 0 {
		t.Error("the release still holds after a run that delivered all")
	}
	fresh.Due = true
	v, second := judge(bad, fresh, held)
	if len(v.Findings) != 0 || v.Allowed != held.Difference {
		t.Errorf("the release does not hold while its scores are due: %+v", v)
	}
	second.Due = true
	if v, _ := judge(worse, second, fresh, held); len(v.Findings) == 0 {
		t.Error("the release grows from run to run")
	}
	before := usual()
	before.Difference, before.Due = held.Difference, true
	if v, _ := judge(bad, before); len(v.Findings) == 0 {
		t.Error("a run that nobody released, and left something due, lets this one pass")
	}
}

// One target was out of reach for long: what it holds says nothing of a run that agrees with the other.
func TestARunThatAgreesWithATargetIsNotHeldForAnother(t *testing.T) {
	reference := usual()
	stale := pipeline.Crossing{Target: "dead", Own: stays(all(0, 99, func(f int) int { return 99 - f })...), Held: 1000}
	other := pipeline.Crossing{Target: "dead", Other: stale.Own, Held: 1000}
	fresh := pipeline.Crossing{Target: "org", Own: stays(), Held: 1000}
	few := pipeline.Crossing{Target: "small", Own: pipeline.Table{50: {50: 99}}, Held: 99}
	left := pipeline.Crossing{Target: "dead", Own: stale.Own, Held: 1000, Left: 300}
	for _, tt := range []struct {
		name    string
		targets []pipeline.Crossing
		want    []string
	}{
		{"alone", []pipeline.Crossing{stale}, []string{"changed", "jumped", "top"}},
		{"first", []pipeline.Crossing{stale, fresh}, nil},
		{"last", []pipeline.Crossing{fresh, stale}, nil},
		{"with another model's scores", []pipeline.Crossing{other, fresh}, nil},
		{"beside one with few leads", []pipeline.Crossing{stale, few}, []string{"changed", "jumped", "top"}},
		{"twice", []pipeline.Crossing{stale, stale}, []string{"changed", "jumped", "top"}},
		{"where leads would be cleared", []pipeline.Crossing{fresh, left}, []string{"left"}},
	} {
		now := usual(func(p *pipeline.Profile) { p.Targets = tt.targets })
		v := policy.NewGuard(limits)(&now, &reference, []pipeline.Profile{usual()})
		if got := checks(v); !slices.Equal(got, tt.want) || len(tt.want) == 0 && v.Difference != (pipeline.Difference{}) {
			t.Errorf("%s: found %+v, which differ by %+v; want %q", tt.name, v.Findings, v.Difference, tt.want)
		}
	}
}

// A run that is like those before it is never held, whatever they are like.
func TestARunLikeThoseBeforeIsNeverHeld(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		p := pipeline.Profile{Model: model, Read: 1 + random.IntN(5000), Difference: pipeline.Difference{Changed: random.Float64()}}
		p.Rejected = random.IntN(p.Read)
		for range p.Read - p.Rejected {
			p.Scores[int(math.Abs(random.NormFloat64())*20)%pipeline.Levels]++
		}
		for range random.IntN(5) {
			missing := random.IntN(p.Read + 1)
			p.Columns = append(p.Columns, pipeline.ColumnProfile{Name: string(rune('a' + len(p.Columns))), Missing: missing,
				Varied: random.IntN(p.Read - missing + 1), Sized: random.IntN(p.Read - missing + 1), Typical: math.Exp(random.NormFloat64())})
		}
		now, reference := p, usual()
		var same pipeline.Crossing
		for score, n := range p.Scores {
			same.Own[score][score] = int32(n)
		}
		same.Held = p.Scores.Rows()
		at(same)(&now)
		before := slices.Repeat([]pipeline.Profile{p}, 1+random.IntN(5))
		if v := policy.NewGuard(limits)(&now, &reference, before); len(v.Findings) != 0 {
			t.Fatalf("%+v is held: %+v", p, v.Findings)
		}
	}
}
