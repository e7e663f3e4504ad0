package warehouse

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"scored/pipeline"
)

// Config says where the warehouse is and how long to wait for it.
type Config struct {
	// URL is postgres://user@host:5439/database?... The connection is encrypted and the server's certificate verified
	// (sslmode=verify-full, sslrootcert=system) unless the address is local. Other run-time parameters may follow.
	URL      string
	Password pipeline.Secret
	// QueryGroup labels the session's queries; Redshift keeps 30 characters. "" sets none.
	QueryGroup string
	// ConnectTimeout bounds one attempt to connect, and the session's setup after it (0: 15 seconds). ConnectPatience
	// bounds all attempts (0: 30 seconds; a resume or a maintenance reboot takes about 2 minutes), StatementTimeout each
	// statement with its time in the queue and its result (0: 10 minutes).
	ConnectTimeout, ConnectPatience, StatementTimeout time.Duration
	Log                                               *slog.Logger // nil logs nothing
}

const (
	defaultConnectTimeout   = 15 * time.Second
	defaultConnectPatience  = 30 * time.Second
	defaultStatementTimeout = 10 * time.Minute
	maxQueryGroup           = 30
	redshiftPort            = "5439"
)

func (c Config) withDefaults() Config {
	if c.ConnectTimeout <= 0 {
		c.ConnectTimeout = defaultConnectTimeout
	}
	if c.ConnectPatience <= 0 {
		c.ConnectPatience = defaultConnectPatience
	}
	if c.StatementTimeout <= 0 {
		c.StatementTimeout = defaultStatementTimeout
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if utf8.RuneCountInString(c.QueryGroup) > maxQueryGroup {
		c.QueryGroup = string([]rune(c.QueryGroup)[:maxQueryGroup])
	}
	return c
}

// driver turns the config into the driver's, and refuses what would put the connection or a secret at risk. Its errors
// never hold the password: the driver gets to see the URL without it.
func (c Config) driver() (*pgconn.Config, error) {
	if strings.ContainsAny(c.QueryGroup, "'\\") || strings.ContainsFunc(c.QueryGroup, isControl) {
		return nil, misconfigured("warehouse.query_group, or backfill_query_group, holds a quote, a backslash or a control character",
			"Use letters, digits and dashes.")
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, misconfigured("warehouse.url is not a URL of the form postgres://user@host:5439/database",
			"Write it in that form; characters that are special in URLs are percent-encoded.")
	}
	inURL := takePassword(u)
	d, err := parse(u)
	if err != nil {
		return nil, err
	}
	if !isLocal(d) {
		if inURL != "" {
			return nil, misconfigured("warehouse.url holds a password", "Put the password into a file, name it in warehouse.password_file, and change it.")
		}
		secure(u)
		if d, err = parse(u); err != nil {
			return nil, err
		}
		if !verifies(d) {
			return nil, misconfigured(fmt.Sprintf("warehouse.url: sslmode=%s does not verify the server's certificate", u.Query().Get("sslmode")),
				"Write sslmode=verify-full, or leave sslmode out.")
		}
	}
	switch {
	case c.Password != "":
		d.Password = string(c.Password)
	case inURL != "":
		d.Password = inURL
	}
	modern(d)
	d.ConnectTimeout = c.ConnectTimeout
	// A float must arrive as it is stored, and Redshift's default is 15 digits; text must arrive as UTF-8.
	d.RuntimeParams["extra_float_digits"] = "2"
	d.RuntimeParams["client_encoding"] = "UTF8"
	if d.RuntimeParams["application_name"] == "" {
		d.RuntimeParams["application_name"] = "scored"
	}
	return d, nil
}

// parse has the driver read the URL, and the environment that libpq's clients share. pgx knows more parameters than
// pgconn and keeps them from the server.
func parse(u *url.URL) (*pgconn.Config, error) {
	config, err := pgx.ParseConfig(u.String())
	if err == nil {
		return &config.Config, nil
	}
	reason := "it cannot be read"
	if inner := errors.Unwrap(err); inner != nil {
		reason = inner.Error()
	}
	return nil, misconfigured("warehouse.url: "+reason, "Correct the URL.")
}

// takePassword removes the password from the URL and returns it.
func takePassword(u *url.URL) string {
	password, _ := u.User.Password()
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	q := u.Query()
	if q.Has("password") {
		password = q.Get("password")
		q.Del("password")
		u.RawQuery = q.Encode()
	}
	return password
}

// secure adds what a connection to a real cluster needs and the URL leaves open.
func secure(u *url.URL) {
	q := u.Query()
	if !q.Has("sslmode") {
		q.Set("sslmode", "verify-full")
	}
	if !q.Has("sslrootcert") && q.Get("sslmode") == "verify-full" {
		q.Set("sslrootcert", "system")
	}
	if u.Port() == "" && !q.Has("port") {
		q.Set("port", redshiftPort)
	}
	u.RawQuery = q.Encode()
}

// isLocal says whether every host that may be connected to is this machine.
func isLocal(d *pgconn.Config) bool {
	local := func(host string) bool {
		ip := net.ParseIP(host)
		return host == "localhost" || strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || ip != nil && ip.IsLoopback()
	}
	for _, f := range d.Fallbacks {
		if !local(f.Host) {
			return false
		}
	}
	return local(d.Host)
}

// verifies says whether every way to connect is encrypted and checks the certificate with its name. It looks at what
// the driver will do and not at sslmode, which an environment variable or a service file may set, too.
func verifies(d *pgconn.Config) bool {
	for _, f := range d.Fallbacks {
		if f.TLSConfig == nil || f.TLSConfig.InsecureSkipVerify {
			return false
		}
	}
	return d.TLSConfig != nil && !d.TLSConfig.InsecureSkipVerify
}

// modern refuses TLS before 1.2 on every way to connect, whatever GODEBUG says.
func modern(d *pgconn.Config) {
	for _, f := range append([]*pgconn.FallbackConfig{{TLSConfig: d.TLSConfig}}, d.Fallbacks...) {
		if f.TLSConfig != nil {
			f.TLSConfig.MinVersion = tls.VersionTLS12
		}
	}
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func misconfigured(what, hint string) error {
	return &pipeline.Problem{Class: pipeline.Configuration, Err: errors.New(what), Hint: hint}
}
