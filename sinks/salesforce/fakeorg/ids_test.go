package fakeorg

import (
	"sort"
	"testing"
)

func TestNewIDsAscend(t *testing.T) {
	var ids []string
	for n := 1; n < 10_000; n++ {
		ids = append(ids, newID("00Q", n))
	}
	if !sort.StringsAreSorted(ids) {
		t.Error("ids are not in the order of their numbers")
	}
}

// The checksum of published ids.
func TestChecksum(t *testing.T) {
	for id15, want := range map[string]string{
		"001xx000003DGb2": "001xx000003DGb2AAG", // Salesforce's documentation of collections
		"003xx000004TmiQ": "003xx000004TmiQAAS",
		"0013000000auCyT": "0013000000auCyTAAU", // Salesforce Help 000384876
	} {
		if got, err := normalizeID(id15); got != want || err != nil {
			t.Errorf("%s: got %s %v, want %s", id15, got, err, want)
		}
	}
}
