package main

import (
	"database/sql"
	"encoding/json"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"scored/cmd/sandbox/world"
	"scored/cmd/scored/overlay"
	"scored/pipeline"
	"scored/sinks/salesforce/fakeorg"
)

const dataprep = "../sql/dataprep/lead_scoring.sql"

// bent is a config whose script has one part replaced.
func bent(t *testing.T, before, after string, more ...string) string {
	t.Helper()
	return config(t, append([]string{dataprep, edited(t, "../"+dataprep, before, after)}, more...)...)
}

// suspicions are scripts that give what a guard is there for, each with the check that finds it.
var suspicions = []struct {
	name, check, before, after string
	text                       string
}{
	{"an empty result", "rows", "ORDER BY o.lead_key;", "WHERE 1 = 0\nORDER BY o.lead_key;", "the dataprep script returned no rows"},
	{"a third of the rows", "rows", "ORDER BY o.lead_key;", "WHERE MOD(CAST(SUBSTRING(o.lead_key, 2) AS INTEGER), 3) = 0\nORDER BY o.lead_key;",
		"in the runs before: less than 70 % of them"},
	{"a join that doubles every row", "rejected", "ORDER BY o.lead_key;", "CROSS JOIN (SELECT 1 AS n UNION ALL SELECT 2) AS twice\nORDER BY o.lead_key;",
		"rows were rejected"},
	{"a column that is lost", "column", "    o.region,", "    CAST(NULL AS VARCHAR(64)) AS region,", "region is missing in 100 % of the rows"},
	{"a default in place of a value", "column", "l.distance_km <= 2000 THEN l.distance_km END", "l.distance_km <= 2000 THEN 5 END",
		"distance_km differs from one and the same value in only 0 % of the rows"},
	{"metres for kilometres", "column", "l.distance_km <= 2000 THEN l.distance_km END", "l.distance_km <= 2000 THEN 1000 * l.distance_km END",
		"in the runs before: more than 3 times as much, or as little"},
	{"scores that go to others", "changed", "SELECT\n    o.lead_key,", "SELECT\n    LEAD(o.lead_key, 20) OVER (ORDER BY o.lead_key) AS lead_key,",
		"of the scores at salesforce would change"},
	{"a top that is another", "top", "SELECT\n    o.lead_key,", "SELECT\n    LEAD(o.lead_key, 15) OVER (ORDER BY o.lead_key) AS lead_key,",
		"of the top tenth at salesforce would stay in it"},
	{"visits that were not loaded", "scores", "ON o.lead_key = e.lead_key\nWHERE e.nth = 1;", "ON o.lead_key = e.lead_key\nWHERE e.nth = 0;",
		"distributed otherwise than in the runs before"},
	{"a default in place of most values", "column", "l.distance_km <= 2000 THEN l.distance_km END",
		"l.distance_km <= 2000 THEN CASE WHEN MOD(CAST(SUBSTRING(l.lead_key, 2) AS INTEGER), 12) = 0 THEN l.distance_km ELSE 0 END END",
		"in the runs before: less than 25 % of that"},
	{"scores of which half go to others", "jumped", "SELECT\n    o.lead_key,",
		"SELECT\n    CASE WHEN MOD(CAST(SUBSTRING(o.lead_key, 2) AS INTEGER), 2) = 0 THEN o.lead_key ELSE " +
			"LEAD(o.lead_key) OVER (PARTITION BY MOD(CAST(SUBSTRING(o.lead_key, 2) AS INTEGER), 2) ORDER BY o.lead_key) END AS lead_key,",
		"would move by 20 or more, above 10 %"},
	{"keys of another form", "new", "SELECT\n    o.lead_key,", "SELECT\n    'X' || o.lead_key AS lead_key,", "never were sent to salesforce: 100 %"},
	{"leads that are lost", "left", "ORDER BY o.lead_key;", "WHERE MOD(CAST(SUBSTRING(o.lead_key, 2) AS INTEGER), 10) > 3\nORDER BY o.lead_key;",
		"would be cleared"},
}

