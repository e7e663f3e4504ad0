package main

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestDatasetWritesWhatTheScriptGivesThroughTime(t *testing.T) {
	w := newWorld(t)
	to := w.Loaded.Truncate(24*time.Hour).AddDate(0, 0, -31)
	from := to.AddDate(0, 0, -14)
	out := filepath.Join(t.TempDir(), "leads.csv")
	scored(t, "dataset", leads, "-c", config(t), "--from", from.Format(time.DateOnly), "--to", to.Format(time.DateOnly), "--step", "7d",
		"--labels", "../../sql/dataprep/lead_scoring_labels.sql", "--out", out).want(t, exitOK, "2 snapshots")

	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	header := records[0]
	if len(header) != 2+58+1 || header[0] != "as_of" || header[1] != "lead_key" || header[60] != "converted" {
		t.Errorf("header %v", header)
	}
	labels := map[string]int{}
	for _, r := range records[1:] {
		labels[r[60]]++
	}
	if labels["0"] == 0 || labels["1"] == 0 || len(labels) != 2 {
		t.Errorf("labels %v", labels)
	}

	var s sidecar
	text, err := os.ReadFile(out + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	if s.Rows != len(records)-1 || len(s.Columns) != 58 || s.Label == nil || *s.Label != "converted" || s.Key != "lead_key" {
		t.Errorf("sidecar %+v, %d rows", s, len(records)-1)
	}
	if want := []time.Time{from.AddDate(0, 0, 7), to}; !slices.EqualFunc(s.AsOf, want, time.Time.Equal) {
		t.Errorf("snapshots as of %v, want %v", s.AsOf, want)
	}
	for i, c := range s.Columns {
		if c.Name != header[i+2] {
			t.Errorf("column %d is %s in the sidecar and %s in the header", i, c.Name, header[i+2])
		}
		for _, r := range records[1:] {
			if _, err := strconv.ParseFloat(r[i+2], 64); c.Type == "number" && r[i+2] != "" && err != nil {
				t.Fatalf("column %s: %v", c.Name, err)
			}
		}
	}
}

func TestDatasetLeavesNothingHalfDone(t *testing.T) {
	newWorld(t)
	out := filepath.Join(t.TempDir(), "leads.csv")
	script := edited(t, "../../sql/dataprep/lead_scoring_labels.sql", "SELECT", "SELECT 1/0 AS broken,")
	scored(t, "dataset", leads, "-c", config(t), "--from", "2026-01-01", "--to", "2026-01-02", "--labels", script, "--out", out)
	left, err := filepath.Glob(out + "*")
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestWindowsAreSeenFromTheirEnds(t *testing.T) {
	for _, tt := range []struct{ from, to, step, want string }{
		{"2026-01-01", "2026-02-01", "7h", ""},
		{"2026-01-01", "2026-01-04", "1d", "2026-01-02T00:00:00Z 2026-01-03T00:00:00Z 2026-01-04T00:00:00Z"},
		{"2026-01-01T00:00:00+01:00", "2026-01-01", "30m", "2025-12-31T23:30:00Z 2026-01-01T00:00:00Z"},
		{"2026-01-02", "2026-01-01", "1d", ""},
		{"2026-01-01", "2026-01-01", "1d", ""},
		{"2026-01-01", "2026-01-02", "1.5s", ""},
		{"2026-01-01", "2026-01-02", "1d12h", ""},
		{"2026-01-01", "2026-01-02", "-1d", ""},
	} {
		w, err := parseWindows(tt.from, tt.to, tt.step)
		var ends []string
		for _, at := range w.ends {
			ends = append(ends, at.Format(time.RFC3339))
		}
		if got := strings.Join(ends, " "); got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s to %s by %s: %q, %v; want %q", tt.from, tt.to, tt.step, got, err, tt.want)
		}
	}
}
