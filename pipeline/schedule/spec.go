package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"scored/pipeline"
)

// Spec is a cron spec in a time zone: an endless row of slots. Only [Parse] makes one.
//
// In a zone that changes its clocks, a spec is read in one of two ways:
//   - One that names hours (30 2 * * *, 0 9-17 * * 1-5, */15 */2 * * *) has one slot for each local time it names: at the
//     first instant after the gap if the clocks skip that time, at the first of two if they show it twice. Times that fall
//     into one gap are one slot.
//   - One whose hour field is a plain * (*/15 * * * *) follows real time: it has a slot whenever the local clock shows a
//     minute it names, so in both passes of an hour that comes twice, and none in one that doesn't come.
type Spec struct {
	text  string
	zone  *time.Location
	cron  cron.Schedule // on a clock without a zone, which is written as UTC
	fixed bool          // it names hours
}

// hourly is the bit that robfig/cron sets in a field that was a plain star.
const hourly = 1 << 63

// Parse reads a spec of five fields (minute, hour, day of month, month, day of week), of six (seconds come first), or a
// name such as @hourly. Without a zone it is in UTC. It refuses what robfig/cron takes but what makes no row of slots on
// the clock.
func Parse(text string, zone *time.Location) (Spec, error) {
	text = strings.TrimSpace(text)
	if zone == nil {
		zone = time.UTC
	}
	if strings.HasPrefix(text, "TZ=") || strings.HasPrefix(text, "CRON_TZ=") {
		return Spec{}, refuse(text, errors.New("the time zone does not belong into the spec"), "put the zone under the key timezone")
	}
	if strings.HasPrefix(text, "@every") {
		return Spec{}, refuse(text, errors.New("@every counts from the daemon's start and is not aligned to the clock"),
			"write */15 * * * * for every quarter of an hour")
	}
	const usage = "a spec is minute, hour, day of month, month, day of week: */15 * * * *"
	parsed, err := parse(text)
	if err != nil {
		return Spec{}, refuse(text, err, usage)
	}
	fields, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return Spec{}, refuse(text, errors.New("it is not made of fields"), usage)
	}
	spec := Spec{text: text, zone: zone, cron: parsed, fixed: fields.Hour&hourly == 0}
	if spec.Next(reference).IsZero() {
		return Spec{}, refuse(text, errors.New("it never fires: there is no such day"), "correct the day of month or the month")
	}
	return spec, nil
}

// reference is a fixed instant from which a spec's slots are looked at when the present must not matter.
var reference = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func refuse(text string, err error, hint string) error {
	return &pipeline.Problem{Class: pipeline.Configuration, Err: fmt.Errorf("schedule %q: %w", text, err), Hint: hint}
}

// parse turns a panic of the parser into an error.
func parse(text string) (s cron.Schedule, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the spec can't be read: %v", p)
		}
	}()
	return cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor).Parse(text)
}

// String returns the spec as it was written, and its zone unless it is UTC.
func (s Spec) String() string {
	if s.zone == nil || s.zone == time.UTC {
		return s.text
	}
	return s.text + " " + s.zone.String()
}

// Next returns the first slot after an instant, in UTC; the zero time if there is none within some eight years.
func (s Spec) Next(after time.Time) time.Time {
	after = after.In(s.zone).Round(0)
	if s.fixed {
		return s.nextFixed(after)
	}
	return s.nextHourly(after)
}

// nextFixed goes through the local times that the spec names until one has its first instant after the given one.
func (s Spec) nextFixed(after time.Time) time.Time {
	for wall := s.nextWall(wallClock(after)); !wall.IsZero(); wall = s.nextWall(wall) {
		if slot := firstInstant(wall, s.zone); slot.After(after) {
			return slot
		}
	}
	return time.Time{}
}

// nextHourly goes through the stretches of time between the changes of the clocks.
func (s Spec) nextHourly(after time.Time) time.Time {
	wall := wallClock(after)
	for at := after; ; {
		_, offset := at.Zone()
		_, end := at.ZoneBounds()
		wall = s.nextWall(wall)
		if wall.IsZero() {
			return time.Time{}
		}
		slot := wall.Add(-seconds(offset))
		if end.IsZero() || slot.Before(end) {
			return slot
		}
		at = end.In(s.zone)
		wall = wallClock(at).Add(-time.Nanosecond)
	}
}

// nextWall returns the next local time that the spec names. robfig/cron looks five years ahead, and from 2096 to 2104
// there is no 29 February.
func (s Spec) nextWall(wall time.Time) time.Time {
	if next := s.cron.Next(wall); !next.IsZero() {
		return next
	}
	return s.cron.Next(wall.AddDate(5, 0, 0))
}

// wallClock returns what the local clock shows, written as if it were UTC.
func wallClock(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(seconds(offset))
}

// farthest is more than any zone was ever away from UTC.
const farthest = 26 * time.Hour

// firstInstant returns the first instant at which the zone's clock shows a time, or is past it.
func firstInstant(wall time.Time, zone *time.Location) time.Time {
	for at := wall.Add(-farthest).In(zone); ; {
		_, offset := at.Zone()
		start, end := at.ZoneBounds()
		instant := wall.Add(-seconds(offset))
		switch {
		case !start.IsZero() && instant.Before(start):
			return start.UTC()
		case end.IsZero() || instant.Before(end):
			return instant
		}
		at = end.In(zone)
	}
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// farBack is as far as Previous looks: further than the two leap days of 2096 and 2104 lie apart.
const farBack = 20 * 365 * 24 * time.Hour

// Previous returns the nth slot at or before an instant, counted back from 1; the zero time if there is none that long ago.
func (s Spec) Previous(t time.Time, n int) time.Time {
	for back := time.Minute; back < farBack; back *= 2 {
		var slots []time.Time
		for slot := s.Next(t.Add(-back)); !slot.IsZero() && !slot.After(t); slot = s.Next(slot) {
			slots = append(slots, slot)
		}
		if len(slots) >= n {
			return slots[len(slots)-n]
		}
	}
	return time.Time{}
}
