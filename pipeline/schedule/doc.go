// Package schedule decides when a job runs: it gives every slot of a job's schedule exactly one fate, whatever the clock,
// the machine and the operator do.
//
// [Spec] says which instants are slots, [Policy.Plan] decides what becomes of those that are due, and [Scheduler] is the
// loop around it. The loop trusts no timer: it wakes at the next due instant and at least every 30 seconds, and compares
// the wall clock with the journal, so that it notices a suspend, a step of the clock and a pause set by another process.
//
//	What happens                               What becomes of the slot
//	it comes due (slot + jitter)               its work begins: it is accounted when that has ended
//	the run before is still going              skipped
//	the job is paused                          skipped, also if the pause comes while the slot waits
//	its data or its turn doesn't come          skipped, at the start deadline or when the next slot comes due
//	the daemon was down, the machine asleep    missed, but for the newest slot, which is caught up, however old it is
//	the journal can't be written               the same, when it can be again
//	the run fails                              run; tried again within the slot if that may help (TryAgain)
//	the run deadline passes                    run: it failed
//	the run panics                             run: it failed, and nothing else suffers
//	SIGTERM before the run's end               still due: the next start takes it up; a stop is no failure
//	kill -9 in the middle                      still due: the next start takes it up, as the next of a few attempts
//	as many attempts as are allowed            run: gave up
//	its run was cut short, a newer slot is due run: stopped or killed, and not made again
//	the spec changes while a slot waits        still to come if the new spec has it; no slot comes twice
//	the clock is set forward                   as if the machine had slept
//	the clock is set back a little             the schedule waits: no slot comes twice
//	the clock is set back further              the schedule begins anew, with a warning
//	the job's first turn                       slots before it are nobody's
package schedule
