package status_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"scored/pipeline"
	"scored/pipeline/status"
)

// scrape returns every series of our own by its name and labels, with its value as it is written.
func scrape(t *testing.T, s *status.Server) map[string]string {
	t.Helper()
	got := get(s, "/metrics")
	if got.code != 200 {
		t.Fatalf("metrics answers %d %s", got.code, got.body)
	}
	series := map[string]string{}
	for line := range strings.Lines(got.body) {
		if strings.HasPrefix(line, "scored_") {
			i := strings.LastIndexByte(line, ' ')
			series[line[:i]] = strings.TrimSpace(line[i+1:])
		}
	}
	return series
}

func expect(t *testing.T, series map[string]string, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got, there := series[name]; !there {
			t.Errorf("%s is missing", name)
		} else if got != value {
			t.Errorf("%s is %s, want %s", name, got, value)
		}
	}
}

func TestMetricsAreLintFree(t *testing.T) {
	s, _ := busy(t, time.Now())
	problems, err := promlint.New(strings.NewReader(get(s, "/metrics").body)).Lint()
	check(t, err)
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "scored_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// busy is a server to which everything that can happen has happened.
func busy(t *testing.T, now time.Time) (*status.Server, *board) {
	t.Helper()
	b := quarters(now)
	b.quotas = []status.Quota{{Target: "salesforce", Used: 1234, Limit: 100_000}}
	b.guards = []status.Guard{{Target: "salesforce", Active: true}}
	b.waiting = []status.Waiting{{"salesforce", pipeline.Rejected, 41}, {"salesforce", pipeline.TryAgain, 2}, {"salesforce", pipeline.Rejected, 1}}
	slot := now.Truncate(15 * time.Minute)
	s := status.New(b, quiet())
	s.RunEnded(job, b.ended(slot.Add(-15*time.Minute), pipeline.OK), nil)
	s.RunEnded(job, b.ended(slot, pipeline.Partial, func(s *pipeline.Summary) {
		s.Scored, s.Rejected = 41_990, 10
		s.Targets = []pipeline.TargetSummary{{Target: "salesforce", Delivery: pipeline.Delivery{
			Unchanged: 41_000, Superseded: 7, Kept: 3, Quarantined: 6, Changes: 1090, Deferred: 100, Sent: 980, Accepted: 900, Refused: 40,
			Stale: 8, Unprocessed: 2, Unknown: 30, NotSent: 10, Created: 1, Cleared: 5,
		}, Classes: map[string]int{"rejected": 30, "terminal": 10, "stale": 8, "transient": 2}}}
		s.History = &pipeline.TargetSummary{Target: "history", Delivery: pipeline.Delivery{Changes: 55, Sent: 55, Accepted: 55}}
		s.Stages.History = 1200
	}), nil)
	s.RunEnded(job, nil, errors.New("disk full"))
	s.SlotsAccounted(job, []pipeline.Span{
		{First: slot, Last: slot, Count: 1, Fate: pipeline.Ran}, {First: slot, Last: slot, Count: 41, Fate: pipeline.Missed},
		{First: slot, Last: slot, Count: 2, Fate: pipeline.Skipped},
	})
	return s, b
}

func TestWhatHappenedIsCounted(t *testing.T) {
	s, _ := busy(t, time.Now())
	expect(t, scrape(t, s), map[string]string{
		`scored_rows_total{job="lead_scoring",outcome="accepted",target="salesforce"}`:   "1900",
		`scored_rows_total{job="lead_scoring",outcome="refused",target="salesforce"}`:    "40",
		`scored_rows_total{job="lead_scoring",outcome="unknown",target="salesforce"}`:    "30",
		`scored_rows_total{job="lead_scoring",outcome="not_sent",target="salesforce"}`:   "10",
		`scored_rows_total{job="lead_scoring",outcome="unchanged",target="salesforce"}`:  "82000",
		`scored_rows_total{job="lead_scoring",outcome="superseded",target="salesforce"}`: "7",
		`scored_rows_total{job="lead_scoring",outcome="kept",target="salesforce"}`:       "3",
		`scored_rows_total{job="lead_scoring",outcome="created",target="salesforce"}`:    "1",

		`scored_rows_total{job="lead_scoring",outcome="stale",target="salesforce"}`:                    "8",
		`scored_rows_total{job="lead_scoring",outcome="unprocessed",target="salesforce"}`:              "2",
		`scored_rows_total{job="lead_scoring",outcome="deferred",target="salesforce"}`:                 "100",
		`scored_rows_total{job="lead_scoring",outcome="quarantined",target="salesforce"}`:              "6",
		`scored_rows_total{job="lead_scoring",outcome="cleared",target="salesforce"}`:                  "5",
		`scored_rows_not_accepted_total{class="rejected",job="lead_scoring",target="salesforce"}`:      "30",
		`scored_rows_not_accepted_total{class="terminal",job="lead_scoring",target="salesforce"}`:      "10",
		`scored_rows_not_accepted_total{class="stale",job="lead_scoring",target="salesforce"}`:         "8",
		`scored_rows_not_accepted_total{class="transient",job="lead_scoring",target="salesforce"}`:     "2",
		`scored_rows_not_accepted_total{class="configuration",job="lead_scoring",target="salesforce"}`: "0",

		`scored_rows_total{job="lead_scoring",outcome="accepted",target="history"}`:     "55",
		`scored_input_rows_total{job="lead_scoring",outcome="scored"}`:                  "83990",
		`scored_input_rows_total{job="lead_scoring",outcome="rejected"}`:                "10",
		`scored_runs_total{end="ok",job="lead_scoring",trigger="schedule"}`:             "1",
		`scored_runs_total{end="partial",job="lead_scoring",trigger="schedule"}`:        "1",
		`scored_runs_total{end="failed",job="lead_scoring",trigger="schedule"}`:         "0",
		`scored_runs_unbegun_total{job="lead_scoring"}`:                                 "1",
		`scored_slots_total{fate="run",job="lead_scoring"}`:                             "1",
		`scored_slots_total{fate="missed",job="lead_scoring"}`:                          "41",
		`scored_slots_total{fate="skipped",job="lead_scoring"}`:                         "2",
		`scored_run_duration_seconds_count{job="lead_scoring",stage="total"}`:           "2",
		`scored_run_duration_seconds_sum{job="lead_scoring",stage="total"}`:             "122",
		`scored_run_duration_seconds_sum{job="lead_scoring",stage="read"}`:              "62",
		`scored_run_duration_seconds_sum{job="lead_scoring",stage="score"}`:             "1.8",
		`scored_run_duration_seconds_sum{job="lead_scoring",stage="decide"}`:            "0.6",
		`scored_run_duration_seconds_sum{job="lead_scoring",stage="deliver"}`:           "56",
		`scored_run_duration_seconds_sum{job="lead_scoring",stage="history"}`:           "1.2",
		`scored_run_duration_seconds_count{job="lead_scoring",stage="history"}`:         "1",
		`scored_run_duration_seconds_bucket{job="lead_scoring",stage="score",le="0.1"}`: "0",
		`scored_run_duration_seconds_bucket{job="lead_scoring",stage="total",le="840"}`: "2",
	})
}

func TestDeliveriesThatBrokeOffAreCountedByClass(t *testing.T) {
	b := quarters(time.Now())
	s := status.New(b, quiet())
	scrape(t, s)
	for _, class := range []string{"exhausted", "exhausted", "", "session"} {
		s.RunEnded(job, b.ended(time.Now(), pipeline.Failed, down, func(s *pipeline.Summary) { s.Targets[0].ErrClass = class }), nil)
	}
	expect(t, scrape(t, s), map[string]string{
		`scored_delivery_errors_total{class="exhausted",job="lead_scoring",target="salesforce"}`:     "2",
		`scored_delivery_errors_total{class="session",job="lead_scoring",target="salesforce"}`:       "1",
		`scored_delivery_errors_total{class="other",job="lead_scoring",target="salesforce"}`:         "1",
		`scored_delivery_errors_total{class="configuration",job="lead_scoring",target="salesforce"}`: "0",
	})
}

func TestCountersBeginAtZeroForEveryJobThatThereIs(t *testing.T) {
	b := quarters(time.Now())
	s := status.New(b, quiet())
	scrape(t, s)
	b.jobs = append(b.jobs, status.Job{Name: "churn", Targets: []string{"redis"}}) // a reload
	series := scrape(t, s)
	for _, job := range []string{"lead_scoring", "churn"} {
		for _, fate := range []string{"run", "skipped", "missed"} {
			expect(t, series, map[string]string{fmt.Sprintf("scored_slots_total{fate=%q,job=%q}", fate, job): "0"})
		}
		expect(t, series, map[string]string{fmt.Sprintf(`scored_runs_total{end="failed",job=%q,trigger="schedule"}`, job): "0"})
	}
	expect(t, series, map[string]string{`scored_rows_total{job="churn",outcome="accepted",target="redis"}`: "0"})
}

func TestARunThatWaitsForAPersonIsSeen(t *testing.T) {
	b := quarters(time.Now())
	s := status.New(b, quiet())
	s.RunEnded(job, b.ended(time.Now(), pipeline.Held), errors.New("too few rows"))
	b.held = &pipeline.Record{}
	expect(t, scrape(t, s), map[string]string{
		`scored_runs_held{job="lead_scoring"}`:                                "1",
		`scored_runs_total{end="held",job="lead_scoring",trigger="schedule"}`: "1",
	})
}

func TestGaugesTellHowThingsStand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(5)
		s, b := busy(t, time.Now())
		series := scrape(t, s)
		expect(t, series, map[string]string{
			`scored_last_success_timestamp_seconds{job="lead_scoring"}`:                                 number(noon),
			`scored_freshness_bound_seconds{job="lead_scoring"}`:                                        "2640",
			`scored_next_slot_timestamp_seconds{job="lead_scoring"}`:                                    number(noon.Add(15 * time.Minute)),
			`scored_paused{job="lead_scoring"}`:                                                         "0",
			`scored_runs_held{job="lead_scoring"}`:                                                      "0",
			`scored_model_info{digest="0a1b2c3d4e5f",job="lead_scoring",model="lead_scoring@0a1b2c3d"}`: "1",
			`scored_api_quota_remaining{target="salesforce"}`:                                           "98766",
			`scored_api_quota_limit{target="salesforce"}`:                                               "100000",
			`scored_version_guard{target="salesforce"}`:                                                 "1",
			`scored_quarantine_rows{class="rejected",job="lead_scoring",target="salesforce"}`:           "42",
			`scored_quarantine_rows{class="terminal",job="lead_scoring",target="salesforce"}`:           "0",
			`scored_quarantine_rows{class="transient",job="lead_scoring",target="salesforce"}`:          "2",
			`scored_config_reload_success`:                                                              "1",
			`scored_config_last_reload_timestamp_seconds`:                                               number(noon.Add(5*time.Minute - 24*time.Hour)),
			`scored_build_info{version="1.4.0"}`:                                                        "1",
			`scored_backlog_rows{job="lead_scoring",target="salesforce"}`:                               "182",
			`scored_oldest_unsent_age_seconds{job="lead_scoring",target="salesforce"}`:                  "1140", // since 11:46
		})
		b.process.Refusal = "unknown key"
		b.jobs[0].Paused, b.jobs[0].Next = noon, time.Time{}
		b.quotas[0].Used = 100_001
		b.guards, b.waiting = []status.Guard{{Target: "salesforce", Active: true}, {Target: "salesforce"}}, nil
		b.runs = nil
		series = scrape(t, s)
		expect(t, series, map[string]string{
			`scored_config_reload_success`:                                                    "0",
			`scored_paused{job="lead_scoring"}`:                                               "1",
			`scored_version_guard{target="salesforce"}`:                                       "0",
			`scored_quarantine_rows{class="rejected",job="lead_scoring",target="salesforce"}`: "0",
			`scored_api_quota_remaining{target="salesforce"}`:                                 "0",
			`scored_last_success_timestamp_seconds{job="lead_scoring"}`:                       "0",
			`scored_backlog_rows{job="lead_scoring",target="salesforce"}`:                     "0",
			`scored_oldest_unsent_age_seconds{job="lead_scoring",target="salesforce"}`:        "0",
		})
		if _, there := series[`scored_next_slot_timestamp_seconds{job="lead_scoring"}`]; there {
			t.Error("there is a next slot although there is none")
		}
	})
}

