package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
)

// replaced is an org after two runs: the second changed c and d and gave f its first score. It returns the record of the
// second, and a Runner that has neither source nor model.
func replaced(t *testing.T) (*memory, *org, *pipeline.Runner, *pipeline.Record) {
	t.Helper()
	ledger, sink, source := newMemory(), &org{}, five()
	r := runner(source, ledger)
	r.Targets = []pipeline.Target{whole(sink)}
	if _, err := r.Run(t.Context(), pipeline.Request{Trigger: pipeline.Scheduled, AsOf: asOf}); err != nil {
		t.Fatal(err)
	}
	source.rows = []row{{"a", 10}, {"b", 20}, {"c", 99}, {"d", 98}, {"e", 50}, {"f", 97}}
	s, err := r.Run(t.Context(), pipeline.Request{Trigger: pipeline.Scheduled, AsOf: asOf.Add(15 * time.Minute)})
	if err != nil || s.Accepted != 3 {
		t.Fatal(s, err)
	}
	ledger.calls, sink.written, sink.calls = nil, nil, 0
	r.Source, r.Model, r.Decide = nil, nil, nil
	undone := &pipeline.Record{Run: pipeline.Run{ID: s.ID, Job: s.Job, AsOf: s.AsOf, Version: s.Version}, Summary: s}
	return ledger, sink, r, undone
}

func TestAnUndoBringsBackWhatWasThere(t *testing.T) {
	var log bytes.Buffer
	ledger, sink, r, undone := replaced(t)
	r.Log = slog.New(slog.NewJSONHandler(&log, nil))
	plan, s, err := r.Undo(t.Context(), undone, false)
	if err != nil || s.End != pipeline.OK || s.Trigger != pipeline.Undo || s.Undone != undone.ID {
		t.Fatalf("%+v, %v", s, err)
	}
	if !slices.Equal(sink.written, []string{"c", "d", "f"}) || s.Changes != 3 || s.Accepted != 3 || s.Cleared != 1 {
		t.Errorf("sent %v, %+v", sink.written, s.Delivery)
	}
	if at := plan.Targets[0]; at.Target != "org" || at.Written != 3 || len(at.Changes) != 3 || at.Cleared != 1 || at.Overtaken != 0 || at.Gone != 0 {
		t.Errorf("plan %+v", at)
	}
	c, f := sink.changes["c"], sink.changes["f"]
	if c.Score.Score != 30 || c.Probability != 0.3 || c.Clear || *c.Origin != (pipeline.Origin{Model: "identity@00000000", ScoredAt: asOf}) {
		t.Errorf("c is %+v from %+v", c, c.Origin)
	}
	if f.Score != (pipeline.Score{Key: "f"}) || !f.Clear || f.Origin != nil {
		t.Errorf("a first score is %+v", f)
	}
	if s.AsOf != undone.AsOf || s.Version != undone.Version+1 || sink.held["c"] != s.Version {
		t.Errorf("as of %s, version %d; the org holds %d", s.AsOf, s.Version, sink.held["c"])
	}
	if got := ledger.confirmed["c"]; got.Score != 30 || got.Model != "identity@00000000" || !ledger.confirmed["f"].Cleared {
		t.Errorf("the ledger has %+v and %+v", got, ledger.confirmed["f"])
	}
	if want := []string{"begin", "bind 00D", "intend 3", "confirm 2", "confirm 1", "finish ok"}; !slices.Equal(ledger.calls, want) {
		t.Errorf("got  %v\nwant %v", ledger.calls, want)
	}
	for _, want := range []string{
		`"msg":"undo started","run_id":"` + s.ID + `","job":"lead_scoring","undone":"` + undone.ID,
		`"msg":"undo decided","run_id":"` + s.ID + `","job":"lead_scoring","target":"org","written":3,"changed":3,"cleared":1,"overtaken":0,"gone":0`,
		`"undone":"` + undone.ID + `"}`,
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %s in %s", want, log.String())
		}
	}
}

func TestOnlyWhatTheTargetStillHoldsOfTheRunIsUndone(t *testing.T) {
	_, sink, r, undone := replaced(t)
	sink.held["c"]++ // somebody wrote later
	delete(sink.held, "d")
	sink.edited = map[string]bool{"f": true}
	plan, s, err := r.Undo(t.Context(), undone, false)
	if err != nil || s.End != pipeline.OK || len(sink.written) != 0 {
		t.Errorf("ended %s, sent %v, %v", s.End, sink.written, err)
	}
	if at := plan.Targets[0]; at.Written != 3 || at.Overtaken != 2 || at.Gone != 1 || len(at.Changes) != 0 {
		t.Errorf("plan %+v", at)
	}
}

