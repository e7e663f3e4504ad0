package salesforce

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"net/url"
	"strings"
	"time"

	"scored/pipeline"
)

// maxList is how much of a query, in bytes as they stand in the URL, the keys may take. Salesforce turns requests away
// whose URL and headers are longer than 16,384 bytes, and a session's token may take a few thousand of them. It makes
// about 280 Ids.
const maxList = 8_000

// Versions tells found the version that the org holds of each of the keys that it knows; 0 where it holds none. It asks
// for as many keys at a time as a URL can carry.
func (s *Sink) Versions(ctx context.Context, keys []string, found func(key string, version int64) error) error {
	version := s.cfg.fieldOf(Version)
	if version == "" {
		return errUnversioned()
	}
	for len(keys) > 0 {
		b, rest := s.cfg.block(keys)
		keys = rest
		if len(b.literals) == 0 {
			continue
		}
		soql := fmt.Sprintf("SELECT %[1]s, %[2]s FROM %[3]s WHERE %[1]s IN (%[4]s)", s.cfg.keyField(), version, s.cfg.Object,
			strings.Join(b.literals, ","))
		for r, err := range s.records(ctx, soql) {
			if err != nil {
				return fmt.Errorf("read versions of %s: %w", s.cfg.Object, err)
			}
			key, held, err := s.cfg.versionOf(r, version)
			if err != nil {
				return fmt.Errorf("read versions of %s: %w", s.cfg.Object, err)
			}
			for _, known := range b.asked(key) {
				if err := found(known, held); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Held yields every record that has a version, in no particular order, holding one page of them at a time.
func (s *Sink) Held(ctx context.Context) iter.Seq2[pipeline.Held, error] {
	return func(yield func(pipeline.Held, error) bool) {
		m := mapped{key: s.cfg.keyField(), score: s.cfg.fieldOf(Score), grade: s.cfg.fieldOf(Grade), model: s.cfg.fieldOf(Model),
			version: s.cfg.fieldOf(Version), probability: s.cfg.fieldOf(Probability), reasons: s.cfg.fieldOf(Reasons),
			scoredAt: s.cfg.fieldOf(ScoredAt)}
		if m.version == "" {
			yield(pipeline.Held{}, errUnversioned())
			return
		}
		for r, err := range s.records(ctx, m.query(s.cfg.Object)) {
			var held pipeline.Held
			if err == nil {
				held, err = s.cfg.held(r, m)
			}
			if err != nil {
				yield(pipeline.Held{}, fmt.Errorf("read scores of %s: %w", s.cfg.Object, err))
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

// block is the keys of one query, and how they are found again in its answer.
type block struct {
	literals []string
	exact    map[string]bool
	folded   map[string][]string // by their lower case: Ids of 18 characters and most external ids are found in any case
}

// block takes as many of the keys as a URL has room for, at least one. A key that can't be one is left out.
func (c *Config) block(keys []string) (b block, rest []string) {
	b = block{exact: map[string]bool{}, folded: map[string][]string{}}
	size := 0
	for i, key := range keys {
		asked := key
		if c.Operation == Update {
			id, ok := normalID(key)
			if !ok {
				continue
			}
			asked = id
		}
		literal := quoteSOQL(asked)
		if size += len(url.QueryEscape(literal)) + len("%2C"); size > maxList && len(b.literals) > 0 {
			return b, keys[i:]
		}
		b.literals = append(b.literals, literal)
		if asked == key {
			b.exact[key] = true
		}
		folded := strings.ToLower(asked)
		b.folded[folded] = append(b.folded[folded], key)
	}
	return b, nil
}

// asked returns the keys by which a record was asked for. One that is written as the org writes it excludes others, for the
// field may tell upper from lower case.
func (b *block) asked(key string) []string {
	if b.exact[key] {
		return []string{key}
	}
	return b.folded[strings.ToLower(key)]
}

// mapped holds the fields that scores are read back from, "" where there is none.
type mapped struct{ key, score, grade, model, version, probability, reasons, scoredAt string }

func (m mapped) query(object string) string {
	fields := []string{m.key, m.version}
	for _, f := range []string{m.score, m.grade, m.model, m.probability, m.reasons, m.scoredAt} {
		if f != "" {
			fields = append(fields, f)
		}
	}
	return fmt.Sprintf("SELECT %s FROM %s WHERE %s != null AND %s != null", strings.Join(fields, ", "), object, m.version, m.key)
}

// held reads a record. A score that is none of ours, such as one that a person edited, is not Whole.
func (c *Config) held(r Record, m mapped) (h pipeline.Held, err error) {
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
		return pipeline.Held{Key: h.Key, Version: h.Version, Probability: math.NaN()}, nil
	}
	h.Score, h.Whole = int(score), true
	return h, along(&h, r, m)
}

// readTime is how the API writes a date and time.
const readTime = "2006-01-02T15:04:05.000-0700"

// along reads what rides along with a score.
func along(h *pipeline.Held, r Record, m mapped) error {
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
