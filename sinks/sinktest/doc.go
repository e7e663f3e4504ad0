// Package sinktest is the conformance suite of [pipeline.Sink]: what the interface's comment promises, asked of a sink
// together with the target it writes to, whether that is real, an emulator or memory.
//
// Every rule is checked by delivering and then looking at what the target holds. One checker runs after each delivery,
// whatever was made to go wrong in it: a change is reported at most once and one that was not sent never; what is
// Accepted is there, value for value; what is neither Accepted nor Unknown is as it was before; Unknown is said only
// where an answer was lost, and then the delivery has an error.
//
// Faults come in a matrix: every request of a delivery, one after the other, fails without being applied, and then fails
// although it was applied. After each, the same delivery must bring everything through.
package sinktest
