package policy_test

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/policy"
)

// reader makes numbers of bytes; at their end, zeroes.
type reader []byte

func (r *reader) next(below int) int {
	var b [4]byte
	*r = (*r)[copy(b[:], *r):]
	return int(binary.LittleEndian.Uint32(b[:]) % uint32(below))
}

func (r *reader) profile() (p pipeline.Profile) {
	p.Model = string(rune('a' + r.next(2)))
	p.Read = r.next(1 << r.next(25))
	p.Rejected = r.next(p.Read + 1)
	p.Past = r.next(4) == 0
	p.AsOf = time.Unix(int64(r.next(1<<25)), 0)
	p.Released, p.Due = r.next(3) == 0, r.next(3) == 0
	p.Difference = pipeline.Difference{Changed: float64(r.next(11)) / 10, Moved: float64(r.next(11)) / 10, Shift: float64(r.next(9))}
	p.Allowed = pipeline.Difference{Left: float64(r.next(11)) / 10}
	for range r.next(4) {
		missing := r.next(p.Read + 1)
		p.Columns = append(p.Columns, pipeline.ColumnProfile{Name: string(rune('a' + r.next(3))), Missing: missing, Varied: r.next(p.Read - missing + 1),
			Sized: r.next(p.Read - missing + 1), Typical: float64(r.next(1<<30)) / 1000})
	}
	for range r.next(6) {
		p.Scores[r.next(pipeline.Levels)] += r.next(1 << 20)
	}
	return p
}

func (r *reader) crossing() (c pipeline.Crossing) {
	for range r.next(6) {
		c.Own[r.next(pipeline.Levels)][r.next(pipeline.Levels)] += int32(r.next(1 << 20))
		c.Other[r.next(pipeline.Levels)][r.next(pipeline.Levels)] += int32(r.next(1 << 20))
	}
	c.Held = r.next(1 << 24)
	c.Left = r.next(c.Held + 1)
	c.New = r.next(1 << 24)
	return c
}

// FuzzGuard judges runs of any figures: it says nothing that is no number, in the same words each time.
func FuzzGuard(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("Sphinx of black quartz, judge my vow, and pack my box with five dozen liquor jugs, for the quick brown fox jumps over the lazy dog"))
	many := make([]byte, 1000)
	for i := range many {
		many[i] = byte(i * 37)
	}
	f.Add(many)
	f.Fuzz(func(t *testing.T, data []byte) {
		r := reader(data)
		now, reference := r.profile(), r.profile()
		for range r.next(3) {
			now.Targets = append(now.Targets, r.crossing())
		}
		var before []pipeline.Profile
		for range r.next(4) {
			before = append(before, r.profile())
		}
		v := policy.NewGuard(limits)(&now, &reference, before)
		again := policy.NewGuard(limits)(&now, &reference, before)
		if len(v.Findings) != len(again.Findings) || v.Difference != again.Difference || v.Allowed != again.Allowed {
			t.Errorf("%+v the first time, and %+v the second", v, again)
		}
		for _, x := range []float64{v.Difference.Changed, v.Difference.Jumped, v.Difference.New, v.Difference.Left, v.Difference.Moved, v.Difference.Shift} {
			if math.IsNaN(x) || math.IsInf(x, 0) || x < 0 {
				t.Errorf("the difference is %+v", v.Difference)
			}
		}
		for i, finding := range v.Findings {
			if finding.Check == "" || strings.Contains(finding.Text, "NaN") || strings.Contains(finding.Text, "%!") || finding != again.Findings[i] {
				t.Errorf("found %+v", finding)
			}
		}
	})
}
