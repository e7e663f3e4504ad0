package main

import (
	"strings"
	"testing"
	"time"
)

func TestBackfillWindowsLieOnTheGrid(t *testing.T) {
	now := time.Date(2026, time.November, 22, 13, 20, 7, 0, time.UTC)
	tests := []struct {
		name           string
		from, to, step string
		count          int
		first, last    string
	}{
		{"a day by quarters of an hour", "2026-11-20", "2026-11-21", "15m", 96, "2026-11-20T00:15:00Z", "2026-11-21T00:00:00Z"},
		{"days", "2026-11-01", "2026-11-04", "1d", 3, "2026-11-02T00:00:00Z", "2026-11-04T00:00:00Z"},
		{"24 hours are a day", "2026-11-01", "2026-11-04", "24h", 3, "2026-11-02T00:00:00Z", "2026-11-04T00:00:00Z"},
		{"weeks count from where they begin", "2026-11-03", "2026-11-17", "7d", 2, "2026-11-10T00:00:00Z", "2026-11-17T00:00:00Z"},
		{"a zone is only another way to write it", "2026-11-20T01:00:00+01:00", "2026-11-20T01:30:00+01:00", "30m", 1, "2026-11-20T00:30:00Z", "2026-11-20T00:30:00Z"},
		{"from within a day", "2026-11-20T10:45:00Z", "2026-11-20T11:15:00Z", "15m", 2, "2026-11-20T11:00:00Z", "2026-11-20T11:15:00Z"},
		{"clocks change in Berlin and not in UTC", "2026-10-25", "2026-10-26", "1h", 24, "2026-10-25T01:00:00Z", "2026-10-26T00:00:00Z"},
		{"the end that just passed", "2026-11-22T13:00:00Z", "2026-11-22T13:15:00Z", "15m", 1, "2026-11-22T13:15:00Z", "2026-11-22T13:15:00Z"},
		{"up to what has passed", "2026-11-22", "", "15m", 53, "2026-11-22T00:15:00Z", "2026-11-22T13:15:00Z"},
		{"weeks up to what has passed", "2026-11-01", "", "7d", 3, "2026-11-08T00:00:00Z", "2026-11-22T00:00:00Z"},
		{"as many as there may be", "2026-08-09T20:00:00Z", "2026-11-22", "15m", 10000, "2026-08-09T20:15:00Z", "2026-11-22T00:00:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, err := alignedWindows(tt.from, tt.to, tt.step, now)
			if err != nil {
				t.Fatal(err)
			}
			if len(w.ends) != tt.count || stamp(w.ends[0]) != tt.first || stamp(w.ends[len(w.ends)-1]) != tt.last {
				t.Errorf("%d windows, as of %s to %s; want %d, %s to %s",
					len(w.ends), stamp(w.ends[0]), stamp(w.ends[len(w.ends)-1]), tt.count, tt.first, tt.last)
			}
		})
	}
}

