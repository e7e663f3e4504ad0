package schedule

import (
	"errors"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func spec(t testing.TB, text string, loc *time.Location) Spec {
	t.Helper()
	s, err := Parse(text, loc)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func instant(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestSpecsThatMakeNoSlotsOnTheClockAreRefused(t *testing.T) {
	for _, text := range []string{
		"", " ", "TZ=", "TZ=UTC", "CRON_TZ=", "TZ=Europe/Paris 0 2 * * *", "CRON_TZ=UTC */15 * * * *", " TZ=UTC 0 2 * * *",
		"@every 15m", "@every", "@reboot", "@fortnightly",
		"0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *",
		"*/15 * * *", "0 */15 * * * * *", "*/0 * * * *", "61 * * * *", "0 24 * * *", "5-3 * * * *", "a b c d e", "*/15 * * * * UTC",
	} {
		_, err := Parse(text, nil)
		var problem *pipeline.Problem
		if !errors.As(err, &problem) || problem.Class != pipeline.Configuration || problem.Hint == "" {
			t.Errorf("Parse(%q) = %v, want a configuration problem with a hint", text, err)
			continue
		}
		if strings.HasPrefix(text, "@every") && !strings.Contains(err.Error(), "aligned") {
			t.Errorf("Parse(%q): %q doesn't say why", text, err)
		}
		if want := `"` + strings.TrimSpace(text) + `"`; !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q): %q doesn't quote the spec", text, err)
		}
	}
}

func TestSlotsInUTC(t *testing.T) {
	for _, c := range []struct{ text, after, want string }{
		{"*/15 * * * *", "2026-03-29T00:50:00Z", "2026-03-29T01:00:00Z"},
		{"*/15 * * * *", "2026-03-29T01:00:00Z", "2026-03-29T01:15:00Z"},
		{"*/15 * * * *", "2026-03-29T01:14:59.999Z", "2026-03-29T01:15:00Z"},
		{"  30 2 * * *  ", "2026-03-28T02:30:00Z", "2026-03-29T02:30:00Z"},
		{"@hourly", "2026-12-31T23:00:00Z", "2027-01-01T00:00:00Z"},
		{"@daily", "2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z"},
		{"*/10 * * * * *", "2026-12-31T23:59:50Z", "2027-01-01T00:00:00Z"},
		{"0 6 * * MON-FRI", "2026-10-23T06:00:00Z", "2026-10-26T06:00:00Z"},
		{"0 0 29 2 *", "2024-02-29T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"0 0 29 2 *", "2096-02-29T00:00:00Z", "2104-02-29T00:00:00Z"}, // 2100 is no leap year
	} {
		got := spec(t, c.text, nil).Next(instant(t, c.after))
		if !got.Equal(instant(t, c.want)) || got.Location() != time.UTC {
			t.Errorf("%q after %s: %v, want %s", c.text, c.after, got, c.want)
		}
	}
}

// The facts that operations people trip over, spelled out.
func TestSlotsWhenTheClocksChange(t *testing.T) {
	for _, c := range []struct {
		name, zone, text, from string
		want                   []string
	}{
		{"a skipped time fires at the end of the gap", "Europe/Paris", "30 2 * * *", "2026-03-28T00:00:00Z",
			[]string{"2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
		{"a time that comes twice fires at the first", "America/New_York", "30 1 * * *", "2026-10-31T00:00:00Z",
			[]string{"2026-10-31T05:30:00Z", "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"}},
		{"every quarter goes on through the repeated hour", "America/New_York", "*/30 * * * *", "2026-11-01T05:00:00Z",
			[]string{"2026-11-01T05:30:00Z", "2026-11-01T06:00:00Z", "2026-11-01T06:30:00Z", "2026-11-01T07:00:00Z"}},
		{"every quarter of named hours does not", "America/New_York", "*/30 0-23 * * *", "2026-11-01T05:00:00Z",
			[]string{"2026-11-01T05:30:00Z", "2026-11-01T07:00:00Z"}},
		{"half an hour is a gap, too", "Australia/Lord_Howe", "15 2 * * *", "2026-10-03T00:00:00Z",
			[]string{"2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"}},
		{"midnight that does not exist", "America/Sao_Paulo", "0 0 * * *", "2018-11-03T12:00:00Z",
			[]string{"2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"}},
		{"a day that does not exist", "Pacific/Apia", "0 9 * * *", "2011-12-29T12:00:00Z",
			[]string{"2011-12-29T19:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T19:00:00Z"}},
		{"times that fall into one gap are one slot", "Europe/Paris", "*/20 2,3 * * *", "2026-03-29T00:00:00Z",
			[]string{"2026-03-29T01:00:00Z", "2026-03-29T01:20:00Z", "2026-03-29T01:40:00Z", "2026-03-30T00:00:00Z"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := spec(t, c.text, zone(t, c.zone))
			at := instant(t, c.from)
			for _, want := range c.want {
				if at = s.Next(at); !at.Equal(instant(t, want)) {
					t.Fatalf("%q: %s, want %s", s, at.Format(time.RFC3339), want)
				}
			}
		})
	}
}

// shape is a spec with its meaning, written down without the parser.
type shape struct {
	text  string
	fixed bool // it names hours
	names func(wall time.Time) bool
}

var shapes = []shape{
	{"*/15 * * * *", false, func(w time.Time) bool { return w.Minute()%15 == 0 }},
	{"7 * * * *", false, func(w time.Time) bool { return w.Minute() == 7 }},
	{"*/20 * * * 0", false, func(w time.Time) bool { return w.Minute()%20 == 0 && w.Weekday() == time.Sunday }},
	{"0 0 * * *", true, func(w time.Time) bool { return w.Hour() == 0 && w.Minute() == 0 }},
	{"30 2 * * *", true, func(w time.Time) bool { return w.Hour() == 2 && w.Minute() == 30 }},
	{"15 1,2 * * *", true, func(w time.Time) bool { return (w.Hour() == 1 || w.Hour() == 2) && w.Minute() == 15 }},
	{"*/10 0-23 * * *", true, func(w time.Time) bool { return w.Minute()%10 == 0 }},
	{"5 */2 * * *", true, func(w time.Time) bool { return w.Hour()%2 == 0 && w.Minute() == 5 }},
	{"45 23 * * 6", true, func(w time.Time) bool {
		return w.Hour() == 23 && w.Minute() == 45 && w.Weekday() == time.Saturday
	}},
	{"0 12 1,30 * *", true, func(w time.Time) bool { return (w.Day() == 1 || w.Day() == 30) && w.Hour() == 12 && w.Minute() == 0 }},
}

// slots is the oracle: it walks through every minute of real time and looks at the wall.
func (s shape) slots(from, to time.Time, loc *time.Location) []time.Time {
	var slots []time.Time
	show := func(t time.Time) time.Time {
		w := t.In(loc)
		return time.Date(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), 0, 0, time.UTC)
	}
	latest := show(from) // the latest time the wall has shown
	for at := from.Add(time.Minute); !at.After(to); at = at.Add(time.Minute) {
		wall := show(at)
		fires := !s.fixed && s.names(wall)
		for s.fixed && latest.Before(wall) {
			latest = latest.Add(time.Minute)
			fires = fires || s.names(latest)
		}
		if fires {
			slots = append(slots, at)
		}
	}
	return slots
}

func TestSlotsAgreeWithAWalkThroughEveryMinute(t *testing.T) {
	for _, c := range []struct{ zone, from, to string }{
		{"UTC", "2026-02-27T00:00:00Z", "2026-03-03T00:00:00Z"},
		{"Europe/Paris", "2026-03-26T00:00:00Z", "2026-04-02T00:00:00Z"},
		{"Europe/Paris", "2026-10-22T00:00:00Z", "2026-10-29T00:00:00Z"},
		{"America/New_York", "2026-03-05T00:00:00Z", "2026-03-12T00:00:00Z"},
		{"America/New_York", "2026-10-29T00:00:00Z", "2026-11-05T00:00:00Z"},
		{"Australia/Lord_Howe", "2026-04-01T00:00:00Z", "2026-04-08T00:00:00Z"},
		{"Australia/Lord_Howe", "2026-09-30T00:00:00Z", "2026-10-07T00:00:00Z"},
		{"America/Sao_Paulo", "2018-02-14T00:00:00Z", "2018-02-21T00:00:00Z"}, // midnight comes back to 23:00
		{"America/Sao_Paulo", "2018-11-01T00:00:00Z", "2018-11-08T00:00:00Z"}, // midnight doesn't exist
		{"Africa/Casablanca", "2026-02-12T00:00:00Z", "2026-03-26T00:00:00Z"}, // Ramadan: the clocks go back, and on again
		{"Asia/Kathmandu", "1985-12-29T00:00:00Z", "1986-01-05T00:00:00Z"},    // to 5:45
		{"Pacific/Apia", "2011-12-27T00:00:00Z", "2012-01-03T00:00:00Z"},      // no 30 December
		{"Pacific/Kwajalein", "1993-08-19T00:00:00Z", "1993-08-26T00:00:00Z"}, // no 21 August
	} {
		for _, sh := range shapes {
			t.Run(c.zone+" "+c.from[:10]+" "+sh.text, func(t *testing.T) {
				loc := zone(t, c.zone)
				from, to := instant(t, c.from), instant(t, c.to)
				want := sh.slots(from, to, loc)
				s := spec(t, sh.text, loc)
				at := from
				for i, w := range want {
					if at = s.Next(at); !at.Equal(w) {
						t.Fatalf("slot %d of %d: %s, want %s", i, len(want), at.In(loc), w.In(loc))
					}
				}
				if at = s.Next(at); !at.After(to) && len(want) > 0 {
					t.Fatalf("surplus slot %s", at.In(loc))
				}
			})
		}
	}
}

// From whatever instant one asks, the answer is the first slot after it.
func TestNextIsTheFirstSlotAfterAnyInstant(t *testing.T) {
	for _, name := range []string{"Europe/Paris", "Australia/Lord_Howe"} {
		loc := zone(t, name)
		from, to := instant(t, "2026-03-28T00:00:00Z"), instant(t, "2026-04-06T00:00:00Z")
		for _, sh := range shapes {
			slots := sh.slots(from, to.AddDate(0, 0, 7), loc)
			s := spec(t, sh.text, loc)
			for at := from; at.Before(to) && len(slots) > 0; at = at.Add(7*time.Minute + 13*time.Second) {
				for len(slots) > 0 && !slots[0].After(at) {
					slots = slots[1:]
				}
				if len(slots) > 0 && !s.Next(at).Equal(slots[0]) {
					t.Fatalf("%q after %s: %s, want %s", s, at, s.Next(at), slots[0])
				}
			}
		}
	}
}

func TestJitterIsStableBoundedAndSpread(t *testing.T) {
	quarter := spec(t, "*/15 * * * *", nil)
	if a, b := Jitter("host", "job", quarter, 30*time.Second), Jitter("host", "job", quarter, 30*time.Second); a != b {
		t.Errorf("%v, then %v", a, b)
	}
	buckets := map[time.Duration]int{}
	for i := range 300 {
		j := Jitter("host"+string(rune('a'+i)), "job", quarter, 30*time.Second)
		if j < 0 || j >= 30*time.Second {
			t.Fatalf("jitter %v", j)
		}
		buckets[j/(10*time.Second)]++
	}
	for third, n := range buckets {
		if n < 50 {
			t.Errorf("only %d of 300 hosts are in third %d", n, third)
		}
	}
	for text, distance := range map[string]time.Duration{
		"*/10 * * * * *": 10 * time.Second, "* * * * *": time.Minute, "58,59 3 * * *": time.Minute, "*/7 * * * *": 4 * time.Minute,
	} {
		for _, host := range []string{"a", "b", "c", "d"} {
			if j := Jitter(host, "job", spec(t, text, nil), time.Hour); j >= distance/10 {
				t.Errorf("%q: jitter %v is more than a tenth of %v", text, j, distance)
			}
		}
	}
	if j := Jitter("host", "job", quarter, 0); j != 0 {
		t.Errorf("without jitter: %v", j)
	}
}

func FuzzSpec(f *testing.F) {
	zones := []string{"UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia", "America/Juneau"}
	for i, text := range []string{
		"*/15 * * * *", "30 2 * * *", "0 0 29 2 *", "0 0 31 2 *", "TZ=", "TZ=UTC 0 2 * * *", "@every 1s", "@daily", "* * * * * *",
		"0 0 1-31/3 */2 MON-FRI", "*/10 0-23 * * *", "? ? ? ? ?", "0-59/59 23 31 12 7", "0 0 30 12 *",
	} {
		f.Add(text, uint8(i), int64(1325203200+86400*137*i))
	}
	f.Fuzz(func(t *testing.T, text string, which uint8, unix int64) {
		loc := zone(t, zones[int(which)%len(zones)])
		s, err := Parse(text, loc)
		if err != nil {
			if pipeline.ClassOf(err) != pipeline.Configuration {
				t.Fatalf("%v is no configuration problem", err)
			}
			return
		}
		at := time.Unix(unix%(400*365*86400), 0) // 1570-2369
		for range 20 {
			next := s.Next(at)
			if next.IsZero() || !next.After(at) {
				t.Fatalf("%q in %s: after %s comes %s", text, loc, at.UTC(), next)
			}
			if next.Sub(at) > 9*366*24*time.Hour {
				t.Fatalf("%q in %s: %s to %s", text, loc, at.UTC(), next)
			}
			at = next
		}
	})
}

func TestPreviousIsTheWayBack(t *testing.T) {
	for _, text := range []string{"*/15 * * * *", "*/10 * * * * *", "0 9-17 * * 1-5", "30 2 * * *", "0 0 29 2 *"} {
		spec, err := Parse(text, nil)
		if err != nil {
			t.Fatal(err)
		}
		slot := spec.Next(time.Date(2026, 11, 20, 16, 30, 0, 0, time.UTC)) // a Friday
		third := spec.Next(spec.Next(slot))
		for n, at := range map[int]time.Time{1: slot, 3: third, 2: third.Add(-time.Second)} {
			if got := spec.Previous(at, n); !got.Equal(slot) {
				t.Errorf("%s: slot %d before %s is %s, want %s", text, n, at, got, slot)
			}
		}
	}
}
