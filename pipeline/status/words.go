package status

import (
	"fmt"
	"strings"
	"time"

	"scored/pipeline"
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

// asides are the counts of a run that are mostly 0, those that are not: 3 stale, 40 deferred.
func asides(s *pipeline.Summary) string {
	var words []string
	for _, c := range []struct {
		rows int
		what string
	}{
		{s.Stale, "stale"}, {s.Unprocessed, "unprocessed"}, {s.Unknown, "unknown"}, {s.Deferred, "deferred"},
		{s.Quarantined, "in quarantine"}, {s.Cleared, "cleared"},
	} {
		if c.rows > 0 {
			words = append(words, number(c.rows)+" "+c.what)
		}
	}
	for _, t := range parts(s) {
		if t.ErrClass != "" {
			words = append(words, fmt.Sprintf("%s: err_class %s", t.Target, t.ErrClass))
		}
	}
	return strings.Join(words, ", ")
}

func two(large int, unit string, small int, smaller string) string {
	if small == 0 {
		return fmt.Sprintf("%d %s", large, unit)
	}
	return fmt.Sprintf("%d %s %d %s", large, unit, small, smaller)
}