func TestADryUndoWritesNothing(t *testing.T) {
	ledger, sink, r, undone := replaced(t)
	sink.left = map[string][]pipeline.Outcome{"dead": {{Key: "a", Status: pipeline.Accepted}}}
	plan, s, err := r.Undo(t.Context(), undone, true)
	if err != nil || s != nil || len(plan.Targets[0].Changes) != 3 || plan.Targets[0].Changes[0].Score.Score != 30 {
		t.Errorf("plan %+v, summary %v, %v", plan, s, err)
	}
	if len(ledger.calls) != 0 || sink.calls != 0 || len(sink.written) != 0 || len(sink.left) != 1 {
		t.Errorf("the ledger was called %v; %d requests, sent %v", ledger.calls, sink.calls, sink.written)
	}
}

func TestARepeatedUndoDoesNothingAndAnUndoCanBeUndone(t *testing.T) {
	ledger, sink, r, undone := replaced(t)
	_, first, err := r.Undo(t.Context(), undone, false)
	if err != nil {
		t.Fatal(err)
	}
	sink.written = nil
	plan, second, err := r.Undo(t.Context(), undone, false)
	if err != nil || second.End != pipeline.OK || len(sink.written) != 0 || second.Changes != 0 || plan.Targets[0].Overtaken != 3 {
		t.Errorf("ended %s, sent %v, plan %+v, %v", second.End, sink.written, plan.Targets[0], err)
	}
	record := &pipeline.Record{Run: pipeline.Run{ID: first.ID, Job: first.Job, AsOf: first.AsOf, Version: first.Version}}
	if _, _, err := r.Undo(t.Context(), record, false); err != nil || !slices.Equal(sink.written, []string{"c", "d", "f"}) {
		t.Errorf("sent %v, %v", sink.written, err)
	}
	if ledger.confirmed["c"].Score != 99 || ledger.confirmed["f"].Score != 97 || ledger.confirmed["f"].Cleared {
		t.Errorf("the ledger has %+v and %+v", ledger.confirmed["c"], ledger.confirmed["f"])
	}
}

func TestAnUndoFinishesFirstWhatIsUnderWay(t *testing.T) {
	ledger, sink, r, undone := replaced(t)
	ledger.intents["e"], ledger.owners["e"] = pipeline.Change{Score: pipeline.Score{Key: "e", Score: 1}}, "dead"
	sink.left = map[string][]pipeline.Outcome{"dead": {{Key: "e", Status: pipeline.Accepted}}}
	if _, s, err := r.Undo(t.Context(), undone, false); err != nil || ledger.calls[1] != "settle 1 of dead" || s.Accepted != 3 {
		t.Errorf("the ledger was called %v; %+v, %v", ledger.calls, s.Delivery, err)
	}
	sink.leftErr, sink.written = errors.New("still going"), nil
	undone.ID, undone.Version = "lead_scoring-20261122T133000Z-1", undone.Version+1
	if _, s, err := r.Undo(t.Context(), undone, false); err == nil || s.End != pipeline.Failed || len(sink.written) != 0 {
		t.Errorf("ended %s, sent %v, %v", s.End, sink.written, err)
	}
}

func TestAnUndoIsPublishedAndKeepsNoScores(t *testing.T) {
	_, _, r, undone := replaced(t)
	h := newHistory()
	r.Keep = &pipeline.Keep{History: h}
	_, s, err := r.Undo(t.Context(), undone, false)
	if err != nil || len(h.written) != 0 || len(h.runs) != 1 || h.runs[0].ID != s.ID || h.runs[0].Summary.Undone != undone.ID {
		t.Errorf("the history got %v and %+v, %v", h.written, h.runs, err)
	}
}

func TestAnUndoIsNotRationed(t *testing.T) {
	_, sink, r, undone := replaced(t)
	sink.usage = pipeline.Usage{Used: 1000, Limit: 1000}
	r.Ration = func(pipeline.Budget, func(int) int, []pipeline.Change) []pipeline.Change { return nil }
	if _, s, err := r.Undo(t.Context(), undone, false); err != nil || s.Accepted != 3 {
		t.Errorf("%+v, %v", s.Delivery, err)
	}
}

