// Package pipeline holds the vocabulary of scoring (batch, score, change, outcome, run), the interfaces that a run
// needs, and [Runner], which takes one run from the dataprep result to the targets in a straight line.
//
// It imports the standard library only. Adapters live in the folders below it and in sinks.
package pipeline
