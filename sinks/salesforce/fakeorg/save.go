package fakeorg

import (
	"maps"
	"time"
)

// save is one request's (or administrator's) work on the records. The org's lock is held while it lives.
type save struct {
	org    *Org
	user   *user
	admin  bool // no field security, no assignment, no validation rules, converted leads too
	assign bool // active assignment rules apply
	now    time.Time
	undo   []func()
}

// rollback takes back what the save did.
func (s *save) rollback() {
	for i := len(s.undo) - 1; i >= 0; i-- {
		s.undo[i]()
	}
	s.undo = nil
}

// insert makes a record.
func (s *save) insert(r *row) (*record, *RowError) {
	t := s.org.tables[r.object.Name]
	if !s.admin {
		if err := checkAccess(s.user, r.values, true); err != nil {
			return nil, err
		}
	}
	fields := map[string]any{}
	for _, f := range r.object.fields {
		if f.Default != nil {
			fields[f.Name] = f.Default
		}
	}
	if r.object.Owned {
		fields["OwnerId"] = s.user.id
	}
	fields["CreatedDate"], fields["CreatedById"] = s.now, s.user.id
	if err := s.fill(t, nil, fields, r.values); err != nil {
		return nil, err
	}
	made := t.insert(fields)
	s.undo = append(s.undo, func() { t.purge(made) })
	return made, nil
}

// update changes a record.
func (s *save) update(rec *record, r *row) *RowError {
	t := s.org.tables[r.object.Name]
	if !s.admin {
		if converted, _ := rec.fields["IsConverted"].(bool); converted {
			return rowError("CANNOT_UPDATE_CONVERTED_LEAD", nil, "cannot reference converted lead")
		}
		if err := checkAccess(s.user, r.values, false); err != nil {
			return err
		}
	}
	before := rec.fields
	fields := maps.Clone(before)
	if err := s.fill(t, rec, fields, r.values); err != nil {
		return err
	}
	t.set(rec, fields)
	s.undo = append(s.undo, func() { t.set(rec, before) })
	return nil
}

// delete moves a record to the recycle bin.
func (s *save) delete(rec *record) {
	t := s.org.tables[s.org.schema.byPrefix(rec.id[:3]).Name]
	t.setDeleted(rec, true)
	s.undo = append(s.undo, func() { t.setDeleted(rec, false) })
}

// fill puts values into the fields of a record (nil for a new one) and checks what comes out.
func (s *save) fill(t *table, rec *record, fields map[string]any, values []assignment) *RowError {
	for _, a := range values {
		v, err := s.org.checkValue(a.field, a.value)
		if err != nil {
			return err
		}
		fields[a.field.Name] = v
	}
	if s.assign && t.object.AssignTo != "" {
		fields["OwnerId"] = s.org.user(t.object.AssignTo).id
	}
	fields["LastModifiedDate"], fields["LastModifiedById"], fields["SystemModstamp"] = s.now, s.user.id, s.now
	if err := checkRequired(t.object, fields); err != nil {
		return err
	}
	if err := t.checkUnique(rec, fields); err != nil {
		return err
	}
	if s.admin {
		return nil
	}
	var before map[string]any
	if rec != nil {
		before = rec.fields
	}
	return checkRules(t.object, before, fields)
}
