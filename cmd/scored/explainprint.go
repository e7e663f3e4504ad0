package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"scored/pipeline/model"
)

// valueWidth is how much of a raw value a table shows.
const valueWidth = 32

// compareSize puts the larger of two contributions first, whatever their signs.
func compareSize(a, b float64) int { return cmp.Compare(math.Abs(b), math.Abs(a)) }

func (s *story) print(out io.Writer) {
	fmt.Fprintf(out, "%s as of %s: %s by %s\n\n", printable(s.key), stamp(s.asOf), s.job, s.model)
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0) // not cut to the terminal: reasons may be long
	fmt.Fprintf(w, "score\t%d, grade %s\n", s.Score.Score, printable(s.Grade))
	fmt.Fprintf(w, "probability\t%.6f\n", s.Probability)
	if s.Forest != s.Probability {
		fmt.Fprintf(w, "before calibration\t%.6f\n", s.Forest)
	}
	fmt.Fprintf(w, "reasons\t%s\n\n", cmp.Or(printable(s.Reasons), "none"))
	w.Flush()
	s.printContributions(out)
	fmt.Fprintln(out)
	s.printStandings(out)
	if s.lack != "" {
		fmt.Fprintf(out, "\n%s\n(--since TIME compares with any instant)\n", printable(s.lack))
	}
	for i := range s.before {
		fmt.Fprintln(out)
		s.printComparison(out, &s.before[i])
	}
}

// sorted are the columns, those that moved the probability most first.
func sorted(e *model.Explanation) []model.ExplainedColumn {
	return slices.SortedStableFunc(slices.Values(e.Columns), func(a, b model.ExplainedColumn) int { return compareSize(a.Path, b.Path) })
}

func (s *story) printContributions(out io.Writer) {
	printTable(out, func(w io.Writer) {
		fmt.Fprintln(w, "COLUMN\tVALUE\tPATH\tSHAP\t")
		shap := func(v float64) string {
			if s.NoShap != "" {
				return "-"
			}
			return signed(v)
		}
		paths, shaps := s.Bias, s.ShapBias
		for _, c := range sorted(s.Explanation) {
			note := ""
			if c.Banned {
				note = "banned: never a reason"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", cut(printable(c.Name), 40), s.shown(c, valueWidth), signed(c.Path), shap(c.Shap), note)
			paths, shaps = paths+c.Path, shaps+c.Shap
		}
		fmt.Fprintf(w, "\t\t\t\t\n")
		fmt.Fprintf(w, "bias\tbefore any split\t%s\t%s\t\n", signed(s.Bias), shap(s.ShapBias))
		fmt.Fprintf(w, "sum\tthe forest's probability\t%s\t%s\t\n", signed(paths), shap(shaps))
	})
	fmt.Fprintln(out, "\nPATH: how the splits on the column moved the probability, on this row's way through the trees; reasons are made of it.")
	if s.NoShap != "" {
		fmt.Fprintln(out, "SHAP "+s.NoShap)
		return
	}
	fmt.Fprintln(out, "SHAP: the column's Shapley value in the same forest, exact (path-dependent TreeSHAP); where the two differ, trust it.")
}

// signed writes a contribution so that a column of them is easy to read.
func signed(v float64) string {
	if math.Abs(v) < 5e-7 {
		return " 0"
	}
	return fmt.Sprintf("%+.6f", v)
}

// shown is a value for a table: numbers in six digits, for nobody reads more; --json has them all.
func (s *story) shown(c model.ExplainedColumn, width int) string {
	if c.Missing {
		return "(missing)"
	}
	if v, err := strconv.ParseFloat(c.Value, 64); err == nil && s.numbers[c.Name] && math.Abs(v) < 1e6 {
		return strconv.FormatFloat(v, 'g', 6, 64)
	}
	return cut(printable(c.Value), width)
}

func (s *story) printStandings(out io.Writer) {
	printTable(out, func(w io.Writer) {
		fmt.Fprintln(w, "TARGET\tSCORE\tGRADE\tMODEL\tLAST FOUND EQUAL AS OF\t")
		for _, h := range s.holds {
			if !h.known {
				fmt.Fprintf(w, "%s\t-\t-\t-\t-\t%s\n", h.target, h.note(s.asOf))
				continue
			}
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\n", h.target, h.Score, printable(h.Grade), printable(h.Model), stamp(h.asOf()), h.note(s.asOf))
		}
	})
}

// note says what else there is to know of what a target holds.
func (h *standing) note(asOf time.Time) string {
	switch {
	case h.Until.After(time.Now()):
		return "in quarantine: the target refused it"
	case h.Cleared:
		return "cleared: it had left the result"
	case !h.known && h.Unsure:
		return "sent, and never confirmed"
	case !h.known:
		return "nothing was confirmed yet"
	case h.Unsure:
		return "in doubt: due again"
	case h.asOf().After(asOf):
		return "newer than this explanation"
	case h.Filled:
		return "by a backfill"
	default:
		return ""
	}
}

func (s *story) printComparison(out io.Writer, c *comparison) {
	at := stamp(c.asOf)
	if c.what != "" {
		at += " (" + c.what + ")"
	}
	switch {
	case c.then.found == 0:
		fmt.Fprintf(out, "as of %s the script does not give the key\n", at)
		return
	case c.then.Explanation == nil:
		fmt.Fprintf(out, "as of %s the row is rejected: %s\n", at, printable(c.then.rejected))
		return
	}
	fmt.Fprintf(out, "since %s: score %d %s -> %d %s, probability %.6f -> %.6f\n", at, c.then.Score.Score, printable(c.then.Grade),
		s.Score.Score, printable(s.Grade), c.then.Probability, s.Probability)
	for _, note := range s.doubts(c) {
		fmt.Fprintf(out, "  %s\n", note)
	}
	if len(c.changed) == 0 {
		fmt.Fprintln(out, "  no value changed")
		return
	}
	printTable(out, func(w io.Writer) {
		fmt.Fprintln(w, "COLUMN\tTHEN\tNOW\tPATH THEN\tPATH NOW\tDIFFERENCE")
		for _, d := range c.changed {
			then, now := s.shown(d.then, 20), s.shown(d.now, 20)
			if then == now { // they differ where the table does not show it
				then, now = d.then.Value, d.now.Value
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", cut(printable(d.now.Name), 32), printable(then), printable(now),
				signed(d.then.Path), signed(d.now.Path), signed(d.now.Path-d.then.Path))
		}
	})
}

// doubts says in what the view of then differs from what is known of then.
func (s *story) doubts(c *comparison) (notes []string) {
	for _, g := range c.given {
		switch {
		case g.Model != s.model:
			notes = append(notes, fmt.Sprintf("the model changed: %s has %d %s of %s; both sides here are %s", g.to, g.Score,
				printable(g.Grade), printable(g.Model), s.model))
		case g.Score != c.then.Score.Score || g.Grade != c.then.Grade:
			notes = append(notes, fmt.Sprintf("%s got %d %s then: what the script gives as of then is not what it gave, for rows came late or it was edited",
				g.to, g.Score, printable(g.Grade)))
		}
	}
	return notes
}
