package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"scored/configs"
	"scored/pipeline"
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
