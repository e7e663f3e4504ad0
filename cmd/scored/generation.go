package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"scored/configs"
	"scored/pipeline"
	"scored/pipeline/ledger"
	"scored/pipeline/schedule"
	"scored/pipeline/status"
)

// generation is all that the daemon makes of one reading of the config. A reload makes the next one, whole, or none.
type generation struct {
	cfg  *configs.Config
	jobs []*daemonJob
}

// daemonJob is one job as the daemon runs it.
type daemonJob struct {
	config      configs.Job
	policy      schedule.Policy
	runDeadline time.Duration
	runner      *pipeline.Runner
	condition   *condition // nil if its slots wait for nothing but their time
	orgs        []*org
	heartbeat   *status.Heartbeat // nil if it has none
	stage       atomic.Pointer[string]
}

// newGeneration reads the scripts and the bundles that the config at path names. It connects nowhere, and writes nothing
// to the ledger, which all its jobs share.
func newGeneration(
	path string, cfg *configs.Config, store *ledger.Ledger, log *slog.Logger, tail *pipeline.Tail,
) (*generation, error) {
	g := &generation{cfg: cfg}
	var errs []error
	for _, jc := range cfg.Jobs {
		if jc.Schedule == configs.Manual {
			continue
		}
		j, err := newDaemonJob(path, cfg, jc, store, log, tail)
		if err != nil {
			errs = append(errs, fmt.Errorf("job %s: %w", jc.Name, err))
			continue
		}
		g.jobs = append(g.jobs, j)
	}
	if err := errors.Join(errs...); err != nil {
		g.close()
		return nil, err
	}
	return g, nil
}

func newDaemonJob(
	path string, cfg *configs.Config, jc configs.Job, store *ledger.Ledger, log *slog.Logger, tail *pipeline.Tail,
) (*daemonJob, error) {
	j := &daemonJob{config: jc, runDeadline: cfg.Schedule.RunDeadline}
	var err error
	if j.policy, err = newPolicy(path, cfg, jc); err != nil {
		return nil, err
	}
	if j.runner, j.orgs, err = newRunner(path, cfg, jc, store, log, tail); err != nil {
		return nil, err
	}
	j.runner.Progress = j.progress
	if j.condition, err = newCondition(cfg, jc, log); err != nil {
		return nil, err
	}
	j.heartbeat, err = newHeartbeat(jc, log)
	return j, err
}

// jobKey is the name of a job's key in the config.
func jobKey(cfg *configs.Config, jc configs.Job, name string) string {
	i := slices.IndexFunc(cfg.Jobs, func(other configs.Job) bool { return other.Name == jc.Name })
	return fmt.Sprintf("jobs[%d].%s", i, name)
}

// newHeartbeat returns nil for a job without one.
func newHeartbeat(jc configs.Job, log *slog.Logger) (*status.Heartbeat, error) {
	url, err := configs.ReadSecret(jc.HeartbeatURLFile)
	if err != nil {
		return nil, fmt.Errorf("heartbeat_url_file: %w", err)
	}
	if url == "" {
		return nil, nil
	}
	return status.NewHeartbeat(url, log.With("job", jc.Name))
}

// newPolicy reads when the job's slots are, and how patient the daemon is with them.
func newPolicy(path string, cfg *configs.Config, jc configs.Job) (p schedule.Policy, err error) {
	sc := cfg.Schedule
	cron, key := jc.Schedule, jobKey(cfg, jc, "schedule")
	if cron == "" {
		cron, key = sc.Cron, "schedule.cron"
	}
	zone, err := time.LoadLocation(sc.Timezone)
	if err != nil || sc.Timezone == "Local" {
		return p, &pipeline.Problem{Class: pipeline.Configuration,
			Err:  fmt.Errorf("%s: there is no time zone %q", configs.Place(path, "schedule.timezone"), sc.Timezone),
			Hint: "write UTC, or a name such as Europe/Paris"}
	}
	spec, err := schedule.Parse(cron, zone)
	if err != nil {
		return p, fmt.Errorf("%s: %w", configs.Place(path, key), err)
	}
	host, err := os.Hostname()
	if err != nil {
		return p, fmt.Errorf("read this host's name: %w", err)
	}
	return schedule.Policy{
		Spec: spec, Jitter: schedule.Jitter(host, jc.Name, spec, sc.Jitter), StartDeadline: sc.StartDeadline, Tries: sc.Retries + 1,
	}, nil
}

// close ends what a generation does by itself. Heartbeats that are on their way get a moment, all of them the same.
func (g *generation) close() {
	var beats sync.WaitGroup
	defer beats.Wait()
	for _, j := range g.jobs {
		if j.heartbeat != nil {
			beats.Go(j.heartbeat.Close)
		}
		for _, org := range j.orgs {
			org.Close()
		}
	}
}

// progress keeps the run's stage for the status page.
func (j *daemonJob) progress(stage string, done, total int) {
	text := stage
	switch {
	case total > 0:
		text = fmt.Sprintf("%s: %d of %d", stage, done, total)
	case done > 0:
		text = fmt.Sprintf("%s: %d rows", stage, done)
	}
	j.stage.Store(&text)
}

// admits says whether the daemon can go over to another config without being started anew.
func (g *generation) admits(next *configs.Config) error {
	for _, fixed := range []struct{ key, before, after string }{
		{"state_dir", g.cfg.StateDir, next.StateDir},
		{"status.listen", g.cfg.Status.Listen, next.Status.Listen},
	} {
		if fixed.before != fixed.after {
			return &pipeline.Problem{Class: pipeline.Configuration,
				Err:  fmt.Errorf("%s changed from %s to %s, which a reload can't do", fixed.key, fixed.before, fixed.after),
				Hint: "restart the daemon, or change it back"}
		}
	}
	return nil
}

// job finds a job by name; nil if it isn't there.
func (g *generation) job(name string) *daemonJob {
	for _, j := range g.jobs {
		if j.config.Name == name {
			return j
		}
	}
	return nil
}

// scheduleJobs hands the jobs to the scheduler.
func (g *generation) scheduleJobs() []schedule.Job {
	var jobs []schedule.Job
	for _, j := range g.jobs {
		job := schedule.Job{Name: j.config.Name, Policy: j.policy, RunDeadline: j.runDeadline, Run: j.run}
		if j.condition != nil {
			job.Condition, job.OnChange = j.condition, j.condition.fresherThan == 0
		}
		jobs = append(jobs, job)
	}
	return jobs
}

// run makes one run for a slot.
func (j *daemonJob) run(ctx context.Context, slot time.Time) (*pipeline.Summary, error) {
	defer j.stage.Store(nil)
	return j.runner.Run(ctx, pipeline.Request{Trigger: pipeline.Scheduled, Slot: slot, AsOf: slot})
}