func TestBackfillWindowsThatAreRefusedSayWhatWouldDo(t *testing.T) {
	now := time.Date(2026, time.November, 22, 13, 20, 7, 0, time.UTC)
	tests := []struct {
		name           string
		from, to, step string
		texts          []string
	}{
		{"a step that does not divide a day", "2026-11-20", "2026-11-21", "7h", []string{"--step 7h", "divides a day", "6h or 8h"}},
		{"a step between one day and two", "2026-11-20", "2026-11-22", "36h", []string{"--step 36h", "1d or 7d"}},
		{"a step of seconds that does not divide a day", "2026-11-20", "2026-11-21", "7s", []string{"--step 7s", "take 1m"}},
		{"a very long step", "2020-01-01", "2026-01-01", "2400h1s", []string{"take 90d"}},
		{"no length of time", "2026-11-20", "2026-11-21", "often", []string{"--step", `"often"`, "15m"}},
		{"a negative step", "2026-11-20", "2026-11-21", "-15m", []string{"--step"}},
		{"no instant", "yesterday", "2026-11-21", "1d", []string{"--from", `"yesterday"`, "RFC 3339"}},
		{"no begin", "", "2026-11-21", "1d", []string{"--from"}},
		{"from off the grid", "2026-11-20T00:10:00Z", "2026-11-21", "15m", []string{"--from", "2026-11-20T00:00:00Z and 2026-11-20T00:15:00Z"}},
		{"from off the grid of midnight, though to is as far off", "2026-11-20T00:10:00Z", "2026-11-20T00:25:00Z", "15m", []string{"--from"}},
		{"days from noon", "2026-11-20T12:00:00Z", "2026-11-21T12:00:00Z", "1d", []string{"--from", "2026-11-20T00:00:00Z and 2026-11-21T00:00:00Z"}},
		{"weeks from noon", "2026-11-01T12:00:00Z", "2026-11-15T12:00:00Z", "7d", []string{"--from", "2026-11-01T00:00:00Z and 2026-11-02T00:00:00Z"}},
		{"to off the grid", "2026-11-20", "2026-11-20T10:20:00Z", "15m", []string{"--to", "2026-11-20T10:15:00Z and 2026-11-20T10:30:00Z"}},
		{"a part of a week", "2026-11-01", "2026-11-10", "7d", []string{"--to", "2026-11-08T00:00:00Z and 2026-11-15T00:00:00Z"}},
		{"to in the future", "2026-11-20", "2026-11-23", "15m", []string{"--to", "in the future", "2026-11-22T13:15:00Z"}},
		{"to in the future by seconds", "2026-11-22", "2026-11-22T13:30:00Z", "15m", []string{"in the future", "2026-11-22T13:15:00Z"}},
		{"to before from", "2026-11-20", "2026-11-19", "1d", []string{"not after --from", "2026-11-21T00:00:00Z"}},
		{"no window at all", "2026-11-20", "2026-11-20", "1d", []string{"not after --from"}},
		{"no window has passed yet", "2026-11-22", "", "1d", []string{"--from", "2026-11-23T00:00:00Z, which is in the future"}},
		{"from in the future", "2027-01-01", "2027-01-02", "1d", []string{"in the future"}},
		{"one too many", "2026-08-09T19:45:00Z", "2026-11-22", "15m", []string{"10001 windows", "--step of 30m or more"}},
		{"years by the second", "1970-01-01", "", "1s", []string{"--step of 7d or more"}},
		{"before there were instants", "0001-01-01", "2026-11-22", "1d", []string{"1970"}},
		{"after there is room for versions", "9999-01-01", "", "1d", []string{"2199"}},
		{"fractions of a second", "2026-11-20T00:00:00.5Z", "2026-11-21", "15m", []string{"whole seconds"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := alignedWindows(tt.from, tt.to, tt.step, now)
			if err == nil {
				t.Fatal("no error")
			}
			for _, text := range tt.texts {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%q does not hold %q", err, text)
				}
			}
		})
	}
}

// What is accepted is a gapless row of windows on the grid, none of which ends in the future; and asking for the same
// stretch in two parts asks for the same instants.
func FuzzAlignedWindows(f *testing.F) {
	now := time.Date(2026, time.November, 22, 13, 20, 7, 0, time.UTC)
	for _, seed := range [][3]string{
		{"2026-11-20", "2026-11-21", "15m"}, {"2026-11-01", "", "7d"}, {"2026-11-20T01:00:00+01:00", "2026-11-20", "30m"},
		{"0001-01-01", "9999-12-31", "3660d"}, {"1970-01-01", "", "1s"}, {"2026-11-22", "2026-11-22T13:20:07Z", "1s"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, from, to, step string) {
		w, err := alignedWindows(from, to, step, now)
		if err != nil {
			return
		}
		if len(w.ends) == 0 || len(w.ends) > maxWindows || !w.ends[len(w.ends)-1].Equal(w.to) || w.to.After(now) {
			t.Fatalf("%d windows up to %s", len(w.ends), w.to)
		}
		spacing := min(w.step, day)
		for i, end := range w.ends {
			if want := w.from.Add(time.Duration(i+1) * w.step); !end.Equal(want) {
				t.Fatalf("window %d ends at %s, want %s", i, end, want)
			}
			if end.Sub(end.Truncate(day))%spacing != 0 || end.Nanosecond() != 0 || end.Location() != time.UTC {
				t.Fatalf("window %d ends at %s, off the grid", i, end)
			}
		}
		if middle := len(w.ends) / 2; middle > 0 {
			second, err := alignedWindows(stamp(w.ends[middle-1]), stamp(w.to), step, now)
			if err != nil || len(second.ends) != len(w.ends)-middle || !second.ends[0].Equal(w.ends[middle]) {
				t.Fatalf("the second part has %d windows of %d (%v)", len(second.ends), len(w.ends)-middle, err)
			}
		}
	})
}
