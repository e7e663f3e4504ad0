package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5/pgconn"
)

// Null stands for NULL in what [Cluster.Query] returns.
const Null = `\N`

// Exec runs a script of one or more statements, past the proxy.
func (c *Cluster) Exec(ctx context.Context, script string) error {
	return c.with(ctx, c.database, func(conn *pgconn.PgConn) error {
		_, err := conn.Exec(ctx, script).ReadAll()
		return err
	})
}

// Query runs one statement, past the proxy, and returns its rows as text, NULL as [Null].
func (c *Cluster) Query(ctx context.Context, sql string) ([][]string, error) {
	var rows [][]string
	err := c.with(ctx, c.database, func(conn *pgconn.PgConn) error {
		result := conn.ExecParams(ctx, sql, nil, nil, nil, nil).Read()
		for _, values := range result.Rows {
			row := make([]string, len(values))
			for i, v := range values {
				row[i] = Null
				if v != nil {
					row[i] = string(v)
				}
			}
			rows = append(rows, row)
		}
		return result.Err
	})
	return rows, err
}

// Copy loads data with a statement like COPY t (a, b) FROM STDIN CSV, past the proxy.
func (c *Cluster) Copy(ctx context.Context, sql string, data io.Reader) error {
	return c.with(ctx, c.database, func(conn *pgconn.PgConn) error {
		_, err := conn.CopyFrom(ctx, data, sql)
		return err
	})
}

func (c *Cluster) with(ctx context.Context, database string, do func(*pgconn.PgConn) error) error {
	config, err := pgconn.ParseConfig(c.direct(database))
	if err != nil {
		return fmt.Errorf("read the cluster's address: %w", err)
	}
	config.Password = c.password
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("connect to the cluster: %w", err)
	}
	return errors.Join(do(conn), conn.Close(context.WithoutCancel(ctx)))
}
