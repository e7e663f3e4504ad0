package ledger_test

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/ledger"
	schema "scored/sql/ledger"
)

// released holds the SHA-256 of every script that a ledger somewhere was made with.
var released = map[string]string{
	"0001_ledger.sql": "629896ce632576f7147376ab0c700faccd796364ef995f526894b362d8162481",
	"0002_daemon.sql": "9119a62abe2fc4174c13e7fd488b4b8c27c2a4170667acd28bcdf54794cec6d0",
}

func TestReleasedScriptsStayAsTheyWere(t *testing.T) {
	for name, want := range released {
		script, err := fs.ReadFile(schema.Schema, name)
		if got := fmt.Sprintf("%x", sha256.Sum256(script)); err != nil || got != want {
			t.Errorf("%s: got %s, %v: what is new belongs into a new script", name, got, err)
		}
	}
}

// first is what a ledger of version 1 holds, a row of every kind.
const first = `
	INSERT INTO runs (number, id, job, slot, as_of, attempt, version, started, ended, outcome, reason, summary, cut) VALUES
		(1, 'good', 'lead_scoring', NULL, 60000, 0, 60000000, 60100, 61000, 'ok', '',
			'{"run_id":"good","slot":"manual","version":60000000,"rows_read":3,"end":"ok"}', 0),
		(2, 'slot', 'lead_scoring', 120000, 120000, 0, 120000000, 120100, 121000, 'partial', '1 of 3',
			'{"run_id":"slot","slot":"1970-01-01T00:02:00Z","version":120000000,"end":"partial"}', 7),
		(3, 'dead', 'lead_scoring', NULL, 180000, 0, 180000000, 180100, 181000, 'interrupted', 'the process ended', NULL, 0),
		(4, 'open', 'lead_scoring', NULL, 240000, 0, 240000000, 240100, NULL, NULL, NULL, NULL, 0);
	INSERT INTO targets (number, job, name, identity, shape, late) VALUES (1, 'lead_scoring', 'salesforce', '00D000000000001', 'Lead: score', 5000);
	INSERT INTO confirmed (target, key, score, grade, model, version, doubted) VALUES
		(1, 'a', 10, 'A', 'm@1', 60000000, 0), (1, 'b', 20, 'B', 'm@1', 60000000, 1), (1, 'c', 30, 'C', 'm@1', 120000000, 0);
	INSERT INTO intents (target, key, run, score, grade, model, version, at) VALUES
		(1, 'c', 3, 31, 'C', 'm@1', 180000000, 180500), (1, 'd', 4, 40, 'D', 'm@1', 240000000, 240500);
	INSERT INTO rejected (run, row, key, reason) VALUES (2, 1, 'x', 'column income: missing');
	INSERT INTO refused (run, row, target, key, outcome, code, fields, message, created)
		VALUES (2, 1, 'salesforce', 'y', 'refused', 'FIELD_X', '["A__c"]', 'no', 0);`

// version1 makes a ledger as version 1 did.
func version1(t *testing.T) string {
	t.Helper()
	path := newPath(t)
	script, err := fs.ReadFile(schema.Schema, "0001_ledger.sql")
	check(t, err)
	execute(t, path, `PRAGMA journal_mode = WAL`)
	execute(t, path, string(script)+first+`; PRAGMA user_version = 1; PRAGMA application_id = 0x73637264`)
	return path
}

