package model

import (
	"encoding/json"
	"fmt"

	"scored/pipeline/feature"
	"scored/pipeline/forest"
)

// Member is one of the forests whose mean the model is.
type Member struct {
	Plan        *feature.Plan // the same for members of the same transform
	Forest      *forest.Forest
	Calibration *Calibration // nil where the forest's probability is the member's

	plan int // the place of Plan among the bundle's
}

// Sign is -1 where what raises the forest's probability lowers the member's, else 1.
func (m *Member) Sign() float64 {
	if m.Calibration != nil && m.Calibration.falls() {
		return -1
	}
	return 1
}

// addPlans makes the members, and one plan for those whose transforms are identical.
func (b *Bundle) addPlans() error {
	known := make(map[string]int)
	for i, entry := range b.manifest.Members {
		text, err := json.Marshal(entry.Transform)
		if err != nil {
			return fmt.Errorf("members[%d].transform: %w", i, err)
		}
		at, ok := known[string(text)]
		if !ok {
			plan, err := feature.NewPlan(b.manifest.Contract, entry.Transform)
			if err != nil {
				return fmt.Errorf("members[%d]: %w", i, err)
			}
			at = len(b.plans)
			known[string(text)] = at
			b.plans = append(b.plans, plan)
		}
		plan := b.plans[at]
		if plan.Width() != len(entry.Features) {
			return fmt.Errorf("members[%d]: transform gives %d features, features names %d", i, plan.Width(), len(entry.Features))
		}
		b.members = append(b.members, Member{Plan: plan, Calibration: entry.Calibration, plan: at})
	}
	return nil
}
