package crm

import (
	"math"
	"time"
)

// life is what becomes of one lead, day by day.
type life struct {
	record
	chance
	world  *World
	number int
	events int // so far; they number the ids

	// What no column tells.
	want      float64 // how much it wants a car
	curiosity float64 // how much it likes to look at cars
	pressure  float64 // how tight its money is
	openness  float64 // how readily it answers
	peak      float64 // when it needs the car, in days after it came
	width     float64 // how long the need lasts, in days
	rival     time.Time
	mood      float64

	// What some columns hint at.
	taste
	budget     int
	distance   float64
	device     string
	source     string
	subscribed bool
	favourites []vehicle

	// Contact so far, fading by the day.
	browsed, talked, driven, quoted float64

	active time.Time // when it last did something
	until  time.Time // the end of today, or of its story
	asleep time.Time // lost until then
	drive  time.Time // the day of the agreed test drive
	closed bool
}

func (w *World) newLife(c chance, number int, created time.Time) *life {
	l := &life{
		chance: c, world: w, number: number, record: record{Lead: Lead{Created: created}},
		want: c.normal(-0.2, 1), curiosity: c.normal(0, 1), pressure: c.normal(0, 1), openness: c.normal(0, 0.8),
		peak: c.skewed(22, 0.9), width: c.skewed(12, 0.5), rival: created.Add(c.wait(90 * day)),
		taste: c.fancy(), budget: int(c.skewed(22000, 0.4))/500*500 + 1000, device: c.of(devices), source: c.of(sources),
		subscribed: c.yes(0.6), active: created,
	}
	if w.late(created) && c.yes(0.15) {
		l.source = lateSource
	}
	if w.late(created) && c.yes(0.05) {
		l.fuel = lateFuel
	}
	l.newLead()
	l.want += l.leaning()
	return l
}

// leaning is the part of a lead's wish that its visible traits explain.
func (l *life) leaning() float64 {
	lean := -0.25 * math.Log1p(l.distance/20)
	switch l.source {
	case "referral":
		lean += 0.5
	case "marketplace":
		lean += 0.2
	case "social":
		lean -= 0.4
	}
	switch l.fuel {
	case "electric":
		lean += 0.2
	case "diesel":
		lean -= 0.15
	}
	if l.body == "suv" {
		lean += 0.1
	}
	return lean
}

// live goes through the lead's days until it buys or is given up for good, or the simulation ends.
func (l *life) live() {
	if l.yes(0.03) {
		return // bought from an address list: nothing is ever heard of it
	}
	l.until = l.Created.Add(time.Hour)
	if l.yes(0.98) {
		l.status(l.Created, fresh)
	}
	l.visit(l.Created.Add(-time.Duration(3+l.IntN(20))*time.Minute), l.intent(l.Created))
	for today := l.Created.Truncate(day); !today.After(l.world.horizon) && !l.closed; today = today.Add(day) {
		if today.Before(l.asleep) {
			continue
		}
		l.fade()
		l.today(today)
	}
}

// today lives one day. The end, if it comes today, is decided by the days before, and nothing follows it.
func (l *life) today(today time.Time) {
	l.until = today.Add(day)
	if !l.asleep.IsZero() {
		l.status(today, reopened)
		l.mood += 1.5
		l.asleep, l.active = time.Time{}, today
	}
	intent := l.intent(today)
	end := l.end(today, intent)
	if end != "" {
		l.until = today.Add(l.hour(&officeHours))
	}
	l.browse(today, intent)
	l.phone(today, intent)
	l.mail(today, intent)
	if end != "" && l.until.After(l.Created) {
		l.finish(end)
	}
}

// intent is how strongly the lead wants to buy just now: its wish, rising and falling around the time of need, ageing,
// moody, and gone when a rival has sold it a car.
func (l *life) intent(today time.Time) float64 {
	age := today.Sub(l.Created).Hours() / 24
	l.mood = 0.85*l.mood + 0.35*l.NormFloat64()
	need := 1.6 * math.Exp(-math.Pow((age-l.peak)/l.width, 2))
	intent := l.want + need + 0.8*math.Exp(-age/3) - 0.01*age + l.mood
	if today.After(l.rival) {
		intent -= 2.5
	}
	return intent
}

// fade lets a day pass over what was: of a visit little is left after a week, of a talk after a month.
func (l *life) fade() {
	l.browsed *= 0.84
	l.talked *= 0.93
	l.driven *= 0.90
	l.quoted *= 0.92
}

// end decides whether the story ends today, and how.
func (l *life) end(today time.Time, intent float64) string {
	odds := -7.9 + 0.9*intent + 0.25*math.Log1p(l.browsed) + 0.6*math.Min(l.talked, 2) + 1.1*math.Min(l.driven, 1.5) +
		0.6*math.Min(l.quoted, 2) - 0.7*l.pressure
	if l.yes(logistic(odds) * officeWeek[today.Weekday()]) {
		return converted
	}
	idle, age := today.Sub(l.active).Hours()/24, today.Sub(l.Created).Hours()/24
	giveUp := 0.003 + 0.06*logistic((idle-25)/4) + 0.03*logistic((age-130)/10)
	if today.After(l.rival) {
		giveUp += 0.015
	}
	if l.yes(giveUp * officeWeek[today.Weekday()]) {
		return lost
	}
	return ""
}

// finish closes the lead; one in twenty of the lost comes back.
func (l *life) finish(end string) {
	l.status(l.until, end)
	if end == lost && l.yes(0.05) {
		l.asleep = l.until.Truncate(day).Add(time.Duration(5+l.IntN(25)) * day)
		return
	}
	l.closed = true
}

// status records a change of status, unless the story is over by then.
func (l *life) status(at time.Time, status string) {
	if at.After(l.until) {
		return
	}
	loaded := l.loads(at)
	l.statuses = append(l.statuses, change{status, at, loaded[0]})
	var written any = status
	switch x := l.Float64(); {
	case x < 0.02:
		written = status + " "
	case x < 0.03:
		written = string(status[0]-'a'+'A') + status[1:]
	}
	l.world.tables[statuses].add(loaded, l.id(), l.Key, at, written)
}

// id numbers the lead's rows: it depends on nothing that other leads do.
func (l *life) id() int {
	l.events++
	return l.number*1_000_000 + l.events
}

// emit writes an event's row, known to the web site or telephone at the instant written.
func (l *life) emit(table, id int, at, written time.Time, values ...any) {
	row := append([]any{id, l.owner(), l.clock(at)}, values...)
	l.world.tables[table].add(l.loads(written), row...)
}
