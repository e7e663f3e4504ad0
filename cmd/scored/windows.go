package main

import (
	"fmt"
	"time"
)

const day = 24 * time.Hour

// maxWindows is how many windows one backfill makes at most.
const maxWindows = 10_000

// roundSteps are the lengths that are offered instead of one that doesn't fit.
var roundSteps = []string{"1m", "5m", "10m", "15m", "30m", "1h", "2h", "3h", "4h", "6h", "8h", "12h", "1d", "7d", "30d", "90d"}

// alignedWindows returns the windows of a backfill: half-open, in UTC, without a gap, and on a grid, so that two backfills
// of the same step ask for the same instants. A step that divides a day has its grid from midnight to midnight; windows of
// several days are counted from the midnight that from is. Without to, the last window is the newest that has passed.
func alignedWindows(from, to, step string, now time.Time) (windows, error) {
	w, err := parseGrid(from, step)
	if err != nil {
		return w, err
	}
	passed := floor(now.UTC(), w.from, w.step) // the newest end of a window that is not in the future
	if !passed.After(w.from) {
		return w, fmt.Errorf("--from: the first window ends at %s, which is in the future", stamp(w.from.Add(w.step)))
	}
	w.to = passed
	if to != "" {
		if err := w.parseTo(to, now); err != nil {
			return w, fmt.Errorf("--to: %w", err)
		}
	}
	if count := w.to.Sub(w.from) / w.step; count > maxWindows {
		return w, fmt.Errorf("that is %d windows, and a backfill makes %d at most: %s", count, maxWindows, w.fewer())
	}
	for at := w.from.Add(w.step); !at.After(w.to); at = at.Add(w.step) {
		w.ends = append(w.ends, at)
	}
	return w, nil
}

// parseGrid reads the begin of the first window and the step.
func parseGrid(from, step string) (w windows, err error) {
	if w.step, err = parseStep(step); err != nil {
		return w, fmt.Errorf("--step: %w", err)
	}
	if day%w.step != 0 && w.step%day != 0 {
		return w, fmt.Errorf("--step %s neither divides a day nor is whole days: the windows would not be aligned to midnight; take %s",
			step, neighbours(w.step))
	}
	if w.from, err = parseInstant(from); err != nil {
		return w, fmt.Errorf("--from: %w", err)
	}
	if w.from.Year() < 1970 || w.from.Year() > 2199 {
		return w, fmt.Errorf("--from %s is outside the years 1970 to 2199", from)
	}
	if err := onGrid(w.from, w.from.Truncate(day), min(w.step, day)); err != nil {
		return w, fmt.Errorf("--from: %w", err)
	}
	return w, nil
}

// parseTo reads the end of the last window.
func (w *windows) parseTo(text string, now time.Time) (err error) {
	if w.to, err = parseInstant(text); err != nil {
		return err
	}
	switch {
	case w.to.After(now):
		return fmt.Errorf("%s is in the future; the newest window that has passed ends at %s", text, stamp(floor(now, w.from, w.step)))
	case !w.to.After(w.from):
		return fmt.Errorf("%s is not after --from; the first window ends at %s", text, stamp(w.from.Add(w.step)))
	}
	return onGrid(w.to, w.from, w.step)
}

// onGrid says between which points of the grid an instant lies that is none of them.
func onGrid(at, origin time.Time, spacing time.Duration) error {
	before := floor(at, origin, spacing)
	if before.Equal(at) {
		return nil
	}
	return fmt.Errorf("%s is not on the grid of the windows: the nearest points are %s and %s",
		stamp(at), stamp(before), stamp(before.Add(spacing)))
}

// floor returns the newest point of the grid that is not after at.
func floor(at, origin time.Time, spacing time.Duration) time.Time {
	past := at.Sub(origin) % spacing
	if past < 0 {
		past += spacing
	}
	return at.Add(-past)
}

// neighbours names the round steps on both sides of one that is not.
func neighbours(step time.Duration) string {
	below := ""
	for _, text := range roundSteps {
		round, err := parseStep(text)
		if err == nil && round > step {
			if below == "" {
				return text
			}
			return below + " or " + text
		}
		below = text
	}
	return below
}

// fewer says what makes few enough windows of the same stretch.
func (w *windows) fewer() string {
	for _, text := range roundSteps {
		if step, err := parseStep(text); err == nil && w.to.Sub(w.from)/step <= maxWindows {
			return fmt.Sprintf("take a --step of %s or more, or a shorter stretch", text)
		}
	}
	return "take a shorter stretch"
}

// stamp writes an instant as the flags read it.
func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }
