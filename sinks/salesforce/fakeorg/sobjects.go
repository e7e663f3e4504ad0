package fakeorg

import (
	"net/http"
	"slices"
	"strings"
)

// saved is what the API answers of one written row.
type saved struct {
	ID      string     `json:"id,omitempty"`
	Success bool       `json:"success"`
	Errors  []rowFault `json:"errors"`
	Created *bool      `json:"created,omitempty"` // of upserts
}

// rowFault is one entry of a row's errors.
type rowFault struct {
	StatusCode string   `json:"statusCode"`
	Message    string   `json:"message"`
	Fields     []string `json:"fields"`
}

// object returns the object that the path names.
func (c *call) object() (*object, *answer) {
	if o := c.org.schema.object(c.r.PathValue("object")); o != nil {
		return o, nil
	}
	return nil, notFound()
}

// begin starts the work on records; the caller holds the org's lock.
func (c *call) begin() *save {
	s := c.org.newSave(c.user)
	s.assign = !strings.EqualFold(c.r.Header.Get("Sforce-Auto-Assign"), "false")
	return s
}

// oneRow reads the one record of a request.
func (c *call) oneRow(o *object) (*row, *answer) {
	if o.ReadOnly {
		return nil, refuse(http.StatusBadRequest, "INVALID_TYPE_FOR_OPERATION", "entity type cannot be written: %s", o.Name)
	}
	members, refused := decodeBody(c.body)
	if refused != nil {
		return nil, refused
	}
	c.entry.Rows = 1
	return c.parseRow(o, members)
}

// refuseRow is the answer of a single-record call whose row is refused.
func (c *call) refuseRow(err *RowError) *answer {
	c.entry.Failed = 1
	status := http.StatusBadRequest
	if err.Code == "ENTITY_IS_DELETED" {
		status = http.StatusNotFound
	}
	return &answer{status: status, body: []apiError{{Message: err.Message, Code: err.Code, Fields: err.Fields}}}
}

// create is POST /sobjects/{object}.
func (c *call) create() *answer {
	o, refused := c.object()
	if refused != nil {
		return refused
	}
	r, refused := c.oneRow(o)
	if refused != nil {
		return refused
	}
	if r.id != "" {
		return refuse(http.StatusBadRequest, "INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call")
	}
	c.org.mu.Lock()
	defer c.org.mu.Unlock()
	made, err := c.begin().insert(r)
	if err != nil {
		return c.refuseRow(err)
	}
	return &answer{status: http.StatusCreated, body: saved{ID: made.id, Success: true, Errors: []rowFault{}}}
}

// update is PATCH /sobjects/{object}/{id}.
func (c *call) update() *answer {
	o, refused := c.object()
	if refused != nil {
		return refused
	}
	r, refused := c.oneRow(o)
	if refused != nil {
		return refused
	}
	if r.id != "" {
		return refuse(http.StatusBadRequest, "INVALID_FIELD", "The Id field should not be specified in the sobject data.")
	}
	c.org.mu.Lock()
	defer c.org.mu.Unlock()
	rec, refused := c.addressed(o)
	if refused != nil {
		return refused
	}
	if err := c.begin().update(rec, r); err != nil {
		return c.refuseRow(err)
	}
	return &answer{status: http.StatusNoContent}
}

// upsert is PATCH /sobjects/{object}/{field}/{value}.
func (c *call) upsert() *answer {
	o, refused := c.object()
	if refused != nil {
		return refused
	}
	key, refused := c.keyField(o)
	if refused != nil {
		return refused
	}
	r, refused := c.oneRow(o)
	if refused != nil {
		return refused
	}
	if slices.ContainsFunc(r.values, func(a assignment) bool { return a.field == key }) {
		return refuse(http.StatusBadRequest, "INVALID_FIELD",
			"The %s field should not be specified in the sobject data.", key.Name)
	}
	value, err := convert(key, c.r.PathValue("value"))
	if err != nil || value == nil {
		return notFound()
	}
	r.values = append(r.values, assignment{key, value})
	c.org.mu.Lock()
	defer c.org.mu.Unlock()
	if matches := c.org.tables[o.Name].find(key, value); len(matches) > 1 {
		return c.choices(o, matches)
	}
	rec, created, failed := c.upsertRow(c.begin(), r, key)
	if failed != nil {
		return c.refuseRow(failed)
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	return &answer{status: status, body: saved{ID: rec.id, Success: true, Errors: []rowFault{}, Created: &created}}
}

// choices answers 300: an external id that isn't unique led to several records.
func (c *call) choices(o *object, matches []*record) *answer {
	var urls []string
	for _, m := range matches {
		urls = append(urls, c.url(o, m.id))
	}
	return &answer{status: http.StatusMultipleChoices, body: urls}
}

// remove is DELETE of a record by id or external id.
func (c *call) remove() *answer {
	o, refused := c.object()
	if refused != nil {
		return refused
	}
	if o.ReadOnly {
		return refuse(http.StatusBadRequest, "INVALID_TYPE_FOR_OPERATION", "entity type cannot be deleted: %s", o.Name)
	}
	c.entry.Rows = 1
	c.org.mu.Lock()
	defer c.org.mu.Unlock()
	rec, refused := c.addressed(o)
	if refused != nil {
		return refused
	}
	c.begin().delete(rec)
	return &answer{status: http.StatusNoContent}
}

// read is GET of a record by id or external id, with an optional list of fields.
func (c *call) read() *answer {
	o, refused := c.object()
	if refused != nil {
		return refused
	}
	fields, refused := c.wanted(o, c.r.URL.Query().Get("fields"))
	if refused != nil {
		return refused
	}
	c.entry.Rows = 1
	c.org.mu.Lock()
	defer c.org.mu.Unlock()
	rec, refused := c.addressed(o)
	if refused != nil {
		return refused
	}
	return ok(c.flat(o, rec, fields))
}

// wanted returns the fields of a comma-separated list, or all that the user sees.
func (c *call) wanted(o *object, list string) ([]*Field, *answer) {
	var fields []*Field
	if list == "" {
		for _, f := range o.fields {
			if !c.user.hides(f) {
				fields = append(fields, f)
			}
		}
		return fields, nil
	}
	for name := range strings.SplitSeq(list, ",") {
		f := o.visible(c.user, strings.TrimSpace(name))
		if f == nil {
			return nil, refuse(http.StatusBadRequest, "INVALID_FIELD", "No such column '%s' on entity '%s'. If you are "+
				"attempting to use a custom field, be sure to append the '__c' after the custom field name.",
				strings.TrimSpace(name), o.Name)
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// flat renders a record without relationships. Id always comes along.
func (c *call) flat(o *object, rec *record, fields []*Field) map[string]any {
	out := map[string]any{"attributes": c.attributes(o, rec.id), "Id": rec.id}
	for _, f := range fields {
		out[f.Name] = render(f, o.get(rec, f))
	}
	return out
}

func (c *call) attributes(o *object, id string) map[string]string {
	return map[string]string{"type": o.Name, "url": c.url(o, id)}
}

func (c *call) url(o *object, id string) string { return c.base() + "/sobjects/" + o.Name + "/" + id }
