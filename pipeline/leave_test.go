package pipeline_test

import (
	"bytes"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/policy"
)

func TestALeadThatLeftIsClearedOnceAndComesBack(t *testing.T) {
	ledger, sink, source := newMemory(), &org{}, five()
	r := runner(source, ledger, sink)
	r.Decide = policy.Delta
	r.Targets[0].Clear = true
	all := source.rows
	for i, step := range []struct {
		name    string
		rows    []row
		sent    []string
		cleared int
	}{
		{"first", all, []string{"a", "b", "c", "d", "e"}, 0},
		{"c leaves, and a can't be scored", []row{{"a", math.NaN()}, {"b", 20}, {"d", 40}, {"e", 50}}, []string{"c"}, 1},
		{"c stays away", []row{{"a", math.NaN()}, {"b", 20}, {"d", 40}, {"e", 50}}, nil, 0},
		{"c is back, as it was", all, []string{"c"}, 0},
	} {
		source.rows, sink.written = step.rows, nil
		s, err := r.Run(t.Context(), pipeline.Request{Trigger: pipeline.Scheduled, AsOf: asOf.Add(time.Duration(i) * time.Minute)})
		if err != nil || !slices.Equal(sink.written, step.sent) || s.Cleared != step.cleared {
			t.Errorf("%s: sent %v, cleared %d, want %v, %d; %v", step.name, sink.written, s.Cleared, step.sent, step.cleared, err)
		}
		if c := sink.changes["c"]; c.Clear != (step.cleared == 1 || i == 2) {
			t.Errorf("%s: the org got %+v", step.name, c)
		}
	}
	source.rows = all[1:]
	r.Targets[0].Clear = false
	if plan, err := r.DryRun(t.Context(), pipeline.Request{AsOf: asOf.Add(time.Hour)}); err != nil || len(plan.Targets[0].Changes) != 0 {
		t.Errorf("a target that keeps scores: %+v, %v", plan, err)
	}
	r.Targets[0].Clear = true
	if plan, err := r.DryRun(t.Context(), pipeline.Request{AsOf: asOf.Add(time.Hour)}); err != nil || len(plan.Targets[0].Changes) != 1 {
		t.Errorf("a dry run clears, too: %+v, %v", plan, err)
	}
}

// answering are answers of which c's is the one given, and the others accept.
func answering(c pipeline.Outcome) func(string) pipeline.Outcome {
	return func(key string) pipeline.Outcome {
		if c.Key = "c"; key == c.Key {
			return c
		}
		return pipeline.Outcome{Key: key, Status: pipeline.Accepted}
	}
}

const nothingLeft = `"msg":"leads that left take no score any more: nothing is left to clear there"`

// Leads leave the result because they were converted or deleted, and then their fields can't be cleared.
func TestALeadThatLeftAndTakesNothingAnyMoreEndsQuietly(t *testing.T) {
	var log bytes.Buffer
	ledger, sink, source := newMemory(), &org{}, five()
	r := runner(source, ledger, sink)
	r.Decide = policy.Delta
	r.Targets[0].Clear = true
	r.Log = slog.New(slog.NewJSONHandler(&log, nil))
	all := source.rows
	without := slices.Concat(all[:2], all[3:])
	for i, step := range []struct {
		name   string
		rows   []row
		answer func(string) pipeline.Outcome
		sent   []string
	}{
		{"first", all, nil, []string{"a", "b", "c", "d", "e"}},
		{"c is converted, and leaves", without, answering(pipeline.Outcome{Status: pipeline.Refused, Class: pipeline.Terminal}), []string{"c"}},
		{"c stays away", without, nil, nil},
		{"c is back", all, nil, []string{"c"}},
	} {
		source.rows, sink.answer, sink.written = step.rows, step.answer, nil
		s, err := r.Run(t.Context(), pipeline.Request{Trigger: pipeline.Scheduled, AsOf: asOf.Add(time.Duration(i) * time.Minute)})
		if err != nil || s.End != pipeline.OK || !slices.Equal(sink.written, step.sent) || s.Accepted != len(step.sent) {
			t.Errorf("%s: ended %s, sent %v, want %v; %+v, %v", step.name, s.End, sink.written, step.sent, s.Delivery, err)
		}
		if len(ledger.refused) != 0 || s.Targets[0].Classes != nil {
			t.Errorf("%s: %+v, classes %v", step.name, ledger.refused, s.Targets[0].Classes)
		}
	}
	if strings.Count(log.String(), nothingLeft) != 1 || strings.Contains(log.String(), "row not accepted") {
		t.Errorf("the log says %s", log.String())
	}
}

func TestOnlyWhatIsClearedAndCannotBeEndsQuietly(t *testing.T) {
	all := five().rows
	without, changed := slices.Concat(all[:2], all[3:]), slices.Concat(all[:2], []row{{"c", 31}}, all[3:])
	for _, tt := range []struct {
		name   string
		answer pipeline.Outcome
		rows   []row
	}{
		{"refused by a rule", pipeline.Outcome{Status: pipeline.Refused, Class: pipeline.Rejected}, without},
		{"not answered", pipeline.Outcome{Status: pipeline.Unknown}, without},
		{"given back undone", pipeline.Outcome{Status: pipeline.Unprocessed, Class: pipeline.Terminal}, without},
		{"converted, and in the result", pipeline.Outcome{Status: pipeline.Refused, Class: pipeline.Terminal}, changed},
	} {
		ledger, sink, source := newMemory(), &org{}, five()
		r := runner(source, ledger, sink)
		r.Decide = policy.Delta
		r.Targets[0].Clear = true
		if _, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf}); err != nil {
			t.Fatal(err)
		}
		source.rows, sink.answer = slices.Concat(tt.rows, []row{{"f", 60}}), answering(tt.answer)
		s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf.Add(time.Hour)})
		if err != nil || s.End != pipeline.Partial || s.Changes != 2 || s.Accepted != 1 || len(ledger.refused) != 1 || ledger.confirmed["c"].Cleared {
			t.Errorf("%s: ended %s, %+v, %d rows listed, %v", tt.name, s.End, s.Delivery, len(ledger.refused), err)
		}
	}
}

func TestWhatTheSinkReportedIsNotChanged(t *testing.T) {
	sink, source := &org{}, five()
	r := runner(source, newMemory(), sink)
	r.Decide = policy.Delta
	r.Targets[0].Clear = true
	if _, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf}); err != nil {
		t.Fatal(err)
	}
	var given []pipeline.Outcome
	sink.report = func(outcomes []pipeline.Outcome) []pipeline.Outcome { given = outcomes; return outcomes }
	source.rows, sink.answer = []row{{"f", 60}}, each(pipeline.Refused, pipeline.Terminal)
	s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf.Add(time.Hour)})
	if err != nil || s.Accepted != 5 || given[0].Status != pipeline.Refused {
		t.Errorf("%+v, %v; the sink has %+v", s.Delivery, err, given)
	}
}

// Whoever asked for an undo is told what could not be brought back.
func TestAnUndoIsNotLetOff(t *testing.T) {
	ledger, sink, r, undone := replaced(t)
	sink.answer = func(key string) pipeline.Outcome {
		if key == "f" { // it had no score before
			return each(pipeline.Refused, pipeline.Terminal)(key)
		}
		return pipeline.Outcome{Key: key, Status: pipeline.Accepted}
	}
	if _, s, err := r.Undo(t.Context(), undone, false); err != nil || s.End != pipeline.Partial || s.Refused != 1 || ledger.confirmed["f"].Cleared {
		t.Errorf("ended %s, %+v, %v", s.End, s.Delivery, err)
	}
}
