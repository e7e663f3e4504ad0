package pipeline

import (
	"testing"
	"time"
	"unsafe"
)

// A run holds one for every key that a target knows.
func TestAnEntryIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(entry{}); size != 24 {
		t.Errorf("%d bytes", size)
	}
}

func TestTheEndOfAQuarantineIsNeverEarlier(t *testing.T) {
	whole := time.Date(2026, time.November, 22, 13, 15, 0, 0, time.UTC)
	for name, c := range map[string]struct{ until, want time.Time }{
		"none":                    {time.Time{}, time.Time{}},
		"whole seconds":           {whole, whole},
		"a fraction is rounded":   {whole.Add(time.Millisecond), whole.Add(time.Second)},
		"for good":                {Never, Never},
		"beyond what can be held": {Never.AddDate(-1000, 0, 0), Never},
		"long ago":                {time.Unix(-5, 0), time.Unix(1, 0)},
	} {
		if got := ends(seconds(c.until)); !got.Equal(c.want) {
			t.Errorf("%s: %s became %s", name, c.until, got)
		}
	}
}
