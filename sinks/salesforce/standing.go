package salesforce

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"scored/pipeline"
)

// maxList is how much of a query, in bytes as they stand in the URL, the keys may take. Salesforce turns requests away
// whose URL and headers are longer than 16,384 bytes, and a session's token may take a few thousand of them. It makes
// about 280 Ids.
const maxList = 8_000

// Standing tells found what the org holds of each of the written keys that it knows. It asks for as many keys at a time as a
// URL can carry.
func (s *Sink) Standing(
	ctx context.Context, written []pipeline.Written, found func(key string, version int64, stands bool) error,
) error {
	m := s.cfg.mapped()
	m.probability, m.scoredAt = "", "" // they come back rounded, and nobody edits them alone
	if m.version == "" {
		return errUnversioned()
	}
	keys := make([]string, len(written))
	byKey := make(map[string]*pipeline.Written, len(written))
	for i := range written {
		keys[i] = written[i].Key
		byKey[keys[i]] = &written[i]
	}
	for len(keys) > 0 {
		b, rest := s.cfg.block(keys)
		keys = rest
		if len(b.literals) == 0 {
			continue
		}
		soql := fmt.Sprintf("SELECT %s FROM %s WHERE %s IN (%s)", m.fields(), s.cfg.Object, m.key, strings.Join(b.literals, ","))
		for r, err := range s.records(ctx, soql) {
			if err == nil {
				err = s.cfg.standing(r, m, b, byKey, found)
			}
			if err != nil {
				return fmt.Errorf("read scores of %s: %w", s.cfg.Object, err)
			}
		}
	}
	return nil
}

// standing tells what a record says of the keys that it was asked for by.
func (c *Config) standing(
	r Record, m mapped, b block, written map[string]*pipeline.Written, found func(key string, version int64, stands bool) error,
) error {
	key, version, err := c.versionOf(r, m.version)
	if err != nil {
		return err
	}
	for _, asked := range b.asked(key) {
		stand := written[asked].Under(version)
		stands := stand != nil
		if stands {
			if stands, err = has(r, m, stand); err != nil {
				return err
			}
		}
		if err := found(asked, version, stands); err != nil {
			return err
		}
	}
	return nil
}

// has says whether the record's fields hold what was written.
func has(r Record, m mapped, stand *pipeline.Stand) (bool, error) {
	score, there, err := number(r, m.score)
	if err != nil {
		return false, err
	}
	if m.score != "" && (there == stand.Empty || there && score != float64(stand.Score)) {
		return false, nil
	}
	texts := []struct{ field, want string }{{m.grade, stand.Grade}, {m.model, stand.Model}}
	if stand.Reasons != nil {
		texts = append(texts, struct{ field, want string }{m.reasons, *stand.Reasons})
	}
	for _, t := range texts {
		got, _, err := text(r, t.field)
		if err != nil {
			return false, err
		}
		if stand.Empty {
			t.want = ""
		}
		if t.field != "" && got != strings.TrimSpace(t.want) { // the org cuts white space off
			return false, nil
		}
	}
	return true, nil
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
		asked := strings.TrimSpace(key) // as the org keeps it
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
