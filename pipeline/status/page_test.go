package status_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"scored/pipeline"
	"scored/pipeline/status"
)

// pageAt is the text of the page so many minutes past noon, one element a line, as a reader sees it.
func pageAt(t *testing.T, minutes int, shape func(*board)) (text, source string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		at(minutes)
		b := quarters(time.Now())
		b.ended(noon, pipeline.OK)
		if shape != nil {
			shape(b)
		}
		got := get(status.New(b, quiet()), "/")
		if got.code != 200 || got.header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Fatalf("the page answers %d %s", got.code, got.header)
		}
		source = got.body
	})
	_, body, _ := strings.Cut(source, "<body>")
	body = regexp.MustCompile(`</?(code|span|time|strong)[^>]*>`).ReplaceAllString(body, "")
	body = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(body, "\n")
	body = regexp.MustCompile(`\s*\n\s*`).ReplaceAllString(body, "\n")
	return html.UnescapeString(body), source
}

func has(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("the page lacks %q:\n%s", w, text)
		}
	}
}

func TestThePageSaysHowThingsStand(t *testing.T) {
	tests := map[string]struct {
		minutes int
		shape   func(*board)
		want    []string
	}{
		"fresh": {5, nil, []string{
			"\nEverything is fresh\n", "\nlead_scoring fresh\n", "\nLast success\n5 min ago as of 2026-11-22T12:00:00Z\n",
			"\nNext slot\nin 10 min 2026-11-22T12:15:00Z\n", "\nSchedule\n*/15 * * * * stale after 44 min\n",
			"\nModel\nlead_scoring@0a1b2c3d to salesforce\n",
			"\n2026-11-22T12:00:00Z\nschedule\nok\n42,000\n42,000\n1,000\n1,000\n0\n6\n1 min 1 s\n",
			"\nNo slot was skipped or missed.\n", "\nVersion\n1.4.0\n", "\nStarted\n1 d ago 2026-11-21T12:05:00Z\n", "/etc/scored/scored.yaml", "1 d ago, taken",
		}},
		"stale": {60, func(b *board) { b.ended(noon.Add(45*time.Minute), pipeline.Failed, down) }, []string{
			"\nSomething is wrong\nlead_scoring is stale: scores are as of 2026-11-22T12:00:00Z, 1 h ago; 44 min are allowed; the last run (as of 2026-11-22T12:45:00Z) ended failed: deliver to salesforce: no answer\n",
			"\nlead_scoring stale\n", "\ndeliver to salesforce: no answer lead_scoring-20261122T124500Z-0\n",
		}},
		"a failure while all is fresh": {20, func(b *board) { b.ended(noon.Add(15*time.Minute), pipeline.Failed, down) }, []string{
			"\nNothing is stale, but:\nlead_scoring: the last run (as of 2026-11-22T12:15:00Z) ended failed: deliver to salesforce: no answer\n",
			"\nDue at salesforce\nnot everything was sent for 19 min\n",
		}},
		"a record was created": {20, func(b *board) {
			b.ended(noon.Add(15*time.Minute), pipeline.Partial, func(s *pipeline.Summary) { s.Created, s.Reason = 1, "1 records were created that were not in the org" })
		}, []string{"Nothing is stale, but:", "ended partial: 1 records were created"}},
		"paused": {120, func(b *board) { b.jobs[0].Paused, b.jobs[0].Why = noon.Add(time.Hour), "undo" }, []string{
			"\nNothing is stale, but:\nlead_scoring: paused since 2026-11-22T13:00:00Z: undo;", "\nPaused\nfor 1 h: undo since 2026-11-22T13:00:00Z\n",
			"\nin 15 min, will be skipped",
		}},
		"a held run that waits": {20, func(b *board) {
			b.ended(noon.Add(15*time.Minute), pipeline.Held, func(s *pipeline.Summary) {
				s.Reason = "3 rows, and 900 <before>"
				s.Findings = []pipeline.Finding{{Check: "rows", Text: "3 rows, and 900 <before>"}}
			})
			b.held = &b.runs[1]
		}, []string{
			"\nSomething is wrong\nlead_scoring: run lead_scoring-20261122T121500Z-0 is held, and waits for a person: 3 rows, and 900 <before>\nlead_scoring fresh\n",
			"\nHeld\nrun lead_scoring-20261122T121500Z-0 as of 2026-11-22T12:15:00Z; scored release lead_scoring-20261122T121500Z-0 or scored discard " +
				"lead_scoring-20261122T121500Z-0\n3 rows, and 900 <before>\n", "\nschedule\nheld\n",
		}},
		"a held run that was discarded": {20, func(b *board) {
			b.ended(noon.Add(15*time.Minute), pipeline.Held, func(s *pipeline.Summary) { s.Reason = "3 rows" })
			b.runs[1].Ruling = pipeline.Discarded
		}, []string{"\nNothing is stale, but:\n", "ended held: 3 rows", "\nheld discarded\n"}},
		"running": {16, func(b *board) {
			b.jobs[0].Active = &status.Active{Slot: noon.Add(15 * time.Minute), Stage: "deliver to salesforce", Since: noon.Add(15*time.Minute + 40*time.Second)}
			b.ended(noon.Add(15*time.Minute), "")
			r := &b.runs[1]
			r.Ended, r.Summary = time.Time{}, nil
		}, []string{"\nEverything is fresh\n", "\nlead_scoring fresh running\n", "\nNow\ndeliver to salesforce for 20 s slot 2026-11-22T12:15:00Z\n",
			"\n2026-11-22T12:15:00Z\nschedule\nopen\n–\n–\n–\n–\n–\n–\n1 min\n"}},
		"a run whose process died": {20, func(b *board) {
			b.ended(noon.Add(15*time.Minute), pipeline.Interrupted, func(s *pipeline.Summary) { s.Reason = "the process ended before the run did" })
			b.runs[1].Summary = nil
		}, []string{"Nothing is stale, but:", "\ninterrupted\n–\n–\n–\n–\n–\n–\n–\nthe process ended"}},
		"a refused reload": {5, func(b *board) { b.process.Refusal = "scored.yaml:47: unknown key\n  -> mend <it>" }, []string{
			"\nSomething is wrong\nthe config was refused when it was last read: the one before is in force:\nscored.yaml:47: unknown key\n-> mend <it>\nlead_scoring fresh\n",
			"1 d ago, refused"}},
		"a schedule that can't be kept": {5, func(b *board) { b.jobs[0].Trouble = "ledger /var/lib/scored: disk full" }, []string{
			"\nSomething is wrong\nlead_scoring is stuck: the schedule can't be kept: ledger /var/lib/scored: disk full; scores are as of 2026-11-22T12:00:00Z",
			"\nlead_scoring stuck\nThe schedule can't be kept: ledger /var/lib/scored: disk full\n", "\n42,000\n"}},
		"a run with a hint": {20, func(b *board) {
			b.ended(noon.Add(15*time.Minute), pipeline.Failed, down, func(s *pipeline.Summary) { s.Hint = "see whether <the org> is up" })
		}, []string{"\ndeliver to salesforce: no answer lead_scoring-20261122T121500Z-0\nsee whether <the org> is up\n"}},
		"nothing yet": {0, func(b *board) { b.runs, b.process.Started = nil, noon.Add(-time.Minute) }, []string{
			"\nNothing is stale, but:\nlead_scoring: waiting: the daemon started 1 min ago; no run has succeeded yet\n", "\nLast success\nnone yet\n", "\nNo run yet.\n"}},
		"just started, with an old success": {60, func(b *board) { b.process.Started = noon.Add(59 * time.Minute) }, []string{
			"\nSomething is wrong\nlead_scoring is stale: scores are as of 2026-11-22T12:00:00Z, 1 h ago; 44 min are allowed", "\nlead_scoring stale\n"}},
		"no job": {0, func(b *board) { b.jobs = nil }, []string{"There is nothing to do: the config has no job with a schedule"}},
		"an unreadable ledger": {5, func(b *board) { b.err = errors.New("disk I/O error") }, []string{
			"\nSomething is wrong\nlead_scoring is unknown: the ledger can't be read: read the runs of lead_scoring: disk I/O error\n", "\nlead_scoring unknown\n"}},
		"lost slots": {5, func(b *board) {
			b.lost = []pipeline.Span{{First: noon.Add(-time.Hour), Last: noon.Add(-30 * time.Minute), Count: 3, Fate: pipeline.Missed, Reason: "the daemon was down"}}
		}, []string{"\n2026-11-22T11:00:00Z\n2026-11-22T11:30:00Z\n3\nmissed\nthe daemon was down\n"}},
		"a quota": {5, func(b *board) { b.quotas = []status.Quota{{Target: "salesforce", Used: 1234, Limit: 100_000}} }, []string{"\nAPI calls, salesforce\n1,234 of 100,000 used in 24 h\n"}},
		"guarded": {5, func(b *board) { b.guards = []status.Guard{{Target: "salesforce", Active: true}} }, []string{"\nVersion rule, salesforce\nactive\n"}},
		"not guarded": {5, func(b *board) {
			b.guards = []status.Guard{{Target: "salesforce", Active: true}, {Target: "salesforce"}}
		}, []string{
			"\nVersion rule, salesforce\nmissing, so a late request could bring an older score back\n"}},
		"a quarantine": {5, func(b *board) {
			b.waiting = []status.Waiting{{"salesforce", pipeline.Rejected, 1200}, {"salesforce", pipeline.Terminal, 3}, {"elsewhere", pipeline.Terminal, 9}}
		}, []string{"\nQuarantine of salesforce\n1,200 leads refused, tried again later; 3 refused for good scored quarantine list lead_scoring\n"}},
		"counts that are mostly 0": {20, func(b *board) {
			b.ended(noon.Add(15*time.Minute), pipeline.Partial, func(s *pipeline.Summary) {
				s.Delivery = pipeline.Delivery{Stale: 1, Unprocessed: 2, Unknown: 3, Deferred: 4000, Quarantined: 5, Cleared: 6}
				s.Targets[0].ErrClass = "exhausted"
			})
		}, []string{"\n1 stale, 2 unprocessed, 3 unknown, 4,000 deferred, 5 in quarantine, 6 cleared, salesforce: err_class exhausted\n"}},
		"an overdue slot": {16, func(b *board) { b.jobs[0].Next = noon.Add(15 * time.Minute) }, []string{"due for 1 min"}},
		"a second attempt": {20, func(b *board) {
			b.ended(noon.Add(15*time.Minute), pipeline.OK)
			b.runs[1].Attempt = 1
		}, []string{"\n2026-11-22T12:15:00Z attempt 1\n"}},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			text, source := pageAt(t, c.minutes, c.shape)
			has(t, text, c.want...)
			wellFormed(t, source)
		})
	}
}

