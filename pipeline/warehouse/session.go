package warehouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"scored/pipeline"
)

const (
	// maxSkew is how far this machine's clock and the warehouse's may be apart.
	maxSkew = 2 * time.Minute
	// defaultGrace is what the server gets on top of its own statement_timeout, to report it across the network.
	defaultGrace = 30 * time.Second
	// defaultAttempts is how often something is begun before the warehouse's conflicts and lost connections end it.
	defaultAttempts = 3
	// defaultFarewell is how long the end of a session waits for the server.
	defaultFarewell = 5 * time.Second
)

// connector opens sessions.
type connector struct {
	driver          *pgconn.Config
	config          Config
	now             func() time.Time
	backoff         func(attempt int) time.Duration // the pause behind a failed attempt, counted from 1
	attempts        int                             // see its default
	grace, farewell time.Duration                   // see their defaults
}

func newConnector(driver *pgconn.Config, cfg Config) connector {
	return connector{
		driver: driver, config: cfg, now: time.Now, backoff: exponential, attempts: defaultAttempts,
		grace: defaultGrace, farewell: defaultFarewell,
	}
}

// restart calls attempt until it succeeds, or fails in a way that a new connection does not mend, a bounded number of
// times. Once ctx has ended, that is the error.
func (c *connector) restart(ctx context.Context, log *slog.Logger, h hints, attempt func() error) error {
	for n := 1; ; n++ {
		err := attempt()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		query, ok := errors.AsType[*queryError](err)
		if !ok {
			return err
		}
		if !query.restartable() || n == c.attempts {
			return query.problem(h)
		}
		log.Warn("starting again on a new connection", "attempt", n, "error", query.Error())
		if err := sleep(ctx, c.backoff(n)); err != nil {
			return err
		}
	}
}

// session is one connection, set up for dataprep.
type session struct {
	conn     *pgconn.PgConn
	log      *slog.Logger
	farewell time.Duration
}

// open connects, as often as patience allows, and sets the session up.
func (c *connector) open(ctx context.Context, log *slog.Logger) (*session, error) {
	conn, err := c.connect(ctx, log)
	if err != nil {
		return nil, err
	}
	s := &session{conn: conn, log: log.With("backend_pid", conn.PID()), farewell: c.farewell}
	if err := c.setUp(ctx, s); err != nil {
		s.close()
		return nil, err
	}
	s.log.Info("warehouse connected", "host", c.driver.Host, "database", c.driver.Database)
	return s, nil
}

func (c *connector) connect(ctx context.Context, log *slog.Logger) (*pgconn.PgConn, error) {
	start := c.now()
	for attempt := 1; ; attempt++ {
		conn, err := pgconn.ConnectConfig(ctx, c.driver)
		if err == nil {
			return conn, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("connect to the warehouse: %w", ctx.Err())
		}
		failure := newConnectError(err)
		if !failure.passing {
			return nil, failure.problem()
		}
		wait := c.backoff(attempt)
		if c.now().Sub(start)+wait >= c.config.ConnectPatience {
			return nil, failure.problem()
		}
		log.Warn("warehouse does not answer, trying again", "attempt", attempt, "wait_ms", wait.Milliseconds(), "error", failure.Error())
		if err := sleep(ctx, wait); err != nil {
			return nil, fmt.Errorf("connect to the warehouse: %w", err)
		}
	}
}

// statement bounds a statement and its result on this side, too: a server that hangs, or a network that loses what it
// says, keeps no statement_timeout.
func (c *connector) statement(ctx context.Context) (context.Context, context.CancelFunc) {
	return answeredWithin(ctx, c.config.StatementTimeout+c.grace)
}

// answeredWithin ends the context when the server has had this long. What fails by that is [unanswered].
func answeredWithin(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, limit, &unanswered{limit: limit})
}

// setUp labels the session, bounds its statements and compares the clocks.
func (c *connector) setUp(ctx context.Context, s *session) error {
	ctx, cancel := answeredWithin(ctx, c.config.ConnectTimeout)
	defer cancel()
	if group := c.config.QueryGroup; group != "" {
		_, err := s.exec(ctx, fmt.Sprintf("SET query_group TO '%s'", group))
		switch {
		case isUndefined(err):
			s.log.Debug("the warehouse has no query_group: it is not Redshift")
		case err != nil:
			return newQueryError(ctx, "set query_group", err)
		}
	}
	timeout := max(c.config.StatementTimeout.Milliseconds(), 1)
	if _, err := s.exec(ctx, fmt.Sprintf("SET statement_timeout TO %d; SET timezone TO 'UTC'", timeout)); err != nil {
		return newQueryError(ctx, "set up the session", err)
	}
	return c.compareClocks(ctx, s)
}

// compareClocks refuses to run where as-of, which this machine's clock gives, and the warehouse's times do not mean the
// same.
func (c *connector) compareClocks(ctx context.Context, s *session) error {
	const place = "read the warehouse's clock"
	before := c.now()
	results, err := s.exec(ctx, "SELECT EXTRACT(EPOCH FROM now())")
	if err != nil {
		return newQueryError(ctx, place, err)
	}
	took := c.now().Sub(before)
	if len(results) != 1 || len(results[0].Rows) != 1 {
		return fmt.Errorf("%s: it gave no row", place)
	}
	seconds, err := strconv.ParseFloat(string(results[0].Rows[0][0]), 64)
	if err != nil {
		return fmt.Errorf("%s: it gave no number", place)
	}
	skew := time.UnixMilli(int64(seconds * 1000)).Sub(before.Add(took / 2))
	if skew.Abs() <= maxSkew {
		return nil
	}
	return &pipeline.Problem{
		Class: pipeline.Configuration,
		Err:   fmt.Errorf("the warehouse's clock is %s off this machine's, more than %s", skew.Round(time.Second), maxSkew),
		Hint:  "Let this machine's clock follow a time server (timedatectl set-ntp true).",
	}
}

func (s *session) exec(ctx context.Context, sql string) ([]*pgconn.Result, error) {
	return s.conn.Exec(ctx, sql).ReadAll()
}

// close ends the session and waits until the driver has told the server to drop what it was doing. From a server that
// does not answer it walks away.
func (s *session) close() {
	ctx, cancel := context.WithTimeout(context.Background(), s.farewell)
	defer cancel()
	_ = s.conn.Close(ctx)
	select {
	case <-s.conn.CleanupDone():
	case <-ctx.Done():
		s.log.Warn("the warehouse does not confirm the end of the session; a statement may still run there")
		_ = s.conn.Conn().Close()
	}
}

// exponential grows from a second to 15.
func exponential(attempt int) time.Duration {
	return min(time.Second<<min(attempt-1, 10), 15*time.Second)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
