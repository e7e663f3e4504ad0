// Deliver measures what it costs to bring changes to Salesforce: the client of the pipeline and simple-salesforce (Python)
// deliver the same changes to the same emulated org, each in a process of its own. It is a part of the benchmark and never
// packaged.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
)

// settings are the command line.
type settings struct {
	out, log io.Writer
	in       io.Reader // of a child
	sizes    []int
	answers  []string // how the org answers: at once, or as slowly as one does
	python   string
	peer     string

	stage   string // of a child
	pace    string
	url     string
	changes int
	round   int
}

func main() {
	s := settings{out: os.Stdout, log: os.Stderr, in: os.Stdin}
	var answers string
	most := flag.Int("most", 1_000_000, "no delivery has more changes than that")
	flag.StringVar(&answers, "answers", "instant,realistic", "how fast the org answers")
	flag.StringVar(&s.python, "python", "", "Python that has simple-salesforce; without it nothing is compared")
	flag.StringVar(&s.peer, "peer", "python/bench/deliver.py", "the script that delivers with simple-salesforce")
	flag.StringVar(&s.stage, "stage", "", "be the org or the client, as a child does")
	flag.StringVar(&s.pace, "pace", instant, "how fast to answer, of an org")
	flag.StringVar(&s.url, "url", "", "the org, of a client")
	flag.IntVar(&s.changes, "changes", 0, "how many leads, of a child")
	flag.IntVar(&s.round, "round", 0, "which scores the leads get, of a client")
	flag.Parse()
	for size := 1000; size <= min(*most, 1_000_000); size *= 10 {
		s.sizes = append(s.sizes, size)
	}
	s.answers = strings.Split(answers, ",")
	if err := run(s); err != nil {
		fmt.Fprintln(os.Stderr, "bench deliver:", err)
		os.Exit(1)
	}
}

func run(s settings) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	switch s.stage {
	case "":
		return measure(ctx, s)
	case "org":
		return beOrg(ctx, s)
	case "client":
		return beClient(ctx, s)
	default:
		return fmt.Errorf("no part is called %q", s.stage)
	}
}

// measure delivers each number of changes with each client, at each pace of the org.
func measure(ctx context.Context, s settings) error {
	var deliveries []delivery
	for _, size := range s.sizes {
		made, err := s.measureSize(ctx, size)
		if err != nil {
			return fmt.Errorf("%d changes: %w", size, err)
		}
		deliveries = append(deliveries, made...)
	}
	print(s.out, deliveries)
	return nil
}

// measureSize has an org of its own for each pace: each delivery changes every lead in it.
func (s settings) measureSize(ctx context.Context, size int) (made []delivery, err error) {
	for _, pace := range s.answers {
		fmt.Fprintf(s.log, "starting an org with %d leads and %s answers\n", size, pace)
		ds, err := s.measurePace(ctx, size, pace)
		if err != nil {
			return nil, fmt.Errorf("%s answers: %w", pace, err)
		}
		made = append(made, ds...)
	}
	return made, nil
}

func (s settings) measurePace(ctx context.Context, size int, pace string) (made []delivery, err error) {
	org, err := startOrg(ctx, s, size, pace)
	if err != nil {
		return nil, fmt.Errorf("start the org: %w", err)
	}
	defer func() { err = errors.Join(err, org.stop()) }()
	for round, client := range s.clients() {
		d, err := org.deliver(ctx, s, client, size, round+1)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", client, err)
		}
		d.Pace = pace
		made = append(made, d)
		fmt.Fprintf(s.log, "%d changes, %s answers, %s: %.2f s\n", size, pace, client, d.Seconds)
	}
	return made, nil
}

const (
	ours   = "scored"
	theirs = "simple-salesforce"
)

func (s settings) clients() []string {
	if s.python == "" {
		return []string{ours}
	}
	return []string{ours, theirs}
}
