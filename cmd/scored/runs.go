package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"scored/configs"
	"scored/pipeline"
	"scored/pipeline/ledger"
)

func runsCommand(config *string) *cobra.Command {
	var limit int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "runs [JOB]",
		Short: "List the last runs, newest first",
		Long: "runs lists what the ledger has of the last runs, of all jobs or of one, beside a daemon if one is at work. A run's\n" +
			"id is its job, its as-of and the attempt at it. `scored runs show ID` has the rest of a run.",
		Args: atMostOneJob,
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 {
				return usage{fmt.Errorf("--limit %d: at least 1", limit)}
			}
			cfg, l, err := openView(*config)
			if err != nil {
				return err
			}
			defer l.Close()
			job := strings.Join(args, "")
			runs, err := l.Runs(cmd.Context(), job, limit)
			if err != nil {
				return err
			}
			for i := range runs {
				if runs[i], err = probed(cmd.Context(), l, runs[i]); err != nil {
					return err
				}
			}
			return listRuns(cmd.OutOrStdout(), cfg, job, runs, asJSON)
		},
	}
	cmd.Flags().IntVarP(&limit, "limit", "n", 20, "how many runs")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	cmd.AddCommand(showCommand(config))
	return cmd
}

// atMostOneJob wants the name of one job, or nothing.
func atMostOneJob(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return fmt.Errorf("%s wants the name of one job or none, and got %d arguments%s", verbOf(cmd), len(args), meant(cmd, args[0]))
	}
	return nil
}

// openView loads the config and opens its ledger for reading.
func openView(config string) (*configs.Config, *ledger.Ledger, error) {
	cfg, err := configs.Load(config)
	if err != nil {
		return nil, nil, err
	}
	l, err := ledger.OpenReadOnly(ledgerPath(cfg))
	return cfg, l, err
}

func listRuns(out io.Writer, cfg *configs.Config, job string, runs []pipeline.Record, asJSON bool) error {
	if len(runs) == 0 && job != "" {
		if _, err := findJob(cfg, job); err != nil {
			return err
		}
	}
	switch {
	case asJSON:
		return runsJSON(out, runs)
	case len(runs) == 0:
		fmt.Fprintln(out, noRuns(cfg, job))
	default:
		runsTable(out, runs)
	}
	return nil
}

// noRuns says what would make a first run.
func noRuns(cfg *configs.Config, job string) string {
	if job == "" {
		return fmt.Sprintf("there are no runs yet: `scored run %s` makes one, and `scored daemon` one for each slot", cfg.Jobs[0].Name)
	}
	return fmt.Sprintf("there are no runs of %s yet: `scored run %s` makes one, and `scored daemon` one for each slot", job, job)
}

func runsJSON(out io.Writer, runs []pipeline.Record) error {
	lines := json.NewEncoder(out)
	for _, r := range runs {
		if err := lines.Encode(known(r)); err != nil {
			return err
		}
	}
	return nil
}

// dead is the end of a run that the ledger has as open and that nobody runs. The job's next run ends it as interrupted.
const dead pipeline.End = "dead"

// probed adds to an open run what its job's gate tells: whoever runs a job holds its gate until the run has ended.
func probed(ctx context.Context, l *ledger.Ledger, r pipeline.Record) (pipeline.Record, error) {
	if !r.Ended.IsZero() {
		return r, nil
	}
	held, known := l.Running(r.Job)
	switch {
	case !known:
		r.Reason = "whether its process still runs is not known: the lock file of its job is missing or can't be read"
	case !held:
		again, found, err := l.Run(ctx, r.ID) // it may have ended since it was read
		if err != nil || found && !again.Ended.IsZero() {
			return again, err
		}
		r.End, r.Reason = dead, "its process ended before it did; the next run takes note of it"
	}
	return r, nil
}

// known is what there is to say of a run in JSON: its summary, or, while it is open and if its process died, who it is.
func known(r pipeline.Record) any {
	var ended *time.Time // null while the run is open
	if !r.Ended.IsZero() {
		ended = &r.Ended
	}
	if r.Summary != nil {
		return struct {
			*pipeline.Summary
			Ended  *time.Time      `json:"ended"`
			Ruling pipeline.Ruling `json:"ruling,omitempty"`
		}{r.Summary, ended, r.Ruling}
	}
	var slot *time.Time
	if !r.Slot.IsZero() {
		slot = &r.Slot
	}
	return struct {
		ID      string           `json:"run_id"`
		Job     string           `json:"job"`
		Trigger pipeline.Trigger `json:"trigger"`
		Slot    *time.Time       `json:"slot,omitempty"`
		AsOf    time.Time        `json:"as_of"`
		Attempt int              `json:"attempt"`
		Version int64            `json:"version"`
		Started time.Time        `json:"started"`
		End     pipeline.End     `json:"end,omitempty"`
		Reason  string           `json:"reason,omitempty"`
		Ended   *time.Time       `json:"ended"`
	}{r.ID, r.Job, r.Trigger, slot, r.AsOf, r.Attempt, r.Version, r.Started, r.End, r.Reason, ended}
}

