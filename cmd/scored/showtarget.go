package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"scored/pipeline"
)

// printTarget prints what became of the scores at a target, and of the figures that are mostly 0 those that are not.
func printTarget(w io.Writer, kind string, t *pipeline.TargetSummary) {
	fmt.Fprintf(w, "%s\t%s: %d changed, %d unchanged; %d sent, %d accepted, %d refused", kind, t.Target,
		t.Changes, t.Unchanged, t.Sent, t.Accepted, t.Refused)
	for _, f := range []struct {
		what string
		n    int
	}{{"superseded", t.Superseded}, {"ahead of the clock", t.Ahead}, {"kept", t.Kept}, {"unknown", t.Unknown}, {"not sent", t.NotSent},
		{"CREATED", t.Created}} {
		if f.n > 0 {
			fmt.Fprintf(w, ", %d %s", f.n, f.what)
		}
	}
	for _, aside := range asides(t.Delivery) {
		fmt.Fprintf(w, ", %s", aside)
	}
	if t.APICalls > 0 {
		fmt.Fprintf(w, ", %d API calls", t.APICalls)
	}
	fmt.Fprintln(w)
	if len(t.Classes) > 0 {
		fmt.Fprintf(w, "\tnot accepted, by class: %s\n", byClass(t.Classes))
	}
	if t.Error != "" {
		fmt.Fprintf(w, "\t%s%s\n", printable(t.Error), inBrackets(t.ErrClass))
	}
}

// asides are the counts of a delivery that are mostly 0, those that are not.
func asides(d pipeline.Delivery) (words []string) {
	for _, f := range []struct {
		n    int
		what string
	}{{d.Stale, "stale"}, {d.Unprocessed, "unprocessed"}, {d.Deferred, "deferred"}, {d.Quarantined, "in quarantine"}, {d.Cleared, "to be cleared"}} {
		if f.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", f.n, f.what))
		}
	}
	return words
}

func byClass(rows map[string]int) string {
	var words []string
	for _, class := range slices.Sorted(maps.Keys(rows)) {
		words = append(words, fmt.Sprintf("%d %s", rows[class], class))
	}
	return strings.Join(words, ", ")
}

// inBrackets is "" for a class that is none.
func inBrackets(class string) string {
	if class == "" {
		return ""
	}
	return " (" + class + ")"
}
