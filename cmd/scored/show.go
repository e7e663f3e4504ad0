package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

func showCommand(config *string) *cobra.Command {
	var rows int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show ID | show last [JOB]",
		Short: "Show all that is known of one run",
		Long: "show prints what a run was made from, how long each stage took, what became of its rows at each target, the rows\n" +
			"that were rejected or not accepted, and its log. ID may be the beginning of an id that no other run has; `last` is\n" +
			"the newest run, of a job if one is named.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 || len(args) == 2 && args[0] == "last" {
				return nil
			}
			return errors.New("show wants the id of one run, or last and perhaps a job; `scored runs` lists them")
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if rows < 0 {
				return usage{fmt.Errorf("--rows %d: at least 0", rows)}
			}
			cfg, l, err := openView(*config)
			if err != nil {
				return err
			}
			defer l.Close()
			job := strings.Join(args[1:], "")
			if job != "" {
				if _, err := findJob(cfg, job); err != nil {
					return err
				}
			}
			record, err := findRun(cmd.Context(), cfg, l, args[0], job)
			if err != nil {
				return err
			}
			d, err := readDetails(cmd.Context(), l, record)
			if err != nil {
				return err
			}
			if asJSON {
				return d.json(cmd.OutOrStdout())
			}
			d.print(cmd.OutOrStdout(), rows)
			return nil
		},
	}
	cmd.Flags().IntVar(&rows, "rows", 50, "how many of the rejected rows, and of those not accepted, to print")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object, with all rows and the log")
	return cmd
}

// details are a run with its rows and its log.
type details struct {
	pipeline.Record
	rejected []pipeline.Rejection
	refused  []pipeline.RefusedRow
	log      []string
}

func readDetails(ctx context.Context, l *ledger.Ledger, record pipeline.Record) (d details, err error) {
	d.Record = record
	if d.rejected, err = l.Rejected(ctx, record.ID); err != nil {
		return d, err
	}
	if d.refused, err = l.Refused(ctx, record.ID); err != nil {
		return d, err
	}
	d.log, err = l.Lines(ctx, record.ID)
	return d, err
}

// refusedRow is a row that a target did not take, in JSON.
type refusedRow struct {
	Target  string   `json:"target"`
	Key     string   `json:"key"`
	Outcome string   `json:"outcome"`
	Class   string   `json:"err_class,omitempty"`
	Code    string   `json:"code,omitempty"`
	Fields  []string `json:"fields,omitempty"`
	Message string   `json:"message,omitempty"`
	Created bool     `json:"created,omitempty"`
}

type rejectedRow struct {
	Key    string `json:"key"`
	Reason string `json:"reason"`
}

func (d *details) json(out io.Writer) error {
	object := struct {
		Run      any               `json:"run"`
		Rejected []rejectedRow     `json:"rejected"`
		Refused  []refusedRow      `json:"refused"`
		NotKept  int               `json:"rows_not_kept"`
		Log      []json.RawMessage `json:"log"`
	}{Run: known(d.Record), Rejected: []rejectedRow{}, Refused: []refusedRow{}, NotKept: d.Cut, Log: []json.RawMessage{}}
	for _, r := range d.rejected {
		object.Rejected = append(object.Rejected, rejectedRow(r))
	}
	for _, r := range d.refused {
		object.Refused = append(object.Refused, refusedRow{r.Target, r.Key, r.Status.String(), r.Class.String(), r.Code, r.Fields, r.Message, r.Created})
	}
	for _, line := range d.log {
		raw := json.RawMessage(line)
		if !json.Valid(raw) { // the tail's own word that there was more
			raw, _ = json.Marshal(line)
		}
		object.Log = append(object.Log, raw)
	}
	return json.NewEncoder(out).Encode(object)
}

