package model

import "fmt"

// What scoring the golden rows may take at a load; real bundles stay far below.
const (
	maxGoldenCells  = 1 << 24 // golden rows x features of all plans, which are kept
	maxGoldenSteps  = 1 << 28 // golden rows x steps of the transforms
	maxGoldenVisits = 1 << 28 // golden rows x nodes on the longest ways through all trees
)

// leastGolden is how many golden rows scored-export wants to be asked for.
const leastGolden = 10

const hintSmaller = "train a smaller model and export that: group rare categories, or take fewer or shallower trees"

// checkWork refuses a bundle whose golden rows would take time or memory out of proportion to the size of its files.
func (b *Bundle) checkWork() error {
	rows, most, what := b.manifest.Golden.Rows, maxGoldenRows, ""
	for _, limit := range []struct {
		what       string
		each, most int
	}{
		{"of %d features", b.width(), maxGoldenCells},
		{"through %d steps", b.steps(), maxGoldenSteps},
		{"through trees of %d levels together", b.levels(), maxGoldenVisits},
	} {
		fit := limit.most / limit.each
		if rows > fit && what == "" {
			what = fmt.Sprintf(limit.what, limit.each)
		}
		most = min(most, fit)
	}
	if what == "" {
		return nil
	}
	hint := hintSmaller
	if most >= leastGolden {
		hint = fmt.Sprintf("export it with fewer golden rows: golden=%d", most)
	}
	return refuse(hint, "%d rows %s are too many to score at each load", rows, what)
}

// width counts the features of all plans.
func (b *Bundle) width() int {
	width := 0
	for _, plan := range b.plans {
		width += plan.Width()
	}
	return width
}

// levels counts the nodes on the longest ways through all trees.
func (b *Bundle) levels() int {
	levels := 0
	for _, member := range b.members {
		levels += member.Forest.Levels()
	}
	return levels
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
