package crm

import (
	"math"
	"time"
)

// browse makes today's visits.
func (l *life) browse(today time.Time, intent float64) {
	rate := 0.3 * math.Exp(0.7*intent+0.5*l.curiosity) * webWeek[today.Weekday()]
	for range l.count(math.Min(rate, 5)) {
		if at := today.Add(l.hour(&webHours)); at.After(l.Created) {
			l.visit(at, intent)
		}
	}
}

// visit makes one visit of the web site, unless the story is over by then.
func (l *life) visit(at time.Time, intent float64) {
	if !at.Before(l.until) {
		return
	}
	id, t, pages := l.id(), at, 1
	if l.yes(0.78) {
		pages += 1 + l.count(2+1.3*math.Max(0, intent))
	}
	for range pages {
		if !t.Before(l.until) {
			break
		}
		if l.yes(0.12) {
			l.search(id, t)
		}
		t = t.Add(l.page(id, t, intent))
	}
	l.emit(visits, id, at, t, l.soiled(l.deviceToday()), l.soiled(l.sourceToday()),
		l.measured(int(t.Sub(at)/time.Second), -86400, -1, 604800))
	l.browsed += float64(pages)
	l.active = at
	if !t.Before(l.until) {
		return
	}
	if pages > 1 && l.yes(math.Min(0.3, 0.012*math.Exp(0.9*intent))) {
		l.quote(t, intent)
	}
	if l.yes(0.05) || l.events < 20 && l.yes(0.35) {
		l.prefer(t)
	}
}

func (l *life) deviceToday() string {
	if l.yes(0.25) {
		return l.of(devices)
	}
	return l.device
}

func (l *life) sourceToday() string {
	if l.yes(0.5) {
		return l.source
	}
	if l.yes(0.6) {
		return "direct"
	}
	return l.of(sources)
}

// page views a page and returns how long that took.
func (l *life) page(visit int, at time.Time, intent float64) time.Duration {
	stay := 2 + int(l.skewed(18, 0.9)*(1+0.25*math.Max(0, intent)))
	var kind string
	var vehicle, price any
	switch x := l.Float64(); {
	case x < 0.04+0.10*logistic(intent):
		kind = l.of(hotPages)
	case x < 0.6:
		v := l.choose(intent)
		kind, vehicle, price = "vehicle", v.id, l.measured(v.price, 0, 1, 99_999_999)
	default:
		kind = l.of(coldPages)
	}
	left := at.Add(time.Duration(stay) * time.Second)
	l.emit(pageViews, l.id(), at, left, visit, l.soiled(kind), vehicle, price, l.measured(stay, -5, 0, 86400))
	return left.Sub(at)
}

// search looks for vehicles near the lead's taste and money.
func (l *life) search(visit int, at time.Time) {
	var brand, body, fuel, price, mileage any
	if l.yes(0.6) {
		brand = l.soiled(l.brand)
		if l.yes(0.3) {
			brand = l.soiled(l.of(brands))
		}
	}
	if l.yes(0.4) {
		body = l.soiled(l.body)
	}
	if l.yes(0.4) {
		fuel = l.soiled(l.fuel)
	}
	if l.yes(0.7) {
		price = l.measured(int(l.skewed(float64(l.budget), 0.2))/1000*1000+1000, 1, 99_999_999)
	}
	if l.yes(0.3) {
		mileage = l.measured(10_000*(1+l.IntN(15)), -1, 9_999_999)
	}
	l.emit(searches, l.id(), at, at, visit, brand, body, fuel, price, mileage, l.measured(l.count(24), -1))
}

// quote asks for a price. The less money, the harder the bargain.
func (l *life) quote(at time.Time, intent float64) {
	v := l.choose(intent)
	discount := math.Max(0, l.normal(0.05+0.015*l.pressure, 0.02))
	var months any
	if l.yes(0.65) {
		months = l.measured(12*(2+l.IntN(5)), 0, 1200)
	}
	l.emit(quotes, l.id(), at, at, v.id, l.measured(v.price, 0, 99_999_999), int(float64(v.price)*(1-discount)), months)
	l.quoted++
	l.qualify(at)
}

// prefer states what the lead would like.
func (l *life) prefer(at time.Time) {
	stated := l.taste
	if l.yes(0.15) {
		stated = l.fancy()
	}
	var budget, mileage any
	if l.yes(0.75) {
		budget = l.measured(l.budget, 1, 99_999_999, -20000)
	}
	if l.yes(0.4) {
		mileage = l.measured(10_000*(1+l.IntN(15)), -1, 9_999_999)
	}
	l.emit(preferences, l.id(), at, at, l.soiled(stated.brand), l.soiled(stated.body), l.soiled(stated.fuel),
		budget, mileage)
}
