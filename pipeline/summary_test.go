package pipeline_test

import (
	"testing"

	"scored/pipeline"
)

func TestDelivered(t *testing.T) {
	target := func(err string) []pipeline.TargetSummary {
		return []pipeline.TargetSummary{{Target: "redis"}, {Target: "salesforce", Error: err}}
	}
	for name, c := range map[string]struct {
		summary *pipeline.Summary
		want    bool
	}{
		"never begun":                  {nil, false},
		"scheduled, ok":                {&pipeline.Summary{Trigger: pipeline.Scheduled, End: pipeline.OK}, true},
		"manual, ok":                   {&pipeline.Summary{Trigger: pipeline.Manual, End: pipeline.OK}, true},
		"filling backfill":             {&pipeline.Summary{Trigger: pipeline.Fill, End: pipeline.OK}, false},
		"delivering backfill":          {&pipeline.Summary{Trigger: pipeline.Backfill, End: pipeline.OK}, false},
		"failed":                       {&pipeline.Summary{Trigger: pipeline.Scheduled, End: pipeline.Failed}, false},
		"interrupted":                  {&pipeline.Summary{Trigger: pipeline.Scheduled, End: pipeline.Interrupted}, false},
		"single rows refused":          {&pipeline.Summary{Trigger: pipeline.Scheduled, End: pipeline.Partial, Targets: target("")}, true},
		"one target of two down":       {&pipeline.Summary{Trigger: pipeline.Scheduled, End: pipeline.Partial, Targets: target("503")}, false},
		"scores missing from history":  {&pipeline.Summary{Trigger: pipeline.Manual, End: pipeline.Partial, History: &pipeline.TargetSummary{Error: "disk full"}}, false},
		"history kept, a row rejected": {&pipeline.Summary{Trigger: pipeline.Manual, End: pipeline.Partial, History: &pipeline.TargetSummary{}}, true},
	} {
		if got := c.summary.Delivered(); got != c.want {
			t.Errorf("%s: delivered %v, want %v", name, got, c.want)
		}
	}
}
