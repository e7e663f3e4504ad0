package salesforce

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	"scored/pipeline"
)

// Any says whether a record has a version.
func (s *Sink) Any(ctx context.Context) (bool, error) {
	asked := func(err error) error {
		return fmt.Errorf("ask whether records of %s hold scores: %w", s.cfg.Object, err)
	}
	version := s.cfg.fieldOf(Version)
	if version == "" {
		return false, asked(errUnversioned())
	}
	soql := fmt.Sprintf("SELECT %s FROM %s WHERE %s != null LIMIT 1", s.cfg.keyField(), s.cfg.Object, version)
	for _, err := range s.records(ctx, soql) {
		if err != nil {
			return false, asked(err)
		}
		return true, nil
	}
	return false, nil
}

// Held yields every record that has a version, in no particular order, holding one page of them at a time.
func (s *Sink) Held(ctx context.Context) iter.Seq2[pipeline.Holding, error] {
	return func(yield func(pipeline.Holding, error) bool) {
		m := s.cfg.mapped()
		if m.version == "" {
			yield(pipeline.Holding{}, errUnversioned())
			return
		}
		soql := fmt.Sprintf("SELECT %s FROM %s WHERE %s != null AND %s != null", m.fields(), s.cfg.Object, m.version, m.key)
		for r, err := range s.records(ctx, soql) {
			var held pipeline.Holding
			if err == nil {
				held, err = s.cfg.held(r, m)
			}
			if err != nil {
				yield(pipeline.Holding{}, fmt.Errorf("read scores of %s: %w", s.cfg.Object, err))
				return
			}
			if !yield(held, nil) {
				return
			}
		}
	}
}

func errUnversioned() error {
	return &pipeline.Problem{Class: pipeline.Configuration, Err: errors.New("no field is mapped to version: nothing tells what was written by which run"),
		Hint: "map a field to version in the target's section of the config file"}
}

// keyField is the field that holds the keys.
func (c *Config) keyField() string {
	if c.Operation == Upsert {
		return c.ExternalID
	}
	return "Id"
}

// mapped holds the fields that scores are read back from, "" where there is none.
type mapped struct{ key, score, grade, model, version, probability, reasons, scoredAt string }

func (c *Config) mapped() mapped {
	return mapped{key: c.keyField(), score: c.fieldOf(Score), grade: c.fieldOf(Grade), model: c.fieldOf(Model), version: c.fieldOf(Version),
		probability: c.fieldOf(Probability), reasons: c.fieldOf(Reasons), scoredAt: c.fieldOf(ScoredAt)}
}

// fields lists those that there are.
func (m mapped) fields() string {
	fields := []string{m.key, m.version}
	for _, f := range []string{m.score, m.grade, m.model, m.probability, m.reasons, m.scoredAt} {
		if f != "" {
			fields = append(fields, f)
		}
	}
	return strings.Join(fields, ", ")
}

// held reads a record. A score that is none of ours, such as one that a person edited, is not Whole.
func (c *Config) held(r Record, m mapped) (h pipeline.Holding, err error) {
	if h.Key, h.Version, err = c.versionOf(r, m.version); err != nil {
		return h, err
	}
	var whole [3]bool
	var score float64
	if score, whole[0], err = number(r, m.score); err != nil {
		return h, err
	}
	if h.Grade, whole[1], err = text(r, m.grade); err != nil {
		return h, err
	}
	if h.Model, whole[2], err = text(r, m.model); err != nil {
		return h, err
	}
	if whole != [3]bool{true, true, true} || score != math.Trunc(score) || score < 0 || score > 100 {
		return pipeline.Holding{Key: h.Key, Version: h.Version, Probability: math.NaN()}, nil
	}
	h.Score, h.Whole = int(score), true
	return h, along(&h, r, m)
}

// readTime is how the API writes a date and time.
const readTime = "2006-01-02T15:04:05.000-0700"

// along reads what rides along with a score.
func along(h *pipeline.Holding, r Record, m mapped) error {
	probability, there, err := number(r, m.probability)
	if err != nil {
		return err
	}
	if h.Probability = math.NaN(); there {
		h.Probability = probability
	}
	if h.Reasons, _, err = text(r, m.reasons); err != nil {
		return err
	}
	at, there, err := text(r, m.scoredAt)
	if err != nil || !there {
		return err
	}
	if h.ScoredAt, err = time.Parse(readTime, at); err != nil {
		return garbled("a value of " + m.scoredAt + " that is no time")
	}
	h.ScoredAt = h.ScoredAt.UTC()
	return nil
}

// maxVersion is where a number that Salesforce holds stops being exact.
const maxVersion = 1 << 53

// versionOf returns a record's key and version, 0 where it has none.
func (c *Config) versionOf(r Record, field string) (key string, version int64, err error) {
	key, ok, err := text(r, c.keyField())
	if err != nil {
		return "", 0, err
	}
	if !ok {
		return "", 0, garbled("a record without " + c.keyField())
	}
	n, _, err := number(r, field)
	if err != nil {
		return "", 0, err
	}
	return key, int64(max(-maxVersion, min(n, maxVersion))), nil
}

// text returns a field's text, with false for an empty one.
func text(r Record, field string) (string, bool, error) {
	switch v := value(r, field).(type) {
	case nil:
		return "", false, nil
	case string:
		return v, v != "", nil
	default:
		return "", false, garbled("a value of " + field + " that is no text")
	}
}

// number returns a field's number, with false for an empty one.
func number(r Record, field string) (float64, bool, error) {
	switch v := value(r, field).(type) {
	case nil:
		return 0, false, nil
	case float64:
		return v, true, nil
	default:
		return 0, false, garbled("a value of " + field + " that is no number")
	}
}

// value finds a field, whose name the org writes in its own case.
func value(r Record, field string) any {
	if v, ok := r[field]; ok {
		return v
	}
	for name, v := range r {
		if strings.EqualFold(name, field) {
			return v
		}
	}
	return nil
}
