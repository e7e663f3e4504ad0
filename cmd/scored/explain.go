package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"scored/configs"
	"scored/pipeline"
	"scored/pipeline/model"
)

func explainCommand(config *string) *cobra.Command {
	var asOf, since string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain JOB KEY",
		Short: "Show why one lead has its score, and what changed since the score before",
		Long: "explain runs the job's dataprep script, finds the key, and shows its raw values, what each of them added to the\n" +
			"probability, the score and the reasons as they would be delivered. It does so again as of the moment at which the\n" +
			"score before was first given (or as of --since), and shows what differs. The history in the warehouse knows that\n" +
			"moment; without it, what the targets confirmed stands in, which is as new as the last run that found the same.\n" +
			"Nothing is written: not to the targets, the ledger or the warehouse. The values are personal data: they are\n" +
			"printed, and never logged.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("explain wants a job and a key, and got %d arguments", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := parseAsOf(asOf, time.Now())
			if err != nil {
				return usage{err}
			}
			var from time.Time
			if since != "" {
				if from, err = parseInstant(since); err == nil && !from.Before(at) {
					err = fmt.Errorf("%s is not before the as-of %s", since, stamp(at))
				}
				if err != nil {
					return usage{fmt.Errorf("--since: %w", err)}
				}
			}
			console := newConsole(cmd.OutOrStdout(), cmd.ErrOrStderr())
			e, err := newExplainer(*config, args[0], args[1], console)
			if err != nil {
				return err
			}
			story, err := e.explain(cmd.Context(), at, from)
			console.end()
			if err != nil {
				return err
			}
			if asJSON {
				return story.json(console.out)
			}
			story.print(console.out)
			return nil
		},
	}
	cmd.Flags().StringVar(&asOf, "as-of", "", "the instant the dataprep script sees as now, RFC 3339 or YYYY-MM-DD, UTC (default: now)")
	cmd.Flags().StringVar(&since, "since", "", "compare with this earlier instant, not with the score before")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return cmd
}

// explainer explains one key of one job.
type explainer struct {
	cfg     *configs.Config
	job     configs.Job
	key     string
	source  source
	history history // nil where none is kept
	bundle  *model.Bundle
	log     *slog.Logger
}

func newExplainer(config, job, key string, console *console) (*explainer, error) {
	cfg, err := configs.Load(config)
	if err != nil {
		return nil, err
	}
	e := &explainer{cfg: cfg, key: key}
	if e.job, err = findJob(cfg, job); err != nil {
		return nil, err
	}
	e.log, _ = newLog(console, cfg.Log.Level)
	if e.bundle, err = loadBundle(e.job.Bundle); err != nil {
		return nil, err
	}
	if e.source, err = newSource(cfg, e.job.Dataprep, e.job.Key, e.log); err != nil {
		return nil, err
	}
	e.history, err = newHistory(cfg, e.log)
	return e, err
}

// story is all there is to say of one key.
type story struct {
	job, key, model string
	asOf            time.Time
	numbers         map[string]bool // the columns that are numbers
	*model.Explanation
	holds  []standing
	lack   string // why the score before is not known, "" where it is, or isn't asked for
	before []comparison
}

// explain makes the story as of an instant; from is the one to compare with, zero for that of the score before.
func (e *explainer) explain(ctx context.Context, at, from time.Time) (*story, error) {
	now, err := e.view(ctx, at)
	if err != nil {
		return nil, err
	}
	if now.Explanation == nil {
		return nil, now.problem(e.job)
	}
	s := &story{job: e.job.Name, key: e.key, model: e.bundle.Name(), asOf: at, numbers: map[string]bool{}, Explanation: now.Explanation}
	for _, c := range e.bundle.Manifest().Contract {
		s.numbers[c.Name] = c.Kind() == pipeline.Number
	}
	if s.holds, err = e.standings(ctx); err != nil {
		return nil, err
	}
	moments, err := e.moments(ctx, s, from)
	if err != nil {
		return nil, err
	}
	for _, m := range moments {
		then, err := e.view(ctx, m.asOf)
		if err != nil {
			return nil, err
		}
		s.before = append(s.before, compareViews(m, then, now))
	}
	return s, nil
}
