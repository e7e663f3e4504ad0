package status

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"scored/pipeline"
)

// lookTimeout bounds what one scrape may ask of the ledger.
const lookTimeout = 10 * time.Second

// gauges reads how things stand when somebody asks, so that what other processes did to the ledger counts too.
type gauges struct {
	board Board
	descs []*prometheus.Desc

	lastSuccess, bound, backlog, unsent, nextSlot, paused, modelInfo *prometheus.Desc
	quota, limit, quarantine, guarded, held                          *prometheus.Desc
	reloaded, reloadedAt, buildInfo                                  *prometheus.Desc
}

func newGauges(board Board) *gauges {
	g := &gauges{board: board}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		d := prometheus.NewDesc("scored_"+name, help, labels, nil)
		g.descs = append(g.descs, d)
		return d
	}
	g.lastSuccess = desc("last_success_timestamp_seconds", "The newest as-of whose scores were delivered; 0 if there is none.", "job")
	g.bound = desc("freshness_bound_seconds", "How old the last success may be now: no two slots that should have ended may be newer.", "job")
	g.backlog = desc("backlog_rows",
		"Changes that the target has not accepted, of the newest live run that compared scores with it.", "job", "target")
	g.unsent = desc("oldest_unsent_age_seconds",
		"Time since the last run that left nothing unsent ended; 0 if the newest one left nothing.", "job", "target")
	g.nextSlot = desc("next_slot_timestamp_seconds", "The job's next slot; absent if there is none.", "job")
	g.paused = desc("paused", "1 while the job is paused.", "job")
	g.modelInfo = desc("model_info", "The model that the job runs.", "job", "model", "digest")
	g.quota = desc("api_quota_remaining", "API calls that the target still allows today, as it last said.", "target")
	g.limit = desc("api_quota_limit", "API calls that the target allows a day.", "target")
	g.quarantine = desc("quarantine_rows", "Leads that wait because the target refused them, by the class of its reason.", "job", "target", "class")
	g.held = desc("runs_held", "1 while a run that the guard held waits for a person.", "job")
	g.guarded = desc("version_guard", "1 if the target itself refuses a version older than what it holds.", "target")
	g.reloaded = desc("config_reload_success", "1 if the config was taken when it was last read.")
	g.reloadedAt = desc("config_last_reload_timestamp_seconds", "When the config was last read, taken or not.")
	g.buildInfo = desc("build_info", "The daemon's version.", "version")
	return g
}

// Describe lists what Collect may send.
func (g *gauges) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range g.descs {
		descs <- d
	}
}

// Collect asks the board. A job whose runs can't be read fails the scrape.
func (g *gauges) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), lookTimeout)
	defer cancel()
	send := func(desc *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	p := g.board.Process()
	send(g.buildInfo, 1, p.Version)
	send(g.reloaded, truth(p.Refusal == ""))
	send(g.reloadedAt, seconds(p.Reloaded))
	for _, q := range quotas(g.board) {
		send(g.quota, float64(max(q.Limit-q.Used, 0)), q.Target)
		send(g.limit, float64(q.Limit), q.Target)
	}
	for _, guard := range guards(g.board) {
		send(g.guarded, truth(guard.Active), guard.Target)
	}
	now := time.Now()
	for _, job := range g.board.Jobs() {
		send(g.modelInfo, 1, job.Name, job.Model, job.Digest)
		send(g.paused, truth(!job.Paused.IsZero()), job.Name)
		send(g.bound, job.Bound.Seconds(), job.Name)
		if !job.Next.IsZero() {
			send(g.nextSlot, seconds(job.Next), job.Name)
		}
		s, err := stand(ctx, g.board, job)
		if err != nil {
			out <- prometheus.NewInvalidMetric(g.lastSuccess, err)
			continue
		}
		if s.success != nil {
			send(g.lastSuccess, seconds(s.success.AsOf), job.Name)
		} else {
			send(g.lastSuccess, 0, job.Name)
		}
		for _, a := range s.arrears {
			send(g.backlog, float64(a.backlog), job.Name, a.target)
			send(g.unsent, a.age(now).Seconds(), job.Name, a.target)
		}
		held, err := g.board.Held(ctx, job.Name)
		if err != nil {
			out <- prometheus.NewInvalidMetric(g.held, err)
			continue
		}
		send(g.held, truth(held != nil), job.Name)
		waiting, err := g.board.Quarantine(ctx, job.Name)
		if err != nil {
			out <- prometheus.NewInvalidMetric(g.quarantine, err)
			continue
		}
		for _, target := range job.Targets {
			for class, keys := range quarantined(waiting, target) {
				send(g.quarantine, float64(keys), job.Name, target, class)
			}
		}
	}
}

// quarantined counts a target's keys by the word of their class; those that a quarantine is for are always there.
func quarantined(waiting []Waiting, target string) map[string]int {
	keys := map[string]int{pipeline.Rejected.String(): 0, pipeline.Terminal.String(): 0}
	for _, w := range waiting {
		if w.Target == target {
			keys[w.Class.String()] += w.Keys
		}
	}
	return keys
}

func (a arrears) age(now time.Time) time.Duration {
	if a.since.IsZero() {
		return 0
	}
	return max(now.Sub(a.since), 0)
}

func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// guards has each target once: where several jobs write to one, to objects of which one is not guarded, that one counts.
func guards(board Board) []Guard {
	var list []Guard
	for _, guard := range board.Guards() {
		i := slices.IndexFunc(list, func(known Guard) bool { return known.Target == guard.Target })
		if i < 0 {
			list = append(list, guard)
			continue
		}
		list[i].Active = list[i].Active && guard.Active
	}
	return list
}

// quotas has each target once: several jobs may write to one, and what was last heard by the one that saw most calls counts.
func quotas(board Board) []Quota {
	var list []Quota
	for _, q := range board.Quotas() {
		i := slices.IndexFunc(list, func(known Quota) bool { return known.Target == q.Target })
		switch {
		case i < 0:
			list = append(list, q)
		case q.Used > list[i].Used:
			list[i] = q
		}
	}
	return list
}
