package salesforce

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"scored/pipeline"
)

// Sink writes scores to one object of one org. It is safe for concurrent use, and keeps its session from run to run.
type Sink struct {
	cfg   Config
	key   *rsa.PrivateKey // nil with ClientCredentials
	wire  *wire
	log   *slog.Logger
	calls atomic.Int64
	usage atomic.Pointer[Usage]

	mu      sync.Mutex // held through a login, so that an expired session is renewed once
	session *session   // nil before the first login
	checked time.Time  // when the mapping was last found good; zero if it must be looked at
}

// New returns a sink, or a Configuration problem that lists what is wrong with the config. It makes no request.
func New(cfg Config) (*Sink, error) {
	key, err := cfg.settle()
	if err != nil {
		return nil, err
	}
	return &Sink{cfg: cfg, key: key, wire: newWire(cfg.Timeout), log: cfg.Log.With("target", cfg.Name)}, nil
}

// Name returns the target's name.
func (s *Sink) Name() string { return s.cfg.Name }

// Calls returns the number of API requests that went out. Logins are not counted, neither here nor by Salesforce.
func (s *Sink) Calls() int { return int(s.calls.Load()) }

// Usage returns what the org last said of its daily API limit; the zero Usage before it said anything.
func (s *Sink) Usage() Usage {
	if u := s.usage.Load(); u != nil {
		return *u
	}
	return Usage{}
}

// Close closes the idle connections. The sink can still be used.
func (s *Sink) Close() { s.wire.transport.CloseIdleConnections() }

// open returns the session, after a login if there is none or only the one that is known to be over.
func (s *Sink) open(ctx context.Context, over *session) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session != nil && s.session != over {
		return s.session, nil
	}
	fresh, err := s.login(ctx)
	if err != nil {
		return nil, fmt.Errorf("log in to Salesforce: %w", err)
	}
	before := s.session
	s.session = fresh
	if before != nil && before.org != fresh.org {
		s.checked = time.Time{}
		return nil, &pipeline.Problem{Class: pipeline.Configuration,
			Err:  fmt.Errorf("the login now leads to org %s, it was %s", fresh.org, before.org),
			Hint: "a sandbox was refreshed, or login_url moved: the ledger's records belong to the old org"}
	}
	return fresh, nil
}

// Write sends the changes in requests of up to 200 and confirms each request's outcomes when its answer is there. It
// ends, with the error, at the first request that fails as a whole, and when no row of a request was taken because of
// the mapping. When ctx ends, a request in flight still has 5 seconds to come back; then Write stops. The package
// comment tells which rows are reported.
func (s *Sink) Write(ctx context.Context, run *pipeline.Run, model string, changes []pipeline.Change,
	confirm func([]pipeline.Outcome) error) error {
	defer func() {
		u := s.Usage()
		s.log.Debug("api usage of the org", "run_id", run.ID, "used", u.Used, "limit", u.Limit)
	}()
	for done := 0; done < len(changes); {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("stopped after %d of %d changes: %w", done, len(changes), err)
		}
		block := changes[done:min(done+maxRecords, len(changes))]
		b := s.prepare(run, model, block)
		sendErr := s.send(ctx, b)
		outcomes := b.reported()
		if len(outcomes) > 0 {
			if err := confirm(outcomes); err != nil {
				return errors.Join(err, sendErr)
			}
		}
		if sendErr != nil {
			if pipeline.ClassOf(sendErr) == pipeline.Configuration {
				s.distrust()
			}
			return fmt.Errorf("%s %s, changes %d to %d of %d: %w", s.cfg.Operation, s.cfg.Object,
				done+1, done+len(block), len(changes), sendErr)
		}
		done += len(block)
	}
	return nil
}

// distrust makes the next preflight look at the mapping again.
func (s *Sink) distrust() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checked = time.Time{}
}
