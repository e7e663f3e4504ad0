package fakeorg

import (
	"fmt"
	"strings"
)

// writer writes rows for a user. Rows that a fault refuses are in failing, by a record's id or an external id.
type writer struct {
	org     *Org
	user    *user
	failing map[string]RowError
}

// insertRow makes a record.
func (w *writer) insertRow(s *save, r *row) (*record, bool, *RowError) {
	if r.id != "" {
		return nil, false, rowError("INVALID_FIELD_FOR_INSERT_UPDATE", []string{"Id"}, "cannot specify Id in an insert call")
	}
	made, err := s.insert(r)
	return made, err == nil, err
}

// updateRow changes the record that the row names by its id.
func (w *writer) updateRow(s *save, r *row) (*record, bool, *RowError) {
	if r.id == "" {
		return nil, false, rowError("MISSING_ARGUMENT", []string{"Id"}, "Id not specified in an update call")
	}
	rec, err := w.locate(r.object, r.id)
	if err == nil {
		err = s.update(rec, r)
	}
	return rec, false, err
}

// upsertRow updates the record that has the row's external id, or makes one.
func (w *writer) upsertRow(s *save, r *row, key *Field) (rec *record, created bool, failed *RowError) {
	value := r.value(key)
	if r.id != "" {
		return nil, false, rowError("INVALID_FIELD", nil,
			"cannot specify both an external ID reference %s and a salesforce id, %s", key.Name, r.id)
	}
	if value == nil {
		return nil, false, rowError("MISSING_ARGUMENT", []string{key.Name}, "%s not specified", key.Name)
	}
	matches := w.org.tables[r.object.Name].find(key, value)
	if len(matches) == 1 {
		rec = matches[0]
	}
	if len(w.failing) > 0 {
		if err := w.failingRow(fmt.Sprint(value)); err != nil {
			return rec, false, err
		}
	}
	switch len(matches) {
	case 0:
		made, err := s.insert(r)
		return made, err == nil, err
	case 1:
		if err := w.failingRow(rec.id); err != nil {
			return rec, false, err
		}
		// The key led here; it is not written, and so needs no permission to edit it.
		r.drop(key)
		return rec, false, s.update(rec, r)
	default:
		return nil, false, rowError("DUPLICATE_EXTERNAL_ID", []string{key.Name},
			"%s: more than one record found for external id field: %s", key.Name, render(key, value))
	}
}

// deleteRow moves the record that the row names by its id to the recycle bin.
func (w *writer) deleteRow(s *save, r *row) (*record, bool, *RowError) {
	full, err := normalizeID(r.id)
	if err != nil {
		return nil, false, rowError("MALFORMED_ID", nil, "bad id %s", r.id)
	}
	o := w.org.schema.byPrefix(full[:3])
	if o == nil || o.ReadOnly || r.object != nil && o != r.object {
		return nil, false, rowError("INVALID_CROSS_REFERENCE_KEY", nil, "invalid cross reference id")
	}
	rec, failed := w.locate(o, full)
	if failed == nil {
		s.delete(rec)
	}
	return rec, false, failed
}

// locate finds a record by an id that a row gave. With an error comes the record that it is about, if there is one.
func (w *writer) locate(o *object, id string) (*record, *RowError) {
	full, err := normalizeID(id)
	if err != nil || full[:3] != o.KeyPrefix {
		return nil, rowError("MALFORMED_ID", []string{"Id"}, "%s ID: id value of incorrect type: %s", o.Label, id)
	}
	rec := w.org.tables[o.Name].byID[full]
	if err := w.failingRow(full); err != nil {
		return rec, err
	}
	switch {
	case rec == nil:
		return nil, rowError("INVALID_CROSS_REFERENCE_KEY", nil, "invalid cross reference id")
	case rec.deleted:
		return rec, rowError("ENTITY_IS_DELETED", nil, "entity is deleted")
	}
	return rec, nil
}

// failingRow returns the error that a fault has for the row of a record's id or external id.
func (w *writer) failingRow(key string) *RowError {
	err, found := w.failing[key]
	if !found {
		return nil
	}
	refused := err
	return &refused
}

// String is the error as the results of a Bulk job have it: the code, the message and the fields.
func (e *RowError) String() string {
	if len(e.Fields) == 0 {
		return e.Code + ":" + e.Message + ":--"
	}
	return e.Code + ":" + e.Message + ":" + strings.Join(e.Fields, ",") + " --"
}
