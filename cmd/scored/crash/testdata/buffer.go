package ledger

import (
	"context"
	"database/sql"
)

// buffered is the one transaction of a ledger that says that it is done before what it did is on the disk.
var buffered *sql.Tx

// beginUpdate is sql.DB's BeginTx, for a ledger that is durable.
func (l *Ledger) beginUpdate(ctx context.Context) (*sql.Tx, error) {
	if !without("durability") {
		return l.write.BeginTx(ctx, nil)
	}
	var err error
	if buffered == nil {
		buffered, err = l.write.BeginTx(context.WithoutCancel(ctx), nil)
	}
	return buffered, err
}

// commitUpdate is sql.Tx's Commit, for a ledger that is durable.
func commitUpdate(tx *sql.Tx) error {
	if without("durability") {
		return nil
	}
	return tx.Commit()
}

// writeOut commits what a ledger that is not durable holds back.
func writeOut() error {
	if buffered == nil {
		return nil
	}
	return buffered.Commit()
}
