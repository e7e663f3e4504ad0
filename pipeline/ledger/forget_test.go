package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/ledger"
)

const (
	person    = `K4n-"ä<7>` // written differently in SQL, in JSON and in quotes
	neighbour = person + "0"
	other     = "price_alert"
)

// known fills every table with the person, and with a neighbour whose key begins alike.
func known(t *testing.T, l *ledger.Ledger, job string, minutes int) *pipeline.Run {
	t.Helper()
	check(t, l.Bind(t.Context(), job, target, org))
	at := func(minutes int) *pipeline.Run {
		run, err := l.Begin(t.Context(), job, pipeline.Request{Trigger: pipeline.Manual, AsOf: asOf.Add(time.Duration(minutes) * time.Minute)})
		check(t, err)
		return run
	}
	end := func(run *pipeline.Run) {
		refused := []pipeline.RefusedRow{
			{Target: target, Outcome: pipeline.Outcome{Key: person, Status: pipeline.Refused, Class: pipeline.Rejected, Message: "no"}},
			{Target: target, Outcome: pipeline.Outcome{Key: neighbour, Status: pipeline.Refused, Class: pipeline.Rejected, Message: "the same as " + person + "."}},
			{Target: target, Outcome: pipeline.Outcome{Key: neighbour, Status: pipeline.Refused, Class: pipeline.Rejected, Message: "not " + neighbour}},
		}
		log := []string{
			`{"msg":"row rejected","key":` + asJSON(person) + `}`, `{"msg":"row rejected","key":` + asJSON(neighbour) + `}`,
			`{"msg":"run failed","error":` + asJSON(fmt.Sprintf("%q has no open intent", person)) + `}`,
		}
		s := &pipeline.Summary{ID: run.ID, Job: job, End: pipeline.Partial, Reason: fmt.Sprintf("%q is twice there", person),
			Targets: []pipeline.TargetSummary{{Target: target, Error: fmt.Sprintf("it sent %q and %q", person, neighbour)}}}
		check(t, l.Finish(t.Context(), s, []pipeline.Rejection{{Key: person, Reason: "r"}, {Key: neighbour, Reason: "r"}}, refused, log))
	}
	send := func(run *pipeline.Run, score int, ends ...pipeline.Outcome) {
		changes := []pipeline.Change{change(person, score), change(neighbour, score)}
		check(t, l.Intend(t.Context(), run, target, model, changes))
		check(t, l.Confirm(t.Context(), run, target, ends))
	}
	both := func(status pipeline.Status) []pipeline.Outcome {
		return []pipeline.Outcome{{Key: person, Status: status, Class: pipeline.Rejected, Message: "as " + person},
			{Key: neighbour, Status: status, Class: pipeline.Rejected, Message: "as " + person}}
	}
	run := at(minutes)
	send(run, 1, both(pipeline.Accepted)...)
	end(run)
	run = at(minutes + 1)
	send(run, 2, both(pipeline.Refused)...)
	end(run)
	run = at(minutes + 2)
	send(run, 3, both(pipeline.Unknown)...)
	end(run)
	return run
}

func asJSON(text string) string { return strings.ReplaceAll(fmt.Sprintf("%q", text), `\u00e4`, "ä") }

// holding counts the rows that hold a key, table by table.
func holding(t *testing.T, l *ledger.Ledger, key string) string {
	t.Helper()
	var counts []string
	for _, table := range []string{"confirmed", "details", "replaced", "intents", "quarantine", "refused", "rejected"} {
		text := query(t, l.Path(), `SELECT count(*) FROM `+table+` WHERE key = '`+key+`'`)
		counts = append(counts, table+" "+text)
	}
	return strings.Join(counts, ", ")
}

