package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestMain is the org and the client, too: those are the executable itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "--stage" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// Both paths are measured, and deliver what the org then holds.
func TestASmallDeliveryIsMeasured(t *testing.T) {
	var out strings.Builder
	s := settings{out: &out, log: t.Output(), sizes: []int{400, 2500}, answers: []string{instant}}
	if err := measure(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		` +400 +instant +scored +\S+ +\d+ +4 +0 .*`, // two looks at the org, and two requests of 200
		` +2500 +instant +scored +\S+ +\d+ +7 +1 .*`,
	} {
		if !regexp.MustCompile("(?m)^" + line + "$").MatchString(out.String()) {
			t.Errorf("no line is like %s in:\n%s", line, out.String())
		}
	}
}
