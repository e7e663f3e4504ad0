package fakeorg

import (
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
	slots   []any // by Field.slot
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
			if s, ok := r.slots[o.field(name).slot].(string); ok {
				parts = append(parts, s)
			}
		}
		return strings.Join(parts, " ")
	}
	return r.slots[f.slot]
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

func (t *table) insert(slots []any) *record {
	t.last++
	return t.insertAs(newID(t.object.KeyPrefix, t.last), slots)
}

func (t *table) insertAs(id string, slots []any) *record {
	r := &record{id: id, slots: slots}
	t.rows = append(t.rows, r)
	t.byID[id] = r
	t.enlist(r, nil)
	return r
}

// slots brings values by name into a record's form.
func (o *object) slots(values map[string]any) []any {
	slots := make([]any, len(o.fields))
	for name, v := range values {
		slots[o.field(name).slot] = v
	}
	return slots
}

// set replaces a record's values.
func (t *table) set(r *record, slots []any) {
	before := r.slots
	t.delist(r, slots)
	r.slots = slots
	t.enlist(r, before)
}

func (t *table) setDeleted(r *record, deleted bool) {
	t.delist(r, nil)
	r.deleted = deleted
	t.enlist(r, nil)
}

// purge forgets a record as if it had never been.
func (t *table) purge(r *record) {
	t.delist(r, nil)
	delete(t.byID, r.id)
	t.rows = slices.DeleteFunc(t.rows, func(o *record) bool { return o == r })
}

// find returns the living records whose indexed field has a value. The slice is good until the next change.
func (t *table) find(f *Field, value any) []*record {
	return t.index[f][fold(f, value)]
}

// enlist adds a record to the indexes, but for those in which it has been with the same value.
func (t *table) enlist(r *record, before []any) {
	for f, values := range t.index {
		v := r.slots[f.slot]
		if v == nil || r.deleted || before != nil && before[f.slot] == v {
			continue
		}
		values[fold(f, v)] = append(values[fold(f, v)], r)
	}
}

// delist takes a record out of the indexes, but for those in which it will be with the same value.
func (t *table) delist(r *record, after []any) {
	for f, values := range t.index {
		v := r.slots[f.slot]
		if v == nil || r.deleted || after != nil && after[f.slot] == v {
			continue
		}
		key := fold(f, v)
		values[key] = slices.DeleteFunc(values[key], func(o *record) bool { return o == r })
		if len(values[key]) == 0 {
			delete(values, key)
		}
	}
}

// snapshot copies a record out, computed fields included.
func (t *table) snapshot(r *record) Record {
	fields := map[string]any{}
	for _, f := range t.object.fields {
		v := r.slots[f.slot]
		if f.Joins != nil {
			v = t.object.get(r, f)
		}
		if v != nil {
			fields[f.Name] = v
		}
	}
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
