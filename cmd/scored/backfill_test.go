package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"scored/cmd/sandbox/world"
	"scored/pipeline"
	"scored/pipeline/ledger"
	"scored/sinks/salesforce/fakeorg"
)

func TestABackfillFillsTheHistoryWindowByWindow(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	from := midnight(w, 2)
	scored(t, "pause", leads, "-c", c).want(t, exitOK) // which holds the scheduler only
	r := scored(t, "backfill", leads, "-c", c, "--from", stamp(from), "--to", stamp(from.Add(day)), "--step", "8h").
		want(t, exitOK, "3 windows of 8h, 3 to make", "3/3 as of "+stamp(from.Add(day)), "3 ok, 0 partial, 0 failed")
	appended := 0
	for _, s := range r.summaries(t) {
		if s.Trigger != pipeline.Fill || s.History == nil {
			t.Fatalf("%+v", s)
		}
		appended += s.History.Accepted
	}
	if !strings.Contains(r.out, fmt.Sprintf("%d scores were appended to the history", appended)) {
		t.Errorf("%d scores were appended, and it says\n%s", appended, r.out)
	}
	for end := from.Add(8 * time.Hour); !end.After(from.Add(day)); end = end.Add(8 * time.Hour) {
		historyAgrees(t, w, c, end)
	}
	held := leadScores(w)
	for key, want := range computed(t, c, from.Add(day)) {
		if held[key] != want {
			t.Errorf("lead %s holds %q and not the last window's %s", key, held[key], want)
		}
	}
}

func TestABackfillThatFillsLeavesScoredLeadsAlone(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	from := midnight(w, 10)
	scored(t, "run", leads, "-c", c, "--as-of", stamp(from)).want(t, exitOK)
	before := leadScores(w)
	stretch := []string{"backfill", leads, "-c", c, "--from", stamp(from), "--to", stamp(from.Add(10 * day)), "--step", "5d"}
	r := scored(t, stretch...).want(t, exitOK, "kept an older score: --deliver would replace it")
	if r.summaries(t)[0].Kept == 0 {
		t.Error("no lead has another score five days later: this shows nothing")
	}
	filled := differing(before, leadScores(w))
	now := computed(t, c, from.Add(10*day))
	for key := range filled {
		if before[key] != "" {
			t.Errorf("lead %s had %s, and was given another score", key, before[key])
		}
	}
	for key, want := range now {
		if before[key] == "" && leadScores(w)[key] != want {
			t.Errorf("lead %s had no score, and has %q now and not %s", key, leadScores(w)[key], want)
		}
	}
	if len(filled) == 0 {
		t.Error("no lead arrived in ten days: this shows nothing")
	}

	// What the live run and the filling one have is not what --deliver promises.
	scored(t, append(stretch, "--deliver")...).want(t, exitOK, "2 to make")
	for key, want := range now {
		if leadScores(w)[key] != want {
			t.Errorf("after --deliver lead %s has %q and not %s", key, leadScores(w)[key], want)
		}
	}
}

func TestAnOlderScoreNeverReplacesANewerOne(t *testing.T) {
	w := newWorld(t)
	c := daysApart(t)
	scored(t, "run", leads, "-c", c, "--as-of", stamp(midnight(w, 9))).want(t, exitOK)
	if s := scored(t, "run", leads, "-c", c).want(t, exitOK).summary(t); s.Unchanged == 0 {
		t.Fatal("no score is as it was: this would not show that a look without a change counts")
	}
	before := leadScores(w)
	for i, mode := range []string{"--deliver", "--deliver=false"} { // the second one as of yet older days
		from := midnight(w, 2*i+2)
		r := scored(t, "backfill", leads, "-c", c, "--from", stamp(from), "--to", stamp(from.Add(2*day)), "--step", "1d", mode).want(t, exitOK)
		superseded := 0
		for _, s := range r.summaries(t) {
			if superseded += s.Superseded; s.History.Accepted == 0 {
				t.Errorf("run %s appended nothing to the history", s.ID)
			}
		}
		if text := fmt.Sprintf("%d scores were superseded: the target holds newer ones", superseded); superseded == 0 || !strings.Contains(r.out, text) {
			t.Errorf("%s does not say %q but\n%s", mode, text, r.out)
		}
		for key := range differing(before, leadScores(w)) {
			if before[key] != "" {
				t.Errorf("%s: lead %s had %s and was overwritten by an older score", mode, key, before[key])
			}
		}
		historyAgrees(t, w, c, from.Add(day))
		historyAgrees(t, w, c, from.Add(2*day))
	}
}

