package policy

import (
	"slices"
	"sort"
	"time"

	"scored/pipeline"
)

// Plan says how many requests a run may use, and why. A target counts the requests of the last 24 hours; each one rolls off
// after a day. Ceiling is what all clients together may have used without touching the reserve:
//
//	ceiling = limit - reserve % of the limit (rounded up)
//	others  = used - own              the other clients' use, taken to go on as it is
//	room    = ceiling - others        what a day leaves to our runs
//	share   = room / runs             the even part of a run
//	coming  = (runs - 1) * min(typical, share)
//	run     = min(ceiling - used, room - coming), and not below 0
//
// The first of the two bounds keeps the window that ends at this moment under the ceiling, the second the one that ends
// after the runs of the next 24 hours, when all of own has rolled off. In between the own use goes from one to the other
// evenly. A run that finds the typical requests of all runs provided for may use whatever is left; one that does not has
// its share.
//
// A run of a backfill has what these leave, however often it asks, and no share. What backfills (and undos) took comes all at
// once and rolls off all at once, so none of it is counted on:
//
//	run = ceiling - others - extra - the greater of what live runs took and runs * typical
type Plan struct {
	Ceiling  int // requests in 24 hours, of all clients
	Others   int // used by others
	Forecast int // others, and what our runs would like to use within 24 hours
	Run      int // what this run may use
	// Unlimited is set where the target's limit is unknown: nothing else says anything then.
	Unlimited bool
}

// Short says whether the day is too short for what our runs usually take.
func (p Plan) Short() bool { return !p.Unlimited && p.Forecast > p.Ceiling }

// Allowance plans a run's requests with so many percent of the target's limit left to others.
func Allowance(b pipeline.Budget, reserve int) Plan {
	if b.Limit <= 0 {
		return Plan{Unlimited: true}
	}
	own, runs := max(b.Own, 0), max(b.Runs, 1)
	used := max(b.Used, own) // a target may count later than we do
	p := Plan{Ceiling: b.Limit * (100 - reserve) / 100, Others: used - own}
	p.Forecast = p.Others + runs*b.Typical
	room := max(p.Ceiling-p.Others, 0)
	if b.Leftover {
		extra := min(max(b.Extra, 0), own)
		p.Run = max(room-extra-max(own-extra, max(b.Runs, 0)*b.Typical), 0)
		return p
	}
	coming := (runs - 1) * min(b.Typical, room/runs)
	p.Run = max(min(p.Ceiling-used, room-coming), 0)
	return p
}

// Reopens returns when a backfill may send again, others and live runs as they are: once so much of what backfills and undos
// took in the last 24 hours has rolled off that a run may use the given number of requests. The zero time is for never.
func Reopens(b pipeline.Budget, extras []pipeline.Expense, reserve, calls int) time.Time {
	b.Leftover = true
	for _, e := range extras {
		b.Used, b.Own, b.Extra = b.Used-e.Calls, b.Own-e.Calls, b.Extra-e.Calls
		if p := Allowance(b, reserve); p.Unlimited || p.Run >= calls {
			return e.Began.Add(24 * time.Hour)
		}
	}
	return time.Time{}
}

// NewRation returns a [pipeline.Ration] that leaves so many percent of the target's limit to others. All changes go if the
// run's [Allowance] pays for them; otherwise the largest: first those of the grade, then by how far the score moves, then in
// order of key. A lead that had no score counts as one that had 0 and no grade, and a cleared one likewise. Where it is unsure
// what the target holds, that may be any grade, and counts as another one.
//
// A tenth of what goes, rounded down, is not the largest but, of all others, what the target holds in the oldest versions: on
// a budget that stays short, a small change waits, and not for ever.
func NewRation(reserve int) pipeline.Ration {
	return func(budget pipeline.Budget, cost func(changes int) int, changes []pipeline.Change) []pipeline.Change {
		p := Allowance(budget, reserve)
		if p.Unlimited {
			return changes
		}
		affordable := sort.Search(len(changes), func(n int) bool { return cost(n+1) > p.Run })
		return pick(changes, affordable)
	}
}

// oldShare is the part, one in so many, of a short budget that goes to the oldest versions.
const oldShare = 10

// pick returns n changes in their order: the largest, and some of the oldest.
func pick(changes []pipeline.Change, n int) []pipeline.Change {
	if n == len(changes) {
		return changes
	}
	if n == 0 {
		return nil
	}
	chosen := make([]bool, len(changes))
	markLargest(chosen, changes, n-n/oldShare)
	markOldest(chosen, changes, n/oldShare)
	picked := make([]pipeline.Change, 0, n)
	for i := range changes {
		if chosen[i] {
			picked = append(picked, changes[i])
		}
	}
	return picked
}

// markLargest chooses n changes by size.
func markLargest(chosen []bool, changes []pipeline.Change, n int) {
	// There are few sizes: the changes are counted by size, and the smallest that is still sent is cut by order of key.
	var count [sizes]int
	for i := range changes {
		count[size(&changes[i])]++
	}
	least, left := sizes-1, n
	for count[least] < left {
		left -= count[least]
		least--
	}
	for i := range changes {
		switch s := size(&changes[i]); {
		case s > least:
			chosen[i] = true
		case s == least && left > 0:
			chosen[i] = true
			left--
		}
	}
}

// markOldest chooses n more changes by the version that the target holds, the same version in order of key.
func markOldest(chosen []bool, changes []pipeline.Change, n int) {
	if n == 0 {
		return
	}
	var versions []int64
	for i := range changes {
		if !chosen[i] {
			versions = append(versions, held(&changes[i]))
		}
	}
	slices.Sort(versions)
	newest := versions[n-1]
	older, _ := slices.BinarySearch(versions, newest)
	left := n - older // of the newest
	for i := range changes {
		switch v := held(&changes[i]); {
		case chosen[i]:
		case v < newest:
			chosen[i] = true
		case v == newest && left > 0:
			chosen[i] = true
			left--
		}
	}
}

// held is the version that the target holds; 0 if it confirmed no score.
func held(c *pipeline.Change) int64 {
	if c.Before == nil {
		return 0
	}
	return c.Before.Version
}

// A score goes from 0 to 100, so it moves by one of so many steps, with or without its grade.
const (
	steps = 101
	sizes = 2 * steps
)

// size orders changes by what they mean to a rep.
func size(c *pipeline.Change) int {
	var before pipeline.Confirmed
	if c.Before != nil {
		before = *c.Before
	}
	// What is cleared though nothing was confirmed is a write that was never answered.
	unsure := before.Unsure || c.Clear && c.Before == nil
	moved := min(max(c.Score.Score-before.Score, before.Score-c.Score.Score), steps-1)
	if c.Grade != before.Grade || unsure {
		return steps + moved
	}
	return moved
}
