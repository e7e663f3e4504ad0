package fakeorg

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Record is a snapshot of a record. Fields holds what isn't null, by API name: text and ids as string, numbers as
// float64, checkboxes as bool, dates and times as time.Time in UTC.
type Record struct {
	ID      string
	Deleted bool // in the recycle bin
	Fields  map[string]any
}

type record struct {
	id      string
	deleted bool
	fields  map[string]any // never changed in place: a snapshot may share it
}

// table holds the records of one object. The org's lock guards it.
type table struct {
	object *object
	rows   []*record // in ascending order of id
	byID   map[string]*record
	index  map[*Field]map[string][]*record // of indexed fields: the living records by folded value
	last   int                             // number in the newest id
}

func newTable(o *object) *table {
	t := &table{object: o, byID: map[string]*record{}, index: map[*Field]map[string][]*record{}}
	for _, f := range o.fields {
		if f.indexed() {
			t.index[f] = map[string][]*record{}
		}
	}
	return t
}

// get returns the value of a record's field, nil for null.
func (o *object) get(r *record, f *Field) any {
	switch {
	case f.Name == "Id":
		return r.id
	case f.Name == "IsDeleted":
		return r.deleted
	case f.Joins != nil:
		var parts []string
		for _, name := range f.Joins {
			if s, ok := r.fields[o.field(name).Name].(string); ok {
				parts = append(parts, s)
			}
		}
		return strings.Join(parts, " ")
	}
	return r.fields[f.Name]
}

// text is get for a field that may be missing from the object, as text.
func (o *object) text(r *record, name string) string {
	f := o.field(name)
	if f == nil {
		return ""
	}
	s, _ := o.get(r, f).(string)
	return s
}

func (t *table) insert(fields map[string]any) *record {
	t.last++
	return t.insertAs(newID(t.object.KeyPrefix, t.last), fields)
}

func (t *table) insertAs(id string, fields map[string]any) *record {
	r := &record{id: id, fields: fields}
	t.rows = append(t.rows, r)
	t.byID[id] = r
	t.enlist(r)
	return r
}

// set replaces a record's values.
func (t *table) set(r *record, fields map[string]any) {
	t.delist(r)
	r.fields = fields
	t.enlist(r)
}

func (t *table) setDeleted(r *record, deleted bool) {
	t.delist(r)
	r.deleted = deleted
	t.enlist(r)
}

// purge forgets a record as if it had never been.
func (t *table) purge(r *record) {
	t.delist(r)
	delete(t.byID, r.id)
	t.rows = slices.DeleteFunc(t.rows, func(o *record) bool { return o == r })
}

// find returns the living records whose indexed field has a value. The slice is good until the next change.
func (t *table) find(f *Field, value any) []*record {
	return t.index[f][fold(f, value)]
}

func (t *table) enlist(r *record) {
	for f, values := range t.index {
		if v := r.fields[f.Name]; v != nil && !r.deleted {
			values[fold(f, v)] = append(values[fold(f, v)], r)
		}
	}
}

func (t *table) delist(r *record) {
	for f, values := range t.index {
		if v := r.fields[f.Name]; v != nil && !r.deleted {
			key := fold(f, v)
			values[key] = slices.DeleteFunc(values[key], func(o *record) bool { return o == r })
			if len(values[key]) == 0 {
				delete(values, key)
			}
		}
	}
}

// snapshot copies a record out, computed fields included.
func (t *table) snapshot(r *record) Record {
	fields := maps.Clone(r.fields)
	for _, f := range t.object.fields {
		if f.Joins != nil {
			fields[f.Name] = t.object.get(r, f)
		}
	}
	maps.DeleteFunc(fields, func(_ string, v any) bool { return v == nil })
	return Record{ID: r.id, Deleted: r.deleted, Fields: fields}
}

// fold returns the text by which a value is looked up: without regard to case, unless the field minds it.
func fold(f *Field, value any) string {
	switch v := value.(type) {
	case string:
		if f.CaseSensitive {
			return v
		}
		return strings.ToLower(v)
	case float64:
		return formatNumber(f, v)
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	default:
		return ""
	}
}
