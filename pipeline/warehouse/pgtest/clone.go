package pgtest

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// Clone makes another cluster of this one: its database as it stands, copied on the same server, behind a proxy of its
// own. That is quicker than [Start] and loading everything once more. Nobody may be connected to the database meanwhile.
// [Cluster.Stop] of the clone removes the copy; the server ends with the cluster that was started.
func (c *Cluster) Clone(ctx context.Context) (*Cluster, error) {
	clone := &Cluster{clone: true, dir: c.dir, database: fmt.Sprintf("%s_%d", c.database, c.clones.Add(1)), password: c.password}
	if err := clone.administer(ctx, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s", clone.database, c.database)); err != nil {
		return nil, fmt.Errorf("copy database %s: %w", c.database, err)
	}
	var err error
	if clone.Proxy, err = newProxy(ctx, socket(c.dir), c.tls); err != nil {
		return nil, errors.Join(err, clone.drop())
	}
	return clone, nil
}

// drop removes the database, also from under those who are connected to it.
func (c *Cluster) drop() error {
	if err := c.administer(context.Background(), fmt.Sprintf("DROP DATABASE IF EXISTS %s WITH (FORCE)", c.database)); err != nil {
		return fmt.Errorf("remove database %s: %w", c.database, err)
	}
	return nil
}

// administer runs a statement that concerns a whole database, from another one.
func (c *Cluster) administer(ctx context.Context, statement string) error {
	return c.with(ctx, "postgres", func(conn *pgconn.PgConn) error {
		_, err := conn.Exec(ctx, statement).ReadAll()
		return err
	})
}
