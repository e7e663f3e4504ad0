package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

// maxSlots is how many lines of slots are shown: a year of slots every 15 minutes has 35,040.
const maxSlots = 100_000

func slotsCommand(config *string) *cobra.Command {
	var since string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "slots JOB",
		Short: "Show what became of each slot of a job's schedule",
		Long: "slots lists how each slot was accounted for, newest first: a run was made for it (run), it was left out on purpose\n" +
			"(skipped), or it passed while nobody watched (missed). A stretch of slots with the same fate is one line. Runs by\n" +
			"hand have no slot: `scored runs` lists them.",
		Args: oneJob,
		RunE: func(cmd *cobra.Command, args []string) error {
			back, err := parseStep(since)
			if err != nil {
				return usage{fmt.Errorf("--since: %w", err)}
			}
			cfg, l, err := openView(*config)
			if err != nil {
				return err
			}
			defer l.Close()
			if _, err := findJob(cfg, args[0]); err != nil {
				return err
			}
			now := time.Now()
			v := slotView{job: args[0], since: since}
			if v.slots, err = l.Slots(cmd.Context(), args[0], now.Add(-back), maxSlots); err != nil {
				return err
			}
			if v.totals, err = l.SlotTotals(cmd.Context(), args[0], now.Add(-back), now); err != nil {
				return err
			}
			if v.cursor, err = l.Cursor(cmd.Context(), args[0]); err != nil {
				return err
			}
			if asJSON {
				return v.json(cmd.OutOrStdout())
			}
			v.print(cmd.OutOrStdout())
			return nil
		},
	}
	cmd.Flags().StringVar(&since, "since", "24h", "how far to look back: 6h, 7d")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line, a line per slot or stretch of slots")
	return cmd
}

// slotView is what the ledger knows of a job's schedule.
type slotView struct {
	job    string
	since  string
	slots  []ledger.SlotRecord // newest first
	totals map[pipeline.Fate]int
	cursor pipeline.Cursor
}

func (v *slotView) json(out io.Writer) error {
	lines := json.NewEncoder(out)
	for _, s := range v.slots {
		err := lines.Encode(struct {
			Job    string        `json:"job"`
			First  time.Time     `json:"first"`
			Last   time.Time     `json:"last"`
			Count  int           `json:"count"`
			Fate   pipeline.Fate `json:"fate"`
			Reason string        `json:"reason,omitempty"`
			RunID  string        `json:"run_id,omitempty"`
			At     time.Time     `json:"recorded"`
		}{v.job, s.First, s.Last, s.Count, s.Fate, s.Reason, s.RunID, s.At})
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *slotView) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, s := range v.slots {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", slotSpan(s.Span), s.Fate, s.RunID, printable(s.Reason))
	}
	w.Flush()
	fmt.Fprintf(out, "%s, the last %s: %d run, %d skipped, %d missed\n", v.job, v.since,
		v.totals[pipeline.Ran], v.totals[pipeline.Skipped], v.totals[pipeline.Missed])
	fmt.Fprintln(out, v.state())
}

// slotSpan is a slot, or the first and the last of a stretch and how many there are.
func slotSpan(s pipeline.Span) string {
	if s.Count == 1 {
		return stamp(s.First)
	}
	return fmt.Sprintf("%s to %s (%d)", stamp(s.First), stamp(s.Last), s.Count)
}

// state says in a line where the schedule stands.
func (v *slotView) state() string {
	accounted := "no slot was accounted for yet: `scored daemon` does that"
	if at := v.cursor.Accounted; !at.IsZero() {
		accounted = "slots up to " + stamp(at) + " are accounted for"
	}
	if v.cursor.Paused.IsZero() {
		return accounted
	}
	return fmt.Sprintf("%s, until `scored resume %s`; %s", pausedSince(v.job, v.cursor), v.job, accounted)
}
