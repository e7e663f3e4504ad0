package schedule

import (
	"hash/fnv"
	"time"
)

// Jitter returns how long after its slot a job begins on a host: always the same, so that a run's distance from its slot
// tells something, and different from host to host and job to job, so that they don't all ask at once. It is below
// the limit, and at most a tenth of the shortest distance between two slots.
func Jitter(host, job string, spec Spec, limit time.Duration) time.Duration {
	limit = min(limit, spec.shortest()/10)
	if limit <= 0 {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(host))
	h.Write([]byte{0})
	h.Write([]byte(job))
	return time.Duration(h.Sum64() % uint64(limit)).Truncate(time.Millisecond)
}

// shortest returns the shortest distance between two slots in a row among the first hundred from a fixed day on.
func (s Spec) shortest() time.Duration {
	shortest := time.Duration(1<<63 - 1)
	for slot, i := s.Next(reference), 0; i < 100; i++ {
		next := s.Next(slot)
		shortest = min(shortest, next.Sub(slot))
		slot = next
	}
	return shortest
}
