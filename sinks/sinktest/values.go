package sinktest

import (
	"time"

	"scored/pipeline"
)

func arrives(s *suite) {
	w := s.open(s.few())
	w.accepted(s.run(), changes(w.Keys, 0))
	w.accepted(s.run(), changes(w.Keys, 1))
}

func idempotent(s *suite) {
	w := s.open(s.few())
	run, all := s.run(), changes(w.Keys, 0)
	w.accepted(run, all)
	w.accepted(run, all)
}

func noReasons(s *suite) {
	w := s.open(1)
	all := changes(w.Keys, 0)
	if w.keeps(Values{Reasons: "x"}).Reasons == "" {
		s.Skip("the target keeps no reasons")
	}
	w.accepted(s.run(), all)
	all[0].Reasons = ""
	w.accepted(s.run(), all)
}

// clearing empties some records, one of which has no score, while others get theirs.
func clearing(s *suite) {
	if s.Appends {
		s.Skip("the target keeps every row")
	}
	w := s.open(s.few())
	all := changes(w.Keys, 0)
	w.accepted(s.run(), all[1:])
	all = changes(w.Keys, 1)
	for i := range all {
		if i%2 == 0 {
			all[i] = pipeline.Change{Score: pipeline.Score{Key: all[i].Key}, Clear: true}
		}
	}
	w.accepted(s.run(), all)
	w.accepted(s.run(), changes(w.Keys, 2))
}

// origin brings scores back, but for every third.
func origin(s *suite) {
	if s.Appends {
		s.Skip("the target keeps every row")
	}
	w := s.open(s.few())
	all := changes(w.Keys, 0)
	w.accepted(s.run(), all)
	all = changes(w.Keys, 1)
	for i := range all {
		if i%3 > 0 {
			all[i].Origin = &pipeline.Origin{Model: "lead@89abcdef", ScoredAt: time.Date(2026, 10, 1+i%9, 7, 0, 3, 0, time.FixedZone("CET", 3600))}
		}
	}
	w.accepted(s.run(), all)
}

// stale delivers an older version where some records hold a newer one.
func stale(s *suite) {
	if !s.Guarded {
		s.Skip("the target does not compare versions")
	}
	w := s.open(s.few())
	older, newer := s.run(), s.run()
	all := changes(w.Keys, 0)
	ahead := len(all) / 2
	w.accepted(newer, all[:ahead])
	d := w.write(s.Context(), older, changes(w.Keys, 1), options{})
	w.want(d, map[pipeline.Status]int{pipeline.Stale: ahead, pipeline.Accepted: len(all) - ahead})
}
