package main

import (
	"testing"

	"scored/cmd/sandbox/world"
	"scored/sinks/salesforce/fakeorg"
)

// killAt runs the binary, and kills it while the org has a request of it in hand: the one that meets the fault. goOn lets the
// org go on with that request and returns when it is done with it.
func killAt(t *testing.T, w *world.World, fault fakeorg.Fault, binary string, args ...string) (goOn func()) {
	t.Helper()
	underway, dead := make(chan struct{}), make(chan struct{})
	fault.Before = func() { close(underway); <-dead }
	w.Org.Inject(fault)
	cmd := w.Command(t.Context(), binary, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-underway
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	return func() {
		w.Org.ForgetRequests()
		close(dead)
		w.Org.AwaitRequest()
	}
}
