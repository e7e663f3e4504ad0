package warehouse

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"scored/pipeline"
)

// connectError is why no connection came about.
type connectError struct {
	cause   error
	passing bool // it may pass within minutes
}

func newConnectError(err error) *connectError {
	e := &connectError{cause: errors.Join(distinct(telling(attempts(err)))...), passing: true}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](e.cause); ok || refusedTLS(e.cause) || oldTLS(e.cause) {
		e.passing = false
	}
	if pg, ok := errors.AsType[*pgconn.PgError](e.cause); ok {
		query := queryError{cause: pg}
		e.passing = query.restartable() || strings.HasPrefix(pg.Code, "53")
	}
	return e
}

// attempts returns why each way to connect failed: the driver tries every address of the host, and where sslmode lets
// it, each with and without encryption.
func attempts(err error) []error {
	if joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// telling keeps the attempts that got furthest: what a server said to a login outweighs what kept others from one, and
// a refusal of encryption counts only where no attempt went on without.
func telling(attempts []error) []error {
	var answered, failed []error
	for _, err := range attempts {
		if _, ok := errors.AsType[*pgconn.PgError](err); ok {
			answered = append(answered, err)
		} else if !refusedTLS(err) {
			failed = append(failed, err)
		}
	}
	switch {
	case len(answered) > 0:
		return answered
	case len(failed) > 0:
		return failed
	default:
		return attempts
	}
}

// distinct keeps the first attempt of those that failed for the same reason, be it at another address.
func distinct(attempts []error) []error {
	var reasons []string
	return slices.DeleteFunc(slices.Clone(attempts), func(err error) bool {
		reason := root(err).Error()
		if slices.Contains(reasons, reason) {
			return true
		}
		reasons = append(reasons, reason)
		return false
	})
}

// root returns the innermost error.
func root(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}

// refusedTLS recognizes a server without encryption; the driver has no type for it.
func refusedTLS(err error) bool {
	return strings.Contains(err.Error(), "server refused TLS connection")
}

// oldTLS recognizes a server that knows no version of TLS that is safe, be it that either side says so; the library has no
// type for it.
func oldTLS(err error) bool {
	text := err.Error()
	return strings.Contains(text, "tls: protocol version not supported") || strings.Contains(text, "tls: server selected unsupported protocol version")
}

func (e *connectError) Error() string {
	reasons := strings.ReplaceAll(e.cause.Error(), "\n", "; ")
	return "connect to the warehouse: " + strings.Join(strings.Fields(reasons), " ")
}

func (e *connectError) problem() error {
	switch _, answered := errors.AsType[*pgconn.PgError](e.cause); {
	case e.passing:
		return &pipeline.Problem{Class: pipeline.TryAgain, Err: e, Hint: "Check that the cluster is up and that warehouse.url names its host and port."}
	case answered:
		return &pipeline.Problem{Class: pipeline.Configuration, Err: e,
			Hint: "Check user, database and parameters in warehouse.url, and the file in warehouse.password_file."}
	case refusedTLS(e.cause):
		return &pipeline.Problem{Class: pipeline.Configuration, Err: e, Hint: "The server offers no encryption: is warehouse.url the cluster's endpoint?"}
	case oldTLS(e.cause):
		return &pipeline.Problem{Class: pipeline.Configuration, Err: e,
			Hint: "The server does not speak TLS 1.2 or later: is warehouse.url the cluster's endpoint, and nothing in between?"}
	default:
		return &pipeline.Problem{Class: pipeline.Configuration, Err: e,
			Hint: "The certificate is not one for this host by a known authority: name the authority's file in sslrootcert=..., or correct the host."}
	}
}