// runsTable prints a line per run, and below it why it did not end ok: a reason gets the whole width of the terminal.
func runsTable(out io.Writer, runs []pipeline.Record) {
	var text bytes.Buffer
	w := tabwriter.NewWriter(&text, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "RUN (JOB-AS OF-ATTEMPT)\tTRIGGER\tEND\tREAD\tSCORED\tREJECTED\tSENT\tACCEPTED\tREFUSED\tTOOK")
	for _, r := range runs {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.ID, r.Trigger, ending(r), strings.Join(counts(r.Summary), "\t"), took(r))
	}
	w.Flush()
	width := terminalWidth(out)
	for i, line := range strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n") {
		fmt.Fprintln(out, cut(strings.TrimRight(line, " "), width))
		if i > 0 && runs[i-1].Reason != "" {
			fmt.Fprintln(out, cut("  "+printable(runs[i-1].Reason), width))
		}
	}
}

// ending is the word for how a run ended.
func ending(r pipeline.Record) string {
	if r.Ended.IsZero() && r.End != dead {
		return "running"
	}
	if r.Ruling != "" {
		return fmt.Sprintf("%s, %s", r.End, r.Ruling)
	}
	return string(r.End)
}

// counts are the columns of a run's rows; a run that left no summary did something, and nobody knows how much.
func counts(s *pipeline.Summary) []string {
	if s == nil {
		return []string{"-", "-", "-", "-", "-", "-"}
	}
	var texts []string
	for _, n := range []int{s.Read, s.Scored, s.Rejected, s.Sent, s.Accepted, s.Refused} {
		texts = append(texts, strconv.Itoa(n))
	}
	return texts
}

// took is how long a run took; one that died was found dead some time later.
func took(r pipeline.Record) string {
	if r.Summary == nil {
		return "-"
	}
	return seconds(r.Summary.Duration)
}

func seconds(ms int64) string {
	return fmt.Sprintf("%.1f s", (time.Duration(ms) * time.Millisecond).Seconds())
}

// terminalWidth is 0 where out is no terminal: a file or a program gets everything.
func terminalWidth(out io.Writer) int {
	f, ok := out.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// cut shortens a line to the width; 0 is as wide as it takes.
func cut(line string, width int) string {
	if runes := []rune(line); width > 0 && len(runes) > width {
		return string(runes[:width-1]) + "…"
	}
	return line
}

// printable keeps a text on its line, and a terminal from obeying what stands in a target's message.
func printable(text string) string {
	text = strings.ReplaceAll(text, "\n", "; ")
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// named is how many ids an error names.
const named = 5

// findRun finds a run by its id, by the beginning of it, or as the last one, of a job if one is named.
func findRun(ctx context.Context, cfg *configs.Config, l *ledger.Ledger, id, job string) (pipeline.Record, error) {
	r, err := lookUp(ctx, cfg, l, id, job)
	if err != nil {
		return r, err
	}
	return probed(ctx, l, r)
}

func lookUp(ctx context.Context, cfg *configs.Config, l *ledger.Ledger, id, job string) (pipeline.Record, error) {
	if id == "last" {
		runs, err := l.Runs(ctx, job, 1)
		if err == nil && len(runs) == 0 {
			err = usage{errors.New(noRuns(cfg, job))}
		}
		if err != nil {
			return pipeline.Record{}, err
		}
		return runs[0], nil
	}
	if r, found, err := l.Run(ctx, id); err != nil || found {
		return r, err
	}
	matching, err := l.Find(ctx, id, named+1)
	switch {
	case err != nil:
		return pipeline.Record{}, err
	case len(matching) == 1:
		return matching[0], nil
	case len(matching) > named:
		return pipeline.Record{}, usage{fmt.Errorf("more than %d runs begin with %q; the newest are %s", named, id, names(matching))}
	case len(matching) > 1:
		return pipeline.Record{}, usage{fmt.Errorf("%d runs begin with %q; the newest are %s", len(matching), id, names(matching))}
	}
	newest, err := l.Runs(ctx, "", named)
	switch {
	case err != nil:
		return pipeline.Record{}, err
	case len(newest) == 0:
		return pipeline.Record{}, usage{fmt.Errorf("there is no run %q: %s", id, noRuns(cfg, job))}
	default:
		return pipeline.Record{}, usage{fmt.Errorf("there is no run %q; the newest are %s", id, names(newest))}
	}
}

// names lists the first ids.
func names(runs []pipeline.Record) string {
	var ids []string
	for _, r := range runs[:min(len(runs), named)] {
		ids = append(ids, r.ID)
	}
	return strings.Join(ids, ", ")
}
