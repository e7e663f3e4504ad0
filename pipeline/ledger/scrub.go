package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"scored/pipeline"
)

// Scrub rewrites the file without what was ever deleted from it, and empties the log of changes beside it: pages that are
// free, and room within others, still hold what they held. Meanwhile other processes can read; their writes wait. It needs
// as much memory, and as much space on the disk, as the ledger takes.
func (l *Ledger) Scrub(ctx context.Context) error {
	if l.write == nil {
		return l.readOnly()
	}
	if err := l.inPlace(); err != nil {
		return err
	}
	err := patiently(func() error {
		_, err := l.write.ExecContext(ctx, `VACUUM`)
		return err
	})
	if err == nil {
		err = l.emptyWAL(ctx)
	}
	if err != nil {
		return fmt.Errorf("scrub what was deleted: %w", l.explain(err))
	}
	return nil
}

// emptyWAL waits until nobody reads what is in the log of changes any more, and cuts it to nothing.
func (l *Ledger) emptyWAL(ctx context.Context) error {
	for deadline := time.Now().Add(patience); ; {
		var busy, frames, moved int
		err := l.write.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &frames, &moved)
		switch {
		case err != nil:
			return err
		case busy == 0:
			return nil
		case time.Now().After(deadline):
			return &pipeline.Problem{Class: pipeline.TryAgain,
				Err:  errors.New("another process reads the ledger all the while, so that its -wal file stays"),
				Hint: "try again when no run is on its way"}
		}
		select {
		case <-time.After(lookAgain):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
