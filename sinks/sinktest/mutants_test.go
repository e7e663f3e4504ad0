package sinktest

import (
	"log/slog"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"scored/pipeline"
	"scored/sinks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mutation is a way in which a shelf and its sink break their contract.
type mutation string

const (
	sound            mutation = ""
	shiftingIdentity mutation = "each preflight finds another target"
	unguardedReady   mutation = "a preflight that does not see the guard"
	emptyRequest     mutation = "an empty list makes a request"
	backwards        mutation = "requests in another order"
	lastForgotten    mutation = "the last request is forgotten"
	deafToTheContext mutation = "the context is not looked at"
	uncounted        mutation = "calls are not counted"
	deafToConfirm    mutation = "what a confirmation says is not heard"
	swallowsErrors   mutation = "the delivery never fails"
	unsureOfBusy     mutation = "a clear answer is taken for none"
	forgetsLost      mutation = "rows whose answer was lost are not reported"
	forgetsLate      mutation = "rows whose answer is late are not reported"
	trustsLost       mutation = "rows whose answer was lost are accepted"
	ignoresOrigin    mutation = "a score brought back gets the run's model"
	ignoresClear     mutation = "clearing writes zeros"
	clearsVersion    mutation = "clearing leaves the old version"
	keepsReasons     mutation = "empty reasons leave the field alone"
	rounds           mutation = "probabilities are rounded"
	allOrNothing     mutation = "one refused row refuses its request, in words only"
	overtakes        mutation = "an older version replaces a newer one"
	refusesEqual     mutation = "the same version is stale"
	twice            mutation = "rows are reported twice"
	doubts           mutation = "accepted rows are reported as unknown"
	classless        mutation = "refused rows have no class"
	lockIsRefusal    mutation = "locked rows are reported as refused"
	staleIsAccepted  mutation = "stale rows are reported as accepted"
	staleIsRefusal   mutation = "stale rows are reported as refused"
	hidesCreated     mutation = "created records are not told"
	stranger         mutation = "a row that was not sent is reported"
)

var mutations = []mutation{shiftingIdentity, unguardedReady, emptyRequest, backwards, lastForgotten, deafToTheContext, uncounted,
	deafToConfirm, swallowsErrors, unsureOfBusy, forgetsLost, forgetsLate, trustsLost, ignoresOrigin, ignoresClear, clearsVersion,
	keepsReasons, rounds, allOrNothing, overtakes, refusesEqual, twice, doubts, classless, lockIsRefusal, staleIsAccepted,
	staleIsRefusal, hidesCreated, stranger}

// report changes what a sink says of a request.
func (m mutation) report(outcomes []pipeline.Outcome) []pipeline.Outcome {
	for i := range outcomes {
		o := &outcomes[i]
		switch {
		case m == doubts && o.Status == pipeline.Accepted:
			o.Status = pipeline.Unknown
		case m == classless && o.Status == pipeline.Refused:
			o.Class = 0
		case m == lockIsRefusal && o.Status == pipeline.Retry:
			o.Status, o.Class = pipeline.Refused, pipeline.Rejected
		case m == staleIsAccepted && o.Status == pipeline.Stale:
			*o = pipeline.Outcome{Key: o.Key, Status: pipeline.Accepted}
		case m == staleIsRefusal && o.Status == pipeline.Stale:
			o.Status, o.Class = pipeline.Refused, pipeline.Rejected
		case m == hidesCreated:
			o.Created = false
		}
	}
	if m == stranger && len(outcomes) > 0 {
		outcomes = append(outcomes, pipeline.Outcome{Key: "K-1", Status: pipeline.Accepted})
	}
	return outcomes
}

// confirm changes how a sink hands its outcomes over.
func (m mutation) confirm(confirm func([]pipeline.Outcome) error, outcomes []pipeline.Outcome) error {
	if m == twice {
		if err := confirm(outcomes); err != nil {
			return err
		}
	}
	return confirm(outcomes)
}

func harness(broken mutation) Harness {
	return Harness{Open: openShelf(broken), Block: shelfBlock, Guarded: true, Creates: true}
}

func TestAShelfPasses(t *testing.T) { Run(t, harness(sound)) }

func TestAShelfThatIsTriedAgainPasses(t *testing.T) {
	h := harness(sound)
	h.Retried = true
	h.Open = func(tb testing.TB, records int) *World {
		w := openShelf(sound)(tb, records)
		w.Sink = sinks.Retry(w.Sink, sinks.Backoff{Tries: 3, First: time.Millisecond, Max: time.Millisecond}, slog.New(slog.DiscardHandler))
		return w
	}
	for name := range judge(t, h) {
		t.Error(name)
	}
}

// recorder is a test that may fail.
type recorder struct {
	testing.TB
	failed, skipped bool
}

func (r *recorder) Errorf(string, ...any) { r.failed = true }
func (r *recorder) Fatalf(string, ...any) { r.failed = true; runtime.Goexit() }
func (r *recorder) Fatal(...any)          { r.failed = true; runtime.Goexit() }
func (r *recorder) Skip(...any)           { r.skipped = true; runtime.Goexit() }

// judge returns the names of the rules that the harness fails.
func judge(t *testing.T, h Harness) map[string]bool {
	failed := map[string]bool{}
	for _, rule := range rules {
		synctest.Test(t, func(t *testing.T) {
			r := &recorder{TB: t}
			done := make(chan struct{})
			go func() {
				defer close(done)
				rule.check(&suite{TB: r, Harness: h})
			}()
			<-done
			if r.skipped {
				t.Errorf("%s was skipped", rule.name)
			}
			if r.failed {
				failed[rule.name] = true
			}
		})
	}
	return failed
}

// Every way to break the contract fails a rule, and every rule is failed by some.
func TestWhateverIsBrokenIsFound(t *testing.T) {
	needed := map[string]bool{}
	for _, m := range mutations {
		failed := judge(t, harness(m))
		if len(failed) == 0 {
			t.Errorf("%s: every rule is kept", m)
		}
		for name := range failed {
			needed[name] = true
		}
	}
	for _, rule := range rules {
		if !needed[rule.name] {
			t.Errorf("nothing that is broken fails the rule %q", rule.name)
		}
	}
}