func TestATargetThatCannotBeReadIsNotUndoneAndTheOthersAre(t *testing.T) {
	for _, dry := range []bool{true, false} {
		_, sink, r, undone := replaced(t)
		blind := &org{name: "blind"}
		r.Targets = append([]pipeline.Target{{Sink: blind}}, r.Targets...)
		plan, s, err := r.Undo(t.Context(), undone, dry)
		if pipeline.ClassOf(err) != pipeline.Configuration || !strings.Contains(err.Error(), "blind: the target's scores can't be read back") || len(blind.written) != 0 {
			t.Errorf("dry %t: %v, sent %v", dry, err, blind.written)
		}
		if len(plan.Targets) != 1 || len(plan.Targets[0].Changes) != 3 || !dry && (s.End != pipeline.Partial || len(sink.written) != 3) {
			t.Errorf("dry %t: plan %+v, sent %v", dry, plan, sink.written)
		}
	}
}

func TestAnUndoOfAnotherJobIsRefused(t *testing.T) {
	ledger, _, r, undone := replaced(t)
	undone.Job = "another"
	if _, s, err := r.Undo(t.Context(), undone, false); err == nil || s != nil || len(ledger.calls) != 0 {
		t.Errorf("%v, the ledger was called %v", err, ledger.calls)
	}
}

// under are values that may stand under the versions.
func under(versions ...int64) (stands []pipeline.Stand) {
	for _, v := range versions {
		stands = append(stands, pipeline.Stand{Version: v})
	}
	return stands
}

// wrote is a Ledger that says of itself what a run wrote.
type wrote struct {
	*memory
	rows []pipeline.Written
	err  error // behind them
}

func (w *wrote) Written(context.Context, string, string) iter.Seq2[pipeline.Written, error] {
	return func(yield func(pipeline.Written, error) bool) {
		for _, row := range w.rows {
			if !yield(row, nil) {
				return
			}
		}
		if w.err != nil {
			yield(pipeline.Written{}, w.err)
		}
	}
}

func TestALedgerThatCannotSayWhatWasBeforeUndoesNothing(t *testing.T) {
	for name, ledger := range map[string]*wrote{
		"it can't be read":         {rows: []pipeline.Written{{Key: "c", Version: 1, Stands: under(1)}}, err: errors.New("disk")},
		"a score without a model":  {rows: []pipeline.Written{{Key: "c", Version: 1, Stands: under(1), Before: &pipeline.Score{Score: 1}, Origin: &pipeline.Origin{}}}},
		"a score without a source": {rows: []pipeline.Written{{Key: "c", Version: 1, Stands: under(1), Before: &pipeline.Score{Score: 1}}}},
	} {
		memory, sink, r, undone := replaced(t)
		sink.held["c"] = 1
		ledger.memory = memory
		r.Ledger = ledger
		if _, s, err := r.Undo(t.Context(), undone, false); err == nil || s.End != pipeline.Failed || len(sink.written) != 0 {
			t.Errorf("%s: ended %s, sent %v, %v", name, s.End, sink.written, err)
		}
	}
}

func TestAnUndoAsksForBlocksOfKeys(t *testing.T) {
	memory, sink, r, undone := replaced(t)
	ledger := &wrote{memory: memory}
	r.Ledger = ledger
	for i := range 4_500 {
		key := fmt.Sprintf("k%04d", i)
		ledger.rows = append(ledger.rows, pipeline.Written{Key: key, Version: 7, Stands: under(7)})
		sink.held[key] = int64(7 + i%2)
	}
	sink.asked = 0
	plan, s, err := r.Undo(t.Context(), undone, false)
	if err != nil || s.Accepted != 2_250 || sink.asked != 4_500 || plan.Targets[0].Overtaken != 2_250 {
		t.Errorf("%+v, asked %d, %v", s.Delivery, sink.asked, err)
	}
	if !slices.IsSortedFunc(plan.Targets[0].Changes, func(a, b pipeline.Change) int { return strings.Compare(a.Key, b.Key) }) {
		t.Error("the changes are out of order")
	}
}

