package policy_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/policy"
)

func budget(used, limit, own, typical, runs int) pipeline.Budget {
	return pipeline.Budget{Usage: pipeline.Usage{Used: used, Limit: limit}, Own: own, Typical: typical, Runs: runs}
}

func TestAllowance(t *testing.T) {
	tests := []struct {
		name    string
		budget  pipeline.Budget
		reserve int
		want    policy.Plan
		short   bool
	}{
		{"nobody else, nothing used", budget(0, 1000, 0, 3, 96), 20, policy.Plan{Ceiling: 800, Forecast: 288, Run: 515}, false},
		{"a usual day", budget(388, 1000, 288, 3, 96), 20, policy.Plan{Ceiling: 800, Others: 100, Forecast: 388, Run: 412}, false},
		{"no reserve", budget(388, 1000, 288, 3, 96), 0, policy.Plan{Ceiling: 1000, Others: 100, Forecast: 388, Run: 612}, false},
		{"all is reserved", budget(0, 1000, 0, 3, 96), 100, policy.Plan{Forecast: 288}, true},
		{"a reserve that is no whole number is rounded up", budget(0, 101, 0, 1, 1), 10, policy.Plan{Ceiling: 90, Forecast: 1, Run: 90}, false},
		{"others leave less than runs take: each has its share", budget(600, 1000, 0, 3, 96), 20,
			policy.Plan{Ceiling: 800, Others: 600, Forecast: 888, Run: 10}, true}, // 200 = 95 x 2 + 10
		{"what was used is not yet rolled off", budget(790, 1000, 288, 3, 96), 20, policy.Plan{Ceiling: 800, Others: 502, Forecast: 790, Run: 10}, false},
		{"others are over the ceiling", budget(900, 1000, 100, 3, 96), 20, policy.Plan{Ceiling: 800, Others: 800, Forecast: 1088}, true},
		{"others are beyond the limit", budget(1200, 1000, 100, 3, 96), 20, policy.Plan{Ceiling: 800, Others: 1100, Forecast: 1388}, true},
		{"the target counts later than we do", budget(100, 1000, 300, 3, 96), 20, policy.Plan{Ceiling: 800, Forecast: 288, Run: 500}, false},
		{"no schedule", budget(100, 1000, 0, 3, 0), 20, policy.Plan{Ceiling: 800, Others: 100, Forecast: 103, Run: 700}, false},
		{"an unknown limit", budget(100, 0, 50, 3, 96), 20, policy.Plan{Unlimited: true}, false},
	}
	for _, tt := range tests {
		if got := policy.Allowance(tt.budget, tt.reserve); got != tt.want || got.Short() != tt.short {
			t.Errorf("%s: got %+v, short %t, want %+v, %t", tt.name, got, got.Short(), tt.want, tt.short)
		}
	}
}

// Whatever has been used and is to come: neither this moment's window nor the one a day from now passes the ceiling for
// what this run is allowed.
func TestTheForecastNeverPassesTheLimitLessTheReserve(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 5))
	for range 200_000 {
		b := budget(random.IntN(1500), 1+random.IntN(1200), random.IntN(600), random.IntN(12), random.IntN(200))
		reserve := random.IntN(101)
		p := policy.Allowance(b, reserve)
		ceiling := int(math.Floor(float64(b.Limit) * float64(100-reserve) / 100))
		used, others, runs := max(b.Used, b.Own), max(b.Used-b.Own, 0), max(b.Runs, 1)
		if p.Run < 0 || p.Run > 0 && used+p.Run > ceiling {
			t.Fatalf("%+v, reserve %d: %d now", b, reserve, p.Run)
		}
		// The runs that follow want the typical number, and have no more than an even part.
		day := float64(others + p.Run)
		for range runs - 1 {
			day += math.Min(float64(b.Typical), math.Floor(float64(max(ceiling-others, 0))/float64(runs)))
		}
		if p.Run > 0 && day > float64(ceiling) {
			t.Fatalf("%+v, reserve %d: %d now make %g in a day, above %d", b, reserve, p.Run, day, ceiling)
		}
		if even := max(ceiling-others, 0) / runs; used+even <= ceiling && p.Run < even {
			t.Fatalf("%+v, reserve %d: %d is less than the even part %d", b, reserve, p.Run, even)
		}
	}
}

