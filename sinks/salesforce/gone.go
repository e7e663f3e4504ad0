package salesforce

import (
	"context"
	"fmt"
	"slices"
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
// ago has no other word than any wrong Id. One about a field is about what that refers to.
func ofClear(change *pipeline.Change, o pipeline.Outcome) pipeline.Outcome {
	aboutID := !slices.ContainsFunc(o.Fields, func(field string) bool { return !strings.EqualFold(field, "Id") })
	if change.Clear && o.Status == pipeline.Refused && o.Code == "INVALID_CROSS_REFERENCE_KEY" && aboutID {
		o.Class = pipeline.Terminal
	}
	return o
}

// goneOf is gone for the changes of a block that clear.
func (s *Sink) goneOf(ctx context.Context, block []pipeline.Change) (map[string]bool, error) {
	var keys []string
	for i := range block {
		if s.cfg.clears(&block[i]) {
			keys = append(keys, block[i].Key)
		}
	}
	return s.gone(ctx, keys)
}

// goneBlock is how many changes of a bulk delivery are looked through at a time.
const goneBlock = 10_000

// refuseGone reports the changes whose records are gone, block by block: what is reported is not asked for again.
func (d *bulk) refuseGone(ctx context.Context) error {
	for start := 0; start < len(d.changes); start += goneBlock {
		block := d.changes[start:min(start+goneBlock, len(d.changes))]
		gone, err := d.goneOf(ctx, block)
		if err != nil {
			return err
		}
		for i := range block {
			if at := start + i; gone[block[i].Key] && !d.done.has(at) {
				if err := d.report(at, refuseGone(block[i].Key)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