func TestForgetErasesAKeyFromEveryTable(t *testing.T) {
	l := fresh(t)
	enter(t, l, other)
	run := known(t, l, job, 0)
	known(t, l, other, 0)
	jobs, err := l.Jobs(t.Context())
	if err != nil || !slices.Equal(jobs, []string{job, other}) {
		t.Errorf("jobs are %q, %v", jobs, err)
	}
	before, beside := holding(t, l, neighbour), query(t, l.Path(), `SELECT count(*) FROM lines`)
	want := []ledger.Trace{
		{Job: job, What: "confirmed scores", Rows: 1}, {Job: job, What: "details of confirmed scores", Rows: 1},
		{Job: job, What: "scores kept for an undo", Rows: 1}, {Job: job, What: ledger.Unanswered, Rows: 1},
		{Job: job, What: "entries in quarantine", Rows: 1}, {Job: job, What: "rows that targets did not accept", Rows: 3},
		{Job: job, What: "rows that the contract rejected", Rows: 3}, {Job: job, What: "log lines", Rows: 6},
	}
	found, err := l.Traces(t.Context(), []string{job}, person, 0)
	if err != nil || !slices.Equal(found, want) {
		t.Errorf("it finds %+v, %v", found, err)
	}
	gone, err := l.Forget(t.Context(), []string{job}, person, 0)
	if err != nil || !slices.Equal(gone, want) {
		t.Errorf("it erased %+v, %v", gone, err)
	}
	if again, err := l.Forget(t.Context(), []string{job}, person, 0); len(again) > 0 || err != nil {
		t.Errorf("a second time it erased %+v, %v", again, err)
	}
	if after := holding(t, l, neighbour); after != before {
		t.Errorf("of the neighbour there was %s, and is %s", before, after)
	}
	if lines := query(t, l.Path(), `SELECT count(*) FROM lines`); beside != "18" || lines != "12" {
		t.Errorf("of %s lines %s are left", beside, lines)
	}
	r, _, err := l.Run(t.Context(), run.ID)
	check(t, err)
	if r.Reason != "(forgotten) is twice there" || r.Summary.Reason != r.Reason ||
		r.Summary.Targets[0].Error != fmt.Sprintf("it sent (forgotten) and %q", neighbour) {
		t.Errorf("the run's texts are %q and %+v", r.Reason, r.Summary)
	}
	refused, err := l.Refused(t.Context(), run.ID)
	if err != nil || len(refused) != 2 || refused[0].Message != "" || refused[1].Message != "not "+neighbour {
		t.Errorf("of the rows that were refused there is %+v, %v", refused, err)
	}
	waiting, err := l.Quarantine(t.Context(), job, "")
	if err != nil || len(waiting) != 1 || waiting[0].Message != "" {
		t.Errorf("in quarantine is %+v, %v", waiting, err)
	}
	if wrote := query(t, l.Path(), `SELECT group_concat(wrote) FROM runs WHERE job = '`+job+`'`); wrote != "1,0,0" {
		t.Errorf("the runs wrote %s: that is how many rows of theirs are kept", wrote)
	}
	if of := query(t, l.Path(), `SELECT count(*) FROM confirmed WHERE key = '`+person+`'`); of != "1" {
		t.Errorf("%s entries of the other job are left", of)
	}
}

// in says in which of the ledger's files the bytes stand.
func in(t *testing.T, l *ledger.Ledger, text string) (files []string) {
	t.Helper()
	for _, end := range []string{"", "-wal", "-shm"} {
		content, err := os.ReadFile(l.Path() + end)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte(text)) {
			files = append(files, "ledger"+end)
		}
	}
	return files
}

func TestWhatWasForgottenIsGoneFromTheFiles(t *testing.T) {
	l := fresh(t)
	daemon := open(t, l.Path()) // as a second process has it
	known(t, l, job, 0)
	_, err := l.Forget(t.Context(), []string{job}, neighbour, 0)
	check(t, err)
	if _, err = l.Forget(t.Context(), []string{job}, person, 0); err != nil || len(in(t, l, person)) == 0 {
		t.Errorf("before it is scrubbed, the files should still hold the key: %v", err)
	}
	check(t, l.Scrub(t.Context()))
	if files := in(t, l, "K4n-"); files != nil {
		t.Errorf("the key stands in %q", files)
	}
	check(t, daemon.Saw(t.Context(), other, "x"))
	if got := query(t, l.Path(), `PRAGMA integrity_check`); got != "ok" {
		t.Error(got)
	}
	if records, err := daemon.Runs(t.Context(), job, 10); err != nil || len(records) != 3 {
		t.Errorf("the daemon reads %d runs, %v", len(records), err)
	}
}

