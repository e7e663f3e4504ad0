package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"scored/configs"
	"scored/pipeline/warehouse"
)

// condition is the data that a job's slots wait for: a value in the warehouse.
type condition struct {
	probe       *warehouse.Probe
	fresherThan time.Duration // 0: the value must have changed
}

// newCondition returns nil for a job that waits for nothing.
func newCondition(cfg *configs.Config, jc configs.Job, log *slog.Logger) (*condition, error) {
	if jc.When.SQL == "" {
		return nil, nil
	}
	wc, err := warehouseConfig(cfg, log)
	if err != nil {
		return nil, err
	}
	probe, err := warehouse.NewProbe(wc, "when of "+jc.Name, jc.When.SQL)
	if err != nil {
		return nil, fmt.Errorf("when: %w", err)
	}
	return &condition{probe: probe, fresherThan: jc.When.FresherThan}, nil
}

// Ready reads the value and says whether the slot may start, or why not. seen is the value that was last acted on.
func (c *condition) Ready(ctx context.Context, slot time.Time, seen string) (value string, ready bool, why string, err error) {
	value, err = c.probe.Value(ctx, slot)
	switch {
	case err != nil:
		return "", false, "", err
	case value == "":
		return value, false, "there is no data yet: the value is NULL", nil
	case c.fresherThan == 0:
		return value, value != seen, "there is no new data: the value is still " + value, nil
	}
	at, err := warehouse.Instant(value)
	if err != nil {
		return value, false, "", err
	}
	oldest := slot.Add(-c.fresherThan)
	return value, !at.Before(oldest), fmt.Sprintf("the data is of %s, and should be of %s or later",
		at.Format(time.RFC3339), oldest.Format(time.RFC3339)), nil
}
