package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"scored/configs"
	"scored/pipeline"
	"scored/pipeline/ledger"
)

func TestClassesOfErrorsBecomeExitCodes(t *testing.T) {
	for class, want := range map[pipeline.Class]int{
		0: exitFailed, pipeline.Configuration: exitConfiguration, pipeline.TryAgain: exitTryAgain, pipeline.Expired: exitTryAgain,
		pipeline.Exhausted: exitTryAgain, pipeline.Rejected: exitFailed, pipeline.Terminal: exitFailed, pipeline.Outdated: exitFailed,
	} {
		err := fmt.Errorf("deliver: %w", &pipeline.Problem{Class: class, Err: errors.New("no")})
		if got := exitCode(err); got != want {
			t.Errorf("%q ends with %d, want %d", class, got, want)
		}
	}
	if got := exitCode(fmt.Errorf("stopped: %w", context.Canceled)); got != exitTryAgain {
		t.Errorf("an interrupted run ends with %d", got)
	}
}

func TestTheRunsOfADayAreThoseOfAllSchedules(t *testing.T) {
	now := instant(t, "2026-11-20T09:07:00Z")
	cfg := func(schedules ...string) *configs.Config {
		c := &configs.Config{Schedule: configs.Schedule{Cron: "*/15 * * * *", Timezone: "UTC", Jitter: time.Second, StartDeadline: time.Minute}}
		for i, schedule := range schedules {
			c.Jobs = append(c.Jobs, configs.Job{Name: fmt.Sprint("job", i), Schedule: schedule})
		}
		return c
	}
	for _, tt := range []struct {
		schedules []string
		want      int
	}{
		{[]string{""}, 96},
		{[]string{"", "0 6 * * *", "@hourly"}, 96 + 1 + 24},
		{[]string{configs.Manual}, 0},
		{[]string{"0 0 29 2 *"}, 0},
		{[]string{"", "no schedule"}, 96}, // the daemon would not start with it
	} {
		if got := runsADay("scored.yaml", cfg(tt.schedules...), now); got != tt.want {
			t.Errorf("%q: %d runs, want %d", tt.schedules, got, tt.want)
		}
	}
}

// A daemon lives longer than a day, and a schedule may have days without a run.
func TestAWiredRunnerCountsTheRunsOfTheDayThatFollows(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"SCORED_STATE_DIR": t.TempDir(), "SCORED_SALESFORCE_FLOW": "client_credentials", "SCORED_SALESFORCE_CLIENT_SECRET_FILE": secret,
		"SCORED_SALESFORCE_LOGIN_URL": "https://acme.my.salesforce.com", "SCORED_SALESFORCE_PRIVATE_KEY_FILE": "",
	} {
		t.Setenv(name, value)
	}
	j, err := wire(config(t, `schedule: ""`, `schedule: "0 * * * 1"`), leads, ledger.OpenReadOnly, newConsole(io.Discard, io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	defer j.close()
	for now, want := range map[string]int{"2026-11-22T23:30:00Z": 24, "2026-11-23T12:30:00Z": 11, "2026-11-24T00:30:00Z": 0} {
		if got := j.runner.RunsADay(instant(t, now)); got != want {
			t.Errorf("%s: %d runs, want %d", now, got, want)
		}
	}
}