func number(at time.Time) string {
	text := fmt.Sprintf("%.9e", float64(at.Unix()))
	mantissa, exponent, _ := strings.Cut(text, "e")
	return strings.TrimRight(mantissa, "0") + "e" + exponent
}

// The runs of other processes are in the ledger, too.
func TestAManualRunOfAnotherProcessIsASuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(5)
		b := quarters(time.Now())
		s := status.New(b, quiet())
		scrape(t, s)
		b.ended(noon, pipeline.OK, by(pipeline.Manual))
		expect(t, scrape(t, s), map[string]string{`scored_last_success_timestamp_seconds{job="lead_scoring"}`: number(noon)})
	})
}

func TestArrears(t *testing.T) {
	sent := func(changes, accepted, notSent int) func(*pipeline.Summary) {
		return func(s *pipeline.Summary) {
			s.Targets = []pipeline.TargetSummary{{Target: "salesforce", Delivery: pipeline.Delivery{
				Changes: changes, Accepted: accepted, NotSent: notSent, Refused: changes - accepted - notSent, Sent: changes - notSent, Unchanged: 1,
			}}}
		}
	}
	cut := func(s *pipeline.Summary) { // stopped on its way
		sent(1000, 400, 600)(s)
		s.Targets[0].Error = "503"
	}
	deferred := func(changes, deferred int) func(*pipeline.Summary) { // the budget was short
		return func(s *pipeline.Summary) {
			sent(changes, changes-deferred, 0)(s)
			d := &s.Targets[0].Delivery
			d.Deferred, d.Sent, d.Refused = deferred, changes-deferred, 0
		}
	}
	stale := func(s *pipeline.Summary) {
		sent(10, 6, 0)(s)
		s.Targets[0].Stale, s.Targets[0].Refused = 4, 0
	}
	undone := func(s *pipeline.Summary) {
		sent(10, 6, 0)(s)
		s.Targets[0].Unprocessed, s.Targets[0].Refused = 4, 0
	}
	unread := func(s *pipeline.Summary) { s.Targets = nil }
	died := func(b *board) { r := &b.runs[len(b.runs)-1]; r.Summary = nil }
	type run func(*pipeline.Summary)
	for name, c := range map[string]struct {
		runs    []run // every 15 minutes from noon on; each ends a minute later
		shape   func(*board)
		backlog string
		age     time.Duration // at the last run's end
	}{
		"nothing left": {[]run{sent(10, 10, 0)}, nil, "0", 0},
		"refused rows are backlog, and were sent":          {[]run{sent(10, 8, 0)}, nil, "2", 0},
		"unsent since the run before":                      {[]run{sent(10, 10, 0), sent(10, 4, 6)}, nil, "6", 15 * time.Minute},
		"through several runs":                             {[]run{sent(10, 10, 0), cut, cut, cut}, nil, "600", 45 * time.Minute},
		"settled":                                          {[]run{sent(10, 10, 0), cut, sent(700, 700, 0)}, nil, "0", 0},
		"never settled: since the first run began":         {[]run{cut, cut}, nil, "600", 16 * time.Minute},
		"down before anything was compared: last known":    {[]run{sent(10, 10, 0), cut, down}, nil, "600", 30 * time.Minute},
		"a run that never came to the target says nothing": {[]run{sent(10, 7, 0), unread}, nil, "3", 0},
		"nor does one that died":                           {[]run{sent(10, 10, 0), cut, cut}, died, "600", 30 * time.Minute},
		"a backfill neither":                               {[]run{sent(10, 10, 0), func(s *pipeline.Summary) { cut(s); s.Trigger = pipeline.Backfill }}, nil, "0", 0},
		"what the target holds newer is not due":           {[]run{sent(10, 10, 0), stale}, nil, "0", 0},
		"given back undone is unsent":                      {[]run{sent(10, 10, 0), undone}, nil, "4", 15 * time.Minute},
		"a short budget lets the largest through":          {[]run{sent(10, 10, 0), deferred(10, 7)}, nil, "7", 0},
		"a budget that lets nothing through":               {[]run{sent(10, 10, 0), deferred(10, 10), deferred(12, 12)}, nil, "12", 30 * time.Minute},
		"an error without an unsent row":                   {[]run{sent(10, 10, 0), func(s *pipeline.Summary) { sent(10, 10, 0)(s); s.Targets[0].Error = "ledger full" }}, nil, "0", 15 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at(15*(len(c.runs)-1) + 1)
				b := quarters(time.Now())
				for i, r := range c.runs {
					b.ended(noon.Add(time.Duration(i)*15*time.Minute), pipeline.Partial, r)
				}
				if c.shape != nil {
					c.shape(b)
				}
				expect(t, scrape(t, status.New(b, quiet())), map[string]string{
					`scored_backlog_rows{job="lead_scoring",target="salesforce"}`:              c.backlog,
					`scored_oldest_unsent_age_seconds{job="lead_scoring",target="salesforce"}`: fmt.Sprint(c.age.Seconds()),
				})
			})
		})
	}
}

