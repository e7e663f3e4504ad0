package main

import (
	"testing"

	"scored/pipeline"
)

// A summary is of a run that has ended: it says what was cleared, and no more than is known where not all changes were accepted.
func TestASummarySaysWhatWasCleared(t *testing.T) {
	for want, d := range map[string]pipeline.Delivery{
		"5 cleared":           {Changes: 20, Accepted: 20, Cleared: 5},
		"3 cleared":           {Changes: 3, Accepted: 3, Cleared: 3},
		"0 of 5 cleared":      {Changes: 20, Cleared: 5},
		"2 of 5 cleared":      {Changes: 5, Accepted: 2, Cleared: 5},
		"4 to 5 of 5 cleared": {Changes: 20, Accepted: 19, Cleared: 5},
		"0 to 1 of 5 cleared": {Changes: 20, Accepted: 1, Cleared: 5},
	} {
		if words := asides(d); len(words) != 1 || words[0] != want {
			t.Errorf("of %+v it says %q, want %q", d, words, want)
		}
	}
	if words := asides(pipeline.Delivery{Changes: 20, Accepted: 20}); len(words) != 0 {
		t.Errorf("nothing was to be cleared, and it says %q", words)
	}
}
