// Package crash proves what is promised of a crash: nothing is lost, nothing that is newer is overwritten, and little is sent
// twice. It has tests only. They kill the binary that is shipped, in a process of its own beside PostgreSQL and the emulated org,
// at random moments and, built with failpoints, at every step between a score and its confirmation; and they build it without
// what makes it safe, and want the same checks to fail.
//
// In plain go test that is a short round, in make crash a long one. SEED=n repeats a round's random draws.
package crash