// wellFormed checks that every element is closed, every table has a caption, and every header cell a scope.
func wellFormed(t *testing.T, source string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(source))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var open []string
	table := false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		check(t, err)
		switch e := token.(type) {
		case xml.StartElement:
			if table && e.Name.Local != "caption" {
				t.Error("a table has no caption")
			}
			table = e.Name.Local == "table"
			open = append(open, e.Name.Local)
			if e.Name.Local == "th" && !strings.Contains(fmt.Sprint(e.Attr), "scope") {
				t.Errorf("a header cell has no scope: %v", e.Attr)
			}
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != e.Name.Local {
				t.Fatalf("</%s> closes %v", e.Name.Local, open)
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		t.Errorf("not closed: %v", open)
	}
}

func TestAStalledLoopIsOnThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := status.New(quarters(time.Now()), quiet())
		time.Sleep(2 * time.Minute)
		has(t, html.UnescapeString(get(s, "/").body), "the daemon's loop has not turned for 2 min: no slot is watched")
	})
}

func TestThePageShowsThirtyRunsNewestFirst(t *testing.T) {
	text, source := pageAt(t, 60*24, func(b *board) {
		for i := range 40 {
			b.ended(noon.Add(time.Duration(i+1)*15*time.Minute), pipeline.OK)
		}
	})
	if n := strings.Count(source, "<tr>"); n != 31 {
		t.Errorf("%d rows, want 30 and the head", n)
	}
	if strings.Index(text, "2026-11-22T22:00:00Z\nschedule") > strings.Index(text, "2026-11-22T21:45:00Z\nschedule") {
		t.Error("the newest run isn't first")
	}
}

