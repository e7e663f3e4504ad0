package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"scored/configs"
	"scored/pipeline"
	"scored/pipeline/ledger"
	"scored/pipeline/schedule"
	"scored/pipeline/status"
)

func daemonCommand(config *string) *cobra.Command {
	return &cobra.Command{
		Use:   "daemon",
		Short: "Run the jobs on their schedules, until a signal",
		Long: "daemon makes a run for every slot of every job. SIGTERM stops it at the next request boundary, within 10 seconds;\n" +
			"a second one, at least a second later, at once. SIGHUP reads config, scripts and bundles again; if they are\n" +
			"refused, the old ones stay in force. One daemon per ledger; run, backfill, pause and runs work beside it.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// From the start: a SIGHUP that nobody waits for yet would end the process.
			hangups := make(chan os.Signal, 1)
			signal.Notify(hangups, syscall.SIGHUP)
			defer signal.Stop(hangups)
			d, err := newDaemon(*config, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			defer d.close()
			return d.run(cmd.Context(), hangups)
		},
	}
}

// daemon is the scheduler with all that stands around it.
type daemon struct {
	path      string
	level     *slog.LevelVar
	log       *slog.Logger
	tail      *pipeline.Tail
	notify    *notifier
	ledger    *ledger.Ledger
	listener  net.Listener // nil if the config wants none
	board     *board
	server    *status.Server
	scheduler *schedule.Scheduler
	said      string // the last status that systemd was told
}

// newDaemon opens all that a daemon needs of this machine. It does not need warehouse and org to answer.
func newDaemon(path string, stderr io.Writer) (_ *daemon, err error) {
	d := &daemon{path: path, level: new(slog.LevelVar)}
	d.log, d.tail = newLog(stderr, d.level)
	d.notify = newNotifier(d.log)
	d.board = &board{process: status.Process{Version: version(), Started: time.Now(), Config: path}}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	cfg, err := configs.Load(path)
	if err != nil {
		return nil, err
	}
	if d.ledger, err = ledger.Open(ledgerPath(cfg)); err != nil {
		return nil, err
	}
	g, err := newGeneration(path, cfg, d.ledger, d.log, d.tail)
	if err != nil {
		return nil, err
	}
	d.board.use(g)
	if err := d.ledger.LockDaemon(); err != nil {
		return nil, err
	}
	if address := cfg.Status.Listen; address != "" {
		if d.listener, err = status.Listen(address); err != nil {
			return nil, err
		}
	}
	d.level.Set(cfg.Log.Level)
	d.scheduler = schedule.New(d.ledger, d, d.log, g.scheduleJobs(), schedule.Options{Beat: d.beat, Poll: d.notify.interval})
	d.board.scheduler, d.board.ledger = d.scheduler, d.ledger
	d.server = status.New(d.board, d.log)
	return d, nil
}

// close gives everything back, last in first out.
func (d *daemon) close() {
	if d.listener != nil {
		_ = d.listener.Close()
	}
	if g := d.board.generation(); g != nil {
		g.close()
	}
	if d.ledger != nil {
		if err := d.ledger.Close(); err != nil {
			d.log.Error("close ledger", "error", err.Error())
		}
	}
}

// run goes on until ctx ends and what was under way has stopped. Until then each hangup reloads the config.
func (d *daemon) run(ctx context.Context, hangups <-chan os.Signal) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	parts := make(chan error, 2)
	go func() { parts <- d.scheduler.Run(ctx) }()
	go func() { parts <- d.serve(ctx) }()
	d.log.Info("daemon started", "version", version(), "config", d.path, "status", d.address(), "jobs", d.names())
	d.notify.ready()

	ended := ctx.Done()
	var errs []error
	for running := 2; running > 0; {
		select {
		case <-hangups:
			d.reload()
		case <-ended:
			ended, hangups = nil, nil
			d.log.Info("daemon stopping: what is under way ends at the next request boundary")
			d.notify.stopping()
		case err := <-parts:
			running--
			errs = append(errs, err)
			stop()
		}
	}
	d.log.Info("daemon stopped")
	return errors.Join(errs...)
}

func (d *daemon) serve(ctx context.Context) error {
	if d.listener == nil {
		<-ctx.Done()
		return nil
	}
	return d.server.Serve(ctx, d.listener)
}

func (d *daemon) address() string {
	if d.listener == nil {
		return "off"
	}
	return "http://" + d.listener.Addr().String()
}

func (d *daemon) names() []string {
	names := []string{}
	for _, j := range d.board.generation().jobs {
		names = append(names, j.config.Name)
	}
	return names
}

// reload puts a new generation in force, whole or not at all. Runs that are under way end with what they began with.
func (d *daemon) reload() {
	d.notify.reloading()
	defer d.notify.ready()
	before := d.board.generation()
	next, err := d.next(before)
	if err != nil {
		d.board.refuse(err)
		d.log.Error("config refused: the one before stays in force", "config", d.path, "error", err.Error(), "hint", pipeline.HintOf(err))
		return
	}
	d.level.Set(next.cfg.Log.Level)
	d.board.use(next)
	d.scheduler.Replace(next.scheduleJobs())
	before.close()
	d.log.Info("config reloaded", "config", d.path, "jobs", d.names())
}

// next reads the generation that may follow the one in force.
func (d *daemon) next(before *generation) (*generation, error) {
	cfg, err := configs.Load(d.path)
	if err != nil {
		return nil, err
	}
	if err := before.admits(cfg); err != nil {
		return nil, err
	}
	return newGeneration(d.path, cfg, d.ledger, d.log, d.tail)
}

// SlotsAccounted implements [schedule.Observer].
func (d *daemon) SlotsAccounted(job string, spans []pipeline.Span) {
	d.server.SlotsAccounted(job, spans)
}

// RunEnded implements [schedule.Observer].
func (d *daemon) RunEnded(job string, s *pipeline.Summary, err error) {
	d.server.RunEnded(job, s, err)
	if j := d.board.generation().job(job); j != nil && j.heartbeat != nil && s != nil {
		j.heartbeat.RunEnded(job, s, err)
	}
}

// beat is called at every turn of the scheduler's loop, from its goroutine.
func (d *daemon) beat() {
	d.notify.watchdog()
	d.server.Beat()
	if text := d.line(); text != d.said {
		d.notify.status(text)
		d.said = text
	}
}

// line is the daemon in one line, for systemctl status.
func (d *daemon) line() string {
	var parts []string
	if d.board.Process().Refusal != "" {
		parts = append(parts, "CONFIG ON DISK REFUSED, the one before is in force")
	}
	for _, j := range d.board.Jobs() {
		text := "next slot " + j.Next.UTC().Format(time.RFC3339)
		switch {
		case j.Active != nil:
			text = fmt.Sprintf("%s since %s", j.Active.Stage, j.Active.Since.UTC().Format(time.TimeOnly))
		case !j.Paused.IsZero():
			text = "paused"
		}
		parts = append(parts, j.Name+": "+text)
	}
	return strings.Join(parts, "; ")
}
