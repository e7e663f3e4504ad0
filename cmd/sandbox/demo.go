package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"scored/cmd/sandbox/crm"
	"scored/cmd/sandbox/world"
)

// While the demo goes on, the daemon makes a run every runEvery, on what came in within a slot of 15 minutes. A backlog of
// half a day is held back for that; when it is used up, events come at their own pace.
const (
	runEvery = 10 * time.Second
	cron     = "*/10 * * * * *" // the same, for the daemon
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
	cmd.Flags().StringVar(&config, "config", "configs/scored.yaml", "the config file; its addresses and schedule are overridden")
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
	if once {
		fmt.Fprintln(d.out, "run the job: scored run lead_scoring")
		if err := d.score(ctx); err != nil {
			return err
		}
		return d.showBest(10)
	}
	return d.goOn(ctx)
}

// goOn starts the daemon and lets time pass: new events arrive, and the daemon makes its runs. Ctrl-C is how it ends, not
// an error.
func (d *demo) goOn(ctx context.Context) error {
	address, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	daemon := d.world.Command(ctx, d.scored, "daemon", "--config", d.config)
	daemon.Env = append(daemon.Env, "SCORED_SCHEDULE_CRON="+cron, "SCORED_STATUS_LISTEN="+address)
	daemon.Stderr = &narrator{out: d.out}
	daemon.SysProcAttr = ownGroup()
	fmt.Fprintf(d.out, "start the daemon: scored daemon, with a slot every %s\n\n", runEvery)
	fmt.Fprintf(d.out, "  the lead list, as a rep sees it    %s\n", d.world.Org.URL)
	fmt.Fprintf(d.out, "  the status page, as ops see it     http://%s\n\n", address)
	fmt.Fprintf(d.out, "events keep coming, until Ctrl-C\n")
	if err := daemon.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- daemon.Wait() }()
	loadErr := d.loadEvents(ctx, ended)
	if ctx.Err() == nil { // the daemon ended by itself, or has nothing to read any more
		_ = daemon.Process.Signal(os.Interrupt)
		return errors.Join(loadErr, <-ended)
	}
	if err := <-ended; daemon.ProcessState.ExitCode() != 0 {
		return fmt.Errorf("the daemon did not stop well: %w", err)
	}
	return nil
}

// loadEvents brings what comes in into the warehouse, until ctx ends or the daemon does.
func (d *demo) loadEvents(ctx context.Context, ended chan error) error {
	tick := time.NewTicker(runEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			ended <- nil
			return fmt.Errorf("the daemon ended: %w", err)
		case now := <-tick.C:
			until := d.world.Loaded.Add(slot)
			if now = now.UTC().Truncate(time.Second); until.After(now) {
				until = now
			}
			if _, err := d.world.Load(ctx, until); err != nil {
				return err
			}
		}
	}
}

// freeAddress finds a port on loopback that nobody uses now.
func freeAddress(ctx context.Context) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
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
	var table bytes.Buffer
	w := tabwriter.NewWriter(&table, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "SCORE\tGRADE\tNAME\tCOMPANY\tCITY\tINTEREST\tSTATUS\tKEY")
	best := d.world.Org.Best(n)
	for _, r := range best {
		fmt.Fprintf(w, "%.0f\t%v\t%v\t%v\t%v\t%v\t%v\t%v\n", r.Fields["Lead_Score__c"], text(r.Fields["Lead_Grade__c"]), text(r.Fields["Name"]),
			text(r.Fields["Company"]), text(r.Fields["City"]), text(r.Fields["Vehicle_Interest__c"]), text(r.Fields["Status"]), text(r.Fields["Lead_Key__c"]))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	line := 0
	for row := range strings.Lines(table.String()) {
		fmt.Fprintln(d.out, strings.TrimRight(row, " \n"))
		if line++; line > 1 { // the first has the titles
			d.showReasons(text(best[line-2].Fields["Lead_Score_Reasons__c"]))
		}
	}
	return nil
}

// showReasons prints a lead's reasons below it, in lines of a terminal's width.
func (d *demo) showReasons(reasons string) {
	const indent, width = "      ", 112
	line := indent
	for word := range strings.FieldsSeq(reasons) {
		if utf8.RuneCountInString(line)+utf8.RuneCountInString(word) >= width {
			fmt.Fprintln(d.out, line)
			line = indent
		}
		line += " " + word
	}
	if line != indent {
		fmt.Fprintln(d.out, line)
	}
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