func hundreds(changes int) int { return (changes + 199) / 200 }

func scored(key string, score int, grade string, before *pipeline.Confirmed) pipeline.Change {
	return pipeline.Change{Score: pipeline.Score{Key: key, Score: score, Grade: grade}, Before: before}
}

func TestTheLargestChangesGoFirst(t *testing.T) {
	at := func(score int, grade string) *pipeline.Confirmed {
		return &pipeline.Confirmed{Score: score, Grade: grade, Model: model}
	}
	cleared := pipeline.Change{Score: pipeline.Score{Key: "k"}, Before: at(75, "B"), Clear: true}
	unanswered := pipeline.Change{Score: pipeline.Score{Key: "l"}, Clear: true}
	doubtful := at(50, "C")
	doubtful.Unsure = true
	changes := []pipeline.Change{
		scored("a", 50, "C", at(50, "C")), // the model only
		scored("b", 55, "C", at(50, "C")),
		scored("c", 95, "A", nil),
		scored("d", 45, "C", at(50, "C")),
		scored("e", 70, "B", at(69, "C")),
		scored("f", 20, "D", at(90, "A")),
		scored("g", 5, "D", nil),
		scored("h", 50, "C", at(89, "C")),
		cleared,
		unanswered,
		scored("m", 52, "C", doubtful),
	}
	for i := range changes {
		if c := changes[i].Before; c != nil {
			c.Version = 10 // a is the oldest
		}
	}
	changes[0].Before.Version = 9
	order := []string{"c", "k", "f", "g", "m", "e", "l", "h", "b", "d", "a"}
	one := func(changes int) int { return changes }
	for n := range len(changes) + 3 {
		want := slices.Sorted(slices.Values(order[:min(n, len(order))]))
		if n == 10 {
			want = slices.Sorted(slices.Values(append([]string{"a"}, order[:9]...)))
		}
		var got []string
		for _, c := range policy.NewRation(0)(budget(0, max(n, 1), 0, 0, 1), one, changes) {
			got = append(got, c.Key)
		}
		if n > 0 && !slices.Equal(got, want) {
			t.Errorf("%d: got %v, want %v", n, got, want)
		}
	}
	if got := policy.NewRation(20)(budget(1000, 1000, 0, 0, 1), one, changes); len(got) != 0 {
		t.Errorf("nothing is left, and %d go", len(got))
	}
	if got := policy.NewRation(20)(pipeline.Budget{}, one, changes); !reflect.DeepEqual(got, changes) {
		t.Errorf("the limit is unknown, and %d of %d go", len(got), len(changes))
	}
}

// larger says of two changes which a rep wants first, in words of its own.
func larger(a, b pipeline.Change) bool {
	graded := func(c pipeline.Change) bool {
		return c.Before == nil || c.Before.Grade != c.Grade || c.Before.Unsure
	}
	moved := func(c pipeline.Change) float64 {
		if c.Before == nil {
			return float64(c.Score.Score)
		}
		return math.Abs(float64(c.Score.Score - c.Before.Score))
	}
	if graded(a) != graded(b) {
		return graded(a)
	}
	if moved(a) != moved(b) {
		return moved(a) > moved(b)
	}
	return a.Key < b.Key
}

// share is what goes of the changes if n do: the largest but for a tenth, and of the others those that the target holds in
// the oldest versions.
func share(changes []pipeline.Change, n int) (keys []string) {
	rest := slices.Clone(changes)
	take := func(n int, first func(a, b pipeline.Change) bool) {
		slices.SortFunc(rest, func(a, b pipeline.Change) int {
			if first(a, b) {
				return -1
			}
			return 1
		})
		for _, c := range rest[:n] {
			keys = append(keys, c.Key)
		}
		rest = rest[n:]
	}
	take(n-n/10, larger)
	take(n/10, func(a, b pipeline.Change) bool {
		version := func(c pipeline.Change) int64 {
			if c.Before == nil {
				return 0
			}
			return c.Before.Version
		}
		return version(a) < version(b) || version(a) == version(b) && a.Key < b.Key
	})
	slices.Sort(keys)
	return keys
}

