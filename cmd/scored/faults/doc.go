// Package faults proves what is promised of a world that fails around the daemon: a run completes, or stops with an error that
// says what was wrong, and the next slot heals. It has tests only. They run the binary that is shipped, in a process of its own
// beside PostgreSQL and the emulated org, over wires that are slow, cut or silent, on disks that are full or read-only, with a
// ledger in which bits were flipped, with an org that is busy or ends sessions, and for as many slots as a week has.
//
// In plain go test that is a short round, in make soak a long one. SEED=n repeats a round's random draws.
package faults
