package warehouse

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// errNoInstant leaves the text out: it is data.
var errNoInstant = errors.New("the value is neither a timestamp, nor a date, nor a number of seconds since 1970")

// Instant reads a value of a [Probe] that stands for an instant: a timestamp or a date, as the warehouse prints it and in
// UTC where it names no offset, or seconds since 1970, with or without a fraction. It keeps microseconds.
func Instant(text string) (time.Time, error) {
	text = strings.TrimSpace(text)
	for _, layout := range []string{
		"2006-01-02 15:04:05", "2006-01-02 15:04:05Z07", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05Z07:00:00",
		time.DateOnly, time.RFC3339,
	} {
		if t, err := time.Parse(layout, text); err == nil {
			return plausible(t)
		}
	}
	if strings.Trim(text, "+-.0123456789eE") != "" {
		return time.Time{}, errNoInstant // the parser below takes words and hexadecimals, too
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || math.Abs(seconds) > 1e12 {
		return time.Time{}, errNoInstant
	}
	whole := math.Floor(seconds)
	return plausible(time.Unix(int64(whole), int64((seconds-whole)*1e9)))
}

// plausible refuses years that have no four digits, such as those of milliseconds that were taken for seconds.
func plausible(t time.Time) (time.Time, error) {
	t = t.UTC().Round(time.Microsecond)
	if t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, errNoInstant
	}
	return t, nil
}
