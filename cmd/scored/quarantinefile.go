package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

func quarantineExportCommand(config *string) *cobra.Command {
	var target, out string
	cmd := &cobra.Command{
		Use:   "export JOB --out FILE.csv",
		Short: "Write the leads in quarantine to a CSV file, for those who can mend them",
		Long: "export writes what list shows, and what the target said in its own words, which may be personal data: the file is\n" +
			"readable by its owner only. Text that a spreadsheet would take for a formula has a ' before it.",
		Args: oneJob,
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return usage{errors.New("quarantine export wants --out FILE.csv, the file to write")}
			}
			if info, err := os.Stat(out); err == nil && info.IsDir() {
				return usage{fmt.Errorf("--out %s is a folder: name the CSV file", out)}
			}
			cfg, l, err := openView(*config)
			if err != nil {
				return err
			}
			defer l.Close()
			waiting, err := quarantineOf(cmd.Context(), cfg, l, args[0], target)
			if err != nil {
				return err
			}
			if err := exportQuarantine(out, waiting); err != nil {
				return fmt.Errorf("write quarantine: %w", err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %d leads\n", out, len(waiting))
			return nil
		},
	}
	cmd.Flags().StringVar(&target, "target", "", "only this target's")
	cmd.Flags().StringVarP(&out, "out", "o", "", "the CSV file to write")
	return cmd
}

// exportQuarantine writes a file that takes its name only when it is whole.
func exportQuarantine(path string, waiting []ledger.Quarantined) error {
	part := path + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, os.ErrNotExist) { // one left over may be readable by others
		return err
	}
	f, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(part) // of no effect once it has its name
	if err := errors.Join(writeQuarantine(f, waiting), f.Close()); err != nil {
		return err
	}
	return os.Rename(part, path)
}

func writeQuarantine(out io.Writer, waiting []ledger.Quarantined) error {
	w := csv.NewWriter(out)
	records := [][]string{{"job", "target", "key", "err_class", "code", "fields", "message", "attempts", "first", "last", "next"}}
	for _, q := range waiting {
		next := stamp(q.Next)
		if q.Next.Equal(pipeline.Never) {
			next = ""
		}
		records = append(records, []string{q.Job, q.Target, harmless(q.Key), q.Class.String(), harmless(q.Code), harmless(strings.Join(q.Fields, " ")),
			harmless(q.Message), strconv.Itoa(q.Attempts), q.First.UTC().Format(time.RFC3339), q.Last.UTC().Format(time.RFC3339), next})
	}
	return w.WriteAll(records)
}

// harmless keeps a spreadsheet from taking a text for a formula, which could send away what stands in other cells.
func harmless(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}