// Names, reasons and refusals come from outside.
func TestNothingOnThePageIsMarkup(t *testing.T) {
	const attack = `<script>alert(1)</script>"><img src=x onerror=alert(1)>`
	_, source := pageAt(t, 5, func(b *board) {
		b.jobs[0] = status.Job{Name: attack, Schedule: attack, Model: attack, Digest: attack, Targets: []string{attack}, Bound: time.Hour,
			Active: &status.Active{Stage: attack}, Paused: noon, Why: attack, Trouble: attack}
		b.process = status.Process{Version: attack, Config: attack, Refusal: attack}
		b.quotas, b.guards = []status.Quota{{Target: attack}}, []status.Guard{{Target: attack}}
		b.waiting = []status.Waiting{{attack, pipeline.Rejected, 1}}
		b.lost = []pipeline.Span{{Fate: attack, Reason: attack}}
		b.runs[0].Job, b.runs[0].ID, b.runs[0].Reason, b.runs[0].End, b.runs[0].Trigger = attack, attack, attack, attack, attack
		b.runs[0].Summary.Targets[0].Target, b.runs[0].Summary.Hint, b.runs[0].Summary.Targets[0].ErrClass = attack, attack, attack
	})
	for _, bad := range []string{"<script", "<img", `">alert`} {
		if strings.Contains(source, bad) {
			t.Errorf("the page has %s", bad)
		}
	}
	wellFormed(t, source)
}
