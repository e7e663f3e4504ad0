package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// printTable prints lines whose cells fill ends with tabs, in columns, no line wider than the terminal.
func printTable(out io.Writer, fill func(w io.Writer)) {
	var text bytes.Buffer
	w := tabwriter.NewWriter(&text, 0, 4, 2, ' ', 0)
	fill(w)
	w.Flush()
	width := terminalWidth(out)
	for line := range strings.Lines(text.String()) {
		fmt.Fprintln(out, cut(strings.TrimRight(line, " \n"), width))
	}
}
