package status

import (
	"fmt"
	"time"
)

// stamp writes an instant as people and scripts read it alike.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}

// span writes a length of time in its two largest units: 45 s, 3 min 20 s, 2 h 5 min, 4 d 3 h.
func span(d time.Duration) string {
	d = d.Abs().Round(time.Second)
	day := 24 * time.Hour
	switch {
	case d >= day:
		return two(int(d/day), "d", int(d%day/time.Hour), "h")
	case d >= time.Hour:
		return two(int(d/time.Hour), "h", int(d%time.Hour/time.Minute), "min")
	case d >= time.Minute:
		return two(int(d/time.Minute), "min", int(d%time.Minute/time.Second), "s")
	default:
		return fmt.Sprintf("%d s", int(d/time.Second))
	}
}

func two(large int, unit string, small int, smaller string) string {
	if small == 0 {
		return fmt.Sprintf("%d %s", large, unit)
	}
	return fmt.Sprintf("%d %s %d %s", large, unit, small, smaller)
}