func (d *details) print(out io.Writer, rows int) {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "run\t%s\n", d.ID)
	fmt.Fprintf(w, "job\t%s\n", d.Job)
	fmt.Fprintf(w, "trigger\t%s%s\n", d.Trigger, slotOf(d.Record))
	fmt.Fprintf(w, "as of\t%s, attempt %d, version %d\n", stamp(d.AsOf), d.Attempt, d.Version)
	fmt.Fprintf(w, "started\t%s\n", stamp(d.Started))
	fmt.Fprintf(w, "ended\t%s\n", d.end())
	if d.Reason != "" {
		fmt.Fprintf(w, "reason\t%s\n", printable(d.Reason))
	}
	if d.Summary != nil && d.Summary.Hint != "" {
		fmt.Fprintf(w, "hint\t%s\n", printable(d.Summary.Hint))
	}
	if d.Ruling != "" {
		fmt.Fprintf(w, "ruling\t%s at %s\n", d.Ruling, stamp(d.Ruled))
	}
	if d.Summary != nil {
		printSummary(w, d.Summary)
	}
	w.Flush()
	d.printRejected(out, rows)
	d.printRefused(out, rows)
	if d.Cut > 0 {
		fmt.Fprintf(out, "\n%d more rows did not make it and were not kept\n", d.Cut)
	}
	d.printLog(out)
}

func slotOf(r pipeline.Record) string {
	if r.Slot.IsZero() {
		return ""
	}
	return ", slot " + stamp(r.Slot)
}

func (d *details) end() string {
	switch {
	case d.End == dead:
		return "not yet: its process is gone, and the job's next run takes note of it"
	case d.Ended.IsZero():
		return "not yet: it is running"
	case d.Summary == nil:
		return fmt.Sprintf("%s: found dead at %s; what it did is not known, and the job's next run makes up for it", d.End, stamp(d.Ended))
	default:
		return fmt.Sprintf("%s: %s after %s", stamp(d.Ended), d.End, seconds(d.Summary.Duration))
	}
}

func (d *details) printRejected(out io.Writer, rows int) {
	if d.Summary != nil && d.Summary.Rejected > 0 && len(d.rejected) == 0 {
		fmt.Fprintf(out, "\nrejected rows: %d, which are no longer kept\n", d.Summary.Rejected)
	}
	if len(d.rejected) == 0 {
		return
	}
	fmt.Fprintf(out, "\nrejected rows: %d\n", len(d.rejected))
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, r := range d.rejected[:min(len(d.rejected), rows)] {
		fmt.Fprintf(w, "  %s\t%s\n", printable(r.Key), printable(r.Reason))
	}
	w.Flush()
	more(out, len(d.rejected), rows)
}

func (d *details) printRefused(out io.Writer, rows int) {
	if s := d.Summary; s != nil && len(d.refused) == 0 {
		if rows := s.Refused + s.Stale + s.Unprocessed + s.Unknown; rows > 0 {
			fmt.Fprintf(out, "\nrows not accepted: %d, which are no longer kept\n", rows)
		}
	}
	if len(d.refused) == 0 {
		return
	}
	fmt.Fprintf(out, "\nrows not accepted: %d\n", len(d.refused))
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, r := range d.refused[:min(len(d.refused), rows)] {
		outcome := r.Status.String() + inBrackets(r.Class.String())
		if r.Created {
			outcome = "CREATED" // accepted, and an incident
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\t%s\n", r.Target, printable(r.Key), outcome, r.Code, strings.Join(r.Fields, ","), printable(r.Message))
	}
	w.Flush()
	more(out, len(d.refused), rows)
}

func more(out io.Writer, all, printed int) {
	if all > printed {
		fmt.Fprintf(out, "  and %d more: --rows %d prints them all\n", all-printed, all)
	}
}

func (d *details) printLog(out io.Writer) {
	if len(d.log) == 0 {
		fmt.Fprintln(out, "\nlog: none is kept of this run")
		return
	}
	fmt.Fprintln(out, "\nlog")
	for _, line := range d.log {
		fmt.Fprintf(out, "  %s\n", printable(plain(line)))
	}
}

// plain makes a line of the log shorter to read: when, what, and the rest but for what every line of the run has.
func plain(line string) string {
	decoder := json.NewDecoder(strings.NewReader(line))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return line
	}
	var at, level, message string
	var rest bytes.Buffer
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return line
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return line
		}
		switch key {
		case "time":
			at = clock(text(value))
		case "level":
			level = text(value)
		case "msg":
			message = text(value)
		case "run_id", "job":
		default:
			fmt.Fprintf(&rest, " %s=%s", key, value)
		}
	}
	return fmt.Sprintf("%s %-5s %s%s", at, level, message, rest.String())
}

func text(value json.RawMessage) string {
	var s string
	if json.Unmarshal(value, &s) != nil {
		return string(value)
	}
	return s
}

func clock(text string) string {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return text
	}
	return at.UTC().Format("15:04:05.000")
}
