// Command scored keeps scores fresh where people work: it runs dataprep SQL in Redshift, scores the rows with a model
// bundle and sends the scores that changed to Salesforce.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // schedules may name a zone, and not every machine has them

	"github.com/spf13/cobra"

	"scored/pipeline"
)

// Exit codes are part of the interface: systemd, Rundeck and scripts act on them (docs/exit-codes.md).
const (
	exitOK            = 0
	exitFailed        = 1
	exitUsage         = 2
	exitPartial       = 3
	exitHeld          = 4
	exitTryAgain      = 75
	exitConfiguration = 78
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A reader that goes away, as head does, must not end a run in the middle.
	signal.Ignore(syscall.SIGPIPE)
	// After the first signal the run stops at the next request boundary; a second one ends the process at once. One that
	// comes within a second is the same once more: timeout(1) signals its child, and then the child's group.
	context.AfterFunc(ctx, func() { time.AfterFunc(time.Second, stop) })
	os.Exit(execute(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// execute runs one verb and returns its exit code.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var verb bool // whether a verb was reached: before that, an error is one of usage
	root := &cobra.Command{
		Use:   "scored",
		Short: "Keep scores fresh where people work",
		Long: "scored runs dataprep SQL in Amazon Redshift, scores the rows with a model bundle and sends the scores\n" +
			"that changed to Salesforce, logging every run.",
		SilenceErrors:    true,
		SilenceUsage:     true,
		Version:          version(),
		PersistentPreRun: func(*cobra.Command, []string) { verb = true },
	}
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(wantedValue)
	root.CompletionOptions.HiddenDefaultCmd = true
	config := root.PersistentFlags().StringP("config", "c", defaultConfig(), "the config file (or SCORED_CONFIG)")
	root.AddCommand(daemonCommand(config), runCommand(config), backfillCommand(config), checkCommand(config), datasetCommand(config),
		modelCommand(config), explainCommand(config), runsCommand(config), slotsCommand(config), pauseCommand(config), resumeCommand(config),
		quarantineCommand(config), budgetCommand(config), replayCommand(config), undoCommand(config), ledgerCommand(config),
		releaseCommand(config), discardCommand(config), forgetCommand(config))

	err := root.ExecuteContext(ctx)
	if err != nil {
		report(stderr, err)
	}
	if err != nil && !verb {
		return exitUsage
	}
	return exitCode(err)
}

func defaultConfig() string {
	if path := os.Getenv("SCORED_CONFIG"); path != "" {
		return path
	}
	return "/etc/scored/scored.yaml"
}

// version names the build: the module's version, or the commit it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}

// oneJob wants the name of one job as the only argument.
func oneJob(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s wants the name of one job, and got %d arguments", verbOf(cmd), len(args))
	}
	return nil
}

// verbOf is a verb as it is typed, with the group it is in.
func verbOf(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
}

// below is the error of a verb that only groups the named ones, which got none of them.
func below(cmd *cobra.Command, args []string, verbs ...string) error {
	wanted := verbs[0]
	if last := len(verbs) - 1; last > 0 {
		wanted = "one of " + strings.Join(verbs[:last], ", ") + " and " + verbs[last]
	}
	if len(args) == 0 {
		return usage{fmt.Errorf("%s wants %s", cmd.Name(), wanted)}
	}
	return usage{fmt.Errorf("%s wants %s, and got %q%s", cmd.Name(), wanted, args[0], meant(cmd, args[0]))}
}

// meant asks whether one of a verb's own verbs was mistyped; "" if none is near.
func meant(cmd *cobra.Command, typed string) string {
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(typed); len(near) > 0 {
		return ": did you mean " + strings.Join(near, " or ") + "?"
	}
	return ""
}

// wantedValue says what a flag wants instead of what the parser of its value could not do.
func wantedValue(_ *cobra.Command, err error) error {
	parse, ok := errors.AsType[*strconv.NumError](err)
	if !ok {
		return err
	}
	wanted := "a whole number"
	if parse.Func == "ParseBool" {
		wanted = "true or false"
	}
	return errors.New(strings.TrimSuffix(err.Error(), parse.Error()) + wanted + " is wanted")
}

// exit is an error that was reported already and only carries its code.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// usage is an error in the arguments that the verb itself found.
type usage struct{ error }

func report(w io.Writer, err error) {
	if _, reported := errors.AsType[exit](err); reported {
		return
	}
	fmt.Fprintf(w, "scored: %v\n", err)
	if hint := pipeline.HintOf(err); hint != "" {
		fmt.Fprintf(w, "  -> %s\n", hint)
	}
}

func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	if code, ok := errors.AsType[exit](err); ok {
		return int(code)
	}
	if _, ok := errors.AsType[usage](err); ok {
		return exitUsage
	}
	switch class := pipeline.ClassOf(err); {
	case class == pipeline.Configuration:
		return exitConfiguration
	case class == pipeline.TryAgain, class == pipeline.Expired, class == pipeline.Exhausted, errors.Is(err, context.Canceled):
		return exitTryAgain
	default:
		return exitFailed
	}
}
