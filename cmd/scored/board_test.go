package main

import (
	"testing"
	"time"

	"scored/pipeline/schedule"
)

// A job is stale when two of its slots should have brought newer scores, and not before: neither at night nor over a
// weekend, and not because one slot was lost.
func TestHowOldASuccessMayBe(t *testing.T) {
	tests := []struct {
		name, cron   string
		success, now string
		fresh        bool
	}{
		{"the run of this slot has just begun", "*/15 * * * *", "2026-11-20T11:45:00Z", "2026-11-20T12:00:05Z", true},
		{"one slot was lost", "*/15 * * * *", "2026-11-20T11:30:00Z", "2026-11-20T12:13:59Z", true},
		{"two slots were lost", "*/15 * * * *", "2026-11-20T11:30:00Z", "2026-11-20T12:14:00Z", false},
		{"over the weekend", "0 9-17 * * 1-5", "2026-11-20T17:00:00Z", "2026-11-23T08:59:00Z", true},
		{"Monday's first slot was lost", "0 9-17 * * 1-5", "2026-11-20T17:00:00Z", "2026-11-23T09:30:00Z", true},
		{"Monday's second, too", "0 9-17 * * 1-5", "2026-11-20T17:00:00Z", "2026-11-23T10:14:00Z", false},
	}
	for _, tt := range tests {
		spec, err := schedule.Parse(tt.cron, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		now, success := instant(t, tt.now), instant(t, tt.success)
		j := &daemonJob{policy: schedule.Policy{Spec: spec}, runDeadline: 14 * time.Minute}
		if fresh := now.Sub(success) <= j.bound(now); fresh != tt.fresh {
			t.Errorf("%s: fresh is %t, at a bound of %s", tt.name, fresh, j.bound(now))
		}
	}
}

func instant(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
