package fakeorg

import (
	"net/http"
	"strings"
)

// retrieveAll is GET or POST /composite/sobjects/{object}: up to 2,000 records by id, null for one that isn't there.
func (c *call) retrieveAll() *answer {
	o, refused := c.object()
	if refused != nil {
		return refused
	}
	ids, list, refused := c.retrieval()
	if refused != nil {
		return refused
	}
	if len(ids) == 0 || list == "" {
		return refuse(http.StatusBadRequest, "MISSING_ARGUMENT", "ids and fields are needed")
	}
	if len(ids) > pageSize {
		return refuse(http.StatusBadRequest, "EXCEEDED_ID_LIMIT",
			"record limit reached. cannot submit more than %d records into this call", pageSize)
	}
	fields, refused := c.wanted(o, list)
	if refused != nil {
		return refused
	}
	c.org.mu.Lock()
	defer c.org.mu.Unlock()
	c.entry.Rows = len(ids)
	records := make([]any, len(ids))
	for i, id := range ids {
		rec, err := c.locate(o, id)
		if err != nil && err.Code == "MALFORMED_ID" {
			return c.refuseRow(err)
		}
		if err == nil {
			records[i] = c.flat(o, rec, fields)
		}
	}
	return ok(records)
}

// retrieval returns the ids and the comma-separated fields that a request asks for.
func (c *call) retrieval() (ids []string, fields string, refused *answer) {
	if len(c.body) == 0 {
		query := c.r.URL.Query()
		return strings.FieldsFunc(query.Get("ids"), func(r rune) bool { return r == ',' }), query.Get("fields"), nil
	}
	body, refused := decodeBody(c.body)
	if refused != nil {
		return nil, "", refused
	}
	return texts(pick(body, "ids")), strings.Join(texts(pick(body, "fields")), ","), nil
}

// texts returns the strings in a JSON list.
func texts(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, item := range list {
		if s, isText := item.(string); isText {
			out = append(out, s)
		}
	}
	return out
}
