package sinktest

import (
	"slices"

	"scored/pipeline"
)

// refused has a row refused in the first request and in the last.
func refused(s *suite) {
	w := s.open(s.few())
	if w.Refuse == nil {
		s.Skip("the target takes every row")
	}
	w.Refuse(w.Keys[0])
	w.Refuse(w.Keys[len(w.Keys)-1])
	d := w.write(s.Context(), s.run(), changes(w.Keys, 0), options{})
	w.want(d, map[pipeline.Status]int{pipeline.Refused: 2, pipeline.Accepted: len(w.Keys) - 2})
}

// locked has two rows locked, one of which is free when it is sent the next time.
func locked(s *suite) {
	w := s.open(s.few())
	if w.Lock == nil {
		s.Skip("the target locks no rows")
	}
	run, all := s.run(), changes(w.Keys, 0)
	w.Lock(w.Keys[1])
	w.Lock(w.Keys[len(w.Keys)-1])
	d := w.write(s.Context(), run, all, options{confirm: func(int) error {
		w.Unlock(w.Keys[1])
		return nil
	}})
	still := 2
	if s.Retried {
		still = 1
	}
	w.want(d, map[pipeline.Status]int{pipeline.Retry: still, pipeline.Accepted: len(all) - still})
	w.Unlock(w.Keys[len(w.Keys)-1])
	w.accepted(run, all)
}

// created sends a key that the target has no record of.
func created(s *suite) {
	w := s.open(s.few())
	if w.Absent == "" {
		s.Skip("the target has no records of its own")
	}
	keys := slices.Concat(w.Keys, []string{w.Absent})
	d := w.write(s.Context(), s.run(), changes(keys, 0), options{})
	if s.Creates {
		w.want(d, map[pipeline.Status]int{pipeline.Accepted: len(keys)})
	} else {
		w.want(d, map[pipeline.Status]int{pipeline.Accepted: len(w.Keys), pipeline.Refused: 1})
	}
	for _, key := range keys {
		if o := d.outcomes[key]; o.Created != (s.Creates && key == w.Absent) {
			s.Errorf("%s: created %t", key, o.Created)
		}
	}
}
