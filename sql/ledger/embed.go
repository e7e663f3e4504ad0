// Package ledger holds the ledger's schema: one file per version, applied in order and never edited once released.
package ledger

import "embed"

// Schema holds the migrations, named by the version they lead to: 0001_ledger.sql leads from nothing to version 1.
//
//go:embed *.sql
var Schema embed.FS
