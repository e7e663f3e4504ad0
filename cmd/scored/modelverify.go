package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"scored/pipeline"
	"scored/pipeline/model"
)

// wrongLines is how many wrong lines verify names.
const wrongLines = 10

func modelVerifyCommand(config *string) *cobra.Command {
	var rows string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify --rows FILE.csv BUNDLE|JOB",
		Short: "Score rows from a file, and compare with the probabilities that stand beside them",
		Long: "verify scores the rows of a CSV file through the whole path, from raw values to the probability, and compares with\n" +
			"the column probability, which holds what the fitted pipeline gave (refused for a row that it refused). The file has\n" +
			"the contract's columns under their names, in any order; other columns are ignored, so a file of scored dataset with\n" +
			"that column added will do. Exit code 0: all rows agree within the bundle's tolerance; 1: some do not; 75: it was\n" +
			"interrupted; 78: the bundle or the file can't be used.\n\n" + whichBundle,
		Args: oneBundle,
		RunE: func(cmd *cobra.Command, args []string) error {
			if rows == "" {
				return usage{errors.New("--rows names the CSV file with the rows")}
			}
			b, err := chooseBundle(*config, args[0])
			if err != nil {
				return err
			}
			v, wrong, err := verify(cmd.Context(), b, rows)
			if err != nil {
				return err
			}
			if asJSON {
				err = verifiedJSON(cmd.OutOrStdout(), b, rows, v, wrong)
			} else {
				printVerified(cmd.OutOrStdout(), b, rows, v, wrong)
			}
			if err == nil && v.Wrong > 0 {
				err = exit(exitFailed)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&rows, "rows", "", "the CSV file: the contract's columns, and probability")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return cmd
}

// wrongLine is a row that did not come out as the file says.
type wrongLine struct {
	Line    int    `json:"line"`
	Problem string `json:"problem"`
}

// verify stops where it is when ctx ends.
func verify(ctx context.Context, b *chosen, path string) (v model.Verification, wrong []wrongLine, err error) {
	f, err := os.Open(path)
	if err != nil {
		return v, nil, &pipeline.Problem{Class: pipeline.Configuration, Err: fmt.Errorf("read rows: %w", err),
			Hint: "--rows names the CSV file with the rows: it must be there, and yours to read"}
	}
	defer f.Close()
	defer context.AfterFunc(ctx, func() { f.Close() })() // the next read fails, also one that waits
	v, err = b.Verify(f, func(line int, problem string) {
		if len(wrong) < wrongLines {
			wrong = append(wrong, wrongLine{line, problem})
		}
	})
	switch {
	case ctx.Err() != nil:
		return v, nil, fmt.Errorf("read rows: %s: %w", path, ctx.Err())
	case err != nil:
		return v, nil, fmt.Errorf("read rows: %s: %w", path, err)
	}
	return v, wrong, nil
}

func printVerified(out io.Writer, b *chosen, path string, v model.Verification, wrong []wrongLine) {
	fmt.Fprintf(out, "%s, rows of %s\n", b.Name(), path)
	fmt.Fprintf(out, "  %d rows: %d scored, %d refused, %d wrong\n", v.Rows, v.Scored, v.Refused, v.Wrong)
	fmt.Fprintf(out, "  %d of %d probabilities are equal bit for bit; the largest difference is %.2g, %.2g are allowed\n",
		v.Equal, v.Scored, v.MaxDifference, b.Manifest().Golden.Tolerance)
	for _, w := range wrong {
		fmt.Fprintf(out, "  line %d: %s\n", w.Line, printable(w.Problem))
	}
	if more := v.Wrong - len(wrong); more > 0 {
		fmt.Fprintf(out, "  and %d more\n", more)
	}
	if v.Wrong > 0 {
		fmt.Fprintln(out, "NOT the model that gave these probabilities, or not from these values")
		fmt.Fprintln(out, "  -> scored model show tells when it was trained, and from which revision. If that is the one: write the file with")
		fmt.Fprintln(out, "     scored_export.expected, from rows as scored dataset gave them. If it still is wrong, export the model again")
	} else {
		fmt.Fprintln(out, "ok")
	}
}

func verifiedJSON(out io.Writer, b *chosen, path string, v model.Verification, wrong []wrongLine) error {
	return json.NewEncoder(out).Encode(struct {
		Model         string      `json:"model"`
		Digest        string      `json:"digest"`
		File          string      `json:"file"`
		Rows          int         `json:"rows"`
		Scored        int         `json:"scored"`
		Refused       int         `json:"refused"`
		Equal         int         `json:"equal"`
		Wrong         int         `json:"wrong"`
		MaxDifference float64     `json:"max_difference"`
		Tolerance     float64     `json:"tolerance"`
		WrongLines    []wrongLine `json:"wrong_lines"`
	}{b.Name(), b.Digest(), path, v.Rows, v.Scored, v.Refused, v.Equal, v.Wrong, v.MaxDifference, b.Manifest().Golden.Tolerance,
		append([]wrongLine{}, wrong...)})
}
