package policy_test

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"scored/pipeline"
	"scored/pipeline/policy"
)

// FuzzDelta compares the merge with a lookup per key. The first byte says what the run is for; each three that follow make
// one key's score and entry.
func FuzzDelta(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0x00, 0x01, 0x81, 0x92, 0x00, 0xff, 0xff, 0x80, 0x13, 0x31})
	f.Add([]byte{0x01, 0x05, 0x81, 0x92, 0x01, 0xff, 0xff, 0x80, 0x13, 0x40, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06})
	f.Add([]byte("The quick brown fox jumps over the lazy dog"))
	f.Add([]byte("Sphinx of black quartz, judge my vow, and pack my box with five dozen liquor jugs"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, filling := *run, false
		var found pipeline.Found
		if len(data) > 0 {
			r.Trigger = []pipeline.Trigger{pipeline.Scheduled, pipeline.Manual, pipeline.Backfill, pipeline.Fill}[data[0]&3]
			found.Clear = data[0]&4 != 0
			filling = r.Trigger == pipeline.Fill && data[0]&8 != 0
			data = data[1:]
		}
		entries := sides(data, &found)
		decide := policy.Delta
		if filling {
			decide = policy.Fill
		}
		got, err := decide(&r, model, found, sequence(entries...))
		if err != nil {
			t.Fatal(err)
		}
		if want := lookup(&r, filling, found, entries); !reflect.DeepEqual(got, want) {
			t.Errorf("%s, filling %t: got %+v, want %+v", r.Trigger, filling, got, want)
		}
	})
}

// sides reads bits: has a score, is rejected, has an entry, the entry's differences, its version, its quarantine.
func sides(data []byte, found *pipeline.Found) (entries []pipeline.Confirmed) {
	for i := 0; i+2 < len(data); i += 3 {
		key, bits, more := fmt.Sprintf("%c%d", 'a'+data[i]%26, i), data[i+1], data[i+2]
		if bits&1 == 0 {
			found.Scores = append(found.Scores, pipeline.Score{Key: key, Score: int(bits>>1&1) + 50, Grade: "B"})
		} else if bits&2 == 0 {
			found.Rejected = append(found.Rejected, key)
		}
		if bits&4 == 0 {
			entries = append(entries, pipeline.Confirmed{Key: key, Score: 50, Grade: []string{"A", "B"}[bits>>3&1],
				Model: []string{model, "other", ""}[int(bits>>4&3)%3], Unsure: bits>>6&1 == 1, Filled: bits>>7 == 1,
				Version: version - 1 + int64(data[i]>>6), Cleared: more&3 == 3})
			switch e := &entries[len(entries)-1]; more >> 2 & 7 {
			case 0:
				e.Until = run.Started.Add(1)
			case 1:
				e.Until = run.Started
			case 2:
				e.Until = pipeline.Never
			}
		}
	}
	slices.SortFunc(found.Scores, func(a, b pipeline.Score) int { return cmp.Compare(a.Key, b.Key) })
	slices.Sort(found.Rejected)
	slices.SortFunc(entries, func(a, b pipeline.Confirmed) int { return cmp.Compare(a.Key, b.Key) })
	return entries
}

// lookup decides key by key, from the rules in words.
func lookup(r *pipeline.Run, filling bool, found pipeline.Found, entries []pipeline.Confirmed) (d pipeline.Decision) {
	keys, scores, known := map[string]bool{}, map[string]pipeline.Score{}, map[string]pipeline.Confirmed{}
	for _, s := range found.Scores {
		keys[s.Key], scores[s.Key] = true, s
	}
	for _, e := range entries {
		keys[e.Key], known[e.Key] = true, e
	}
	ordered := make([]string, 0, len(keys))
	for key := range keys {
		ordered = append(ordered, key)
	}
	slices.Sort(ordered)
	for _, key := range ordered {
		e, seen := known[key]
		var before *pipeline.Confirmed
		if seen && e.Model != "" && !e.Cleared {
			before = &e
		}
		s, scored := scores[key]
		if !scored {
			if slices.Contains(found.Rejected, key) || !found.Clear || r.Trigger == pipeline.Fill || r.Trigger == pipeline.Backfill {
				continue
			}
			if !e.Unsure && before == nil || !e.Filled && e.Until.Equal(pipeline.Never) && e.Version < version {
				continue
			}
		}
		equal := scored && before != nil && !e.Unsure && e.Score == s.Score && e.Grade == s.Grade && e.Model == model
		if e.Filled && r.Trigger != pipeline.Fill {
			equal = false
		}
		switch {
		case seen && e.Version >= version:
			d.Superseded++
		case equal:
			d.Unchanged++
		case !scored && e.Filled, filling && before != nil && !e.Filled:
			d.Kept++
		case e.Until.After(run.Started):
			d.Quarantined++
		case scored:
			d.Changes = append(d.Changes, pipeline.Change{Score: s, Before: before})
		default:
			d.Changes = append(d.Changes, pipeline.Change{Score: pipeline.Score{Key: key}, Before: before, Clear: true})
		}
	}
	return d
}
