package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"scored/pipeline"
	"scored/pipeline/feature"
	"scored/pipeline/model"
)

func modelContractCommand(config *string) *cobra.Command {
	var asSQL, asJSON bool
	cmd := &cobra.Command{
		Use:   "contract BUNDLE|JOB",
		Short: "Print what a model expects of a row, as a table or as the SELECT list that a dataprep script ends with",
		Long: "contract prints the raw columns that a model expects, with the rules that each value passes, what was seen in the\n" +
			"test period, and the words that reasons use. --sql prints the SELECT list that a dataprep script must end with; it\n" +
			"names the key if the model is given as a job.\n\n" + whichBundle,
		Args: oneBundle,
		RunE: func(cmd *cobra.Command, args []string) error {
			if asSQL && asJSON {
				return usage{fmt.Errorf("--sql and --json do not go together")}
			}
			b, err := chooseBundle(*config, args[0])
			if err != nil {
				return err
			}
			out, m := cmd.OutOrStdout(), b.Manifest()
			switch {
			case asSQL:
				key := ""
				if b.job != nil {
					key = b.job.Key
				}
				printSelect(out, b.Name(), key, byFrequency(&m))
				return nil
			case asJSON:
				return contractJSON(out, b)
			default:
				fmt.Fprintf(out, "%s, %s\n\n", b.Name(), b.folder)
				printContract(out, &m)
				return nil
			}
		},
	}
	cmd.Flags().BoolVar(&asSQL, "sql", false, "the SELECT list, for Redshift")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object: the manifest's contract, histograms and words for reasons")
	return cmd
}

// byFrequency returns the contract with each column's most frequent categories first.
func byFrequency(m *model.Manifest) feature.Contract {
	contract := slices.Clone(m.Contract)
	for i := range contract {
		counts := map[string]int{}
		for _, v := range m.Reference.Histograms[i].Values {
			counts[v.Text] = v.Count
		}
		contract[i].Categories = slices.Clone(contract[i].Categories)
		slices.SortStableFunc(contract[i].Categories, func(a, b string) int { return counts[b] - counts[a] })
	}
	return contract
}

func contractJSON(out io.Writer, b *chosen) error {
	m := b.Manifest()
	return json.NewEncoder(out).Encode(struct {
		Model      string            `json:"model"`
		Digest     string            `json:"digest"`
		Contract   feature.Contract  `json:"contract"`
		Rows       int               `json:"rows"`
		Histograms []model.Histogram `json:"histograms"`
		Reasons    model.Reasons     `json:"reasons"`
	}{b.Name(), b.Digest(), m.Contract, m.Reference.Rows, m.Reference.Histograms, m.Reasons})
}

// printContract prints a line per column: the rules of its values, what the test period held, and its words.
func printContract(out io.Writer, m *model.Manifest) {
	printTable(out, func(w io.Writer) {
		fmt.Fprintln(w, "COLUMN\tTYPE\tNULL\tLIMITS\tABNORMAL\tSEEN\tMISSING\tAS A REASON")
		for i, c := range m.Contract {
			h := &m.Reference.Histograms[i]
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", cut(printable(c.Name), 32), c.Type, yes(c.Nullable), limitsCell(c), c.Abnormal,
				seen(c, h), share(h.Missing, m.Reference.Rows), printable(phraseOf(m.Reasons, c.Name)))
		}
	})
	fmt.Fprintf(out, "\nSEEN and MISSING: in the %d rows of the test period. ABNORMAL: what becomes of a value outside LIMITS.\n", m.Reference.Rows)
}

func yes(v bool) string {
	if v {
		return "yes"
	}
	return "no"
}

func limitsCell(c feature.Column) string {
	switch text := limits(c); {
	case text != "":
		return text
	case len(c.Categories) > 0:
		return count(len(c.Categories), "category", "categories")
	default:
		return "-"
	}
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// seen is what the test period held: the range of numbers, the most frequent texts.
func seen(c feature.Column, h *model.Histogram) string {
	if c.Kind() == pipeline.Number {
		if len(h.Edges) == 0 {
			return "nothing"
		}
		return rounded(h.Edges[0]) + " to " + rounded(h.Edges[len(h.Edges)-1])
	}
	if len(h.Values) == 0 {
		return "nothing"
	}
	texts := make([]string, len(h.Values))
	for i, v := range h.Values {
		texts[i] = printable(v.Text)
	}
	return cut(strings.Join(texts, ", "), 24)
}

// rounded writes a number in four digits, or all that stand before the point.
func rounded(v float64) string {
	if size := math.Abs(v); size >= 1000 && size < 1e9 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.4g", v)
}

func share(part, whole int) string {
	switch percent := 100 * float64(part) / float64(max(whole, 1)); {
	case part == 0:
		return "0 %"
	case percent < 0.1:
		return "< 0.1 %"
	default:
		return fmt.Sprintf("%.1f %%", percent)
	}
}

func phraseOf(r model.Reasons, column string) string {
	if slices.Contains(r.Banned, column) {
		return "never: banned"
	}
	for _, p := range r.Phrases {
		if p.Column == column {
			return p.Text
		}
	}
	return column + " = {value}"
}
