package forest

import (
	"testing"

	"scored/pipeline/forest/foresttest"
)

func TestFastCountsTheTreesThatFit(t *testing.T) {
	small, large := foresttest.Random(1, 9, 10, 2), foresttest.Random(1, 9, 10, 8)
	for _, tt := range []struct {
		name string
		file *foresttest.File
		l    limits
		want func(fast int) bool
	}{
		{"all", large, narrowLimits(), func(fast int) bool { return fast == 10 }},
		{"none", small, limits{}, func(fast int) bool { return fast == 0 }},
		{"some", large, limits{slots: 1 << 10, nodes: len(large.Feature) / 10}, func(fast int) bool { return fast > 0 && fast < 10 }},
	} {
		if fast := readAs(t, tt.file, tt.l).Fast(); !tt.want(fast) {
			t.Errorf("%s: %d of 10 trees", tt.name, fast)
		}
	}
}
