package crm

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// Lead is a lead as a rep sees it.
type Lead struct {
	Key       string // lead_key in the warehouse: L000123
	FirstName string
	LastName  string
	Company   string // "" for a person
	City      string
	Interest  string // the vehicle asked for
	Owner     string // the rep
	Status    string // new, contacted, qualified, test_drive, converted, lost or reopened
	Created   time.Time
}

// Open says whether the lead is to be scored: neither converted nor lost.
func (l Lead) Open() bool { return l.Status != converted && l.Status != lost }

// The statuses of a lead.
const (
	fresh     = "new"
	contacted = "contacted"
	qualified = "qualified"
	testDrive = "test_drive"
	converted = "converted"
	lost      = "lost"
	reopened  = "reopened"
)

// record is a lead with its history.
type record struct {
	Lead
	arrived  time.Time // when its first row was loaded
	statuses []change
}

// change is a change of status, and when it became known.
type change struct {
	status     string
	at, loaded time.Time
}

// Leads yields the leads whose first row was loaded in (from, to], oldest first, each with the status known at to.
func (w *World) Leads(from, to time.Time) iter.Seq[Lead] {
	return func(yield func(Lead) bool) {
		for _, r := range w.leads {
			if r.arrived.After(from) && !r.arrived.After(to) && !yield(r.as(to)) {
				return
			}
		}
	}
}

// as returns the lead as it was known at an instant.
func (r record) as(at time.Time) Lead {
	var since time.Time
	for _, c := range r.statuses {
		if !c.loaded.After(at) && c.at.After(since) {
			r.Status, since = c.status, c.at
		}
	}
	return r.Lead
}

// newLead draws who a lead is, and writes its rows.
func (l *life) newLead() {
	home := places[l.IntN(len(places))]
	if l.yes(0.02) {
		home = island
	}
	l.Lead = Lead{
		Key: fmt.Sprintf("L%06d", l.number), FirstName: l.any(firstNames), LastName: l.any(lastNames),
		City: home.city, Owner: l.any(reps), Status: fresh, Created: l.Created,
	}
	if l.yes(0.12) {
		l.Company = l.LastName + l.any(companies)
	}
	l.Interest = l.taste.brand + " " + l.taste.body
	l.distance = l.skewed(home.distance, 0.5)

	loaded := l.loads(l.Created)
	l.arrived = slices.MinFunc(loaded, time.Time.Compare)
	customer := l.customer(home)
	l.version(loaded, 1, l.Created, customer, home)
	if l.yes(0.06) { // somebody corrects the address
		at := l.Created.Add(l.wait(20 * day))
		home = places[l.IntN(len(places))]
		l.version(l.loads(at), 2, at, customer, home)
	}
}

func (l *life) version(loaded []time.Time, version int, at time.Time, customer any, home place) {
	var distance any = float64(int(l.distance*10)) / 10
	switch {
	case l.yes(0.06):
		distance = nil
	case l.yes(0.01):
		distance = []float64{-1, 0, 12742, 999999}[l.IntN(4)]
	}
	interest := l.Interest
	if l.yes(0.15) {
		interest += l.any(wishes)
	}
	l.world.tables[leads].add(loaded, l.Key, version, at, l.Created, customer, l.soiled(l.FirstName),
		l.soiled(l.LastName), orNull(l.Company), l.soiled(home.city), l.soiled(home.region), l.soiled(home.area), distance,
		l.soiled(interest), l.soiled(l.Owner))
}

// customer writes the customer's row, if the lead is one, and returns the id that the lead holds.
func (l *life) customer(home place) any {
	id := l.number * 10
	switch {
	case l.yes(0.01):
		return id + 9 // of a customer who was erased
	case l.yes(0.55):
		return nil
	}
	since := l.Created
	if l.yes(0.5) {
		since = since.Add(-l.wait(600 * day))
	}
	// The row comes with the lead, however old the customer is: a past must not tell of leads to come.
	l.world.tables[customers].add(l.loads(l.Created), id, since, l.soiled(l.FirstName), l.soiled(l.LastName), l.age(),
		l.soiled(home.city), l.soiled(home.region), l.soiled("Arvenne"))
	return id
}

// strangers writes customers who are no leads.
func (w *World) strangers() {
	c := newChance(w.options.Seed, forCustomers, 0, 0)
	for i := range w.options.Leads / 4 {
		since, home := w.start.Add(-c.wait(600*day)), places[c.IntN(len(places))]
		w.tables[customers].add(c.loads(since), i*10+5, since, c.soiled(c.any(firstNames)), c.soiled(c.any(lastNames)),
			c.age(), c.soiled(home.city), c.soiled(home.region), c.soiled("Arvenne"))
	}
}

// age draws an age in years as it was typed.
func (c chance) age() any {
	return c.measured(18+c.count(28), 0, 180, -1, 1970)
}

func orNull(s string) any {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	return s
}