func FuzzRation(f *testing.F) {
	f.Add([]byte("a lead, and another; some more of them, and a few that moved"), uint16(10), uint16(40), uint8(3), uint8(20))
	f.Add([]byte{}, uint16(0), uint16(1), uint8(0), uint8(0))
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, uint16(0), uint16(3), uint8(1), uint8(0))
	f.Fuzz(func(t *testing.T, data []byte, used, limit uint16, per, reserve uint8) {
		var changes []pipeline.Change
		for i := 0; i+2 < len(data); i += 3 {
			c := scored(fmt.Sprintf("k%06d", i), int(data[i])%101, string("ABCD"[data[i]/64]), nil)
			if data[i+1] > 60 {
				c.Before = &pipeline.Confirmed{Score: int(data[i+1]) % 101, Grade: string("ABCD"[data[i+2]%4]),
					Version: int64(data[i+2]) >> 3, Unsure: data[i+2]&7 == 7}
			}
			if data[i+2] > 250 {
				c.Score, c.Clear = pipeline.Score{Key: c.Key}, true
			}
			changes = append(changes, c)
		}
		cost := func(n int) int { return (n + int(per)) / (int(per) + 1) }
		b := budget(int(used), int(limit), int(used)/2, 1, 10)
		percent := int(reserve) % 101
		given := slices.Clone(changes)
		got := policy.NewRation(percent)(b, cost, changes)
		if !reflect.DeepEqual(changes, given) {
			t.Fatal("what was given is not as it was")
		}
		p := policy.Allowance(b, percent)
		switch {
		case p.Unlimited:
			if len(got) != len(changes) {
				t.Fatalf("%d of %d go without a limit", len(got), len(changes))
			}
			return
		case len(got) > 0 && cost(len(got)) > p.Run:
			t.Fatalf("%d changes cost %d, and %d are allowed", len(got), cost(len(got)), p.Run)
		case len(got) < len(changes) && cost(len(got)+1) <= p.Run:
			t.Fatalf("%d changes go, and one more would fit", len(got))
		}
		var keys []string
		for _, c := range got {
			keys = append(keys, c.Key)
		}
		if want := share(changes, len(got)); !slices.Equal(keys, want) {
			t.Fatalf("of %+v\n%v go, want %v", changes, keys, want)
		}
	})
}

// day is an org that counts requests by the slot, and a job that delivers to it.
type day struct {
	t                *testing.T
	random           *rand.Rand
	keys             []string // of the leads
	want, held       []int    // per lead: the score, and what the org has of it
	slots            []int64  // per lead: when that was sent
	own, others      []int    // per slot
	limit, reserve   int
	pending, skipped int // changes after the last run, and runs that sent nothing
	least            int // requests of the run that made the fewest
}

func rolling(perSlot []int) (sum int) {
	for _, n := range perSlot[max(len(perSlot)-96, 0):] {
		sum += n
	}
	return sum
}

func grade(score int) string { return string("DCBA"[min(score/25, 3)]) }

// slot lets others make requests and so many leads change, and then delivers.
func (d *day) slot(others, changing int) {
	d.others = append(d.others, others)
	for range changing {
		lead := d.random.IntN(len(d.want))
		d.want[lead] = min(max(d.want[lead]+d.random.IntN(21)-10, 0), 100)
	}
	var changes []pipeline.Change
	for lead, score := range d.want {
		if before := d.held[lead]; before != score {
			confirmed := &pipeline.Confirmed{Score: before, Grade: grade(before), Version: d.slots[lead]}
			changes = append(changes, scored(d.keys[lead], score, grade(score), confirmed))
		}
	}
	recent := slices.Sorted(slices.Values(d.own[max(len(d.own)-96, 0):]))
	typical := 0
	if len(recent) > 0 {
		typical = recent[len(recent)/2]
	}
	used := rolling(d.own[max(len(d.own)-95, 0):]) + rolling(d.others) // the slot of a day ago has rolled off
	b := budget(used, d.limit, used-rolling(d.others), typical, 96)
	sent := policy.NewRation(d.reserve)(b, hundreds, changes)
	calls := hundreds(len(sent))
	d.own = append(d.own, calls)
	if ceiling := d.limit * (100 - d.reserve) / 100; calls > 0 && used+calls > ceiling {
		d.t.Fatalf("slot %d: %d requests on top of %d pass %d", len(d.own), calls, used, ceiling)
	}
	d.least = min(d.least, calls)
	if calls == 0 && len(changes) > 0 {
		d.skipped++
	}
	var went []string
	for _, c := range sent {
		lead, _ := slices.BinarySearch(d.keys, c.Key)
		d.held[lead], d.slots[lead] = c.Score.Score, int64(len(d.own))
		went = append(went, c.Key)
	}
	if len(d.own)%12 == 0 && !slices.Equal(went, share(changes, len(sent))) { // every time takes long
		d.t.Fatalf("slot %d: other changes go", len(d.own))
	}
	d.pending = len(changes) - len(sent)
}

