package crm

import (
	"strings"
	"time"
)

// loads draws when a row that was written at an instant reaches the warehouse: within a minute as a rule, sometimes
// hours or days later, and now and then twice.
func (c chance) loads(written time.Time) []time.Time {
	delay := time.Second + c.wait(12*time.Second)
	switch x := c.Float64(); {
	case x < 0.006:
		delay += c.wait(3 * day)
	case x < 0.04:
		delay += c.wait(5 * time.Hour)
	}
	loaded := []time.Time{written.Add(delay)}
	if c.yes(0.012) {
		again := loaded[0]
		if c.yes(0.8) {
			again = again.Add(c.wait(4 * time.Hour))
		}
		loaded = append(loaded, again)
	}
	return loaded
}

// soiled returns a text as people, forms and trackers leave it: missing, empty, with blanks, in capitals, misspelt.
func (c chance) soiled(s string) any {
	switch x := c.Float64(); {
	case x < 0.02:
		return nil
	case x < 0.03:
		return ""
	case x < 0.04:
		return s + "  "
	case x < 0.05:
		return strings.ToUpper(s)
	case x < 0.054:
		return misspelt(s, c.IntN(max(len(s), 1)))
	case x < 0.056:
		return c.any(unknowns)
	}
	return s
}

// misspelt doubles a letter.
func misspelt(s string, at int) string {
	letters := []rune(s)
	if len(letters) == 0 {
		return s
	}
	at %= len(letters)
	return string(letters[:at+1]) + string(letters[at:])
}

// measured returns a number as forms and trackers leave it: sometimes missing, sometimes absurd.
func (c chance) measured(n int, absurd ...int) any {
	switch x := c.Float64(); {
	case x < 0.02:
		return nil
	case x < 0.027:
		return absurd[c.IntN(len(absurd))]
	}
	return n
}

// owner returns the lead that a tracked event is put down to: the right one but for a few.
func (l *life) owner() any {
	switch x := l.Float64(); {
	case x < 0.003:
		return nil
	case x < 0.004:
		return "X" + l.Key[1:] // nobody's
	}
	return l.Key
}

// clock returns an event's time as its device has it: a few live in 1970.
func (l *life) clock(at time.Time) time.Time {
	if l.yes(0.0005) {
		return time.Unix(int64(l.IntN(1e6)), 0)
	}
	return at
}
