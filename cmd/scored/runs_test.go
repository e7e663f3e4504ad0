package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

// noon is the as-of of the newest run that the tests make up.
var noon = time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)

// newLedger makes an empty ledger where the config looks for one.
func newLedger(t *testing.T) *ledger.Ledger {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("SCORED_STATE_DIR", dir)
	l, err := ledger.Open(filepath.Join(dir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// begun begins a run of a job; whatever was open before is found dead.
func begun(t *testing.T, l *ledger.Ledger, job string, req pipeline.Request) *pipeline.Run {
	t.Helper()
	if _, err := l.Enter(t.Context(), job, nil); err != nil {
		t.Fatal(err)
	}
	run, err := l.Begin(t.Context(), job, req)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Leave(job); err != nil {
		t.Fatal(err)
	}
	return run
}

// finished makes a run that ended as the function says.
func finished(t *testing.T, l *ledger.Ledger, job string, req pipeline.Request, end func(*pipeline.Summary),
	rejected []pipeline.Rejection, refused []pipeline.RefusedRow, log ...string) {
	t.Helper()
	run := begun(t, l, job, req)
	s := &pipeline.Summary{ID: run.ID, Job: job, Trigger: run.Trigger, AsOf: run.AsOf, Attempt: run.Attempt, Version: run.Version,
		Started: run.Started, Model: "lead_scoring@d93dc816", ModelDigest: "d93dc8169c51", SQLDigest: "68a195223", Duration: 1234, End: pipeline.OK}
	if !run.Slot.IsZero() {
		s.Slot = stamp(run.Slot)
	}
	end(s)
	if err := l.Finish(t.Context(), s, rejected, refused, log); err != nil {
		t.Fatal(err)
	}
}

// eventful fills a ledger with a run of every kind, the newest last.
func eventful(t *testing.T) {
	t.Helper()
	l := newLedger(t)
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	begun(t, l, leads, pipeline.Request{Trigger: pipeline.Manual, AsOf: at(-60)}) // the next one finds it dead
	finished(t, l, leads, pipeline.Request{Trigger: pipeline.Scheduled, Slot: at(-45), AsOf: at(-45)}, func(s *pipeline.Summary) {
		s.Read, s.Scored = 500, 500
		s.Delivery = pipeline.Delivery{Changes: 20, Unchanged: 480, Sent: 20, Accepted: 20, APICalls: 2}
		s.Targets = []pipeline.TargetSummary{{Target: "salesforce", Delivery: s.Delivery}}
	}, nil, nil)
	finished(t, l, leads, pipeline.Request{Trigger: pipeline.Scheduled, Slot: at(-30), AsOf: at(-30)}, func(s *pipeline.Summary) {
		s.Read, s.Scored, s.Rejected, s.End, s.Reason = 10300, 200, 10100, pipeline.Partial, "2 of 9 changes were not accepted"
		s.Stages = pipeline.Stages{Read: 1001, Score: 1002, Decide: 1003, Deliver: 1004, History: 1005}
		s.Delivery = pipeline.Delivery{Changes: 9, Unchanged: 180, Superseded: 11, Sent: 9, Accepted: 7, Refused: 2, APICalls: 3}
		s.Targets = []pipeline.TargetSummary{{Target: "salesforce", Delivery: s.Delivery}}
		s.History = &pipeline.TargetSummary{Target: "history", Delivery: pipeline.Delivery{Sent: 12, Accepted: 12}, Error: "append scores\nto history: gone"}
	}, rejections(10100), []pipeline.RefusedRow{
		{Target: "salesforce", Outcome: pipeline.Outcome{Key: "L000777", Status: pipeline.Refused, Code: "FIELD_CUSTOM_VALIDATION_EXCEPTION",
			Fields: []string{"Lead_Score__c", "Lead_Grade__c"}, Message: "not \x1b[31mtoday"}},
		{Target: "salesforce", Outcome: pipeline.Outcome{Key: "L000778", Status: pipeline.Accepted, Created: true}},
	}, `{"time":"2026-11-22T11:30:02.5Z","level":"INFO","msg":"changes decided","run_id":"x","job":"lead_scoring","target":"salesforce","changed":9}`,
		"more than 1000 lines: the rest is in the daemon's log only")
	finished(t, l, leads, pipeline.Request{Trigger: pipeline.Fill, AsOf: at(-15)}, func(s *pipeline.Summary) {
		s.End, s.Reason = pipeline.Failed, "the dataprep script returned no rows\nand that is\tall"
	}, nil, nil)
	finished(t, l, "neighbour", pipeline.Request{Trigger: pipeline.Backfill, AsOf: at(-15)}, func(*pipeline.Summary) {}, nil, nil)
	begun(t, l, leads, pipeline.Request{Trigger: pipeline.Scheduled, Slot: noon, AsOf: noon})
}

func rejections(n int) []pipeline.Rejection {
	rows := make([]pipeline.Rejection, n)
	for i := range rows {
		rows[i] = pipeline.Rejection{Key: fmt.Sprintf("L%06d", i+1), Reason: "budget: infinite"}
	}
	return rows
}

func TestRunsAreListedNewestFirst(t *testing.T) {
	eventful(t)
	c := config(t)
	r := scored(t, "runs", "-c", c).want(t, exitOK)
	want := []string{
		"RUN (JOB-AS OF-ATTEMPT)          TRIGGER   END          READ   SCORED  REJECTED  SENT  ACCEPTED  REFUSED  TOOK",
		"lead_scoring-20261122T120000Z-0  schedule  dead         -      -       -         -     -         -        -",
		"  its process ended before it did; the next run takes note of it",
		"neighbour-20261122T114500Z-0     backfill  ok           0      0       0         0     0         0        1.2 s",
		"lead_scoring-20261122T114500Z-0  fill      failed       0      0       0         0     0         0        1.2 s",
		"  the dataprep script returned no rows; and that is all",
		"lead_scoring-20261122T113000Z-0  schedule  partial      10300  200     10100     9     7         2        1.2 s",
		"  2 of 9 changes were not accepted",
		"lead_scoring-20261122T111500Z-0  schedule  ok           500    500     0         20    20        0        1.2 s",
		"lead_scoring-20261122T110000Z-0  manual    interrupted  -      -       -         -     -         -        -",
		"  the process ended before the run did",
	}
	if got := strings.Split(strings.TrimSuffix(r.out, "\n"), "\n"); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("it printed\n%s\nwant\n%s", r.out, strings.Join(want, "\n"))
	}
	if r := scored(t, "runs", "neighbour", "-c", c).want(t, exitOK, "neighbour-"); strings.Contains(r.out, leads) {
		t.Errorf("the runs of one job are\n%s", r.out)
	}
	if r := scored(t, "runs", "-n", "2", "-c", c).want(t, exitOK); strings.Count(r.out, "\n") != 4 { // with a reason
		t.Errorf("two runs are\n%s", r.out)
	}
	scored(t, "runs", "nobody", "-c", c).want(t, exitUsage, `no job "nobody"`, leads)
	scored(t, "runs", "--limit", "0", "-c", c).want(t, exitUsage, "--limit 0")
	scored(t, "runs", "a", "b", "-c", c).want(t, exitUsage, "one job or none")
}

func TestRunsInJSON(t *testing.T) {
	eventful(t)
	var ends []string
	for line := range strings.Lines(scored(t, "runs", "--json", "-c", config(t)).want(t, exitOK).out) {
		var s struct {
			pipeline.Summary
			Ended *time.Time
		}
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if s.ID == "" || s.Job == "" || s.AsOf.IsZero() || s.Version == 0 || s.Trigger == "" || (s.Ended == nil) != (s.End == dead) {
			t.Errorf("%s", line)
		}
		if known := strings.Contains(line, "rows_read"); known != (s.End != dead && s.End != pipeline.Interrupted) {
			t.Errorf("rows that nobody counted: %s", line)
		}
		ends = append(ends, string(s.End)+" "+s.Slot)
	}
	if want := "dead 2026-11-22T12:00:00Z,ok ,failed ,partial 2026-11-22T11:30:00Z,ok 2026-11-22T11:15:00Z,interrupted "; strings.Join(ends, ",") != want {
		t.Errorf("got %q, want %q", strings.Join(ends, ","), want)
	}
}

func TestWithoutRunsItIsSaidWhatMakesOne(t *testing.T) {
	c := config(t)
	t.Setenv("SCORED_STATE_DIR", t.TempDir())
	for _, args := range [][]string{{"runs"}, {"runs", leads}} {
		scored(t, append(args, "-c", c)...).want(t, exitOK, "`scored run lead_scoring` makes one", "scored daemon")
	}
	if r := scored(t, "runs", "--json", "-c", c).want(t, exitOK); r.out != "" {
		t.Errorf("JSON of nothing is %q", r.out)
	}
	for _, id := range []string{"last", "lead_scoring-20261122T110000Z-0"} {
		scored(t, "runs", "show", id, "-c", c).want(t, exitUsage, "`scored run lead_scoring` makes one")
	}
	scored(t, "slots", leads, "-c", c).want(t, exitOK, "0 run, 0 skipped, 0 missed", "no slot was accounted for yet")
	scored(t, "runs", "-c", filepath.Join(t.TempDir(), "none.yaml")).want(t, exitConfiguration, "none.yaml")
}

func TestARunIsShownWithItsRowsAndItsLog(t *testing.T) {
	eventful(t)
	c := config(t)
	r := scored(t, "runs", "show", "lead_scoring-20261122T1130", "--rows", "2", "-c", c).want(t, exitOK,
		"run      lead_scoring-20261122T113000Z-0\n", "trigger  schedule, slot 2026-11-22T11:30:00Z\n",
		"as of    2026-11-22T11:30:00Z, attempt 0, version 1795347000000000\n", ": partial after 1.2 s\n", "reason   2 of 9 changes were not accepted\n",
		"model    lead_scoring@d93dc816, digest d93dc8169c51\n", "script   digest 68a195223\n",
		"read 1001 ms, score 1002 ms, decide 1003 ms, deliver 1004 ms, history 1005 ms\n", "rows     10300 read, 200 scored, 10100 rejected\n",
		"target   salesforce: 9 changed, 180 unchanged; 9 sent, 7 accepted, 2 refused, 11 superseded, 3 API calls\n",
		"history  history: 0 changed, 0 unchanged; 12 sent, 12 accepted, 0 refused\n", "append scores; to history: gone\n",
		"rejected rows: 10000\n  L000001  budget: infinite\n  L000002  budget: infinite\n  and 9998 more: --rows 10000 prints them all\n",
		"  salesforce  L000777  refused  FIELD_CUSTOM_VALIDATION_EXCEPTION  Lead_Score__c,Lead_Grade__c  not  [31mtoday\n",
		"  salesforce  L000778  CREATED", "\n100 more rows did not make it and were not kept\n",
		"  11:30:02.500 INFO  changes decided target=\"salesforce\" changed=9\n", "  more than 1000 lines: the rest is in the daemon's log only\n")
	if strings.Contains(r.out, "L000003") || strings.Contains(r.out, "\x1b") {
		t.Errorf("it printed too much\n%s", r.out)
	}
	for _, tt := range []struct {
		id    string
		texts []string
	}{
		{"last", []string{"lead_scoring-20261122T120000Z-0", "ended    not yet: ", "reason   its process ended before it did"}},
		{"last neighbour", []string{"neighbour-20261122T114500Z-0", "log: none is kept"}},
		{"neighbour", []string{"neighbour-20261122T114500Z-0"}},
		{"lead_scoring-20261122T110000Z-0", []string{"ended    interrupted: found dead at", "the job's next run makes up for it"}},
	} {
		if tt.id == "last neighbour" {
			c = config(t, "- name: lead_scoring", "- name: neighbour")
		}
		scored(t, append([]string{"runs", "show", "-c", c}, strings.Fields(tt.id)...)...).want(t, exitOK, tt.texts...)
	}
}

func TestARunInJSON(t *testing.T) {
	eventful(t)
	var run struct {
		Run      pipeline.Summary
		Rejected []struct{ Key, Reason string }
		Refused  []struct {
			Key, Outcome, Code, Message string
			Fields                      []string
			Created                     bool
		}
		NotKept int   `json:"rows_not_kept"`
		Log     []any `json:"log"`
	}
	text := scored(t, "runs", "show", "lead_scoring-20261122T113000Z-0", "--json", "-c", config(t)).want(t, exitOK).out
	if err := json.Unmarshal([]byte(text), &run); err != nil {
		t.Fatal(err)
	}
	if run.Run.Rejected != 10100 || len(run.Rejected) != 10000 || run.NotKept != 100 || len(run.Log) != 2 || strings.Count(text, "\n") != 1 {
		t.Errorf("%d rejected, %d kept, %d not; %d lines of log", run.Run.Rejected, len(run.Rejected), run.NotKept, len(run.Log))
	}
	if r := run.Refused[0]; r.Key != "L000777" || r.Outcome != "refused" || r.Message != "not \x1b[31mtoday" || len(r.Fields) != 2 || !run.Refused[1].Created {
		t.Errorf("%+v", run.Refused)
	}
}

func TestAnIDThatIsNoRunsIsAnErrorThatNamesSome(t *testing.T) {
	eventful(t)
	c := config(t)
	for _, tt := range []struct {
		id    string
		texts []string
	}{
		{"lead_scoring-19991231T000000Z-0", []string{"there is no run", "the newest are lead_scoring-20261122T120000Z-0, neighbour-20261122T114500Z-0"}},
		{"lead_scoring-2026", []string{`5 runs begin with "lead_scoring-2026"`, "lead_scoring-20261122T120000Z-0, lead_scoring-20261122T114500Z-0"}},
		{"", []string{"wants the id of one run"}},
		{"one two", []string{"wants the id of one run"}},
		{"last nobody", []string{`no job "nobody"`}},
		{"last --rows -1", []string{"--rows -1"}},
	} {
		r := scored(t, append([]string{"runs", "show", "-c", c}, strings.Fields(tt.id)...)...).want(t, exitUsage, tt.texts...)
		if r.out != "" {
			t.Errorf("%q printed\n%s", tt.id, r.out)
		}
	}
}

// What is asked of the ledger beside a daemon must neither wait for it nor touch it.
func TestRunsAndSlotsReadBesideARunThatHoldsTheGate(t *testing.T) {
	l := newLedger(t)
	if _, err := l.Enter(t.Context(), leads, nil); err != nil {
		t.Fatal(err)
	}
	run, err := l.Begin(context.Background(), leads, pipeline.Request{Trigger: pipeline.Scheduled, Slot: noon, AsOf: noon})
	if err != nil {
		t.Fatal(err)
	}
	c := config(t)
	for _, r := range []result{scored(t, "runs", "-c", c).want(t, exitOK, run.ID, "running"),
		scored(t, "runs", "show", "last", leads, "-c", c).want(t, exitOK, run.ID, "not yet"),
		scored(t, "runs", "--json", "-c", c).want(t, exitOK, run.ID, `"ended":null`)} {
		if strings.Contains(r.out, "reason") || strings.Contains(r.out, `"end":`) || strings.Contains(r.out, "dead") {
			t.Errorf("of a run that goes on it says\n%s", r.out)
		}
	}
	scored(t, "slots", leads, "-c", c).want(t, exitOK)
	if again, found, err := l.Run(t.Context(), run.ID); err != nil || !found || !again.Ended.IsZero() {
		t.Errorf("the run is not what it was: %+v, %v", again, err)
	}
}

// A run whose gate is free when it is looked at may just have ended.
func TestARunThatEndsWhileItIsLookedAtIsNotDead(t *testing.T) {
	l := newLedger(t)
	run := begun(t, l, leads, pipeline.Request{Trigger: pipeline.Manual, AsOf: noon})
	before, _, err := l.Run(t.Context(), run.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Finish(t.Context(), &pipeline.Summary{ID: run.ID, End: pipeline.OK}, nil, nil, nil); err != nil {
		t.Fatal(err)
	}
	if r, err := probed(t.Context(), l, before); err != nil || r.End != pipeline.OK || r.Ended.IsZero() {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestWithoutTheGatesFileNobodyIsCalledDead(t *testing.T) {
	l := newLedger(t)
	begun(t, l, leads, pipeline.Request{Trigger: pipeline.Manual, AsOf: noon})
	if err := os.Remove(filepath.Join(os.Getenv("SCORED_STATE_DIR"), "ledger.db."+leads+".gate")); err != nil {
		t.Fatal(err)
	}
	r := scored(t, "runs", "-c", config(t)).want(t, exitOK, "running", "whether its process still runs is not known")
	if strings.Contains(r.out, "dead") {
		t.Errorf("it printed\n%s", r.out)
	}
}

func TestAnIDMayBeginManyRuns(t *testing.T) {
	l := newLedger(t)
	for range 12 {
		begun(t, l, leads, pipeline.Request{Trigger: pipeline.Manual, AsOf: noon})
	}
	c := config(t)
	id := leads + "-20261122T120000Z-"
	r := scored(t, "runs", "show", leads, "-c", c).want(t, exitUsage, "more than 5 runs begin with", "the newest are "+id+"11, "+id+"10, ")
	if strings.Contains(r.log, id+"6") {
		t.Errorf("it names more than the newest\n%s", r.log)
	}
	scored(t, "runs", "show", id+"1", "-c", c).want(t, exitOK, "run      "+id+"1\n") // and neither 10 nor 11
	scored(t, "runs", "show", id+"12", "-c", c).want(t, exitUsage, "there is no run", "the newest are "+id+"11, ")
}

func TestLinesAreCutToTheTerminal(t *testing.T) {
	for _, tt := range []struct {
		line  string
		width int
		want  string
	}{{"größer", 0, "größer"}, {"größer", 6, "größer"}, {"größer", 4, "grö…"}} {
		if got := cut(tt.line, tt.width); got != tt.want {
			t.Errorf("cut(%q, %d) is %q, want %q", tt.line, tt.width, got, tt.want)
		}
	}
}