func TestScrubWaitsForWhoReads(t *testing.T) {
	l := fresh(t)
	reader := open(t, l.Path())
	known(t, l, job, 0)
	_, err := l.Forget(t.Context(), []string{job}, neighbour, 0)
	check(t, err)
	scrubbed := make(chan error, 1)
	for _, err := range reader.Confirmed(t.Context(), job, target) {
		check(t, err)
		_, err := l.Forget(t.Context(), []string{job}, person, 0)
		check(t, err)
		go func() { scrubbed <- l.Scrub(t.Context()) }()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := open(t, l.Path()).Scrub(ctx); !errors.Is(err, context.DeadlineExceeded) && !strings.Contains(fmt.Sprint(err), "interrupted") {
			t.Errorf("it does not wait for the reader: %v", err)
		}
	}
	check(t, <-scrubbed)
	if files := in(t, l, "K4n-"); files != nil {
		t.Errorf("the key stands in %q", files)
	}
}

func TestForgetWaitsForWritesThatMayArrive(t *testing.T) {
	l := fresh(t)
	run := begin(t, l, 0)
	intend(t, l, run, change(person, 1), change(neighbour, 1))
	journal := l.Journal(job, target)
	check(t, journal.Creating(t.Context(), run.ID))
	confirm(t, l, run, pipeline.Accepted, neighbour)
	finish(t, l, run)
	before := holding(t, l, person)
	refuses := func(late time.Duration, jobs []string, text string, class pipeline.Class) {
		t.Helper()
		_, err := l.Forget(t.Context(), jobs, person, late)
		if err == nil || !strings.Contains(err.Error(), text) || pipeline.ClassOf(err) != class || strings.Contains(err.Error(), person) {
			t.Errorf("got %v, want %q", err, text)
		}
		if after := holding(t, l, person); after != before {
			t.Errorf("there was %s, and is %s", before, after)
		}
	}
	refuses(0, []string{job}, "run "+run.ID+" handed to salesforce is not settled", pipeline.TryAgain)
	if _, err := l.Forget(t.Context(), []string{job}, neighbour, 0); err != nil {
		t.Errorf("one whose write was settled waits for another's: %v", err)
	}
	check(t, journal.Closed(t.Context(), run.ID, ""))
	refuses(time.Hour, []string{job}, "the write may still arrive", pipeline.TryAgain)
	if found, err := l.Traces(t.Context(), []string{job}, person, time.Hour); len(found) != 1 || pipeline.ClassOf(err) != pipeline.TryAgain {
		t.Errorf("a look says %+v, %v", found, err)
	}
	refuses(0, []string{job, other}, "was not entered", 0)
	gone, err := l.Forget(t.Context(), []string{job}, person, 0)
	if want := []ledger.Trace{{Job: job, What: ledger.Unanswered, Rows: 1}}; err != nil || !slices.Equal(gone, want) {
		t.Errorf("got %+v, %v", gone, err)
	}
}

func TestWhatForgetsNothingNeedsNoLedger(t *testing.T) {
	l, err := ledger.OpenReadOnly(newPath(t))
	check(t, err)
	defer l.Close()
	if found, err := l.Traces(t.Context(), []string{job}, person, 0); len(found) > 0 || err != nil {
		t.Errorf("%+v, %v", found, err)
	}
	if _, err := l.Forget(t.Context(), []string{job}, person, 0); err == nil {
		t.Error("it forgets in a ledger that is open read-only")
	}
	if err := l.Scrub(t.Context()); err == nil {
		t.Error("it scrubs a ledger that is open read-only")
	}
}
