package policy

import "scored/pipeline"

// Comparison is how two scorings of the same keys differ.
type Comparison struct {
	Keys  int
	Same  int     // keys with the same score
	Shift float64 // population stability index of the scores
	Stays float64 // share of the top tenth that is in it in both
}

// Compare makes the comparison of a table.
func Compare(t *pipeline.Table) Comparison {
	before, after := t.Margins()
	c := Comparison{Keys: before.Rows()}
	for score := range t {
		c.Same += int(t[score][score])
	}
	if c.Keys > 0 {
		c.Shift, c.Stays = shift(&before, &after), overlap(t)
	}
	return c
}
