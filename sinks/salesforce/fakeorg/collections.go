package fakeorg

import (
	"net/http"
	"strings"
)

// maxRows is how many records a collection request may hold.
const maxRows = 200

// collection is the body of a collection request.
type collection struct {
	rows      []*row
	allOrNone bool
}

// write is what a collection request does with one of its rows. It returns the record, and whether it was made.
type write func(*save, *row) (rec *record, created bool, failed *RowError)

// createAll is POST /composite/sobjects.
func (c *call) createAll() *answer {
	in, refused := c.readCollection(nil)
	if refused != nil {
		return refused
	}
	return c.writeAll(in, nil, c.insertRow, false)
}

// updateAll is PATCH /composite/sobjects.
func (c *call) updateAll() *answer {
	in, refused := c.readCollection(nil)
	if refused != nil {
		return refused
	}
	return c.writeAll(in, duplicateIDs(in.rows), c.updateRow, false)
}

// upsertAll is PATCH /composite/sobjects/{object}/{field}.
func (c *call) upsertAll() *answer {
	o, refused := c.object()
	if refused != nil {
		return refused
	}
	key, refused := c.keyField(o)
	if refused != nil {
		return refused
	}
	in, refused := c.readCollection(o)
	if refused != nil {
		return refused
	}
	return c.writeAll(in, duplicateKeys(in.rows, key), func(s *save, r *row) (*record, bool, *RowError) {
		return c.upsertRow(s, r, key)
	}, true)
}

// writeAll writes the rows in order and answers for each. Rows in spoiled are refused before they are tried.
func (c *call) writeAll(in *collection, spoiled map[*row]*RowError, do write, upsert bool) *answer {
	c.org.mu.Lock()
	defer c.org.mu.Unlock()
	s := c.begin()
	results := make([]saved, len(in.rows))
	c.entry.Rows, c.entry.Failed = len(in.rows), 0
	for i, r := range in.rows {
		err := spoiled[r]
		var rec *record
		var created bool
		if err == nil {
			rec, created, err = do(s, r)
		}
		if err != nil {
			results[i] = err.result()
			c.entry.Failed++
			continue
		}
		results[i] = saved{ID: rec.id, Success: true, Errors: []rowFault{}}
		if upsert {
			results[i].Created = &created
		}
	}
	if in.allOrNone && c.entry.Failed > 0 {
		s.rollback()
		c.entry.Failed = len(in.rows)
		for i, r := range results {
			if r.Success {
				results[i] = rowError("ALL_OR_NONE_OPERATION_ROLLED_BACK", nil, "Record rolled back because not all records "+
					"were valid and the request was using AllOrNone header").result()
			}
		}
	}
	return ok(results)
}

func (e *RowError) result() saved {
	fields := e.Fields
	if fields == nil {
		fields = []string{}
	}
	return saved{Errors: []rowFault{{StatusCode: e.Code, Message: e.Message, Fields: fields}}}
}

// readCollection reads the records of a request; of is the object they must be of, nil if each says for itself.
func (c *call) readCollection(of *object) (*collection, *answer) {
	body, refused := decodeBody(c.body)
	if refused != nil {
		return nil, refused
	}
	list, isList := pick(body, "records").([]any)
	if !isList {
		return nil, refuse(http.StatusBadRequest, "MISSING_ARGUMENT", "records: a list of records is needed")
	}
	if len(list) > maxRows {
		return nil, tooMany()
	}
	in := &collection{}
	in.allOrNone, _ = pick(body, "allOrNone").(bool)
	for _, item := range list {
		members, isObject := item.([]member)
		if !isObject {
			return nil, parserError(c.body, int64(len(c.body)), "Cannot deserialize instance of sobject from %v", mismatch(item))
		}
		o, refused := c.typeOf(members, of)
		if refused != nil {
			return nil, refused
		}
		r, refused := c.parseRow(o, members)
		if refused != nil {
			return nil, refused
		}
		in.rows = append(in.rows, r)
	}
	return in, nil
}

// typeOf returns the object that a record's attributes name.
func (c *call) typeOf(members []member, of *object) (*object, *answer) {
	attributes, _ := pick(members, "attributes").([]member)
	name, _ := pick(attributes, "type").(string)
	if name == "" {
		return nil, refuse(http.StatusBadRequest, "INVALID_INPUT", "Each record needs an attributes map with a type")
	}
	o := c.org.schema.object(name)
	switch {
	case o == nil:
		return nil, refuse(http.StatusBadRequest, "INVALID_TYPE", "sObject type '%s' is not supported.", name)
	case o.ReadOnly:
		return nil, refuse(http.StatusBadRequest, "INVALID_TYPE_FOR_OPERATION", "entity type cannot be written: %s", name)
	case of != nil && o != of:
		return nil, refuse(http.StatusBadRequest, "INVALID_INPUT",
			"Records of type %s can't be sent to the resource of %s", name, of.Name)
	}
	return o, nil
}

func tooMany() *answer {
	return refuse(http.StatusBadRequest, "EXCEEDED_ID_LIMIT",
		"record limit reached. cannot submit more than %d records into this call", maxRows)
}

// deleteAll is DELETE /composite/sobjects?ids=...
func (c *call) deleteAll() *answer {
	query := c.r.URL.Query()
	ids := strings.FieldsFunc(query.Get("ids"), func(r rune) bool { return r == ',' })
	if len(ids) == 0 {
		return refuse(http.StatusBadRequest, "MISSING_ARGUMENT", "ids: a list of record ids is needed")
	}
	if len(ids) > maxRows {
		return tooMany()
	}
	in := &collection{allOrNone: strings.EqualFold(query.Get("allOrNone"), "true")}
	for _, id := range ids {
		in.rows = append(in.rows, &row{id: id})
	}
	return c.writeAll(in, nil, c.deleteRow, false)
}
