package ledger

import (
	"context"
	"strconv"
)

// Path returns the file, for tests that look into it.
func (l *Ledger) Path() string { return l.path }

// LimitPages lets SQLite find the disk full after so many pages more than the file has now.
func (l *Ledger) LimitPages(more int) error {
	var pages int
	if err := l.write.QueryRow(`PRAGMA page_count`).Scan(&pages); err != nil {
		return err
	}
	var limit int
	return l.write.QueryRow("PRAGMA max_page_count = " + strconv.Itoa(pages+more)).Scan(&limit)
}

// TidyStep makes one step of Tidy, and says whether there may be more to do.
func (l *Ledger) TidyStep(ctx context.Context, job string) (more bool, err error) {
	return l.tidyStep(ctx, job)
}

// Pragma returns a setting of the connection that writes.
func (l *Ledger) Pragma(name string) (value string, err error) {
	err = l.write.QueryRow("PRAGMA " + name).Scan(&value)
	return value, err
}
