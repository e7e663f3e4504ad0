package fakeorg

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// row is one record of a request: typed, but not yet checked against the org's rules.
type row struct {
	object *object
	id     string // as it was sent
	values []assignment
}

type assignment struct {
	field *Field
	value any // as stored; nil for null
}

func (r *row) value(f *Field) any {
	for _, a := range r.values {
		if a.field == f {
			return a.value
		}
	}
	return nil
}

// drop takes one field out of the row.
func (r *row) drop(f *Field) {
	r.values = slices.DeleteFunc(r.values, func(a assignment) bool { return a.field == f })
}

// parseRow reads a record of an object. A field that isn't there (or is hidden from the user) and a value of the wrong
// type spoil the whole request.
func (c *call) parseRow(o *object, members []member) (*row, *answer) {
	r := &row{object: o}
	for _, m := range members {
		switch {
		case m.name == "attributes":
			continue
		case strings.EqualFold(m.name, "Id"):
			if m.value != nil {
				r.id = fmt.Sprint(m.value)
			}
			continue
		}
		f := o.visible(c.user, m.name)
		if f == nil {
			return nil, refuse(http.StatusBadRequest, "INVALID_FIELD",
				"No such column '%s' on sobject of type %s", m.name, o.Name)
		}
		v, err := convert(f, m.value)
		if err != nil {
			return nil, parserError(c.body, m.end,
				"Cannot deserialize instance of %s from %v or request may be missing a required field", f.Type, err)
		}
		r.values = append(r.values, assignment{f, v})
	}
	return r, nil
}
