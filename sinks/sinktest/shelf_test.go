package sinktest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"scored/pipeline"
)

// shelfBlock is how many changes a request to a shelf takes.
const shelfBlock = 3

// shelf is a target in memory that takes requests, and the reference of a sink that writes to it. Its mutations break one
// rule each.
type shelf struct {
	broken mutation
	calls  int

	mu       sync.Mutex
	held     map[string]Values
	records  map[string]bool
	refused  map[string]bool
	locked   map[string]bool
	requests int
	at       int // the request that meets the fault; 0 for none
	fault    Fault
	working  sync.WaitGroup // requests that have arrived
}

func openShelf(broken mutation) func(testing.TB, int) *World {
	return func(tb testing.TB, records int) *World {
		s := &shelf{broken: broken, held: map[string]Values{}, records: map[string]bool{}, refused: map[string]bool{}, locked: map[string]bool{}}
		w := &World{Sink: s, Absent: "K999", Held: s.read, Arrived: s.working.Wait}
		for i := range records {
			w.Keys = append(w.Keys, fmt.Sprintf("K%03d", i))
			s.records[w.Keys[i]] = true
		}
		mark := func(set map[string]bool, value bool) func(string) {
			return func(key string) {
				s.mu.Lock()
				defer s.mu.Unlock()
				set[key] = value
			}
		}
		w.Refuse, w.Lock, w.Unlock = mark(s.refused, true), mark(s.locked, true), mark(s.locked, false)
		w.Meet = func(nth int, fault Fault) { s.at, s.fault = s.requests+nth, fault }
		w.Met = func() bool {
			met := s.requests >= s.at
			s.at = 0
			return met
		}
		tb.Cleanup(s.working.Wait)
		return w
	}
}

func (s *shelf) read(key string) Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held[key]
}

func (s *shelf) Name() string { return "shelf" }
func (s *shelf) Calls() int   { return s.calls }

func (s *shelf) Preflight(context.Context) (pipeline.Ready, error) {
	if s.broken == shiftingIdentity {
		s.calls++
		return pipeline.Ready{Identity: fmt.Sprint(s.calls), Guarded: true}, nil
	}
	return pipeline.Ready{Identity: "shelf", Guarded: s.broken != unguardedReady}, nil
}

var (
	errLost = &pipeline.Problem{Class: pipeline.TryAgain, Err: errors.New("no answer")}
	errBusy = &pipeline.Problem{Class: pipeline.TryAgain, Err: errors.New("busy")}
)

func (s *shelf) Write(ctx context.Context, run *pipeline.Run, model string, changes []pipeline.Change,
	confirm func([]pipeline.Outcome) error) error {
	if s.broken == emptyRequest && len(changes) == 0 {
		s.calls++
	}
	blocks := slices.Collect(slices.Chunk(changes, shelfBlock))
	switch {
	case s.broken == backwards:
		slices.Reverse(blocks)
	case s.broken == lastForgotten && len(blocks) > 1:
		blocks = blocks[:len(blocks)-1]
	}
	for _, block := range blocks {
		if err := ctx.Err(); err != nil && s.broken != deafToTheContext {
			return err
		}
		if s.broken != uncounted {
			s.calls++
		}
		outcomes, err := s.send(run, model, block)
		if outcomes = s.broken.report(outcomes); len(outcomes) > 0 {
			if cerr := s.broken.confirm(confirm, outcomes); cerr != nil && s.broken != deafToConfirm {
				return errors.Join(cerr, err)
			}
		}
		if err != nil && s.broken != swallowsErrors {
			return err
		}
	}
	return nil
}

// send makes one request and waits for its answer, for a while.
func (s *shelf) send(run *pipeline.Run, model string, block []pipeline.Change) ([]pipeline.Outcome, error) {
	s.requests++
	fault := Fault{Kind: Passes}
	if s.requests == s.at {
		fault = s.fault
	}
	answer := make(chan []pipeline.Outcome, 1)
	s.working.Go(func() {
		if fault.Before != nil {
			fault.Before()
		}
		switch fault.Kind {
		case Fails, TurnedAway:
			answer <- nil
		case Applied:
			s.apply(run, model, block)
			answer <- nil
		default:
			answer <- s.apply(run, model, block)
		}
	})
	unknown := func(status pipeline.Status) []pipeline.Outcome {
		var all []pipeline.Outcome
		for _, c := range block {
			all = append(all, pipeline.Outcome{Key: c.Key, Status: status})
		}
		return all
	}
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case outcomes := <-answer:
		switch {
		case outcomes != nil:
			return outcomes, nil
		case fault.Kind == TurnedAway && s.broken != unsureOfBusy:
			return nil, errBusy
		}
	case <-timer.C:
		if s.broken == forgetsLate {
			return nil, errLost
		}
	}
	switch s.broken {
	case forgetsLost:
		return nil, errLost
	case trustsLost:
		return unknown(pipeline.Accepted), errLost
	default:
		return unknown(pipeline.Unknown), errLost
	}
}

// apply does what a request asks, row by row.
func (s *shelf) apply(run *pipeline.Run, model string, block []pipeline.Change) []pipeline.Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	var outcomes []pipeline.Outcome
	for _, c := range block {
		before := s.held[c.Key]
		now := Values{Version: run.Version, Score: c.Score.Score, Grade: c.Grade, Probability: c.Probability, Model: model, Reasons: c.Reasons,
			ScoredAt: run.Started}
		if c.Origin != nil && s.broken != ignoresOrigin {
			now.Model, now.ScoredAt = c.Origin.Model, c.Origin.ScoredAt.UTC()
		}
		if c.Clear && s.broken != ignoresClear {
			now = Values{Version: run.Version, Empty: true}
		}
		switch {
		case s.broken == keepsReasons && now.Reasons == "":
			now.Reasons = before.Reasons
		case s.broken == rounds:
			now.Probability = math.Round(now.Probability)
		case s.broken == clearsVersion && c.Clear:
			now.Version = before.Version
		}
		o := pipeline.Outcome{Key: c.Key, Status: pipeline.Accepted, Created: !s.records[c.Key]}
		switch {
		case s.refused[c.Key]:
			o = pipeline.Outcome{Key: c.Key, Status: pipeline.Refused, Class: pipeline.Rejected, Code: "REFUSED"}
		case s.locked[c.Key]:
			o = pipeline.Outcome{Key: c.Key, Status: pipeline.Retry, Class: pipeline.TryAgain, Code: "LOCKED"}
		case s.stale(before.Version, run.Version):
			o = pipeline.Outcome{Key: c.Key, Status: pipeline.Stale, Class: pipeline.Outdated, Code: "OLDER"}
		default:
			s.held[c.Key], s.records[c.Key] = now, true
		}
		outcomes = append(outcomes, o)
	}
	if s.broken == allOrNothing && slices.ContainsFunc(outcomes, func(o pipeline.Outcome) bool { return o.Status == pipeline.Refused }) {
		for i := range outcomes {
			outcomes[i] = pipeline.Outcome{Key: outcomes[i].Key, Status: pipeline.Refused, Class: pipeline.Rejected, Code: "REFUSED"}
		}
	}
	return outcomes
}

func (s *shelf) stale(held, sent int64) bool {
	switch s.broken {
	case overtakes:
		return false
	case refusesEqual:
		return cmp.Compare(held, sent) >= 0
	default:
		return held > sent
	}
}