func TestALedgerOfVersion1KeepsAllItKnows(t *testing.T) {
	path := version1(t)
	l := open(t, path)
	if orphans := enter(t, l, job); !slices.Equal(orphans, []string{"open"}) {
		t.Errorf("got the orphans %q", orphans)
	}
	records, err := l.Runs(t.Context(), job, 10)
	check(t, err)
	var got []string
	for _, r := range records {
		got = append(got, fmt.Sprintf("%s %s %s %v %d %d", r.ID, r.Trigger, r.End, r.Slot.IsZero(), r.Version, r.Cut))
		if r.Summary != nil && (r.Summary.ID != r.ID || r.Summary.Trigger != r.Trigger || r.Summary.Slot != "" || r.Summary.Version != r.Version) {
			t.Errorf("the summary of %s says %+v", r.ID, r.Summary)
		}
	}
	want := []string{"open manual interrupted true 240000000 0", "dead manual interrupted true 180000000 0",
		"slot manual partial true 120000000 7", "good manual ok true 60000000 0"}
	if !slices.Equal(got, want) || records[0].Summary != nil || records[3].Summary == nil || records[3].Summary.Read != 3 {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	known := []pipeline.Confirmed{
		{Key: "a", Score: 10, Grade: "A", Model: "m@1", Version: 60000000},
		{Key: "b", Score: 20, Grade: "B", Model: "m@1", Version: 60000000, Unsure: true},
		{Key: "c", Score: 30, Grade: "C", Model: "m@1", Version: 180000000, Unsure: true},
		{Key: "d", Version: 240000000, Unsure: true},
	}
	if got := confirmed(t, l); !reflect.DeepEqual(got, known) {
		t.Errorf("got  %+v\nwant %+v", got, known)
	}
	rejected, err := l.Rejected(t.Context(), "slot")
	check(t, err)
	refused, err := l.Refused(t.Context(), "slot")
	check(t, err)
	if len(rejected) != 1 || rejected[0].Key != "x" || len(refused) != 1 || refused[0].Code != "FIELD_X" {
		t.Errorf("got %+v and %+v", rejected, refused)
	}
	if at, err := l.Unsettled(t.Context(), job, target); err != nil || at.IsZero() {
		t.Errorf("unsettled since %v, %v", at, err)
	}
	if differs, err := l.Shaped(t.Context(), job, target, "Lead: grade"); err != nil || !differs {
		t.Errorf("its shape is lost (%v)", err)
	}
	if err := l.CheckBound(t.Context(), job, target, "00D000000000002"); pipeline.ClassOf(err) != pipeline.Configuration {
		t.Errorf("whose it is, is lost (%v)", err)
	}
	if n := query(t, path, `SELECT group_concat(id) FROM runs WHERE kept`); n != "good,slot" {
		t.Errorf("the runs with rows to be dropped one day are %q", n)
	}
	worksOn(t, l, "a", "b", "c", "d")
}

// second is what a ledger of version 2 holds beside: what a backfill filled, what was found by the newest sweep, rows to drop.
const second = `
	UPDATE targets SET swept = 120000000;
	UPDATE confirmed SET filled = key = 'a', sweep = 120000000 * (key = 'b');
	UPDATE runs SET published = 1 WHERE id = 'good';
	INSERT INTO jobs (name, accounted, seen) VALUES ('lead_scoring', 120000, 'x');
	INSERT INTO slots (job, first, last, count, fate, reason, run, at) VALUES ('lead_scoring', 120000, 120000, 1, 'run', '', 'slot', 121000);
	INSERT INTO lines (run, row, line) VALUES (2, 1, 'line');`

// version2 makes a ledger as version 2 did.
func version2(t *testing.T) string {
	t.Helper()
	path := version1(t)
	script, err := fs.ReadFile(schema.Schema, "0002_daemon.sql")
	check(t, err)
	execute(t, path, string(script)+second+`; PRAGMA user_version = 2`)
	return path
}

func TestALedgerOfVersion2KeepsAllItKnows(t *testing.T) {
	l := open(t, version2(t))
	enter(t, l, job)
	known := []pipeline.Confirmed{
		{Key: "a", Score: 10, Grade: "A", Model: "m@1", Version: 60000000, Filled: true},
		{Key: "b", Score: 20, Grade: "B", Model: "m@1", Version: 60000000, Unsure: true},
		{Key: "c", Score: 30, Grade: "C", Model: "m@1", Version: 180000000, Unsure: true},
		{Key: "d", Version: 240000000, Unsure: true},
	}
	if got := confirmed(t, l); !reflect.DeepEqual(got, known) {
		t.Errorf("got  %+v\nwant %+v", got, known)
	}
	if c := cursor(t, l); !c.Accounted.Equal(time.UnixMilli(120000)) || c.Seen != "x" {
		t.Errorf("got %+v", c)
	}
	if lines, err := l.Lines(t.Context(), "slot"); err != nil || len(lines) != 1 {
		t.Errorf("got %q, %v", lines, err)
	}
	check(t, l.Settle(t.Context(), "open", target, outcomes(pipeline.Accepted, "d")))
	if got := confirmed(t, l)[3]; got.Unsure || got.Score != 40 || got.Model != "m@1" {
		t.Errorf("an intent of before became %+v", got)
	}
	run := begin(t, l, 0)
	intend(t, l, run, change("a", 1), change("d", 2))
	confirm(t, l, run, pipeline.Accepted, "a", "d")
	var got []string
	for _, w := range written(t, l, run.ID) {
		got = append(got, fmt.Sprintf("%s %d %s %v", w.Key, w.Before.Score, w.Origin.Model, w.Origin.ScoredAt.UnixMilli()))
	}
	if want := []string{"a 10 m@1 60000", "d 40 m@1 240100"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// worksOn makes a run of every step that a daemon takes, and settles the keys.
func worksOn(t *testing.T, l *ledger.Ledger, keys ...string) {
	t.Helper()
	if c := cursor(t, l); c != (pipeline.Cursor{}) {
		t.Errorf("its schedule stands at %+v", c)
	}
	run := request(t, l, pipeline.Request{Trigger: pipeline.Scheduled, Slot: asOf, AsOf: asOf})
	var changes []pipeline.Change
	for _, key := range keys {
		changes = append(changes, change(key, 99))
	}
	check(t, l.Sweep(t.Context(), run, target))
	intend(t, l, run, changes...)
	confirm(t, l, run, pipeline.Accepted, keys...)
	check(t, l.Finish(t.Context(), &pipeline.Summary{ID: run.ID, End: pipeline.OK}, nil, nil, []string{"line"}))
	span := pipeline.Span{First: asOf, Last: asOf, Count: 1, Fate: pipeline.Ran, RunID: run.ID}
	check(t, l.Account(t.Context(), job, asOf, []pipeline.Span{span}))
	if c := cursor(t, l); !c.Accounted.Equal(asOf) || !c.Tried.Equal(asOf) || c.Tries != 1 {
		t.Errorf("got %+v", c)
	}
	for _, c := range confirmed(t, l) {
		if c.Score != 99 || c.Unsure || c.Version != run.Version {
			t.Errorf("got %+v", c)
		}
	}
	unpublished, err := l.Unpublished(t.Context(), job, 10)
	check(t, err)
	check(t, l.Published(t.Context(), ids(unpublished)))
	if len(unpublished) != 5 {
		t.Errorf("got %q", ids(unpublished))
	}
}

func TestReadOnlyDoesNotMigrate(t *testing.T) {
	path := version1(t)
	l, err := ledger.OpenReadOnly(path)
	if pipeline.ClassOf(err) != pipeline.TryAgain || !strings.Contains(err.Error(), "its schema is version 1, this program reads 4") ||
		!strings.Contains(pipeline.HintOf(err), "make a run with this version of scored") {
		t.Errorf("got %v, %v (class %d, hint %q)", l, err, pipeline.ClassOf(err), pipeline.HintOf(err))
	}
	if v := query(t, path, `PRAGMA user_version`); v != "1" {
		t.Errorf("it is of version %s now", v)
	}
	check(t, open(t, path).Close())
	ro, err := ledger.OpenReadOnly(path)
	check(t, err)
	check(t, ro.Close())
}

func TestMayBeUpgradedByManyAtOnce(t *testing.T) {
	const many = 3
	var children []*process
	for range many {
		children = append(children, start(t, "open", ""))
	}
	for range 10 {
		path := version1(t)
		for _, c := range children {
			c.tell(t, path)
		}
		here := make(chan error, 1)
		go func() { here <- openAndWrite(path, job) }() // a goroutine beside the processes
		check(t, <-here)
		for _, c := range children {
			c.line(t)
		}
		l := open(t, path)
		if jobs, runs := count(t, l, "jobs"), count(t, l, "runs"); jobs != many+1 || runs != 4 {
			t.Fatalf("%d of %d writes and %d of 4 runs are there", jobs, many+1, runs)
		}
		check(t, l.Close())
	}
	for _, c := range children {
		c.end(t)
	}
}

// What fails in the middle leaves the old version, whole.
func TestAnUpgradeIsWholeOrNotAtAll(t *testing.T) {
	path := version1(t)
	execute(t, path, `CREATE TABLE slots (x)`)
	if l, err := ledger.Open(path); err == nil || !strings.Contains(err.Error(), "apply 0002_daemon.sql") {
		t.Errorf("got %v, %v", l, err)
	}
	if v, cause := query(t, path, `PRAGMA user_version`), query(t, path, `SELECT count(*) FROM pragma_table_info('runs') WHERE name = 'cause'`); v != "1" || cause != "0" {
		t.Errorf("version %s, with %s of the new columns", v, cause)
	}
	execute(t, path, `DROP TABLE slots`)
	l := open(t, path)
	if r, ok, err := l.Run(t.Context(), "good"); err != nil || !ok || !r.Started.Equal(time.UnixMilli(60100)) {
		t.Errorf("got %+v, %v, %v", r, ok, err)
	}
}