// To go back behind two runs, the later one is undone first: what that brings back stands under the undo's version.
func TestWhatAnUndoBroughtBackCanBeUndone(t *testing.T) {
	memory, sink, r, undone := replaced(t)
	later := undone.AsOf.Add(time.Hour)
	memory.standing = later.UnixMilli()*1000 + 7
	before, origin := &pipeline.Score{Score: 30}, &pipeline.Origin{Model: "m", Version: 1}
	r.Ledger = &wrote{memory: memory, rows: []pipeline.Written{
		{Key: "c", Version: undone.Version, Stands: under(5, memory.standing), Before: before, Origin: origin},
		{Key: "d", Version: undone.Version, Stands: under(undone.Version, 5), Before: before, Origin: origin},
		{Key: "e", Version: undone.Version, Stands: under(undone.Version, 6), Before: before, Origin: origin},
	}}
	sink.held["c"], sink.held["e"] = memory.standing, 7
	plan, s, err := r.Undo(t.Context(), undone, false)
	if err != nil || !slices.Equal(sink.written, []string{"c", "d"}) || plan.Targets[0].Overtaken != 1 {
		t.Errorf("sent %v, plan %+v, %v", sink.written, plan.Targets, err)
	}
	if !s.AsOf.Equal(later) || sink.changes["c"].Origin != origin {
		t.Errorf("as of %s, want %s: what stands is not to be newer than what replaces it", s.AsOf, later)
	}
}

// An admin restored the org's records to what the run wrote, after a later one had written.
func TestWhatTheTargetHasAgainIsUndone(t *testing.T) {
	memory, sink, r, undone := replaced(t)
	before, origin := &pipeline.Score{Score: 30}, &pipeline.Origin{Model: "m", Version: 1}
	r.Ledger = &wrote{memory: memory, rows: []pipeline.Written{{Key: "c", Version: 7, Before: before, Origin: origin},
		{Key: "d", Version: 7, Before: before, Origin: origin}}}
	sink.held["c"], sink.held["d"] = 7, 8
	plan, _, err := r.Undo(t.Context(), undone, false)
	if err != nil || !slices.Equal(sink.written, []string{"c"}) || plan.Targets[0].Overtaken != 1 {
		t.Errorf("sent %v, plan %+v, %v", sink.written, plan.Targets, err)
	}
}

// A run that died may have left writes of which nobody knows but the target.
func TestWhatTheTargetShowsWasWritten(t *testing.T) {
	memory, sink, r, undone := replaced(t)
	before, origin := &pipeline.Score{Score: 30}, &pipeline.Origin{Model: "m", Version: 1}
	r.Ledger = &wrote{memory: memory, rows: []pipeline.Written{
		{Key: "a", Version: 7, Stands: under(7), Open: true, Before: before, Origin: origin},
		{Key: "b", Version: 7, Stands: under(7), Open: true, Origin: &pipeline.Origin{Filled: true}},
		{Key: "c", Version: 7, Stands: under(7), Open: true, Before: before, Origin: origin},
		{Key: "d", Version: 7, Stands: under(7), Before: before, Origin: origin},
		{Key: "x", Version: 7, Stands: under(7), Open: true, Before: before, Origin: origin},
		{Key: "y", Version: 7, Stands: under(7, 9), Open: true, Before: before, Origin: origin},
	}}
	for key, version := range map[string]int64{"a": 7, "b": 7, "c": 6, "d": 7, "y": 9} {
		sink.held[key] = version
		memory.intents[key], memory.owners[key] = pipeline.Change{Score: pipeline.Score{Key: key}}, undone.ID
	}
	plan, _, err := r.Undo(t.Context(), undone, true)
	if at := plan.Targets[0]; err != nil || len(memory.calls) != 0 || at.Written != 4 || len(at.Changes) != 4 || at.Overtaken+at.Gone != 0 {
		t.Errorf("plan %+v, %v; the ledger was called %v", at, err, memory.calls)
	}
	if _, s, err := r.Undo(t.Context(), undone, false); err != nil || s.Accepted != 4 || !slices.Equal(sink.written, []string{"a", "b", "d", "y"}) {
		t.Errorf("sent %v, %v", sink.written, err)
	}
	if b := sink.changes["b"]; !b.Clear || !b.Origin.Filled {
		t.Errorf("b is %+v", b)
	}
	if want := "settle 2 of " + undone.ID; memory.calls[2] != want { // of a and b
		t.Errorf("the ledger was called %v, want %s before anything is written", memory.calls, want)
	}
}
