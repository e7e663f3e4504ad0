package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"text/tabwriter"
)

// delivery is one client's delivery of one size.
type delivery struct {
	cost
	traffic
	Client, Pace string
	Changes      int
}

// deliver has the client deliver the round's scores, and makes sure that the org holds them afterwards.
func (o *org) deliver(ctx context.Context, s settings, client string, changes, round int) (delivery, error) {
	d := delivery{Client: client, Changes: changes}
	if err := o.say("traffic", nil); err != nil {
		return d, err
	}
	command, err := o.client(ctx, s, client, changes, round)
	if err != nil {
		return d, err
	}
	command.Stderr = s.log
	out, err := command.Output()
	if err != nil {
		return d, err
	}
	if err := json.Unmarshal(out, &d.cost); err != nil {
		return d, fmt.Errorf("read what it took: %w", err)
	}
	if err := o.say("traffic", &d.traffic); err != nil {
		return d, err
	}
	var wrong int
	if err := o.say("wrong "+strconv.Itoa(round), &wrong); err != nil {
		return d, err
	}
	if wrong > 0 || d.Accepted != changes {
		return d, fmt.Errorf("%d of %d changes were accepted, and %d leads don't hold theirs", d.Accepted, changes, wrong)
	}
	return d, nil
}

// client is the process that delivers.
func (o *org) client(ctx context.Context, s settings, client string, changes, round int) (*exec.Cmd, error) {
	arguments := []string{"--url", o.url, "--changes", strconv.Itoa(changes), "--round", strconv.Itoa(round)}
	if client == theirs {
		r, err := newRun(round)
		if err != nil {
			return nil, err
		}
		arguments = append([]string{s.peer}, arguments...)
		return exec.CommandContext(ctx, s.python, append(arguments, "--client-id", appID, "--client-secret", appSecret,
			"--version", strconv.FormatInt(r.Version, 10), "--at", r.Started.Format("2006-01-02T15:04:05Z"))...), nil
	}
	self, err := os.Executable()
	return exec.CommandContext(ctx, self, append([]string{"--stage", "client"}, arguments...)...), err
}

// print prints a table, and what it says of the goals.
func print(out io.Writer, deliveries []delivery) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "changes\tanswers\tclient\tseconds\trows/s\tcalls\tpolls\tCPU s\tpeak MiB\tallocations/row\t")
	for _, d := range deliveries {
		allocations := "-"
		if d.Allocations > 0 {
			allocations = fmt.Sprintf("%.2f", d.Allocations)
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%.2f\t%.0f\t%d\t%d\t%.2f\t%.0f\t%s\t\n", d.Changes, d.Pace, d.Client, d.Seconds,
			float64(d.Changes)/d.Seconds, d.Calls, d.Polls, d.CPU, d.PeakMiB, allocations)
	}
	_ = table.Flush()
	for i := 1; i < len(deliveries); i++ {
		us, them := deliveries[i-1], deliveries[i]
		if us.Client == ours && them.Client == theirs {
			fmt.Fprintf(out, "%d changes, %s answers: %s takes %.3f x the CPU time of %s\n", us.Changes, us.Pace, ours,
				us.CPU/cmp.Or(them.CPU, 1), theirs)
		}
	}
}
