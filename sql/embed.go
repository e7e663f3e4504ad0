// Package sql holds the project's SQL scripts: sample (a car dealer's warehouse to try things on) and dataprep (one
// script per use case, in the subset of SQL that Redshift and PostgreSQL share).
package sql

import "embed"

// Files holds sample/*.sql and dataprep/*.sql.
//
//go:embed sample/*.sql dataprep/*.sql
var Files embed.FS
