package status

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"scored/pipeline"
)

// beatBound is how old the last beat may become. The daemon's loop turns at least every 30 s.
const beatBound = 90 * time.Second

// healthz says whether the daemon's loop makes progress; whether runs succeed is readyz's question.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	if words := s.stalled(); words != "" {
		answer(w, http.StatusServiceUnavailable, "stalled", words)
		return
	}
	answer(w, http.StatusOK, "ok")
}

// stalled says in words that the daemon's loop makes no progress; "" if it does.
func (s *Server) stalled() string {
	age := time.Since(*s.beat.Load())
	if age < beatBound {
		return ""
	}
	return fmt.Sprintf("the daemon's loop has not turned for %s: no slot is watched", span(age))
}

// readyz says whether every job's scores are fresh and its schedule is kept.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	now, started := time.Now(), s.board.Process().Started
	var bad, all []string
	for _, job := range s.board.Jobs() {
		f, err := freshnessOf(r.Context(), s.board, job, started, now)
		if err != nil {
			s.log.Error("readiness can't be told", "job", job.Name, "error", err.Error())
		}
		line := job.Name + ": " + f.words
		if f.state.bad() {
			bad = append(bad, line)
		}
		all = append(all, line)
	}
	if len(bad) > 0 {
		answer(w, http.StatusServiceUnavailable, "not_ready", bad...)
		return
	}
	answer(w, http.StatusOK, "ready", all...)
}

// answer writes plain text: one word for machines, then lines for people.
func answer(w http.ResponseWriter, code int, word string, lines ...string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	fmt.Fprintln(w, word)
	for _, line := range lines {
		fmt.Fprintln(w, strings.Join(strings.Fields(line), " ")) // a reason may have lines of its own
	}
}

// state is a verdict on a job in one word, which is also its colour on the page.
type state string

const (
	fresh   state = "fresh"
	waiting state = "waiting" // for the first success ever: the daemon has only just started
	stale   state = "stale"
	paused  state = "paused"
	unknown state = "unknown" // the ledger can't be read
	stuck   state = "stuck"   // its schedule can't be kept
)

// bad says whether somebody must do something.
func (s state) bad() bool { return s == stale || s == unknown || s == stuck }

// freshness is the verdict on a job, with its reasons.
type freshness struct {
	standing
	state state
	words string
}

// freshnessOf judges a job: the newest as-of that was delivered may be as old as the job's bound, however young the process
// is: one that crashes again and again must not look well. Only a job that never had a success gets the bound's time from
// the start of the process on. A paused job is as old as whoever paused it wants it to be. One whose schedule can't be kept
// is stuck, however fresh.
func freshnessOf(ctx context.Context, board Board, job Job, started, now time.Time) (freshness, error) {
	s, err := stand(ctx, board, job)
	if err != nil {
		return freshness{state: unknown, words: "unknown: the ledger can't be read: " + err.Error()}, err
	}
	f := freshness{standing: s}
	known := "no run has succeeded yet"
	if s.success != nil {
		known = fmt.Sprintf("scores are as of %s, %s ago", stamp(s.success.AsOf), span(now.Sub(s.success.AsOf)))
	}
	switch {
	case job.Trouble != "":
		f.state, f.words = stuck, fmt.Sprintf("stuck: the schedule can't be kept: %s; %s", job.Trouble, known)
	case !job.Paused.IsZero():
		f.state, f.words = paused, fmt.Sprintf("paused since %s%s; %s", stamp(job.Paused), because(job.Why), known)
	case s.success != nil && now.Sub(s.success.AsOf) <= job.Bound:
		f.state, f.words = fresh, "fresh: "+known
	case s.success == nil && now.Sub(started) <= job.Bound:
		f.state, f.words = waiting, fmt.Sprintf("waiting: the daemon started %s ago; %s%s", span(now.Sub(started)), known, also(lastWords(s.last)))
	default:
		f.state, f.words = stale, fmt.Sprintf("stale: %s; %s are allowed%s", known, span(job.Bound), also(lastWords(s.last)))
	}
	return f, nil
}

// lastWords says how the newest run ended; "" if there was none.
func lastWords(last *pipeline.Record) string {
	if last == nil {
		return ""
	}
	return fmt.Sprintf("the last run (as of %s) ended %s%s", stamp(last.AsOf), last.End, because(last.Reason))
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

func also(words string) string {
	if words == "" {
		return ""
	}
	return "; " + words
}