// A gauge that silently went away would end the alert on it.
func TestAScrapeFailsIfTheLedgerCannotBeRead(t *testing.T) {
	var log lines
	b := quarters(time.Now())
	s := status.New(b, log.log())
	b.err = errors.New("disk I/O error")
	if got := get(s, "/metrics"); got.code != 500 || !strings.Contains(got.body, "disk I/O error") || !strings.Contains(log.String(), "disk I/O error") {
		t.Errorf("metrics answers %d %s; the log has %s", got.code, got.body, log.String())
	}
}

// The same series twice would fail the whole scrape.
func TestATargetOfSeveralJobsHasOneQuota(t *testing.T) {
	b := quarters(time.Now())
	b.quotas = []status.Quota{{Target: "salesforce", Used: 10, Limit: 100}, {Target: "salesforce", Used: 30, Limit: 100}, {Target: "salesforce", Used: 20, Limit: 100}}
	s := status.New(b, quiet())
	expect(t, scrape(t, s), map[string]string{`scored_api_quota_remaining{target="salesforce"}`: "70"})
	if n := strings.Count(get(s, "/").body, "API calls, salesforce"); n != 1 {
		t.Errorf("the page shows the quota %d times", n)
	}
}

// What a lead is called must not become a label, however it comes near: in reasons, errors or summaries.
func TestNoTextOfARunBecomesALabel(t *testing.T) {
	const key = "00Q5e000001AbCd"
	b := quarters(time.Now())
	s := status.New(b, quiet())
	s.RunEnded(job, b.ended(time.Now(), pipeline.Partial, func(s *pipeline.Summary) {
		s.ID, s.Reason = "run-"+key, "lead "+key
		s.Targets[0].Error = "lead " + key
	}), errors.New("lead "+key))
	s.SlotsAccounted(job, []pipeline.Span{{Count: 1, Fate: pipeline.Skipped, Reason: "lead " + key, RunID: key}})
	if strings.Contains(get(s, "/metrics").body, key) {
		t.Error("the metrics show a lead's key")
	}
}

func TestMetricsMayBeAskedWhileRunsEnd(t *testing.T) {
	s, b := busy(t, time.Now())
	summary := b.runs[0].Summary
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 100 {
			s.RunEnded(job, summary, nil)
			s.SlotsAccounted(job, []pipeline.Span{{Count: 1, Fate: pipeline.Ran}})
			s.Beat()
		}
	}()
	for range 20 {
		s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "http://localhost/metrics", nil))
	}
	<-done
	expect(t, scrape(t, s), map[string]string{`scored_slots_total{fate="run",job="lead_scoring"}`: "101"})
}
