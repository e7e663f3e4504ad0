package salesforce

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/simpleforce/simpleforce"

	"scored/pipeline"
)

// maxRecords is how many records an sObject Collections request may have.
const maxRecords = 200

// batch is one request: up to 200 changes, with an outcome each that is empty until it is known.
type batch struct {
	body     []byte
	changes  []pipeline.Change
	outcomes []pipeline.Outcome // one per change, with the key; Status 0 while nothing is to be reported
	sent     []int              // the index of each record of body in outcomes
	ids      []string           // Update: the Id of each record of body
}

// prepare renders the changes. One that no request can carry, or whose key is gone, gets its refusal here, and is not sent.
func (s *Sink) prepare(run *pipeline.Run, model string, changes []pipeline.Change, gone map[string]bool) *batch {
	b := &batch{changes: changes, outcomes: make([]pipeline.Outcome, len(changes)), sent: make([]int, 0, len(changes))}
	b.body = append(make([]byte, 0, 256*len(changes)), `{"allOrNone":false,"records":[`...)
	keyField, common := s.cfg.ExternalID, share(run, model)
	if s.cfg.Operation == Update {
		keyField = "id"
	}
	for i := range changes {
		key, why := s.cfg.unsendable(&changes[i])
		if gone[key] {
			why = refuseGone(key)
		}
		if why.Status != 0 {
			b.outcomes[i] = why
			continue
		}
		b.outcomes[i].Key = changes[i].Key
		if s.cfg.Operation == Update {
			b.ids = append(b.ids, key)
		}
		if len(b.sent) > 0 {
			b.body = append(b.body, ',')
		}
		b.sent = append(b.sent, i)
		b.body = s.appendRecord(b.body, keyField, key, row{shared: common, change: &changes[i]})
	}
	b.body = append(b.body, "]}"...)
	return b
}

// appendRecord appends one record as JSON, in the config's order of fields.
func (s *Sink) appendRecord(dst []byte, keyField, key string, r row) []byte {
	dst = append(dst, `{"attributes":{"type":"`...)
	dst = append(dst, s.cfg.Object...)
	dst = append(dst, `"},"`...)
	dst = append(dst, keyField...)
	dst = append(dst, `":`...)
	dst = appendText(dst, key)
	for _, f := range s.cfg.Fields {
		dst = append(dst, `,"`...)
		dst = append(dst, f.Field...)
		dst = append(dst, `":`...)
		dst = f.Value.append(dst, r, asJSON)
	}
	return append(dst, '}')
}

// asJSON is how collections write what fields are given.
var asJSON = format{null: "null", text: appendText}

// appendText appends text as JSON; bytes that are no UTF-8 become U+FFFD.
func appendText(dst []byte, text string) []byte {
	quoted, _ := json.Marshal(text) // a string always marshals
	return append(dst, quoted...)
}

// send makes the batch's request and settles its outcomes. On an error, the records that were sent have none if the org
// applied none of them, and are Unknown if that is not certain.
func (s *Sink) send(ctx context.Context, b *batch) error {
	if len(b.sent) == 0 {
		return nil
	}
	path := "services/data/v" + s.cfg.APIVersion + "/composite/sobjects"
	if s.cfg.Operation == Upsert {
		path += "/" + s.cfg.Object + "/" + s.cfg.ExternalID
	}
	err := s.call(ctx, func(c *simpleforce.Client) error {
		answer, err := c.ApexREST(http.MethodPatch, path, bytes.NewReader(b.body))
		if err != nil {
			return err
		}
		results, err := s.cfg.parseResults(answer, b.ids, len(b.sent))
		if err != nil {
			return err
		}
		for n, i := range b.sent {
			key := b.outcomes[i].Key
			b.outcomes[i] = ofClear(&b.changes[i], results[n])
			b.outcomes[i].Key = key
		}
		return nil
	})
	if f, ok := errors.AsType[*failure](err); ok && f.uncertain {
		for _, i := range b.sent {
			b.outcomes[i].Status = pipeline.Unknown
		}
	}
	if err == nil {
		err = b.mapping()
	}
	return err
}

// reported returns the outcomes that are known.
func (b *batch) reported() []pipeline.Outcome {
	var known []pipeline.Outcome
	for _, o := range b.outcomes {
		if o.Status != 0 {
			known = append(known, o)
		}
	}
	return known
}

// mapping returns the problem of a request of which no record was taken because of the mapping: no other will be.
func (b *batch) mapping() error {
	var first *pipeline.Outcome
	for _, i := range b.sent {
		o := &b.outcomes[i]
		if o.Status != pipeline.Refused {
			return nil
		}
		if first == nil && o.Class == pipeline.Configuration {
			first = o
		}
	}
	if first == nil {
		return nil
	}
	return mappingProblem(first)
}

func mappingProblem(first *pipeline.Outcome) error {
	return &pipeline.Problem{Class: pipeline.Configuration,
		Err:  fmt.Errorf("no record was taken: %s %v", first.Code, first.Fields),
		Hint: "run scored check: it lists what the integration user can't see or edit"}
}

// result is what an org says of one record.
type result struct {
	ID      string `json:"id"`
	Success *bool  `json:"success"`
	Created bool   `json:"created"`
	Errors  []struct {
		Code    string   `json:"statusCode"`
		Message string   `json:"message"`
		Fields  []string `json:"fields"`
	} `json:"errors"`
}

// parseResults reads a collections answer: a result per record, in the order sent. ids are the records' Ids, nil if
// they were found by external id. An answer that leaves any record open is void as a whole, for its rows are matched by
// position only. The outcomes have no key.
func (c *Config) parseResults(body []byte, ids []string, n int) ([]pipeline.Outcome, error) {
	var results []result
	if err := json.Unmarshal(body, &results); err != nil {
		return nil, garbled("no list of results")
	}
	if len(results) != n {
		return nil, garbled(fmt.Sprintf("%d results for %d records", len(results), n))
	}
	outcomes := make([]pipeline.Outcome, n)
	for i, r := range results {
		switch {
		case r.Success == nil, !*r.Success && len(r.Errors) == 0:
			return nil, garbled(fmt.Sprintf("result %d is neither success nor error", i+1))
		case !*r.Success:
			outcomes[i] = c.refused(&r)
		default:
			if ids != nil && !sameRecord(r.ID, ids[i]) {
				return nil, garbled(fmt.Sprintf("result %d is of another record", i+1))
			}
			outcomes[i] = pipeline.Outcome{Status: pipeline.Accepted, Created: r.Created}
		}
	}
	return outcomes, nil
}

// refused is the outcome of a result with errors: that it is outdated, or else the first that may pass, or else the first.
func (c *Config) refused(r *result) pipeline.Outcome {
	var chosen pipeline.Outcome
	for _, e := range r.Errors {
		o := c.verdict(e.Code, e.Message, e.Fields)
		if chosen.Status == 0 || o.Status == pipeline.Stale || o.Status == pipeline.Retry && chosen.Status != pipeline.Stale {
			chosen = o
		}
		if chosen.Status == pipeline.Stale {
			break
		}
	}
	return chosen
}
