package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"scored/configs"
	"scored/pipeline"
	"scored/pipeline/ledger"
	"scored/pipeline/warehouse"
)

// history knows the scores of a key, newest first, each as it was first given.
type history interface {
	ScoresOf(ctx context.Context, job, key string, below int64, n int) ([]pipeline.Confirmed, error)
}

// newHistory builds the history in the warehouse; nil if the config wants none.
func newHistory(cfg *configs.Config, log *slog.Logger) (history, error) {
	if cfg.Warehouse.HistorySchema == "" {
		return nil, nil
	}
	wc, err := warehouseConfig(cfg, log)
	if err != nil {
		return nil, err
	}
	return warehouse.NewHistory(wc, cfg.Warehouse.HistorySchema)
}

// moment is an earlier instant to compare with.
type moment struct {
	asOf  time.Time
	what  string  // what it is the moment of; "" for one that was asked for
	given []given // the scores that are known of then
}

// given is a score that something got.
type given struct {
	to string
	pipeline.Confirmed
}

// instantOf is the as-of of a version.
func instantOf(version int64) time.Time { return time.UnixMilli(version / 1000).UTC() }

// moments are the instants to compare with, the newest first: the one that was asked for, or those of the scores before.
func (e *explainer) moments(ctx context.Context, s *story, from time.Time) ([]moment, error) {
	if !from.IsZero() {
		m := moment{asOf: from}
		for _, other := range s.confirmed() {
			if other.asOf.Equal(from) {
				m.given = other.given
			}
		}
		return []moment{m}, nil
	}
	scores, unknown, err := e.given(ctx, s.asOf)
	if err != nil {
		return nil, err
	}
	if unknown == "" {
		var all []moment
		if all, unknown = s.earlier(scores); unknown == "" {
			return all, nil
		}
	}
	s.lack = "the score before is not known: " + unknown
	return slices.DeleteFunc(s.confirmed(), func(m moment) bool { return !m.asOf.Before(s.asOf) }), nil
}

// given asks the history for the key's newest two scores up to an instant, or says why it can't.
func (e *explainer) given(ctx context.Context, at time.Time) (scores []pipeline.Confirmed, unknown string, err error) {
	if e.history == nil {
		return nil, "no history is kept (warehouse.history_schema is empty)", nil
	}
	below := at.Add(time.Second).UnixMilli() * 1000 // instants are whole seconds
	scores, err = e.history.ScoresOf(ctx, e.job.Name, e.key, below, 2)
	if ctx.Err() != nil {
		return nil, "", ctx.Err()
	}
	if err != nil {
		unknown = fmt.Sprintf("the history can't be read: %v", err)
		if hint := pipeline.HintOf(err); hint != "" {
			unknown += "; " + hint
		}
		return nil, unknown, nil
	}
	return scores, "", nil
}

// earlier finds the moments of the scores before the explained one among the history's newest two. Where no run has found
// the explained score yet, both are before it: the newer is what the targets hold, and what moved that is asked for, too.
func (s *story) earlier(scores []pipeline.Confirmed) (all []moment, unknown string) {
	if len(scores) == 0 {
		return nil, "the history has no score of the key"
	}
	what, newest := []string{"the history's newest score", "the score before it"}, scores[0]
	if newest.Score == s.Score.Score && newest.Grade == s.Grade || !instantOf(newest.Version).Before(s.asOf) {
		what = []string{"", "the score before"}
	}
	for i, c := range scores {
		if at := instantOf(c.Version); what[i] != "" && at.Before(s.asOf) {
			all = append(all, moment{at, what[i], []given{{"the history", c}}})
		}
	}
	if len(all) == 0 {
		return nil, fmt.Sprintf("the history has no score of the key before %d %s, first given as of %s", newest.Score, newest.Grade,
			stamp(instantOf(newest.Version)))
	}
	return all, ""
}

// confirmed are the instants as of which targets last confirmed a score, each once, the newest first.
func (s *story) confirmed() (all []moment) {
	byInstant := map[time.Time][]given{}
	for _, h := range s.holds {
		if h.known {
			byInstant[h.asOf()] = append(byInstant[h.asOf()], given{h.target, h.Confirmed})
		}
	}
	for at, scores := range byInstant {
		var targets []string
		for _, g := range scores {
			targets = append(targets, g.to)
		}
		sure := slices.DeleteFunc(scores, func(g given) bool { return g.Unsure })
		all = append(all, moment{at, strings.Join(targets, ", ") + ": last found equal", sure})
	}
	slices.SortFunc(all, func(a, b moment) int { return b.asOf.Compare(a.asOf) })
	return all
}

// standing is what the ledger knows of the key at one target.
type standing struct {
	target string
	known  bool // the target confirmed a score
	pipeline.Confirmed
}

// asOf is the newest instant as of which a run gave the confirmed score: it moves on with every run that finds it again.
func (h *standing) asOf() time.Time { return instantOf(h.Version) }

// standings asks the ledger, as it stands, what each target confirmed of the key.
func (e *explainer) standings(ctx context.Context) ([]standing, error) {
	l, err := ledger.OpenReadOnly(ledgerPath(e.cfg))
	if err != nil {
		return nil, err
	}
	defer l.Close()
	var all []standing
	for _, target := range e.job.Targets {
		h := standing{target: target.Name}
		for c, err := range l.Confirmed(ctx, e.job.Name, target.Name) {
			if err != nil {
				return nil, err
			}
			if c.Key == e.key {
				h.Confirmed, h.known = c, c.Model != "" && !c.Cleared // without a model it was sent, or refused, and never confirmed
				break
			}
		}
		all = append(all, h)
	}
	return all, nil
}
