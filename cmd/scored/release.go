package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"scored/configs"
	"scored/pipeline"
	"scored/pipeline/ledger"
)

const whichHeld = "RUN is a run's id, the beginning of one that no other run has, or last: the newest held run that waits."

func releaseCommand(config *string) *cobra.Command {
	return &cobra.Command{
		Use:   "release RUN",
		Short: "Say that a held run is as it should be, and make a fresh run",
		Long: "release takes the figures of a held run for right: the runs after it are compared with them, and with nothing\n" +
			"before. Then it makes a run as of now, as `scored run` does; what the held run had computed is never sent. The fresh run is\n" +
			"judged, too: if it differs from the released one, it is held as well.\n\n" +
			whichHeld + " Look at it first: `scored runs show RUN`. Exit codes are those of `scored run`.",
		Args: oneHeld,
		RunE: func(cmd *cobra.Command, args []string) error {
			return release(cmd.Context(), *config, args[0], newConsole(cmd.OutOrStdout(), cmd.ErrOrStderr()))
		},
	}
}

func discardCommand(config *string) *cobra.Command {
	return &cobra.Command{
		Use:   "discard RUN",
		Short: "Say that a held run is wrong, so that it waits no more",
		Long: "discard notes that a held run was wrong. It makes no run and changes no score: the next run is judged beside the\n" +
			"last good ones, as it would be anyway, and is held again if nothing was mended.\n\n" +
			"The last run that was released can be discarded, too: no run is compared with it any more, nor with those after it, but\n" +
			"with the good ones before. What they sent, `scored undo` takes back.\n\n" + whichHeld,
		Args: oneHeld,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, r, err := findHeld(cmd.Context(), *config, args[0])
			if err != nil {
				return err
			}
			l, err := ledger.Open(ledgerPath(cfg))
			if err != nil {
				return err
			}
			defer l.Close()
			if err := rule(cmd.Context(), l, r, pipeline.Discarded); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is discarded; the next run of %s is judged beside the last good ones\n", r.ID, r.Job)
			return nil
		},
	}
}

// oneHeld wants one run as the only argument.
func oneHeld(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s wants the id of one held run, or last, and got %d arguments; `scored runs` lists them",
			verbOf(cmd), len(args))
	}
	return nil
}

// release rules on a run, and makes the fresh one.
func release(ctx context.Context, config, id string, console *console) error {
	_, r, err := findHeld(ctx, config, id)
	if err != nil {
		return err
	}
	j, err := wire(config, r.Job, ledger.Open, console)
	if err != nil {
		return err
	}
	defer j.close()
	if err := rule(ctx, j.ledger, r, pipeline.Released); err != nil {
		return err
	}
	fmt.Fprintf(console.out, "%s is released: runs are compared with its figures from now on\n", r.ID)
	for _, f := range r.Summary.Findings {
		fmt.Fprintf(console.out, "  %s: %s\n", f.Check, printable(f.Text))
	}
	if err := j.warnOfPause(ctx, "this run"); err != nil {
		return err
	}
	at, err := parseAsOf("", time.Now())
	if err != nil {
		return err
	}
	return runOnce(ctx, j, pipeline.Request{Trigger: pipeline.Manual, AsOf: at}, console.out)
}

// rule makes a ruling; that a run does not wait for one is a mistake in the arguments.
func rule(ctx context.Context, l *ledger.Ledger, r pipeline.Record, ruling pipeline.Ruling) error {
	err := l.Rule(ctx, r.ID, ruling)
	if refused, ok := errors.AsType[*ledger.RulingError](err); ok {
		return usage{refused}
	}
	return err
}

// findHeld finds the run that is meant.
func findHeld(ctx context.Context, config, id string) (*configs.Config, pipeline.Record, error) {
	cfg, l, err := openView(config)
	if err != nil {
		return nil, pipeline.Record{}, err
	}
	defer l.Close()
	if id != "last" {
		r, err := findRun(ctx, cfg, l, id, "")
		return cfg, r, err
	}
	r, err := lastHeld(ctx, cfg, l)
	return cfg, r, err
}

// lastHeld finds the one held run that is the newest of its job and waits. Where several jobs have one, which is meant can't be
// told.
func lastHeld(ctx context.Context, cfg *configs.Config, l *ledger.Ledger) (pipeline.Record, error) {
	var waiting []pipeline.Record
	for _, jc := range cfg.Jobs {
		r, found, err := l.Held(ctx, jc.Name)
		if err != nil {
			return r, err
		}
		if found {
			waiting = append(waiting, r)
		}
	}
	switch len(waiting) {
	case 0:
		return pipeline.Record{}, usage{errors.New("no held run waits")}
	case 1:
		return waiting[0], nil
	default:
		return pipeline.Record{}, usage{fmt.Errorf("held runs of %d jobs wait, name one of them: %s", len(waiting), names(waiting))}
	}
}
