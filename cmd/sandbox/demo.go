package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"scored/cmd/sandbox/crm"
	"scored/cmd/sandbox/world"
)

// While the demo goes on, the job runs every runEvery, on what comes in within a slot of 15 minutes. A backlog of half a
// day is held back for that; when it is used up, events come at their own pace.
const (
	runEvery = 10 * time.Second
	slot     = 15 * time.Minute
	backlog  = 12 * time.Hour
)

func demoCommand() *cobra.Command {
	var once bool
	var config string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the main job in a world of its own, until Ctrl-C",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			binary, err := os.Executable()
			if err != nil {
				return err
			}
			d := &demo{out: cmd.OutOrStdout(), scored: filepath.Join(filepath.Dir(binary), "scored"), config: config}
			return d.run(cmd.Context(), once)
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "make one run, show the ten best leads, and stop")
	cmd.Flags().StringVar(&config, "config", "configs/scored.yaml", "the config file; its addresses are overridden")
	return cmd
}

// demo shows the main job as its users see it.
type demo struct {
	out    io.Writer
	scored string
	config string
	world  *world.World
}

func (d *demo) run(ctx context.Context, once bool) error {
	end := time.Now().UTC().Truncate(time.Second)
	if !once {
		end = end.Add(-backlog)
	}
	w, err := world.New(ctx, crm.Demo(end), d.out)
	if err != nil {
		return err
	}
	defer w.Close()
	d.world = w
	fmt.Fprintln(d.out, "run the job: scored run lead_scoring")
	if err := d.score(ctx); err != nil {
		return err
	}
	if err := d.showBest(10); err != nil || once {
		return err
	}
	fmt.Fprintf(d.out, "\nthe lead list, as a rep sees it: %s\n", d.world.Org.URL)
	fmt.Fprintf(d.out, "events keep coming, and the job runs every %s, until Ctrl-C\n", runEvery)
	return d.goOn(ctx)
}

// goOn lets time pass: new events arrive and the job runs again. Ctrl-C is how it ends, not an error.
func (d *demo) goOn(ctx context.Context) error {
	tick := time.NewTicker(runEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			until := d.world.Loaded.Add(slot)
			if now = now.UTC().Truncate(time.Second); until.After(now) {
				until = now
			}
			rows, err := d.world.Load(ctx, until)
			if err != nil && ctx.Err() == nil {
				return err
			}
			fmt.Fprintf(d.out, "\n%d new rows in the warehouse\n", rows)
			if err := d.score(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}

// score runs the job once. Its log is shown where it failed; a run that ended partial is shown and goes on.
func (d *demo) score(ctx context.Context) error {
	var log bytes.Buffer
	cmd := d.world.Command(ctx, d.scored, "run", "lead_scoring", "--config", d.config)
	cmd.Stdout, cmd.Stderr = d.out, &log
	err := cmd.Run()
	const partial = 3
	if child, ok := errors.AsType[*exec.ExitError](err); ok && child.ExitCode() == partial {
		fmt.Fprintf(d.out, "%s", log.Bytes())
		return nil
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintf(d.out, "%s", log.Bytes())
		return err
	}
	return nil
}

func (d *demo) showBest(n int) error {
	fmt.Fprintf(d.out, "\nthe %d best leads, as a rep sees them in Salesforce\n\n", n)
	w := tabwriter.NewWriter(d.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "SCORE\tGRADE\tNAME\tCOMPANY\tCITY\tINTEREST\tSTATUS\tKEY")
	for _, r := range d.world.Org.Best(n) {
		fmt.Fprintf(w, "%.0f\t%v\t%v\t%v\t%v\t%v\t%v\t%v\n", r.Fields["Lead_Score__c"], text(r.Fields["Lead_Grade__c"]), text(r.Fields["Name"]),
			text(r.Fields["Company"]), text(r.Fields["City"]), text(r.Fields["Vehicle_Interest__c"]), text(r.Fields["Status"]), text(r.Fields["Lead_Key__c"]))
	}
	return w.Flush()
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
