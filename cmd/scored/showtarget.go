package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"scored/pipeline"
)

// printSummary prints what a run was made from and what it did. An undo neither reads nor scores.
func printSummary(w io.Writer, s *pipeline.Summary) {
	if s.Undone == "" {
		fmt.Fprintf(w, "model\t%s, digest %s\n", s.Model, s.ModelDigest)
		fmt.Fprintf(w, "script\tdigest %s\n", s.SQLDigest)
	} else {
		fmt.Fprintf(w, "undo of\t%s\n", s.Undone)
	}
	fmt.Fprintf(w, "stages\tread %d ms, score %d ms, decide %d ms, deliver %d ms, history %d ms\n",
		s.Stages.Read, s.Stages.Score, s.Stages.Decide, s.Stages.Deliver, s.Stages.History)
	if s.Undone == "" {
		fmt.Fprintf(w, "rows\t%d read, %d scored, %d rejected\n", s.Read, s.Scored, s.Rejected)
	}
	for _, f := range s.Findings {
		fmt.Fprintf(w, "guard\t%s: %s\n", f.Check, printable(f.Text))
	}
	for _, t := range s.Targets {
		printTarget(w, "target", &t)
	}
	if s.History != nil {
		printTarget(w, "history", s.History)
	}
}

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
	}{{d.Stale, "stale"}, {d.Unprocessed, "unprocessed"}, {d.Deferred, "deferred"}, {d.Quarantined, "in quarantine"}} {
		if f.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", f.n, f.what))
		}
	}
	if d.Cleared > 0 {
		words = append(words, cleared(d))
	}
	return words
}

// cleared says how many leads were cleared. Which of the changes were accepted is not counted: where some were not, they may
// be clearings or not.
func cleared(d pipeline.Delivery) string {
	most := min(d.Cleared, d.Accepted)
	if least := max(d.Accepted-(d.Changes-d.Cleared), 0); least < most {
		return fmt.Sprintf("%d to %d of %d cleared", least, most, d.Cleared)
	}
	if most < d.Cleared {
		return fmt.Sprintf("%d of %d cleared", most, d.Cleared)
	}
	return fmt.Sprintf("%d cleared", d.Cleared)
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
