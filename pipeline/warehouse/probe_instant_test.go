package warehouse

import (
	"testing"
	"time"
)

func TestInstant(t *testing.T) {
	for text, want := range map[string]string{
		"2026-11-22 13:15:00":           "2026-11-22T13:15:00Z",
		" 2026-11-22 13:15:00\n":        "2026-11-22T13:15:00Z",
		"2026-11-22 13:15:00.5":         "2026-11-22T13:15:00.5Z",
		"2026-11-22 13:15:00.123456":    "2026-11-22T13:15:00.123456Z",
		"2026-11-22 13:15:00+00":        "2026-11-22T13:15:00Z",
		"2026-11-22 13:15:00.25+00":     "2026-11-22T13:15:00.25Z",
		"2026-11-22 13:15:00-03":        "2026-11-22T16:15:00Z",
		"2026-11-22 13:15:00+05:30":     "2026-11-22T07:45:00Z",
		"1890-01-01 00:00:00+00:09:21":  "1889-12-31T23:50:39Z",
		"2026-11-22T13:15:00Z":          "2026-11-22T13:15:00Z",
		"2026-11-22T13:15:00.250+01:00": "2026-11-22T12:15:00.25Z",
		"2026-11-22":                    "2026-11-22T00:00:00Z",
		"0":                             "1970-01-01T00:00:00Z",
		"1795353300":                    "2026-11-22T13:15:00Z",
		"1795353300.25":                 "2026-11-22T13:15:00.25Z",
		"1795353300.123456":             "2026-11-22T13:15:00.123456Z",
		"1.7953533e+09":                 "2026-11-22T13:15:00Z",
		"-0.5":                          "1969-12-31T23:59:59.5Z",
	} {
		got, err := Instant(text)
		if err != nil || got.Format(time.RFC3339Nano) != want {
			t.Errorf("Instant(%q) is %v, %v; want %s", text, got.Format(time.RFC3339Nano), err, want)
		}
	}
	for _, text := range []string{
		"", "yesterday", "infinity", "-infinity", "NaN", "inf", "0x10", "1_000", "--1", "1e400",
		"2026-11-22 25:00:00", "2026-02-30", "2026-11-22 13", "22.11.2026", "0044-03-15 12:00:00 BC", "0000-01-01",
		"1795353300000" /* milliseconds */, "-1795353300000", "true", "2026-11-22 13:15:00 and more",
	} {
		if got, err := Instant(text); err == nil {
			t.Errorf("Instant(%q) is %v, want an error", text, got)
		}
	}
}

func TestInstantReadsWhatTheWarehousePrints(t *testing.T) {
	for _, sql := range []string{
		"SELECT TIMESTAMP '2026-11-22 13:15:00'",
		"SELECT TIMESTAMP WITH TIME ZONE '2026-11-22 14:15:00+01'",
		"SELECT EXTRACT(EPOCH FROM TIMESTAMP '2026-11-22 13:15:00')",
		"SELECT EXTRACT(EPOCH FROM TIMESTAMP '2026-11-22 13:15:00')::float8",
		"SELECT 1795353300",
		"SELECT '1795353300'",
		"SELECT :as_of + INTERVAL '75 minutes'",
	} {
		text, err := newTestProbe(t, sql).Value(t.Context(), asOfNoon)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Instant(text); err != nil || !got.Equal(asOfNoon.Add(75*time.Minute)) {
			t.Errorf("%s prints %q: %v, %v", sql, text, got, err)
		}
	}
}

// An instant is one in UTC that the warehouse could print, and its own text reads back as itself.
func FuzzInstant(f *testing.F) {
	for _, text := range []string{
		"2026-11-22 13:15:00.123456+05:30", "2026-11-22", "1795353300.25", "-62135596800", "253402300799.9999999", "1e11", "9999-12-31 23:59:59.9999999",
		"0001-01-01 00:00:00+14", "2026-11-22T13:15:00Z", "2026-11-22 13:15:00,5",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := Instant(text)
		if err != nil {
			if !at.IsZero() {
				t.Errorf("Instant(%q) is %v with an error", text, at)
			}
			return
		}
		if at.Location() != time.UTC || at.Year() < 1 || at.Year() > 9999 || at.Nanosecond()%1000 != 0 {
			t.Errorf("Instant(%q) is %v", text, at)
		}
		again, err := Instant(at.Format("2006-01-02 15:04:05.999999"))
		if err != nil || !again.Equal(at) {
			t.Errorf("Instant(%q) is %v, which reads back as %v, %v", text, at, again, err)
		}
	})
}
