// Package history holds the tables of the warehouse's run log and score history, in the SQL that Redshift and PostgreSQL
// share. "{schema}" stands for the schema they live in.
package history

import _ "embed" // for the files

// Runs creates the table of runs, a row each.
//
//go:embed runs.sql
var Runs string

// Scores creates the table of scores, a row for each that changed in a run.
//
//go:embed scores.sql
var Scores string