func TestABackfillMakesWhatIsMissingOrFailed(t *testing.T) {
	w := newWorld(t)
	from := midnight(w, 5)
	at := func(days int) string { return stamp(from.Add(time.Duration(days) * day)) }
	c := config(t)
	broken := config(t, "../sql/dataprep/lead_scoring.sql", scriptSince(t, from.Add(2*day)))
	stretch := func(c string, from, to int) []string {
		return []string{"backfill", leads, "-c", c, "--from", at(from), "--to", at(to), "--step", "1d"}
	}
	scored(t, stretch(broken, 0, 3)...).want(t, exitFailed, "1/3 as of "+at(1)+": failed: ", "returned no rows",
		"3 windows: 2 ok, 0 partial, 1 failed, 0 interrupted, 0 not begun; 0 were done before",
		"to go on: scored backfill lead_scoring -c "+broken+" --from "+at(0)+" --to "+at(3)+" --step 1d\n")
	listed := scored(t, append(stretch(c, 0, 4), "--dry-run")...).want(t, exitOK, "4 windows of 1d, 2 to make",
		at(0)+" to "+at(1)+": to make, lead_scoring-", "failed before: ", at(1)+" to "+at(2)+": left, done by lead_scoring-",
		at(3)+" to "+at(4)+": to make, no run was begun\n")
	if lines := strings.Count(listed.out, "\n"); lines != 5 {
		t.Errorf("%d lines for 4 windows and their sum:\n%s", lines, listed.out)
	}
	missing := scored(t, append(stretch(c, 0, 4), "--mode", "missing", "--dry-run")...).want(t, exitOK, "4 windows of 1d, 1 to make",
		at(0)+" to "+at(1)+": left, lead_scoring-", "failed before: ", at(3)+" to "+at(4)+": to make, no run was begun\n")
	if strings.Count(missing.out, "left, ") != 3 {
		t.Errorf("it lists\n%s", missing.out)
	}
	scored(t, append(stretch(c, 0, 3), "--mode", "missing")...).want(t, exitOK, "nothing to do: all 3 windows were begun before; --mode failed makes those again that failed")
	r := scored(t, stretch(c, 0, 4)...).want(t, exitOK, "4 windows of 1d, 2 to make", "2 windows: 2 ok", "2 were done before")
	var made []string
	for _, s := range r.summaries(t) {
		made = append(made, stamp(s.AsOf))
	}
	if want := []string{at(1), at(4)}; !slices.Equal(made, want) {
		t.Errorf("made %v, want %v", made, want)
	}
	done := scored(t, stretch(c, 0, 4)...).want(t, exitOK, "nothing to do: all 4 windows were done before; --mode all makes them again")
	if len(done.summaries(t)) != 0 {
		t.Error("a backfill that is done made runs")
	}
	scored(t, append(stretch(c, 0, 4), "--mode", "all", "--dry-run")...).want(t, exitOK, "4 to make", "to make again, done by")
	if n := len(scored(t, append(stretch(c, 3, 4), "--mode", "all")...).want(t, exitOK, "1 to make").summaries(t)); n != 1 {
		t.Errorf("--mode all made %d runs of one window", n)
	}
}

func TestABackfillOfMissingWindowsGoesOnWithThoseThatFailed(t *testing.T) {
	w := newWorld(t)
	from := midnight(w, 5)
	broken := config(t, "../sql/dataprep/lead_scoring.sql", scriptSince(t, from.Add(2*day)))
	scored(t, "backfill", leads, "-c", broken, "--from", stamp(from), "--to", stamp(from.Add(2*day)), "--step", "1d", "--mode", "missing").
		want(t, exitFailed, "1 failed", "to go on: scored backfill lead_scoring -c "+broken+" --from "+stamp(from)+" --to "+stamp(from.Add(2*day))+" --step 1d\n")
}

func TestABackfillGivesUpWhereTheNextWindowWouldFailToo(t *testing.T) {
	w := newWorld(t)
	script := "../sql/dataprep/lead_scoring.sql"
	from := midnight(w, 6)
	for _, tt := range []struct {
		name        string
		script      string
		code, begun int
		texts       []string
	}{
		{"three failures in a row", scriptSince(t, w.Loaded.Add(day)), exitFailed, 3, []string{"returned no rows", "3 failed, 0 interrupted, 3 not begun"}},
		{"something that must be edited", edited(t, "../../"+script[3:], "w.budget ", "w.bugdet "), exitConfiguration, 1,
			[]string{"bugdet", "1 failed, 0 interrupted, 5 not begun", "  -> "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := config(t, script, tt.script)
			r := scored(t, "backfill", leads, "-c", c, "--from", stamp(from), "--to", stamp(from.Add(6*day)), "--step", "1d").want(t, tt.code, tt.texts...)
			if n := len(r.summaries(t)); n != tt.begun {
				t.Errorf("%d windows were begun, want %d", n, tt.begun)
			}
			r.want(t, tt.code, "to go on: scored backfill lead_scoring -c "+c+" --from "+stamp(from))
		})
	}
}