// stays runs what must be held, and checks that nobody was asked for anything.
func stays(t *testing.T, w *world.World, config, check, text string) pipeline.Summary {
	t.Helper()
	before := leadScores(w)
	w.Org.ForgetRequests()
	r := scored(t, "run", leads, "-c", config).want(t, exitHeld, "held: ", text, "the guard has something against the run", "nothing was sent")
	s := r.summary(t)
	if n := len(w.Org.Requests()); n != 0 {
		t.Errorf("the org had %d requests: %+v", n, w.Org.Requests())
	}
	if changed := differing(before, leadScores(w)); len(changed) != 0 {
		t.Errorf("%d leads changed", len(changed))
	}
	found := false
	for _, f := range s.Findings {
		found = found || f.Check == check && strings.Contains(f.Text, text)
	}
	if !found || s.End != pipeline.Held || s.History != nil || len(s.Targets) != 0 || s.APICalls != 0 {
		t.Errorf("no finding of %s with %q in %+v; %d API calls, targets %+v, history %+v", check, text, s.Findings, s.APICalls, s.Targets, s.History)
	}
	return s
}

func TestASuspiciousRunIsHeldBeforeTheOrgIsAskedAnything(t *testing.T) {
	w := newWorld(t)
	clears := []string{"on_leave: keep", "on_leave: clear"}
	scored(t, "run", leads, "-c", config(t, clears...)).want(t, exitOK)
	for _, s := range suspicions {
		t.Run(s.name, func(t *testing.T) {
			stays(t, w, bent(t, s.before, s.after, clears...), s.check, s.text)
		})
	}
	r := scored(t, "run", leads, "--dry-run", "-c", bent(t, suspicions[3].before, suspicions[3].after, clears...))
	r.want(t, exitHeld, "would be held: region is missing in 100 % of the rows, and in ", "would change", "nothing was written")
	scored(t, "run", leads, "-c", config(t, clears...)).want(t, exitOK)
	scored(t, "release", "last", "-c", config(t, clears...)).want(t, exitUsage, "no held run waits")
}

// Much changes at midnight, where windows are days, and more after a downtime. Neither is a reason to wake anybody.
func TestMidnightAndALongDowntimeAreNotHeld(t *testing.T) {
	w := newWorld(t)
	c := config(t, "on_leave: keep", "on_leave: clear")
	midnight := w.Loaded.Truncate(24*time.Hour).AddDate(0, 0, -4)
	for _, at := range []time.Time{midnight.Add(-30 * time.Minute), midnight.Add(-15 * time.Minute), midnight, midnight.Add(15 * time.Minute),
		midnight.Add(72*time.Hour + 10*time.Hour)} {
		s := scored(t, "run", leads, "--as-of", stamp(at), "-c", c).want(t, exitOK).summary(t)
		t.Logf("as of %s: %d of %d changed", stamp(at), s.Changes, s.Scored)
	}
}

