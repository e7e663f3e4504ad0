package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"scored/pipeline/model"
)

func modelShowCommand(config *string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show BUNDLE|JOB",
		Short: "Print what a model is: its origin, its trees, its reference figures, its grades",
		Long: "show prints what a bundle says of itself. The bundle is loaded as a run loads it, so that its checksums are checked\n" +
			"and its golden rows are scored.\n\n" + whichBundle,
		Args: oneBundle,
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := chooseBundle(*config, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return showJSON(cmd.OutOrStdout(), b)
			}
			printModel(cmd.OutOrStdout(), b)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object, with the parts of the manifest")
	return cmd
}

// shownMember is one forest of a model.
type shownMember struct {
	File        string             `json:"file"`
	Bytes       int64              `json:"bytes"`
	Trees       int                `json:"trees"`
	Nodes       int                `json:"nodes"`
	Features    int                `json:"features"`
	Fast        int                `json:"trees_in_fast_layout"`
	Calibration *model.Calibration `json:"calibration"`
}

func shownMembers(b *chosen) []shownMember {
	m := b.Manifest()
	shown := make([]shownMember, len(m.Members))
	for i, member := range b.Members() {
		name := m.Members[i].Forest
		f := member.Forest
		file := m.Files[slices.IndexFunc(m.Files, func(f model.File) bool { return f.Name == name })]
		shown[i] = shownMember{name, file.Bytes, f.Trees(), f.Nodes(), f.Features(), f.Fast(), m.Members[i].Calibration}
	}
	return shown
}

func showJSON(out io.Writer, b *chosen) error {
	m := b.Manifest()
	return json.NewEncoder(out).Encode(struct {
		Model         string            `json:"model"`
		Digest        string            `json:"digest"`
		Folder        string            `json:"folder"`
		Name          string            `json:"name"`
		Kind          string            `json:"kind"`
		Created       time.Time         `json:"created"`
		Trained       *time.Time        `json:"trained"`
		Source        string            `json:"source"`
		Versions      map[string]string `json:"versions"`
		Training      map[string]any    `json:"training"`
		Positive      string            `json:"positive"`
		Columns       int               `json:"columns"`
		Members       []shownMember     `json:"members"`
		Reference     model.Reference   `json:"reference"`
		Grades        model.Grades      `json:"grades"`
		Golden        model.Golden      `json:"golden"`
		MaxDifference float64           `json:"golden_max_difference"`
	}{b.Name(), b.Digest(), b.folder, m.Name, m.Kind, m.Created, m.Trained, m.Source, m.Versions, m.Training, m.Positive,
		len(m.Contract), shownMembers(b), m.Reference, m.Grades, m.Golden, b.MaxDifference()})
}

// printModel prints a model for people. What stands in a manifest is free text: it can't be trusted with a terminal.
func printModel(out io.Writer, b *chosen) {
	m := b.Manifest()
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "model\t%s\n", b.Name())
	fmt.Fprintf(w, "folder\t%s\n", printable(b.folder))
	fmt.Fprintf(w, "digest\t%s\n", b.Digest())
	fmt.Fprintf(w, "kind\t%s; the positive class is %s\n", strings.ReplaceAll(m.Kind, "_", " "), printable(m.Positive))
	if m.Trained != nil {
		fmt.Fprintf(w, "trained\t%s\n", stamp(*m.Trained))
	}
	if m.Source != "" {
		fmt.Fprintf(w, "source\t%s\n", cut(printable(m.Source), 100))
	}
	fmt.Fprintf(w, "exported\t%s\n", stamp(m.Created))
	fmt.Fprintf(w, "versions\t%s\n", printable(pairs(m.Versions)))
	fmt.Fprintf(w, "golden rows\t%d, all reproduced; the largest difference is %.2g, %.2g are allowed\n", m.Golden.Rows, b.MaxDifference(),
		m.Golden.Tolerance)
	fmt.Fprintf(w, "contract\t%d columns: scored model contract %s\n", len(m.Contract), printable(b.folder))
	fmt.Fprintf(w, "grades\t%s\n", printable(gradeList(m.Grades)))
	w.Flush()

	fmt.Fprintln(out)
	printMembers(out, shownMembers(b))
	if len(m.Training) > 0 {
		fmt.Fprintln(out, "\ntraining")
		printTraining(out, m.Training)
	}
	fmt.Fprintf(out, "\nreference: %s, %d rows\n", printable(m.Reference.Period), m.Reference.Rows)
	printQuantiles(out, m.Reference.Quantiles)
	printGains(out, m.Reference.Gains)
}

