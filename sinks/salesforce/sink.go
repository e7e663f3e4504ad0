package salesforce

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"scored/pipeline"
)

// Sink writes scores to one object of one org. It is safe for concurrent use, and keeps its session from run to run.
type Sink struct {
	cfg   Config
	key   *rsa.PrivateKey // nil with ClientCredentials
	wire  *wire
	log   *slog.Logger
	calls atomic.Int64
	usage atomic.Pointer[reading]

	mu      sync.Mutex // held through a login, so that an expired session is renewed once
	session *session   // nil before the first login
	checked checked    // what the last good preflight found; zero if the org must be looked at
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
		s.checked = checked{}
		return nil, &pipeline.Problem{Class: pipeline.Configuration,
			Err:  fmt.Errorf("the login now leads to org %s, it was %s", fresh.org, before.org),
			Hint: "a sandbox was refreshed, or login_url moved: the ledger's records belong to the old org"}
	}
	return fresh, nil
}

// Write sends up to Config.BulkThreshold changes in requests of up to 200, and more of them, which must be in ascending order
// of key, through the Bulk API. It confirms each request's outcomes when its answer is there, and those of a Bulk job in
// blocks, each of which is good until confirm returns. It ends, with the error, at the first request or job that fails as a
// whole, and when no row of one was taken because of the mapping. Before an upsert clears records it asks which there are, and
// refuses the others, which an upsert would make.
//
// When ctx ends, a request in flight still has 5 seconds to come back, in which an unfinished upload is called off; then
// Write stops. A job that the org works on stays at work: the next call with the same run finishes it first, and for another
// run Resume does. The package comment tells which rows are reported.
func (s *Sink) Write(ctx context.Context, run *pipeline.Run, model string, changes []pipeline.Change,
	confirm func([]pipeline.Outcome) error) error {
	err := s.write(ctx, run, model, changes, confirm)
	if pipeline.ClassOf(err) == pipeline.Configuration {
		s.distrust()
	}
	u := s.LastUsage()
	s.log.Debug("api usage of the org", "run_id", run.ID, "used", u.Used, "limit", u.Limit)
	return err
}

func (s *Sink) write(ctx context.Context, run *pipeline.Run, model string, changes []pipeline.Change,
	confirm func([]pipeline.Outcome) error) error {
	if err := s.fits(model, changes); err != nil {
		return err
	}
	left, err := s.left(ctx, run)
	if err != nil {
		return err
	}
	if len(left) == 0 && len(changes) <= s.cfg.BulkThreshold {
		return s.collect(ctx, run, model, changes, confirm)
	}
	if s.cfg.Journal == nil {
		return fmt.Errorf("%d changes need the Bulk API, and the sink has no journal for its jobs", len(changes))
	}
	d, err := s.newBulk(run, model, changes, confirm)
	if err != nil {
		return err
	}
	rest, err := d.resume(ctx, left)
	if err != nil {
		return err
	}
	if rest <= s.cfg.BulkThreshold {
		return s.collect(ctx, run, model, d.rest(), confirm)
	}
	return d.deliver(ctx)
}

// left returns the jobs that earlier calls of Write for the same run left open.
func (s *Sink) left(ctx context.Context, run *pipeline.Run) ([]pipeline.RemoteJob, error) {
	if s.cfg.Journal == nil {
		return nil, nil
	}
	open, err := s.cfg.Journal.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	return slices.DeleteFunc(open, func(j pipeline.RemoteJob) bool { return j.Run != run.ID }), nil
}

// collect sends the changes in requests of up to 200.
func (s *Sink) collect(ctx context.Context, run *pipeline.Run, model string, changes []pipeline.Change,
	confirm func([]pipeline.Outcome) error) error {
	for done := 0; done < len(changes); {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("stopped after %d of %d changes: %w", done, len(changes), err)
		}
		block := changes[done:min(done+maxRecords, len(changes))]
		gone, err := s.goneOf(ctx, block)
		if err != nil {
			return err
		}
		b := s.prepare(run, model, block, gone)
		sendErr := s.send(ctx, b)
		outcomes := b.reported()
		if len(outcomes) > 0 {
			if err := confirm(outcomes); err != nil {
				return errors.Join(err, sendErr)
			}
		}
		if sendErr != nil {
			return fmt.Errorf("%s %s, changes %d to %d of %d: %w", s.cfg.Operation, s.cfg.Object,
				done+1, done+len(block), len(changes), sendErr)
		}
		done += len(block)
	}
	return nil
}
