// Command sandbox makes a world to run scored in: a temporary PostgreSQL behind Redshift's handshake, a sample CRM in
// it, and an org that answers like Salesforce. It is for trying and training, listens on loopback only, and leaves no
// process and no file behind.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"scored/cmd/sandbox/crm"
	"scored/cmd/sandbox/world"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := execute(ctx)
	stop()
	os.Exit(code)
}

// execute runs a verb and returns its exit code: that of the command it ran, if one failed.
func execute(ctx context.Context) int {
	root := &cobra.Command{
		Use:           "sandbox",
		Short:         "A world to run scored in",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(demoCommand(), execCommand())
	err := root.ExecuteContext(ctx)
	if child, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(child.ExitCode(), 1)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "sandbox: stopped, and cleaned up")
		return 1
	case err != nil:
		fmt.Fprintf(os.Stderr, "sandbox: %v\n", err)
		return 1
	}
	return 0
}

func execCommand() *cobra.Command {
	var name, end string
	cmd := &cobra.Command{
		Use:   "exec [--world demo|training] [--end DATE] -- COMMAND [ARGUMENT...]",
		Short: "Run a command in a world, whose addresses it finds in SCORED_* variables",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			options, err := chooseWorld(name, end)
			if err != nil {
				return err
			}
			w, err := world.New(cmd.Context(), options, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			defer w.Close()
			child := w.Command(cmd.Context(), args[0], args[1:]...)
			child.Stdin, child.Stdout, child.Stderr = os.Stdin, cmd.OutOrStdout(), cmd.ErrOrStderr()
			return child.Run()
		},
	}
	cmd.Flags().StringVar(&name, "world", "demo", "demo or training")
	cmd.Flags().StringVar(&end, "end", "", "the day on which the world's history ends, YYYY-MM-DD (default: now)")
	return cmd
}

func chooseWorld(name, end string) (crm.Options, error) {
	at := time.Now().UTC().Truncate(time.Second)
	if end != "" {
		var err error
		if at, err = time.Parse(time.DateOnly, end); err != nil {
			return crm.Options{}, fmt.Errorf("--end: %w", err)
		}
	}
	options := crm.Demo(at)
	switch name {
	case "demo":
	case "training":
		options = crm.Training()
		if end != "" {
			options.End = at
		}
	default:
		return options, fmt.Errorf("--world: there is no world %q, only demo and training", name)
	}
	return options, nil
}