// pairs lists a map in the order of its keys.
func pairs(m map[string]string) string {
	var texts []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		texts = append(texts, key+" "+m[key])
	}
	return strings.Join(texts, ", ")
}

func gradeList(grades model.Grades) string {
	var texts []string
	for _, g := range grades {
		texts = append(texts, fmt.Sprintf("%s from %d", g.Grade, g.MinScore))
	}
	return strings.Join(texts, ", ")
}

func printMembers(out io.Writer, members []shownMember) {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "FOREST\tTREES\tNODES\tFEATURES\tSIZE\tLAYOUT\tCALIBRATION")
	for _, m := range members {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%s\t%s\n", m.File, m.Trees, m.Nodes, m.Features, size(m.Bytes), m.layout(), calibrationText(m.Calibration))
	}
	w.Flush()
	if len(members) > 1 {
		fmt.Fprintf(out, "the probability is the mean of the %d\n", len(members))
	}
}

// layout tells how the trees are held, which their size decides, and which decides how fast they are.
func (m *shownMember) layout() string {
	switch m.Fast {
	case m.Trees:
		return "fast"
	case 0:
		return "general: its trees are large"
	default:
		return fmt.Sprintf("fast, %d trees general", m.Trees-m.Fast)
	}
}

func calibrationText(c *model.Calibration) string {
	if c == nil {
		return "none"
	}
	text := c.Method
	switch c.Method {
	case "sigmoid":
		text += fmt.Sprintf(", a %.4g, b %.4g", *c.A, *c.B)
	case "isotonic":
		text += fmt.Sprintf(", %d points", len(c.X))
	}
	if c.Complement {
		text += ", complement"
	}
	return text
}

func size(bytes int64) string {
	switch {
	case bytes >= 10<<20:
		return fmt.Sprintf("%d MB", bytes>>20)
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(bytes)/(1<<20))
	default:
		return fmt.Sprintf("%d kB", (bytes+1023)>>10)
	}
}

// printTraining prints what training remembered, in whatever form.
func printTraining(out io.Writer, training map[string]any) {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, key := range slices.Sorted(maps.Keys(training)) {
		text, ok := training[key].(string)
		if !ok {
			encoded, _ := json.Marshal(training[key]) // it came from JSON
			text = string(encoded)
		}
		fmt.Fprintf(w, "  %s\t%s\n", printable(key), cut(printable(text), 90))
	}
	w.Flush()
}

func printQuantiles(out io.Writer, quantiles []float64) {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	heads, values := "  score", "  probability from"
	for _, k := range []int{0, 10, 25, 50, 75, 90, 95, 99, 100} {
		heads += fmt.Sprintf("\t%d", k)
		values += fmt.Sprintf("\t%.4f", quantiles[k])
	}
	fmt.Fprintf(w, "%s\n%s\n", heads, values)
	w.Flush()
}

func printGains(out io.Writer, gains *model.Gains) {
	if gains == nil {
		return
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	heads, values := "  best rows", fmt.Sprintf("  of %d positives", gains.Positives)
	for _, g := range gains.Captured {
		heads += fmt.Sprintf("\t%.3g %%", 100*g.Top)
		values += fmt.Sprintf("\t%.1f %%", 100*g.Share)
	}
	fmt.Fprintf(w, "%s\n%s\n", heads, values)
	w.Flush()
}