// What the org refused is not new when it is offered again, also if nothing else of it was ever confirmed.
func TestLeadsThatWereRefusedAreNotNewOnceTheyAreDue(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	refused := map[string]fakeorg.RowError{}
	for key := range computed(t, c, time.Now()) {
		if number, _ := strconv.Atoi(strings.TrimLeft(key, "L0")); number%5 < 2 {
			refused[key] = fakeorg.RowError{Code: "FIELD_CUSTOM_VALIDATION_EXCEPTION", Message: "no"}
		}
	}
	w.Org.Inject(fakeorg.Fault{Method: http.MethodPatch, Times: -1, Rows: refused})
	if s := scored(t, "run", leads, "-c", c).want(t, exitPartial).summary(t); 10*s.Refused < 3*s.Scored {
		t.Fatalf("%d of %d were refused", s.Refused, s.Scored)
	}
	waits := scored(t, "run", leads, "-c", c).want(t, exitOK).summary(t)
	w.Org.ClearFaults()
	db, err := sql.Open("sqlite", filepath.Join(w.Dir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `UPDATE quarantine SET last = last - 900000, next = next - 900000`); err != nil {
		t.Fatal(err)
	}
	if s := scored(t, "run", leads, "-c", c).want(t, exitOK).summary(t); s.Accepted < waits.Quarantined {
		t.Errorf("%d leads were due, and %d accepted", waits.Quarantined, s.Accepted)
	}
}

// A first run has the bundle's test period to be compared with, and no run.
func TestASuspiciousFirstRunIsHeld(t *testing.T) {
	w := newWorld(t)
	for _, s := range []struct{ name, check, before, after, text string }{
		{"a column that is lost", "column", "    o.region,", "    CAST(NULL AS VARCHAR(64)) AS region,", "of the model's reference"},
		{"visits that were not loaded", "scores", "ON o.lead_key = e.lead_key\nWHERE e.nth = 1;", "ON o.lead_key = e.lead_key\nWHERE e.nth = 0;",
			"than in the model's reference"},
	} {
		stays(t, w, bent(t, s.before, s.after, "max_shift: 0.5 ", "max_shift: 0.3 "), s.check, s.text)
	}
	scored(t, "run", leads, "-c", config(t)).want(t, exitOK)
}

// Another model has scored the leads before, and ranks them the other way round.
func TestANewModelThatDisagreesIsHeld(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	scored(t, "run", leads, "-c", c).want(t, exitOK)
	db, err := sql.Open("sqlite", filepath.Join(w.Dir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{
		`UPDATE runs SET profile = json_set(profile, '$.model', 'lead_scoring@00000000')`,
		`UPDATE confirmed SET model = 'lead_scoring@00000000', score = 100 - score`,
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	s := stays(t, w, c, "top", "of the other model's top tenth at salesforce would stay in it, below 30 %")
	if s.Scored == 0 {
		t.Fatal("nothing was scored")
	}
	released := scored(t, "release", s.ID, "-c", c).want(t, exitOK, s.ID+" is released").summary(t)
	if released.Accepted != released.Scored {
		t.Errorf("%+v", released)
	}
	scored(t, "run", leads, "-c", c).want(t, exitOK)
}

func TestAReleasedRunIsMadeAgainAndComparedWith(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	scored(t, "run", leads, "-c", c).want(t, exitOK)
	lost := bent(t, suspicions[3].before, suspicions[3].after)
	first := stays(t, w, lost, "column", "region is missing")
	second := stays(t, w, lost, "column", "region is missing")
	scored(t, "runs", "-c", lost).want(t, exitOK, "held", "region is missing in 100 % of the rows")
	scored(t, "runs", "show", second.ID, "-c", lost).want(t, exitOK, "guard", "column: region is missing", "hint", "scored release "+second.ID)

	before := leadScores(w)
	s := scored(t, "release", "last", "-c", lost).want(t, exitOK, second.ID+" is released: runs are compared with its figures").summary(t)
	if changed := differing(before, leadScores(w)); s.Accepted == 0 || s.Accepted != len(changed) || s.Trigger != pipeline.Manual {
		t.Errorf("%d accepted, and %d leads changed: %+v", s.Accepted, len(changed), s)
	}
	if !s.AsOf.After(second.AsOf.Add(-time.Second)) || s.ID == second.ID {
		t.Errorf("the fresh run is %s, as of %s; the held one was as of %s", s.ID, s.AsOf, second.AsOf)
	}
	scored(t, "runs", "show", second.ID, "-c", lost).want(t, exitOK, "ruling", "released at ")
	scored(t, "runs", "-c", lost).want(t, exitOK, "held, released")
	r := scored(t, "runs", "show", second.ID, "--json", "-c", lost).want(t, exitOK)
	var shown struct{ Run struct{ End, Ruling string } }
	if err := json.Unmarshal([]byte(r.out), &shown); err != nil || shown.Run.Ruling != "released" || shown.Run.End != "held" {
		t.Errorf("shown as %+v, %v", shown, err)
	}
	scored(t, "release", second.ID, "-c", lost).want(t, exitUsage, "it is released already")
	scored(t, "release", first.ID, "-c", lost).want(t, exitUsage, "can't be released: it does not wait any more, as "+s.ID+" came after it")
	scored(t, "release", s.ID, "-c", lost).want(t, exitUsage, "it ended ok, and only a held run waits for that")
	scored(t, "release", "nobody", "-c", lost).want(t, exitUsage, `there is no run "nobody"`)
	scored(t, "release", "-c", lost).want(t, exitUsage, "release wants the id of one held run, or last, and got 0 arguments")
	scored(t, "run", leads, "-c", lost).want(t, exitOK) // as the one that was released
}

func TestADiscardedRunChangesNothing(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	scored(t, "run", leads, "-c", c).want(t, exitOK)
	lost := bent(t, suspicions[3].before, suspicions[3].after)
	s := stays(t, w, lost, "column", "region is missing")
	w.Org.ForgetRequests()
	scored(t, "discard", s.ID, "-c", lost).want(t, exitOK, s.ID+" is discarded; the next run of lead_scoring is judged beside the last good ones")
	if n := len(w.Org.Requests()); n != 0 {
		t.Errorf("the org had %d requests", n)
	}
	scored(t, "runs", "-c", lost).want(t, exitOK, "held, discarded")
	scored(t, "discard", s.ID, "-c", lost).want(t, exitUsage, "it is discarded already")
	scored(t, "release", "last", "-c", lost).want(t, exitUsage, "no held run waits")
	again := stays(t, w, lost, "column", "region is missing")
	empty := stays(t, w, bent(t, suspicions[0].before, suspicions[0].after), "rows", "returned no rows")
	scored(t, "release", empty.ID, "-c", lost).want(t, exitUsage, "no row of it was scored")
	scored(t, "discard", "last", "-c", lost).want(t, exitOK, empty.ID+" is discarded")
	scored(t, "discard", again.ID, "-c", lost).want(t, exitUsage, "it does not wait any more, as "+empty.ID+" came after it")
	scored(t, "run", leads, "-c", c).want(t, exitOK)
}

// The release of what was wrong can be taken back: by a ruling, and by undoing the run that it let pass.
func TestAReleaseIsTakenBack(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	scored(t, "run", leads, "-c", c).want(t, exitOK)
	lost := bent(t, suspicions[3].before, suspicions[3].after)
	for name, back := range map[string]func(released, fresh string){
		"discard": func(released, _ string) {
			scored(t, "discard", released, "-c", lost).want(t, exitOK, released+" is discarded; the next run of lead_scoring is judged beside the last good ones")
		},
		"undo": func(_, fresh string) {
			scored(t, "undo", fresh, "-c", lost).want(t, exitOK, "is paused")
		},
	} {
		t.Run(name, func(t *testing.T) {
			released := stays(t, w, lost, "column", "region is missing")
			fresh := scored(t, "release", "last", "-c", lost).want(t, exitOK, released.ID+" is released", "  column: region is missing in 100 % of the rows").summary(t)
			back(released.ID, fresh.ID)
			stays(t, w, lost, "column", "region is missing")
			scored(t, "runs", "show", released.ID, "-c", lost).want(t, exitOK, "discarded at ")
			scored(t, "run", leads, "-c", c).want(t, exitOK)
		})
	}
}

// What was run as of an earlier instant is no measure for the next run, and ends no waiting. If it is held, it can't be released, also
// where all that is newer was held.
func TestARunAsOfAnEarlierInstantEndsNoWaiting(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	lost := bent(t, suspicions[3].before, suspicions[3].after)
	scored(t, "run", leads, "--as-of", stamp(w.Loaded.Add(-2*time.Hour)), "-c", c).want(t, exitOK)
	s := stays(t, w, lost, "column", "region is missing")
	late := scored(t, "run", leads, "--as-of", stamp(w.Loaded.Add(-time.Hour)), "-c", lost).want(t, exitHeld, "region is missing",
		"nothing was sent of this instant in the past").summary(t)
	scored(t, "release", late.ID, "-c", c).want(t, exitUsage, "it is as of an earlier instant than the newest run")
	scored(t, "discard", late.ID, "-c", c).want(t, exitOK)
	scored(t, "run", leads, "--as-of", stamp(w.Loaded.Add(-3*time.Hour)), "-c", c).want(t, exitOK, "superseded")
	scored(t, "discard", "last", "-c", c).want(t, exitOK, s.ID+" is discarded")
}

// A window of a backfill may have any number of rows, but what replaces live scores is judged like them.
func TestABackfillIsHeldWhereAWindowIsWrong(t *testing.T) {
	w := newWorld(t)
	c := config(t)
	from := midnight(w, 3)
	third := bent(t, suspicions[1].before, suspicions[1].after)
	window := func(config string, more ...string) []string {
		return append([]string{"backfill", leads, "--from", stamp(from), "--to", stamp(from.Add(2 * day)), "--step", "1d", "-c", config}, more...)
	}
	scored(t, "run", leads, "--as-of", stamp(from), "-c", c).want(t, exitOK)
	scored(t, window(third)...).want(t, exitOK, "2 ok")
	lost := bent(t, suspicions[3].before, suspicions[3].after)
	for _, more := range [][]string{{"--mode", "all"}, {"--deliver"}} {
		before := leadScores(w)
		w.Org.ForgetRequests()
		r := scored(t, window(lost, more...)...).want(t, exitHeld, "1/2 as of "+stamp(from.Add(day))+": held: region is missing in 100 % of the rows",
			"1 not begun", "raise the limit in the job's guard and give the same command again", "to go on: ")
		if n := len(w.Org.Requests()); n != 0 || len(differing(before, leadScores(w))) != 0 || len(r.summaries(t)) != 1 {
			t.Errorf("%v: %d requests, %d leads changed, %d runs", more, n, len(differing(before, leadScores(w))), len(r.summaries(t)))
		}
		scored(t, "release", r.summary(t).ID, "-c", lost).want(t, exitUsage, "it is one of a backfill")
		scored(t, "release", "last", "-c", lost).want(t, exitUsage, "no held run waits")
	}
	scored(t, window(c, "--deliver")...).want(t, exitOK, "2 ok")
}

// The daemon says so, does not try the same slot again, and goes on with the next ones by itself when the data is right again.
func TestADaemonGoesOnAfterAHeldRun(t *testing.T) {
	w := newWorld(t)
	c := config(t, `cron: "*/15 * * * *"`, often)
	d := startDaemon(t, w, build(t), c)
	d.awaitMsg(0, "run ended")
	at := d.mark()
	if err := w.Cluster.Exec(t.Context(), "ALTER TABLE crm.leads RENAME TO leads_away; CREATE TABLE crm.leads AS SELECT * FROM crm.leads_away WHERE 1 = 0"); err != nil {
		t.Fatal(err)
	}
	first := d.await(at, "a held run", func(l line) bool { return l.Msg == "run ended" && l.End == pipeline.Held })
	second := d.await(d.mark(), "another held run", func(l line) bool { return l.Msg == "run ended" && l.End == pipeline.Held && l.Slot != first.Slot })
	if first.Level != "ERROR" || !strings.Contains(first.Reason, "returned no rows") {
		t.Errorf("it logged %s", first.text)
	}
	if strings.Contains(d.text(), "another attempt follows") {
		t.Error("a held run was tried again")
	}
	if _, page := d.get("/"); !strings.Contains(page, "is held, and waits for a person: the dataprep script returned no rows") {
		t.Errorf("the page says\n%s", page)
	}
	if _, metrics := d.get("/metrics"); !strings.Contains(metrics, `scored_runs_held{job="lead_scoring"} 1`) {
		t.Errorf("no metric of it in\n%s", metrics)
	}
	scored(t, "slots", leads, "-c", c).want(t, exitOK, "held: the dataprep script returned no rows", second.RunID)
	at = d.mark()
	if err := w.Cluster.Exec(t.Context(), "DROP TABLE crm.leads; ALTER TABLE crm.leads_away RENAME TO leads"); err != nil {
		t.Fatal(err)
	}
	d.await(at, "a good run", func(l line) bool { return l.Msg == "run ended" && l.End == pipeline.OK })
	if _, metrics := d.get("/metrics"); !strings.Contains(metrics, `scored_runs_held{job="lead_scoring"} 0`) {
		t.Error("the metric still tells of a run that waits")
	}
	d.stop()
}

// Built with a guard that finds nothing, the same runs write: without it, the tests above would fail.
func TestWithoutTheGuardTheSuspiciousRunWrites(t *testing.T) {
	w := newWorld(t)
	blind := withoutGuard(t)
	scored(t, "run", leads, "-c", config(t)).want(t, exitOK)
	for _, s := range suspicions {
		if s.check != "column" && s.check != "changed" { // the others would write as well; a run each is enough
			continue
		}
		before := leadScores(w)
		w.Org.ForgetRequests()
		cmd := w.Command(t.Context(), blind, "run", leads, "-c", bent(t, s.before, s.after))
		if text, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != exitOK && cmd.ProcessState.ExitCode() != exitPartial {
			t.Fatalf("%s: %v\n%s", s.name, err, text)
		}
		if len(w.Org.Requests()) == 0 || len(differing(before, leadScores(w))) == 0 {
			t.Errorf("%s: without the guard, %d requests and %d changed leads", s.name, len(w.Org.Requests()), len(differing(before, leadScores(w))))
		}
	}
}

// withoutGuard builds the product with a guard that looks, and finds nothing.
func withoutGuard(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	blind := overlay.Instead("pipeline/policy/guard.go", "return j.Verdict", "return pipeline.Verdict{}")
	description, err := overlay.Write(dir, "../..", []overlay.Edit{blind}, nil)
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "scored")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-overlay", description, "-o", binary, ".")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build without the guard: %v\n%s", err, text)
	}
	return binary
}