func TestADayOnWhichAnotherApplicationEatsTheBudget(t *testing.T) {
	d := &day{t: t, random: rand.New(rand.NewPCG(9, 9)), want: make([]int, 10_000), held: make([]int, 10_000), slots: make([]int64, 10_000), limit: 2000, reserve: 20, least: math.MaxInt}
	for lead := range d.want {
		d.keys = append(d.keys, fmt.Sprintf("k%05d", lead))
		d.want[lead] = d.random.IntN(101)
		d.held[lead] = d.want[lead]
	}
	for range 96 { // a usual day: 9 or 10 requests a slot, and 2 of others
		d.slot(2, 2000)
	}
	if own := rolling(d.own); d.pending != 0 || own < 700 || own > 1000 {
		t.Fatalf("a usual day: %d requests, %d changes left", own, d.pending)
	}
	usual := rolling(d.own)
	d.least = math.MaxInt
	for range 96 { // the other application eats more and more of what there was
		d.slot(10, 2000)
	}
	if d.pending == 0 || d.skipped > 0 || d.least < 1 || rolling(d.own) >= usual {
		t.Errorf("a short day: %d requests, %d at least, %d runs sent nothing, %d changes left", rolling(d.own), d.least, d.skipped, d.pending)
	}
	if sum := rolling(d.own) + rolling(d.others); sum > 1600 {
		t.Errorf("%d requests in all", sum)
	}
	for range 97 { // it has done
		d.slot(2, 2000)
	}
	if d.pending != 0 {
		t.Errorf("%d changes were not caught up", d.pending)
	}
}

// In every slot more leads change their grade than the budget pays for, for ever, and one lead changed by a little once.
func TestOnABudgetThatStaysShortASmallChangeIsNotLeftForEver(t *testing.T) {
	held := make([]int64, 1000) // 200 go per slot, 20 of them as the oldest
	small := scored("small", 51, "C", &pipeline.Confirmed{Score: 50, Grade: "C", Version: 5})
	for slot := int64(1); slot < 60; slot++ {
		changes := []pipeline.Change{small}
		for lead, version := range held {
			changes = append(changes, scored(fmt.Sprintf("k%04d", lead), 90, "A", &pipeline.Confirmed{Score: 10, Grade: "D", Version: version}))
		}
		sent := policy.NewRation(0)(budget(0, 1, 0, 0, 1), hundreds, changes)
		if len(sent) != 200 {
			t.Fatalf("%d changes go", len(sent))
		}
		for _, c := range sent {
			if c.Key == small.Key {
				return
			}
			var lead int
			if _, err := fmt.Sscanf(c.Key, "k%d", &lead); err != nil {
				t.Fatal(err)
			}
			held[lead] = slot
		}
	}
	t.Error("it was never sent")
}

func BenchmarkRation(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 1))
	changes := make([]pipeline.Change, 1_000_000)
	for i := range changes {
		changes[i] = scored(fmt.Sprintf("k%07d", i), random.IntN(101), "B", &pipeline.Confirmed{Score: random.IntN(101), Grade: "B"})
	}
	ration := policy.NewRation(20)
	b.ReportAllocs()
	for b.Loop() {
		if got := ration(budget(0, 3000, 0, 10, 96), hundreds, changes); len(got) == 0 || len(got) == len(changes) {
			b.Fatal(len(got))
		}
	}
}

func leftover(used, limit, own, extra, typical, runs int) pipeline.Budget {
	b := budget(used, limit, own, typical, runs)
	b.Extra, b.Leftover = extra, true
	return b
}

