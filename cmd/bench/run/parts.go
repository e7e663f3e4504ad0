package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"text/tabwriter"
	"time"

	"scored/pipeline"
)

// parts are what is measured.
type parts struct {
	postmaster                string // its process id
	held                      []pipeline.Batch
	rows, changes             int
	drain, score, both, whole *part
	all                       []*part
}

// part is one piece of work with what its repetitions took.
type part struct {
	name string
	work func(context.Context) error
	took []cost
}

// cost is what one repetition took.
type cost struct {
	wall        time.Duration
	cpu, server float64 // seconds: of this process, of PostgreSQL
	allocations uint64
}

// parts holds all rows in memory, for scoring alone.
func (w *world) parts(ctx context.Context) (*parts, error) {
	p := &parts{}
	answer, err := w.cluster.Query(ctx, "SELECT split_part(pg_read_file('postmaster.pid'), chr(10), 1)")
	if err != nil {
		return nil, err
	}
	p.postmaster = answer[0][0]
	run, err := pipeline.NewRun(job, request(), 0, asOf)
	if err != nil {
		return nil, err
	}
	keep := &keeper{}
	if err := w.runner.Source.Read(ctx, run, keep); err != nil {
		return nil, err
	}
	p.held, p.rows = keep.batches, keep.rows

	untargeted := *w.runner
	untargeted.Targets = nil
	p.drain = &part{name: "drain alone", work: func(ctx context.Context) error {
		return w.runner.Source.Read(ctx, run, &discard{})
	}}
	p.score = &part{name: "score alone, 2 goroutines", work: func(context.Context) error { return p.scoreHeld(w, keep.columns) }}
	p.both = &part{name: "read and score", work: func(ctx context.Context) error {
		_, err := untargeted.DryRun(ctx, request())
		return err
	}}
	p.whole = &part{name: "whole: read, score, reasons, decide", work: func(ctx context.Context) error {
		plan, err := w.runner.DryRun(ctx, request())
		if err == nil {
			p.changes = len(plan.Targets[0].Changes)
			err = reasoned(plan.Targets[0].Changes)
		}
		return err
	}}
	p.all = []*part{p.drain, p.score, p.both, p.whole}
	return p, nil
}

// reasoned wants reasons with 99 % of the changes: a run without them would be measured for less than it is to do. The
// model has none for a row that nothing moved.
func reasoned(changes []pipeline.Change) error {
	without := 0
	for i := range changes {
		if changes[i].Reasons == "" {
			without++
		}
	}
	if len(changes) == 0 || 100*without > len(changes) {
		return fmt.Errorf("%d of %d changes have no reasons", without, len(changes))
	}
	return nil
}

// scoreHeld scores the rows in memory, half of the batches per goroutine.
func (p *parts) scoreHeld(w *world, columns []pipeline.Column) error {
	var group sync.WaitGroup
	var errs [2]error
	for half := range errs {
		group.Go(func() {
			scorer, err := w.bundle.Bind(columns)
			if err != nil {
				errs[half] = err
				return
			}
			var scores []pipeline.Score
			var rejected []pipeline.Rejection
			for i := half; i < len(p.held); i += len(errs) {
				scores, rejected = scorer.Score(&p.held[i], nil, scores[:0], rejected[:0])
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// repeat measures the parts one after the other, again and again: what disturbs the machine disturbs all of them.
func (p *parts) repeat(ctx context.Context, s settings) error {
	for i := range s.repetitions {
		for _, part := range p.all {
			if err := ctx.Err(); err != nil {
				return err
			}
			c, err := p.cost(ctx, part.work)
			if err != nil {
				return fmt.Errorf("%s: %w", part.name, err)
			}
			fmt.Fprintf(s.log, "repetition %d, %s: %.2f s\n", i+1, part.name, c.wall.Seconds())
			part.took = append(part.took, c)
		}
	}
	return nil
}

func (p *parts) cost(ctx context.Context, work func(context.Context) error) (c cost, err error) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, server, start := ownCPU(), p.serverCPU(), time.Now()
	err = work(ctx)
	c.wall = time.Since(start)
	c.cpu = ownCPU() - cpu
	runtime.ReadMemStats(&after)
	c.allocations = after.Mallocs - before.Mallocs
	time.Sleep(300 * time.Millisecond) // the server's process ends a little later, and is counted once it has
	c.server = p.serverCPU() - server
	return c, err
}

// ownCPU is the CPU time of this process in seconds.
func ownCPU() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// serverCPU is the CPU time of PostgreSQL's processes that have ended.
func (p *parts) serverCPU() float64 {
	stat, err := os.ReadFile("/proc/" + p.postmaster + "/stat")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, _ := strconv.ParseFloat(fields[13], 64) // of waited-for children
	system, _ := strconv.ParseFloat(fields[14], 64)
	return (user + system) / 100
}

// peakMiB is the most memory that this process ever had.
func peakMiB() (float64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	return kib / 1024, err
}

// median returns the repetition in the middle.
func (p *part) median() cost {
	sorted := slices.SortedFunc(slices.Values(p.took), func(a, b cost) int { return int(a.wall - b.wall) })
	return sorted[len(sorted)/2]
}

func (p *part) seconds() float64 { return p.median().wall.Seconds() }

func (p *parts) print(out io.Writer, w *world, f footprint) {
	fmt.Fprintf(out, "\n%d rows x %d columns, %d changes, %s; median of %d\n", p.rows, len(w.bundle.Manifest().Contract), p.changes,
		w.bundle.Name(), len(p.whole.took))
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "part\tseconds\trows/s\tCPU s\tPostgreSQL CPU s\tallocations/row\t")
	for _, part := range p.all {
		c := part.median()
		fmt.Fprintf(table, "%s\t%.2f\t%.0f\t%.2f\t%.2f\t%.3f\t\n", part.name, c.wall.Seconds(), float64(p.rows)/c.wall.Seconds(), c.cpu, c.server,
			float64(c.allocations)/float64(p.rows))
	}
	_ = table.Flush()
	slower, cores := max(p.drain.seconds(), p.score.seconds()), runtime.NumCPU()
	drain, score := p.drain.median(), p.score.median()
	fmt.Fprintf(out, "the whole takes %.2f x the slower of draining and scoring; the CPU time of these two, shared by %d cores, is %.2f x\n",
		p.whole.seconds()/slower, cores, (drain.cpu+drain.server+score.cpu)/float64(cores)/slower)
	fmt.Fprintf(out, "memory of a process that makes the whole run: at most %.0f MiB (%d rows, %d changes, %.2f s)\n", f.PeakMiB, f.Rows,
		f.Changes, f.Seconds)
}

// discard takes rows and does nothing.
type discard struct{}

func (*discard) Begin([]pipeline.Column) error { return nil }
func (*discard) Add(*pipeline.Batch) error     { return nil }

// keeper keeps all batches.
type keeper struct {
	columns []pipeline.Column
	batches []pipeline.Batch
	rows    int
}

func (k *keeper) Begin(columns []pipeline.Column) error {
	*k = keeper{columns: columns}
	return nil
}

func (k *keeper) Add(b *pipeline.Batch) error {
	k.batches = append(k.batches, *b)
	k.rows += b.Rows()
	*b = pipeline.Batch{}
	return nil
}
