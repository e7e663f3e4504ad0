package model

import "fmt"

// What scoring the golden rows may take at a load; real bundles stay far below.
const (
	maxGoldenSteps  = 1 << 28 // golden rows x steps of the transforms
	maxGoldenVisits = 1 << 32 // golden rows x nodes on the longest ways through all trees
)

// checkWork refuses a bundle whose golden rows would take time out of proportion to the size of its files.
func (b *Bundle) checkWork() error {
	rows := b.manifest.Golden.Rows
	if steps := b.steps(); rows*steps > maxGoldenSteps {
		return fmt.Errorf("%d rows through %d steps are too many to score at each load", rows, steps)
	}
	levels := 0
	for _, member := range b.members {
		levels += member.Forest.Levels()
	}
	if rows*levels > maxGoldenVisits {
		return fmt.Errorf("%d rows through trees of %d levels together are too many to score at each load", rows, levels)
	}
	return nil
}

// steps counts those of all plans; a block is one more.
func (b *Bundle) steps() int {
	steps, next := 0, 0
	for i, entry := range b.manifest.Members {
		if b.members[i].plan < next {
			continue // the plan of a member before
		}
		next++
		for _, block := range entry.Transform {
			steps += 1 + len(block.Steps)
		}
	}
	return steps
}
