// Package crm simulates the customers of a car dealer: leads that visit, search, ask for quotes, answer calls or don't,
// and sometimes buy. Its rows fill the tables of sql/sample/schema.sql, with the dirt that such tables have.
//
// A lead buys because of what it wants, when, and with what money; it browses, answers and opens for the same reasons,
// and for others. A model sees the behaviour and never the reasons, so that no model can be perfect. The constants were
// chosen as plausible and are tuned towards no figure.
package crm

import (
	"iter"
	"slices"
	"time"
)

const day = 24 * time.Hour

// Options choose a world. The same options give the same bytes.
type Options struct {
	Seed  uint64
	End   time.Time     // the last instant of the history
	Days  int           // how long the history is
	Leads int           // about how many leads arrive in it
	Ahead time.Duration // how far the simulation goes on beyond End
}

// Training is the world that the sample model is trained on.
func Training() Options {
	return Options{Seed: 1, End: time.Date(2026, time.June, 30, 0, 0, 0, 0, time.UTC), Days: 300, Leads: 9000}
}

// Demo is the world that the demo scores: another one, its history ends now, and it goes on for two days.
func Demo(now time.Time) Options {
	return Options{Seed: 2, End: now.UTC(), Days: 120, Leads: 5000, Ahead: 2 * day}
}

// World is a simulated history, and what comes after it.
type World struct {
	options  Options
	start    time.Time // midnight, UTC: a world that ends later on the same day has the same past
	horizon  time.Time
	tables   [numTables]table
	leads    []record
	vehicles []vehicle
}

// Simulate lets the leads of a world live until End + Ahead.
func Simulate(o Options) *World {
	w := &World{
		options:  o,
		start:    o.End.UTC().Truncate(day).Add(-time.Duration(o.Days) * day),
		horizon:  o.End.UTC().Add(o.Ahead),
		tables:   newTables(),
		vehicles: newVehicles(o.Seed),
	}
	w.strangers()
	for d, today := 0, w.start; !today.After(w.horizon); d, today = d+1, today.Add(day) {
		for n, created := range w.arrivals(d, today) {
			l := w.newLife(newChance(o.Seed, forLead, d, n), len(w.leads)+1, created)
			l.live()
			w.leads = append(w.leads, l.record)
		}
	}
	for i := range w.tables {
		w.tables[i].seal()
	}
	return w
}

// arrivals draws when leads arrive on a day, in order.
func (w *World) arrivals(d int, today time.Time) []time.Time {
	c := newChance(w.options.Seed, forArrivals, d, 0)
	created := make([]time.Time, c.count(float64(w.options.Leads)/float64(w.options.Days)*webWeek[today.Weekday()]))
	for i := range created {
		created[i] = today.Add(c.hour(&webHours))
	}
	slices.SortFunc(created, time.Time.Compare)
	return created
}

// late says whether an instant is in the last three weeks of the history or after it: some categories begin there, so
// that no model trained on labels of 30 days has seen them.
func (w *World) late(at time.Time) bool {
	return at.After(w.start.Add(time.Duration(w.options.Days-21) * day))
}

// End returns the last instant of the history.
func (w *World) End() time.Time { return w.options.End.UTC() }

// Horizon returns the instant up to which the simulation went.
func (w *World) Horizon() time.Time { return w.horizon }

// Loads yields what was loaded in (from, to], table by table: the history from the zero time to End, the stream in
// whatever steps from there to Horizon. A table without such rows is left out.
func (w *World) Loads(from, to time.Time) iter.Seq[Load] {
	return func(yield func(Load) bool) {
		for i := range w.tables {
			t := &w.tables[i]
			if rows := t.between(from, to); len(rows) > 0 && !yield(t.load(rows)) {
				return
			}
		}
	}
}
