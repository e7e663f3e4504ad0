package crm

import (
	"math"
	"time"
)

// phone makes today's calls and, if one was agreed on, the test drive.
func (l *life) phone(today time.Time, intent float64) {
	open := officeWeek[today.Weekday()]
	if !l.drive.IsZero() && !today.Before(l.drive) {
		l.testDrive(today)
	}
	due := 0.02
	if l.talked == 0 && today.Sub(l.Created) < 5*day {
		due = 0.35
	}
	if l.quoted > 0.5 || l.browsed > 15 {
		due += 0.08
	}
	if l.yes(due * math.Min(open, 1)) {
		l.call(today.Add(l.hour(&officeHours)), intent, "out", logistic(-0.7+0.45*intent+l.openness))
	}
	if l.yes(math.Min(0.5, 0.005*math.Exp(0.8*intent+0.3*l.openness)) * math.Min(open, 1)) {
		l.call(today.Add(l.hour(&officeHours)), intent, "in", 0.85)
	}
}

// call makes one call, which is answered with the given probability.
func (l *life) call(at time.Time, intent float64, direction string, answered float64) {
	if at.Before(l.Created) || !at.Before(l.until) {
		return
	}
	outcome, seconds := l.any([]string{"no_answer", "no_answer", "voicemail", "busy"}), l.IntN(20)
	if l.yes(answered) {
		outcome, seconds = "answered", 15+int(l.skewed(140, 0.7)*(1+0.3*math.Max(0, intent)))
	}
	var note any
	if outcome == "answered" && l.yes(0.4) {
		note = l.soiled(l.any(notes))
	}
	l.emit(calls, l.id(), at, at.Add(time.Duration(seconds)*time.Second), direction, l.soiled(outcome),
		l.measured(seconds, -60, 0, 999_999), note)
	if outcome != "answered" {
		return
	}
	if l.talked == 0 {
		l.status(at, contacted)
	}
	l.talked++
	l.active = at
	if l.drive.IsZero() && l.yes(0.25*logistic(intent)) {
		l.drive = at.Truncate(day).Add(time.Duration(1+l.IntN(5)) * day)
	}
}

func (l *life) testDrive(today time.Time) {
	at := today.Add(l.hour(&officeHours))
	if !at.Before(l.until) {
		return
	}
	l.drive = time.Time{}
	if l.yes(0.8) { // the others don't come
		l.driven++
		l.active = at
		l.status(at, testDrive)
	}
}

// qualify marks a lead that a rep takes seriously.
func (l *life) qualify(at time.Time) {
	for _, c := range l.statuses {
		if c.status == qualified {
			return
		}
	}
	l.status(at.Add(time.Minute), qualified)
}

// mail sends today's messages: the newsletter on Tuesdays, now and then a rep's own.
func (l *life) mail(today time.Time, intent float64) {
	at := today.Add(l.hour(&officeHours))
	if at.Before(l.Created) {
		return
	}
	if l.subscribed && today.Weekday() == time.Tuesday {
		l.message(today.Add(7*time.Hour).Add(l.wait(30*time.Minute)), intent, "newsletter", 0)
	}
	if l.yes(0.03 * math.Min(officeWeek[today.Weekday()], 1)) {
		l.message(at, intent, "follow_up", 0.6)
	}
}

// message sends one message and follows it until the day is over. A click leads to a visit.
func (l *life) message(at time.Time, intent float64, campaign string, personal float64) {
	if !at.Before(l.until) {
		return
	}
	id := l.id()
	write := func(at time.Time, action string) {
		if !at.Before(l.until) {
			return
		}
		l.emit(emails, l.id(), at, at, id, l.soiled(campaign), l.soiled(action))
	}
	write(at, "sent")
	if l.yes(0.015) {
		write(at.Add(20*time.Second), "bounced")
		return
	}
	if !l.yes(logistic(-1 + 0.4*intent + 0.5*l.openness + personal)) {
		return
	}
	at = at.Add(l.wait(3 * time.Hour))
	write(at, "opened")
	if l.yes(0.3 * logistic(intent)) {
		at = at.Add(l.wait(40 * time.Second))
		write(at, "clicked")
		l.visit(at.Add(2*time.Second), intent)
	}
	if l.yes(personal * 0.3 * logistic(intent)) {
		write(at.Add(l.wait(time.Hour)), "replied")
		l.talked += 0.5
	}
}
