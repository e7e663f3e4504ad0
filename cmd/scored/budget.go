package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"scored/configs"
	"scored/pipeline"
	"scored/pipeline/ledger"
	"scored/pipeline/policy"
)

func budgetCommand(config *string) *cobra.Command {
	var changes int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "budget [JOB]",
		Short: "Show what the org's daily API limit leaves to the next runs",
		Long: "budget asks the org for its API calls of the last 24 hours, holds them against what scored's own runs took and will\n" +
			"take by their schedules, and shows what a run may use now. A share of the limit is left to other applications\n" +
			"(salesforce.api_reserve). When a run's changes cost more than it may use, the largest go first, and the rest stays due.\n" +
			"It takes one API call, and writes nothing.",
		Args: atMostOneJob,
		RunE: func(cmd *cobra.Command, args []string) error {
			if changes < 0 {
				return usage{fmt.Errorf("--changes %d: at least 0", changes)}
			}
			cfg, l, err := openView(*config)
			if err != nil {
				return err
			}
			defer l.Close()
			jobs, err := chooseJobs(cfg, args)
			if err != nil {
				return err
			}
			log, _ := newLog(newConsole(cmd.OutOrStdout(), cmd.ErrOrStderr()), cfg.Log.Level)
			targets, orgs, err := newTargets(cfg, jobs[0], l, log)
			if err != nil {
				return err
			}
			defer orgs[0].Close()
			b, err := readBudget(cmd.Context(), *config, cfg, l, targets[0].Meter)
			if err != nil {
				return err
			}
			spare := b
			spare.Leftover = true
			reserve := cfg.Salesforce.APIReserve
			v := budgetView{Budget: b, Plan: policy.Allowance(b, reserve), backfill: policy.Allowance(spare, reserve).Run, reserve: reserve,
				threshold: cfg.Salesforce.BulkThreshold, cost: targets[0].Meter.Cost, asked: changes}
			if asJSON {
				return v.json(cmd.OutOrStdout())
			}
			v.print(cmd.OutOrStdout())
			return nil
		},
	}
	cmd.Flags().IntVar(&changes, "changes", 0, "also say what this many changes would cost")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return cmd
}

// readBudget gathers what a run knows of the org's budget before it delivers. The org counts for all jobs alike.
func readBudget(ctx context.Context, path string, cfg *configs.Config, l *ledger.Ledger, meter pipeline.Meter) (b pipeline.Budget, err error) {
	if b.Usage, err = meter.Usage(ctx); err != nil {
		return b, err
	}
	now := time.Now()
	spent, err := l.Spent(ctx, now.Add(-24*time.Hour))
	b.Own, b.Extra, b.Typical = spent.Calls, spent.Extra(), spent.Typical
	b.Runs = runsADay(path, cfg, now)
	return b, err
}

// budgetView is the budget as people see it.
type budgetView struct {
	pipeline.Budget
	policy.Plan
	backfill  int // requests that a backfill may use
	reserve   int // percent
	threshold int // of changes
	cost      func(changes int) int
	asked     int // changes to tell the cost of; 0 if nobody asked
}

// path says how a run sends so many changes.
func (v *budgetView) path(changes int) string {
	if changes > v.threshold {
		return "Bulk API 2.0"
	}
	return "sObject Collections"
}

// amounts are the numbers of changes whose cost is shown, in ascending order.
func (v *budgetView) amounts() []int {
	amounts := []int{200, v.threshold, v.threshold + 1, 10_000, 100_000, 1_000_000}
	if v.asked > 0 {
		amounts = append(amounts, v.asked)
	}
	slices.Sort(amounts)
	return slices.Compact(amounts)
}

func (v *budgetView) print(out io.Writer) {
	if v.Unlimited {
		fmt.Fprintln(out, "the org does not say how many API calls it allows: nothing is held back")
	} else {
		printTable(out, v.lines)
	}
	fmt.Fprintln(out)
	printTable(out, func(w io.Writer) {
		fmt.Fprintln(w, "CHANGES\tCALLS\tBY\tNOW")
		for _, n := range v.amounts() {
			now := "all"
			switch {
			case v.Unlimited || v.cost(n) <= v.Run:
			case v.cost(1) > v.Run:
				now = "none, all stay due"
			default:
				now = "the largest, the rest later"
			}
			fmt.Fprintf(w, "%d\t%d\t%s\t%s\n", n, v.cost(n), v.path(n), now)
		}
	})
	if v.Short() {
		fmt.Fprintf(out, "\nSHORT: others and scored's own runs want %d calls in 24 hours, and may have %d: find who spends them, let runs be\n"+
			"rarer (schedule), or leave less to others (salesforce.api_reserve)\n", v.Forecast, v.Ceiling)
	}
}

func (v *budgetView) lines(w io.Writer) {
	fmt.Fprintf(w, "the org allows\t%d\tAPI calls in 24 hours\n", v.Limit)
	fmt.Fprintf(w, "left to others\t%d\t%d %%, salesforce.api_reserve\n", v.Limit-v.Ceiling, v.reserve)
	fmt.Fprintf(w, "used by everybody\t%d\tin the last 24 hours\n", v.Used)
	fmt.Fprintf(w, "used by scored\t%d\tof these, by its runs\n", v.Own)
	fmt.Fprintf(w, "runs to come\t%d\twithin 24 hours, by the schedules of all jobs\n", v.Runs)
	if v.Typical > 0 {
		fmt.Fprintf(w, "a run takes\t%d\tas a rule\n", v.Typical)
		fmt.Fprintf(w, "forecast\t%d\tof %d: others as they are, and those runs\n", v.Forecast, v.Ceiling)
	} else {
		fmt.Fprintf(w, "a run takes\t-\tno run has called the org yet: the table below has the costs\n")
		fmt.Fprintf(w, "forecast\t%d\tof %d: others as they are; what those runs take is not known yet\n", v.Forecast, v.Ceiling)
	}
	fmt.Fprintf(w, "a run may use\t%d\tnow\n", v.Run)
	fmt.Fprintf(w, "a backfill may use\t%d\tnow: what those runs leave\n", v.backfill)
}

func (v *budgetView) json(out io.Writer) error {
	type cost struct {
		Changes int    `json:"changes"`
		Calls   int    `json:"calls"`
		Path    string `json:"path"`
	}
	var costs []cost
	for _, n := range v.amounts() {
		costs = append(costs, cost{n, v.cost(n), strings.ReplaceAll(strings.ToLower(v.path(n)), " ", "_")})
	}
	return json.NewEncoder(out).Encode(struct {
		Limit     int    `json:"limit"`
		Reserve   int    `json:"api_reserve"`
		Ceiling   int    `json:"ceiling"`
		Used      int    `json:"used"`
		Own       int    `json:"used_by_scored"`
		Runs      int    `json:"runs_to_come"`
		Typical   int    `json:"calls_a_run"`
		Forecast  int    `json:"forecast"`
		Run       int    `json:"run_may_use"`
		Backfill  int    `json:"backfill_may_use"`
		Short     bool   `json:"short"`
		Unlimited bool   `json:"unlimited"`
		Costs     []cost `json:"costs"`
	}{v.Limit, v.reserve, v.Ceiling, v.Used, v.Own, v.Runs, v.Typical, v.Forecast, v.Run, v.backfill, v.Short(), v.Unlimited, costs})
}
