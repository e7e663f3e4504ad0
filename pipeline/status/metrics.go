package status

import (
	"cmp"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"scored/pipeline"
)

// metrics counts what happens in this process; how things stand is read off the board by [gauges] when somebody asks. No
// label ever holds a lead's key: the names in the config bound how many series there are.
type metrics struct {
	board    Board
	log      *slog.Logger
	registry *prometheus.Registry
	duration *prometheus.HistogramVec
	rows     *prometheus.CounterVec
	refused  *prometheus.CounterVec
	broken   *prometheus.CounterVec
	inputs   *prometheus.CounterVec
	runs     *prometheus.CounterVec
	unbegun  *prometheus.CounterVec
	slots    *prometheus.CounterVec
}

func newMetrics(board Board, log *slog.Logger) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "scored", Name: name, Help: help}, labels)
	}
	m := &metrics{
		board: board, log: log, registry: prometheus.NewRegistry(),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "scored", Name: "run_duration_seconds",
			Help:    "How long runs of this process took, by stage. A stage that a run did not come to, or that took less than a millisecond, is left out.",
			Buckets: []float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 840},
		}, []string{"job", "stage"}),
		rows:    counter("rows_total", "Scores by what became of them at a target.", "job", "target", "outcome"),
		refused: counter("rows_not_accepted_total", "Scores that a target did not accept, by the class of its reason.", "job", "target", "class"),
		broken:  counter("delivery_errors_total", "Deliveries that ended with an error, by its class.", "job", "target", "class"),
		inputs:  counter("input_rows_total", "Rows of the dataprep result: scored, or rejected by contract or model.", "job", "outcome"),
		runs:    counter("runs_total", "Runs of this process that ended.", "job", "trigger", "end"),
		unbegun: counter("runs_unbegun_total", "Runs that the ledger would not open.", "job"),
		slots:   counter("slots_total", "Slots of the schedule that are accounted for.", "job", "fate"),
	}
	m.registry.MustRegister(m.duration, m.rows, m.refused, m.broken, m.inputs, m.runs, m.unbegun, m.slots, newGauges(board),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// begin shows the jobs' counters before they count: a rate needs a first value to rise from.
func (m *metrics) begin(jobs []Job) {
	for _, job := range jobs {
		m.unbegun.WithLabelValues(job.Name)
		for _, outcome := range []string{"scored", "rejected"} {
			m.inputs.WithLabelValues(job.Name, outcome)
		}
		for _, fate := range []pipeline.Fate{pipeline.Ran, pipeline.Skipped, pipeline.Missed} {
			m.slots.WithLabelValues(job.Name, string(fate))
		}
		for _, end := range []pipeline.End{pipeline.OK, pipeline.Partial, pipeline.Held, pipeline.Failed, pipeline.Interrupted} {
			m.runs.WithLabelValues(job.Name, string(pipeline.Scheduled), string(end))
		}
		for _, target := range job.Targets {
			m.countRows(job.Name, pipeline.TargetSummary{Target: target})
		}
	}
}

// handler answers a scrape. If the ledger can't be read the whole scrape fails: gauges that quietly went away would
// silence the alerts on them.
func (m *metrics) handler() http.Handler {
	scrape := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(m.log.Handler(), slog.LevelError),
		ErrorHandling:       promhttp.HTTPErrorOnError,
		MaxRequestsInFlight: 4,
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.begin(m.board.Jobs()) // a reload may have brought new ones
		scrape.ServeHTTP(w, r)
	})
}

func (m *metrics) slotsAccounted(job string, spans []pipeline.Span) {
	for _, s := range spans {
		m.slots.WithLabelValues(job, string(s.Fate)).Add(float64(s.Count))
	}
}

func (m *metrics) runEnded(job string, s *pipeline.Summary) {
	if s == nil {
		m.unbegun.WithLabelValues(job).Inc()
		return
	}
	m.runs.WithLabelValues(job, string(s.Trigger), string(s.End)).Inc()
	m.inputs.WithLabelValues(job, "scored").Add(float64(s.Scored))
	m.inputs.WithLabelValues(job, "rejected").Add(float64(s.Rejected))
	for _, part := range parts(s) {
		m.countRows(job, part)
	}
	for _, stage := range []struct {
		name string
		ms   int64
	}{
		{"read", s.Stages.Read}, {"score", s.Stages.Score}, {"decide", s.Stages.Decide},
		{"deliver", s.Stages.Deliver}, {"history", s.Stages.History}, {"total", s.Duration},
	} {
		if stage.ms > 0 {
			m.duration.WithLabelValues(job, stage.name).Observe((time.Duration(stage.ms) * time.Millisecond).Seconds())
		}
	}
}

func (m *metrics) countRows(job string, t pipeline.TargetSummary) {
	for _, c := range []struct {
		outcome string
		rows    int
	}{
		{"accepted", t.Accepted}, {"refused", t.Refused}, {"stale", t.Stale}, {"unprocessed", t.Unprocessed}, {"unknown", t.Unknown},
		{"not_sent", t.NotSent}, {"deferred", t.Deferred}, {"quarantined", t.Quarantined},
		{"unchanged", t.Unchanged}, {"superseded", t.Superseded}, {"kept", t.Kept}, {"cleared", t.Cleared}, {"created", t.Created},
	} {
		m.rows.WithLabelValues(job, t.Target, c.outcome).Add(float64(c.rows))
	}
	for _, class := range classes() {
		m.refused.WithLabelValues(job, t.Target, class).Add(float64(t.Classes[class]))
		m.broken.WithLabelValues(job, t.Target, class)
	}
	m.broken.WithLabelValues(job, t.Target, other)
	if t.Error != "" {
		m.broken.WithLabelValues(job, t.Target, cmp.Or(t.ErrClass, other)).Inc()
	}
}

// other is the label of an error without a class.
const other = "other"

// classes are the words of all classes of errors.
func classes() (words []string) {
	for c := pipeline.Configuration; c <= pipeline.Outdated; c++ {
		words = append(words, c.String())
	}
	return words
}
