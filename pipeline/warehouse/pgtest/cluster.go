// Package pgtest runs a temporary PostgreSQL that looks like Redshift: a real server behind a proxy that rewrites the
// handshake to Redshift's and can be told to fail. It is for tests and the sandbox, never for the product.
package pgtest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// The cluster's only user, a superuser, and its database.
const (
	User     = "scored"
	Database = "dev"
)

// Options of [Start]. The zero value is a cluster that trusts whoever connects.
type Options struct {
	Bin      string       // the folder of initdb and postgres; [Find] if empty
	Password string       // if set, logins need it (SCRAM-SHA-256)
	TLS      *tls.Config  // if set, the proxy offers TLS as Redshift does
	Log      *slog.Logger // if set, says what is being started
}

// Cluster is a running PostgreSQL with its proxy.
type Cluster struct {
	*Proxy
	dir      string
	database string
	password string
	server   *server
	clone    bool         // of another, which has the server
	clones   atomic.Int32 // made of this one
}

// Start creates a cluster in a temporary folder, boots it, makes [Database] and opens the proxy on a free port of
// 127.0.0.1. It takes about a second. The server ends with this process, and with [Cluster.Stop] before that.
func Start(ctx context.Context, o Options) (_ *Cluster, err error) {
	if o.Bin == "" {
		if o.Bin, err = Find(); err != nil {
			return nil, err
		}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	owner, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := tempDir(owner)
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir, database: Database, password: o.Password}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Stop())
		}
	}()
	start := time.Now()
	if err := initdb(ctx, o, dir, owner); err != nil {
		return nil, err
	}
	if c.server, err = boot(ctx, o.Bin, dir, owner); err != nil {
		return nil, err
	}
	if err := c.administer(ctx, "CREATE DATABASE "+c.database); err != nil {
		return nil, fmt.Errorf("create database %s: %w", c.database, err)
	}
	if c.Proxy, err = newProxy(ctx, socket(dir), o.TLS); err != nil {
		return nil, err
	}
	o.Log.Info("PostgreSQL started", "bin", o.Bin, "pid", c.server.pid(), "dur_ms", time.Since(start).Milliseconds())
	return c, nil
}

// Stop ends the proxy and the server and removes their files; of a clone, its proxy and its database. It may be called
// more than once.
func (c *Cluster) Stop() error {
	if c.Proxy != nil {
		c.Proxy.close()
	}
	if c.clone {
		return c.drop()
	}
	var err error
	if c.server != nil {
		err = c.server.stop()
	}
	if rerr := os.RemoveAll(c.dir); rerr != nil {
		err = errors.Join(err, fmt.Errorf("remove the cluster: %w", rerr))
	}
	return err
}

// URL leads through the proxy to what looks like Redshift. It holds no password.
func (c *Cluster) URL() string {
	mode := "disable"
	if c.Proxy.tls != nil {
		mode = "require"
	}
	return fmt.Sprintf("postgres://%s@%s/%s?sslmode=%s", User, c.Addr(), c.database, mode)
}

// DirectURL leads straight to PostgreSQL, past the proxy. It holds no password.
func (c *Cluster) DirectURL() string { return c.direct(c.database) }

func (c *Cluster) direct(database string) string {
	q := url.Values{"host": {c.dir}, "port": {port}, "sslmode": {"disable"}}
	return fmt.Sprintf("postgres://%s@/%s?%s", User, database, q.Encode())
}

// port names the socket file; nothing listens on it.
const port = "5439"

func socket(dir string) string { return filepath.Join(dir, ".s.PGSQL."+port) }
