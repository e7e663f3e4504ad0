package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"scored/configs"
	"scored/pipeline"
	"scored/pipeline/ledger"
	"scored/pipeline/model"
)

func explainCommand(config *string) *cobra.Command {
	var asOf, since string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain JOB KEY",
		Short: "Show why one lead has its score, and what changed since the score before",
		Long: "explain runs the job's dataprep script, finds the key, and shows its raw values, what each of them added to the\n" +
			"probability, the score and the reasons as they would be delivered. It does so again as of the moment at which each\n" +
			"target last confirmed a score (or as of --since), and shows what differs. Nothing is written: not to the targets,\n" +
			"not to the ledger. The values are personal data: they are printed, and never logged.",
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
	cmd.Flags().StringVar(&since, "since", "", "compare with this earlier instant, not with what the targets confirmed")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return cmd
}

// explainer explains one key of one job.
type explainer struct {
	cfg    *configs.Config
	job    configs.Job
	key    string
	source source
	bundle *model.Bundle
	log    *slog.Logger
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
	e.source, err = newSource(cfg, e.job.Dataprep, e.job.Key, e.log)
	return e, err
}

// story is all there is to say of one key.
type story struct {
	job, key, model string
	asOf            time.Time
	numbers         map[string]bool // the columns that are numbers
	*model.Explanation
	holds  []standing
	before []comparison
}

// explain makes the story as of an instant; from is the one to compare with, zero for those that targets confirmed.
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
	moments := s.moments()
	if !from.IsZero() {
		moments = []time.Time{from}
	}
	for _, moment := range moments {
		then, err := e.view(ctx, moment)
		if err != nil {
			return nil, err
		}
		s.before = append(s.before, compareViews(then, now))
	}
	return s, nil
}

// standing is what the ledger knows of the key at one target.
type standing struct {
	target string
	known  bool // the target confirmed a score
	pipeline.Confirmed
}

// asOf is the instant that the confirmed score was computed as of.
func (h *standing) asOf() time.Time { return time.UnixMilli(h.Version / 1000).UTC() }

// standings asks the ledger, as it stands, what each target confirmed of the key.
func (e *explainer) standings(ctx context.Context) ([]standing, error) {
	l, err := ledger.OpenReadOnly(ledgerPath(e.cfg))
	if err != nil {
		return nil, err
	}
	defer l.Close()
	var all []standing
	for _, target := range e.job.Targets {
		h := standing{target: target.Name}
		for c, err := range l.Confirmed(ctx, e.job.Name, target.Name) {
			if err != nil {
				return nil, err
			}
			if c.Key == e.key {
				h.Confirmed, h.known = c, c.Model != "" // without a model it was sent, and never confirmed
				break
			}
		}
		all = append(all, h)
	}
	return all, nil
}

// moments are the instants of the scores that targets confirmed before this one, each once, the newest first.
func (s *story) moments() []time.Time {
	var all []time.Time
	for _, h := range s.holds {
		if at := h.asOf(); h.known && at.Before(s.asOf) {
			all = append(all, at)
		}
	}
	return newestFirst(all)
}
