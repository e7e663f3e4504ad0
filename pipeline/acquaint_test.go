package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"scored/pipeline"
)

const strangers = "the target holds scores that the ledger does not know: every score is sent again"

// settled is an org that scores may have been written to before, by whomever.
type settled struct {
	*org
	holds bool
	err   error
	asked int
}

func (s *settled) Any(context.Context) (bool, error) {
	s.asked++
	return s.holds, s.err
}

// first is a runner that delivers to the org for the first time, and where it logs.
func first(s *settled) (*pipeline.Runner, *memory, *bytes.Buffer) {
	var log bytes.Buffer
	ledger := newMemory()
	s.org = &org{}
	r := runner(five(), ledger)
	r.Targets = []pipeline.Target{whole(s.org)}
	r.Targets[0].Reader = s
	r.Log = slog.New(slog.NewJSONHandler(&log, nil))
	return r, ledger, &log
}

func TestAFirstDeliveryToATargetThatHoldsScoresSaysSo(t *testing.T) {
	target := &settled{holds: true}
	r, _, log := first(target)
	s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf})
	if err != nil || s.End != pipeline.OK || s.Accepted != 5 {
		t.Errorf("ended %s because %q, %+v, %v", s.End, s.Reason, s.Delivery, err)
	}
	if n := strings.Count(log.String(), strangers); n != 1 || !strings.Contains(log.String(), `"level":"WARN","msg":"`+strangers) ||
		!strings.Contains(log.String(), "scored ledger rebuild lead_scoring") {
		t.Errorf("said %d times in\n%s", n, log.String())
	}
	if target.asked != 1 {
		t.Errorf("asked %d times", target.asked)
	}
	log.Reset()
	if s, err = r.Run(t.Context(), pipeline.Request{AsOf: asOf, Full: true}); err != nil || s.Accepted != 5 {
		t.Errorf("the second run ended %s because %q, %+v, %v", s.End, s.Reason, s.Delivery, err)
	}
	if target.asked != 1 || strings.Contains(log.String(), strangers) {
		t.Errorf("a second delivery asked again (%d times in all), and said\n%s", target.asked, log.String())
	}
}

func TestAFirstDeliveryToAnEmptyTargetSaysNothing(t *testing.T) {
	target := &settled{}
	r, _, log := first(target)
	s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf})
	if err != nil || s.Accepted != 5 || target.asked != 1 || strings.Contains(log.String(), `"WARN"`) {
		t.Errorf("ended %s, asked %d times, %v; the log:\n%s", s.End, target.asked, err, log.String())
	}
}

func TestATargetThatCannotBeReadBackIsNotAsked(t *testing.T) {
	target := &settled{holds: true}
	r, _, _ := first(target)
	r.Targets[0].Reader = nil
	if s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf}); err != nil || s.Accepted != 5 || target.asked != 0 {
		t.Errorf("ended %s, asked %d times, %v", s.End, target.asked, err)
	}
}

// An org of millions may take too long to answer, and a first delivery is none the worse for it.
func TestAFirstDeliveryWhoseQuestionIsNotAnsweredIsMade(t *testing.T) {
	target := &settled{err: &pipeline.Problem{Class: pipeline.TryAgain, Err: errors.New("no answer")}}
	r, _, log := first(target)
	s, err := r.Run(t.Context(), pipeline.Request{AsOf: asOf})
	if err != nil || s.End != pipeline.OK || s.Accepted != 5 ||
		!strings.Contains(log.String(), `"WARN","msg":"whether the target holds scores that the ledger does not know can't be told"`) {
		t.Errorf("ended %s because %q, %v; the log:\n%s", s.End, s.Reason, err, log.String())
	}
}

func TestAFirstDeliveryThatIsStoppedAtItsQuestionSendsNothing(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	target := &stopping{settled{err: errors.New("no answer")}, stop}
	r, ledger, _ := first(&target.settled)
	r.Targets[0].Reader = target
	s, err := r.Run(ctx, pipeline.Request{AsOf: asOf})
	if err == nil || s.End != pipeline.Interrupted || len(target.written) != 0 || len(ledger.intents) != 0 {
		t.Errorf("ended %s, sent %v, %v", s.End, target.written, err)
	}
}

// stopping is told to stop while it asks.
type stopping struct {
	settled
	stop context.CancelFunc
}

func (s *stopping) Any(ctx context.Context) (bool, error) {
	s.stop()
	return s.settled.Any(ctx)
}
