package salesforce

import (
	"context"
	"fmt"
	"strings"

	"scored/pipeline"
)

// An upsert makes the record that it does not find. A lead that left the result may have left because it was deleted: what
// clears it must not bring it back, empty. So the org is asked, right before, which of the records there are; one that is
// deleted between the question and the write comes back all the same, and is reported as Created.

// clears tells whether a change empties the record that an upsert finds. An empty key would find the records that have none.
func (c *Config) clears(change *pipeline.Change) bool {
	return c.Operation == Upsert && change.Clear && change.Key != ""
}

// gone returns those of the keys of which the org has no record. Its requests change nothing.
func (s *Sink) gone(ctx context.Context, keys []string) (map[string]bool, error) {
	gone := make(map[string]bool, len(keys))
	for _, key := range keys {
		gone[key] = true
	}
	for len(keys) > 0 {
		b, rest := s.cfg.block(keys)
		keys = rest
		soql := fmt.Sprintf("SELECT %[1]s FROM %[2]s WHERE %[1]s IN (%[3]s)", s.cfg.ExternalID, s.cfg.Object,
			strings.Join(b.literals, ","))
		for r, err := range s.records(ctx, soql) {
			var key string
			if err == nil {
				key, _, err = text(r, s.cfg.ExternalID)
			}
			if err != nil {
				return nil, fmt.Errorf("ask which leads to clear there are: %w", err)
			}
			for _, known := range b.asked(key) {
				delete(gone, known)
			}
		}
	}
	return gone, nil
}

// goneCode is the org's own word for a record that was deleted.
const goneCode = "ENTITY_IS_DELETED"

// refuseGone is the outcome of a change that clears and whose record is gone.
func refuseGone(key string) pipeline.Outcome {
	return pipeline.Outcome{Key: key, Status: pipeline.Refused, Class: classOf(goneCode, ""), Code: goneCode,
		Message: "not sent: the org has no record with this key, and an upsert would make one"}
}

// ofClear makes a refusal final if the change clears a record that the org does not know any more: one that was deleted long
// ago has no other word than any wrong Id.
func ofClear(change *pipeline.Change, o pipeline.Outcome) pipeline.Outcome {
	if change.Clear && o.Status == pipeline.Refused && o.Code == "INVALID_CROSS_REFERENCE_KEY" {
		o.Class = pipeline.Terminal
	}
	return o
}

// goneOf is gone for a block of changes.
func (s *Sink) goneOf(ctx context.Context, block []pipeline.Change) (map[string]bool, error) {
	var keys []string
	for i := range block {
		if s.cfg.clears(&block[i]) {
			keys = append(keys, block[i].Key)
		}
	}
	return s.gone(ctx, keys)
}

// refuseGone reports the changes whose records are gone.
func (d *bulk) refuseGone(ctx context.Context) error {
	var keys []string
	for at := range d.changes {
		if d.cfg.clears(&d.changes[at]) && !d.done.has(at) {
			keys = append(keys, d.changes[at].Key)
		}
	}
	gone, err := d.gone(ctx, keys)
	if err != nil || len(gone) == 0 {
		return err
	}
	for at := range d.changes {
		if d.done.has(at) || !gone[d.changes[at].Key] {
			continue
		}
		if err := d.report(at, refuseGone(d.changes[at].Key)); err != nil {
			return err
		}
	}
	return nil
}