func TestABackfillHasWhatLiveRunsLeave(t *testing.T) {
	for _, tt := range []struct {
		name   string
		budget pipeline.Budget
		want   int
	}{
		{"a usual day", leftover(388, 1000, 288, 0, 3, 96), 800 - 100 - 288},
		{"before any live run, all that the next ones take is kept", leftover(0, 1000, 0, 0, 3, 96), 800 - 288},
		{"what the backfill took is not there twice", leftover(512, 1000, 512, 512, 3, 96), 0},
		{"nor what another one took", leftover(400, 1000, 300, 12, 3, 96), 800 - 100 - 12 - 288},
		{"live runs took more than usual", leftover(500, 1000, 400, 0, 3, 96), 800 - 100 - 400},
		{"others leave less than live runs take", leftover(600, 1000, 0, 0, 3, 96), 0},
		{"no schedule: what was run by hand is", leftover(100, 1000, 60, 0, 3, 0), 800 - 40 - 60},
		{"the target counts later than we do", leftover(10, 1000, 300, 300, 0, 96), 500},
	} {
		if got := policy.Allowance(tt.budget, 20); got.Run != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got.Run, tt.want)
		}
	}
	if p := policy.Allowance(leftover(100, 0, 50, 0, 3, 96), 20); !p.Unlimited {
		t.Errorf("an unknown limit: %+v", p)
	}
}

// Windows are made as fast as they can be, live runs take what they usually do in between, and for a day after: none of them
// finds less than that.
func TestABackfillNeverTakesWhatLiveRunsWouldHave(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 11))
	spare := 0
	for range 300 {
		const runs, limit, reserve = 96, 2000, 20
		typical, others := random.IntN(12), random.IntN(1000)
		if others+runs*typical > limit*(100-reserve)/100 {
			continue
		}
		type spending struct{ at, calls int } // in quarters of an hour
		var live, extra []spending
		last := func(of []spending, now int) (calls int) {
			for _, s := range of {
				if s.at > now-runs {
					calls += s.calls
				}
			}
			return calls
		}
		for now := range 4 * runs {
			own, took := last(live, now)+last(extra, now), last(extra, now)
			b := budget(others+own, limit, own, typical, runs)
			if p := policy.Allowance(b, reserve); p.Run < typical {
				t.Fatalf("at %d a live run may use %d, and takes %d as a rule; others %d, live %d, backfills %d", now, p.Run, typical, others, own-took, took)
			}
			live = append(live, spending{now, typical})
			for range random.IntN(4) {
				own, took = last(live, now)+last(extra, now), last(extra, now)
				calls := policy.Allowance(leftover(others+own, limit, own, took, typical, runs), reserve).Run
				if calls > 0 {
					calls -= random.IntN(calls)
				}
				spare += calls
				extra = append(extra, spending{now, calls})
			}
		}
	}
	if spare == 0 {
		t.Error("no backfill had anything: this shows nothing")
	}
}

func TestWhenABackfillMaySendAgain(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2026, time.November, 23, hour, 0, 0, 0, time.UTC) }
	took := []pipeline.Expense{{Began: at(1), Calls: 200}, {Began: at(2), Calls: 30}, {Began: at(3), Calls: 282}}
	for _, tt := range []struct {
		name   string
		budget pipeline.Budget
		calls  int
		want   time.Time
	}{
		{"the first one's are enough", leftover(512, 1000, 512, 512, 3, 96), 1, at(1)},
		{"the first one's are not", leftover(512, 1000, 512, 512, 3, 96), 201, at(2)},
		{"others have them by now", leftover(712, 1000, 512, 512, 3, 96), 1, at(2)},
		{"others have all of them", leftover(1212, 1000, 512, 512, 3, 96), 1, time.Time{}},
		{"the limit is unknown", leftover(512, 0, 512, 512, 3, 96), 1, at(1)},
	} {
		want := tt.want
		if !want.IsZero() {
			want = want.AddDate(0, 0, 1)
		}
		if got := policy.Reopens(tt.budget, took, 20, tt.calls); !got.Equal(want) {
			t.Errorf("%s: %s, want %s", tt.name, got, want)
		}
	}
}
