package fakeorg

import (
	"fmt"
	"strings"
	"time"
)

// plan is a query bound to the schema: it can be run without errors.
type plan struct {
	object *object
	count  bool
	fields []*path
	keep   func(*Org, *record) bool
	order  []orderBy
	limit  int // -1 for none
	offset int
}

// path leads from a record to a value: along references, to the last field.
type path struct {
	references []*Field
	objects    []*object // where each reference leads
	field      *Field
}

type orderBy struct {
	path *path
	ordering
}

// bind checks a query's names and literals against what the user can see.
func (s *schema) bind(q *soql, u *user) (*plan, *soqlError) {
	o := s.object(q.from.text)
	if o == nil {
		return nil, &soqlError{"INVALID_TYPE", q.from.at, fmt.Sprintf("sObject type '%s' is not supported. If you are "+
			"attempting to use a custom object, be sure to append the '__c' after the entity name.", q.from.text)}
	}
	if q.offset > 2000 {
		return nil, &soqlError{"NUMBER_OUTSIDE_VALID_RANGE", q.offsetAt, "Maximum SOQL offset allowed is 2000"}
	}
	b := &binder{schema: s, user: u, object: o, alias: q.alias}
	p := &plan{object: o, count: q.count, limit: q.limit, offset: q.offset}
	seen := map[string]bool{}
	for _, t := range q.fields {
		f := b.path(t)
		if b.err == nil && seen[f.String()] {
			b.err = &soqlError{"INVALID_FIELD", t.at, "duplicate field selected: " + f.String()}
		}
		if b.err != nil {
			return nil, b.err
		}
		seen[f.String()] = true
		p.fields = append(p.fields, f)
	}
	p.keep = b.condition(q.where)
	for _, ord := range q.orders {
		p.order = append(p.order, orderBy{b.path(ord.field), ord})
	}
	return p, b.err
}

// String is the path in the schema's spelling.
func (p *path) String() string {
	var b strings.Builder
	for _, r := range p.references {
		b.WriteString(r.Relationship + ".")
	}
	return b.String() + p.field.Name
}

// get follows the path from a record. The org's lock is held.
func (p *path) get(o *Org, from *object, r *record) any {
	for i, ref := range p.references {
		id, _ := from.get(r, ref).(string)
		from = p.objects[i]
		if r = o.tables[from.Name].byID[id]; r == nil {
			return nil
		}
	}
	return from.get(r, p.field)
}

// binder resolves names; it keeps the first error.
type binder struct {
	schema *schema
	user   *user
	object *object
	alias  string
	err    *soqlError
}

func (b *binder) fail(code string, at int, format string, args ...any) {
	if b.err == nil {
		b.err = &soqlError{code, at, fmt.Sprintf(format, args...)}
	}
}

// path resolves a dotted name.
func (b *binder) path(t token) *path {
	parts := strings.Split(t.text, ".")
	if len(parts) > 1 && (strings.EqualFold(parts[0], b.object.Name) || strings.EqualFold(parts[0], b.alias)) {
		parts = parts[1:]
	}
	p := &path{}
	o := b.object
	for _, name := range parts[:len(parts)-1] {
		ref := o.byRel[strings.ToLower(name)]
		if ref == nil || b.user.hides(ref) || b.schema.object(ref.ReferenceTo) == nil {
			b.fail("INVALID_FIELD", t.at, "Didn't understand relationship '%s' in field path. If you are attempting to use a "+
				"custom relationship, be sure to append the '__r' after the custom relationship name.", name)
			return nil
		}
		o = b.schema.object(ref.ReferenceTo)
		p.references, p.objects = append(p.references, ref), append(p.objects, o)
	}
	last := parts[len(parts)-1]
	if p.field = o.visible(b.user, last); p.field == nil {
		b.fail("INVALID_FIELD", t.at, "No such column '%s' on entity '%s'. If you are attempting to use a custom field, "+
			"be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the "+
			"appropriate names.", last, o.Name)
		return nil
	}
	return p
}

// operand brings a literal into the form of a field's values, or refuses it for its type.
func (b *binder) operand(f *Field, l literal) any {
	if l.value == nil {
		return nil
	}
	switch v := l.value.(type) {
	case string:
		switch f.Type {
		case "id", "reference":
			if v == "" {
				return nil
			}
			id, err := normalizeID(v)
			if err != nil {
				b.fail("INVALID_QUERY_FILTER_OPERATOR", l.at, "invalid ID field: %s", v)
			}
			return id
		case "boolean", "date", "datetime", "int", "double", "currency", "percent":
			b.fail("INVALID_FIELD", l.at, "value of filter criterion for field '%s' must be of type %s and should not be "+
				"enclosed in quotes", f.Name, f.Type)
		}
		if v == "" {
			return nil // an empty text is stored as null
		}
		return v
	case float64:
		if f.number() {
			return v
		}
	case bool:
		if f.Type == "boolean" {
			return v
		}
	case time.Time:
		if l.day == (f.Type == "date") && (f.Type == "date" || f.Type == "datetime") {
			return v
		}
	}
	b.fail("INVALID_FIELD", l.at, "value of filter criterion for field '%s' must be of type %s", f.Name, f.Type)
	return nil
}