func TestABackfillWithRefusedRowsIsPartial(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	from := midnight(w, 2)
	keys := slices.Sorted(maps.Keys(computed(t, c, from.Add(day))))
	w.Org.Inject(fakeorg.Fault{Method: http.MethodPatch, Times: -1,
		Rows: map[string]fakeorg.RowError{keys[0]: {Code: "FIELD_CUSTOM_VALIDATION_EXCEPTION", Message: "not today"}}})
	stretch := []string{"backfill", leads, "-c", c, "--from", stamp(from), "--to", stamp(from.Add(day)), "--step", "1d"}
	scored(t, stretch...).want(t, exitPartial, "1/1 as of "+stamp(from.Add(day))+": partial", "1 of ", "0 ok, 1 partial")
	scored(t, stretch...).want(t, exitOK, "nothing to do")
}

func TestADryBackfillWritesNothingAndConnectsNowhere(t *testing.T) {
	w := newWorld(t)
	t.Setenv("SCORED_WAREHOUSE_URL", "postgres://nobody@127.0.0.1:1/none")
	t.Setenv("SCORED_SALESFORCE_LOGIN_URL", "http://127.0.0.1:1")
	from := midnight(w, 2)
	stretch := []string{"backfill", leads, "-c", config(t), "--from", stamp(from), "--to", stamp(from.Add(day)), "--step", "6h"}
	scored(t, append(stretch, "--dry-run")...).want(t, exitOK, stamp(from)+" to "+stamp(from.Add(6*time.Hour))+": to make, no run was begun\n", "nothing was written")
	left, err := os.ReadDir(w.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range left {
		if strings.HasPrefix(entry.Name(), "ledger") {
			t.Errorf("a dry run made %s", entry.Name())
		}
	}
	t.Setenv("SCORED_WAREHOUSE_CONNECT_PATIENCE", "1ms")
	scored(t, append(stretch[:len(stretch)-1], "1d")...).want(t, exitTryAgain, "connect")
}

func TestWhichRunsDoForAWindow(t *testing.T) {
	history := &pipeline.TargetSummary{}
	run := func(trigger pipeline.Trigger, end pipeline.End, h *pipeline.TargetSummary) pipeline.Record {
		return pipeline.Record{Run: pipeline.Run{Trigger: trigger}, End: end, Summary: &pipeline.Summary{End: end, History: h}}
	}
	brokeOff := run(pipeline.Backfill, pipeline.Partial, history)
	brokeOff.Summary.Targets = []pipeline.TargetSummary{{Target: "salesforce", Error: "503"}}
	short := func(trigger pipeline.Trigger) pipeline.Record {
		r := run(trigger, pipeline.Partial, history)
		r.Summary.Deferred = 1
		return r
	}
	for _, tt := range []struct {
		name                   string
		run                    pipeline.Record
		fill, deliver, without bool // without: for a backfill that fills, where no history is kept
	}{
		{"a slot's", run(pipeline.Scheduled, pipeline.OK, history), true, true, true},
		{"one by hand", run(pipeline.Manual, pipeline.OK, history), true, true, true},
		{"one with rejected rows", run(pipeline.Scheduled, pipeline.Partial, history), true, true, true},
		{"a filling one", run(pipeline.Fill, pipeline.OK, history), true, false, true},
		{"a delivering one", run(pipeline.Backfill, pipeline.Partial, history), true, true, true},
		{"one that failed", run(pipeline.Scheduled, pipeline.Failed, history), false, false, false},
		{"one that was stopped", run(pipeline.Backfill, pipeline.Interrupted, nil), false, false, false},
		{"one of before there was a history", run(pipeline.Scheduled, pipeline.OK, nil), false, false, true},
		{"one that did not get into the history", run(pipeline.Scheduled, pipeline.Partial, &pipeline.TargetSummary{Error: "disk"}), false, false, false},
		{"one that the API budget cut short, of a slot: the next slot sends the rest", short(pipeline.Scheduled), true, true, true},
		{"the same of a backfill: nobody sends the rest", short(pipeline.Backfill), false, false, false},
		{"the same of a backfill that fills", short(pipeline.Fill), false, false, false},
		{"an undo", run(pipeline.Undo, pipeline.OK, history), false, false, false},
		{"one whose target broke off", brokeOff, false, false, false},
		{"one that is going on", pipeline.Record{}, false, false, false},
		{"one that died", pipeline.Record{End: pipeline.Interrupted}, false, false, false},
	} {
		kept := &job{runner: &pipeline.Runner{Keep: &pipeline.Keep{}}}
		fill, deliver, without := backfill{job: kept}, backfill{job: kept, deliver: true}, backfill{job: &job{runner: &pipeline.Runner{}}}
		if fill.suffices(tt.run) != tt.fill || deliver.suffices(tt.run) != tt.deliver || without.suffices(tt.run) != tt.without {
			t.Errorf("%s does for filling: %v, for delivering: %v, without a history: %v",
				tt.name, fill.suffices(tt.run), deliver.suffices(tt.run), without.suffices(tt.run))
		}
	}
}

func TestBackfillUsage(t *testing.T) {
	c := config(t)
	for _, tt := range []struct {
		args  string
		texts []string
	}{
		{"", []string{"wants the name of one job"}},
		{"a b", []string{"wants the name of one job"}},
		{leads, []string{"--step"}},
		{leads + " --step 1d", []string{"--from"}},
		{leads + " --from 2026-01-01 --to 2026-01-02 --step 7h", []string{"divides a day", "6h or 8h"}},
		{leads + " --from 2026-01-01T00:10:00Z --to 2026-01-02 --step 15m", []string{"2026-01-01T00:00:00Z and 2026-01-01T00:15:00Z"}},
		{leads + " --from 2026-01-01 --to 2999-01-01 --step 15m", []string{"in the future"}},
		{leads + " --from 2026-01-01 --to 2026-02-01 --step 1m", []string{"44640 windows", "--step of 5m or more"}},
		{leads + " --from 2026-01-01 --to 2026-01-02 --step 1d --forwards", []string{"forwards"}},
		{leads + " --from 2026-01-01 --to 2026-01-02 --step 1d --mode again", []string{"--mode again is not one of missing, failed, all"}},
		{leads + " --from 2026-01-01 --to 2026-01-02 --step 1d --concurrency 0", []string{"--concurrency 0 is not from 1 to 8"}},
		{leads + " --from 2026-01-01 --to 2026-01-02 --step 1d --concurrency 9", []string{"--concurrency 9 is not from 1 to 8"}},
		{leads + " --from 2026-01-01 --to 2026-01-02 --step 1d --duty 0", []string{"--duty 0 is not a percentage from 1 to 100"}},
		{leads + " --from 2026-01-01 --to 2026-01-02 --step 1d --duty 101", []string{"--duty 101"}},
		{"nobody --from 2026-01-01 --to 2026-01-02 --step 1d", []string{`no job "nobody"`, leads}},
	} {
		scored(t, append([]string{"backfill", "-c", c}, strings.Fields(tt.args)...)...).want(t, exitUsage, tt.texts...)
	}
}

func TestTheBarOfABackfill(t *testing.T) {
	var screen bytes.Buffer
	c := &console{errOut: &screen, live: true}
	c.out = aside{c, &screen}
	c.windows(3, 96, "about 12 min left")
	for _, text := range []string{"about 12 min left", "(3/96)"} {
		if !strings.Contains(screen.String(), text) {
			t.Errorf("the bar %q lacks %q", screen.String(), text)
		}
	}
	fmt.Fprintln(c.out, "4/96 failed")
	if lines := strings.Split(screen.String(), "\r"); lines[len(lines)-1] != "4/96 failed\n" {
		t.Errorf("a line does not have its place to itself: %q", screen.String())
	}
	plain := &console{errOut: &screen}
	screen.Reset()
	if plain.windows(3, 96, ""); screen.Len() != 0 {
		t.Errorf("a bar where there is no terminal: %q", screen.String())
	}
}

func TestEstimatesAreRough(t *testing.T) {
	for d, want := range map[time.Duration]string{
		1500 * time.Millisecond: "2 s", 89 * time.Second: "89 s", 100 * time.Second: "2 min", 12 * time.Minute: "12 min", 150 * time.Minute: "2.5 h",
	} {
		if got := roughly(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

// midnight returns the begin of a day some days before the day up to which the world is loaded.
func midnight(w *world.World, days int) time.Time { return w.Loaded.Truncate(day).AddDate(0, 0, -days) }

// scriptSince writes a dataprep script that gives no rows as of any instant before the given one.
func scriptSince(t *testing.T, since time.Time) string {
	t.Helper()
	return edited(t, "../../sql/dataprep/lead_scoring.sql", "ORDER BY o.lead_key;",
		fmt.Sprintf("WHERE :as_of >= TIMESTAMP '%s'\nORDER BY o.lead_key;", since.Format(time.DateTime)))
}

func ledgerRuns(t *testing.T, w *world.World) []pipeline.Record {
	t.Helper()
	l, err := ledger.OpenReadOnly(filepath.Join(w.Dir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	runs, err := l.Runs(t.Context(), "", 100)
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

// summaries returns the summary lines of all runs.
func (r result) summaries(t *testing.T) (found []pipeline.Summary) {
	t.Helper()
	for line := range strings.Lines(r.log) {
		var s struct {
			Msg string `json:"msg"`
			pipeline.Summary
		}
		if json.Unmarshal([]byte(line), &s) == nil && s.Msg == "run ended" {
			found = append(found, s.Summary)
		}
	}
	return found
}
