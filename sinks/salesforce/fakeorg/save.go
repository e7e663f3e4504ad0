package fakeorg

// save is one request's (or administrator's) work on the records. The org's lock is held while it lives.
type save struct {
	org    *Org
	user   *user
	admin  bool  // no field security, no assignment, no validation rules, converted leads too
	assign bool  // active assignment rules apply
	final  bool  // nothing will be taken back
	now    any   // a time.Time
	by     any   // the user's id
	spare  []any // of a final save: room for the next record's values
	undo   []func()
}

// newSave starts the work of a user. The org's lock is held.
func (o *Org) newSave(u *user) *save { return &save{org: o, user: u, now: o.clock(), by: u.id} }

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
	o := r.object
	slots := make([]any, len(o.fields))
	for _, f := range o.fields {
		if f.Default != nil {
			slots[f.slot] = f.Default
		}
	}
	if o.owner != nil {
		slots[o.owner.slot] = s.by
	}
	slots[o.created.slot], slots[o.createdBy.slot] = s.now, s.by
	if err := s.fill(t, nil, slots, r.values); err != nil {
		return nil, err
	}
	made := t.insert(slots)
	if !s.final {
		s.undo = append(s.undo, func() { t.purge(made) })
	}
	return made, nil
}

// update changes a record.
func (s *save) update(rec *record, r *row) *RowError {
	t := s.org.tables[r.object.Name]
	if !s.admin {
		if f := t.object.converted; f != nil && rec.slots[f.slot] == true {
			return rowError("CANNOT_UPDATE_CONVERTED_LEAD", nil, "cannot reference converted lead")
		}
		if err := checkAccess(s.user, r.values, false); err != nil {
			return err
		}
	}
	before := rec.slots
	slots := s.spare
	if slots == nil {
		slots = make([]any, len(before))
	}
	copy(slots, before)
	if err := s.fill(t, rec, slots, r.values); err != nil {
		return err
	}
	t.set(rec, slots)
	if s.final {
		s.spare = before
	} else {
		s.undo = append(s.undo, func() { t.set(rec, before) })
	}
	return nil
}

// delete moves a record to the recycle bin.
func (s *save) delete(rec *record) {
	t := s.org.tables[s.org.schema.byPrefix(rec.id[:3]).Name]
	t.setDeleted(rec, true)
	if !s.final {
		s.undo = append(s.undo, func() { t.setDeleted(rec, false) })
	}
}

// fill puts values into the slots of a record (nil for a new one) and checks what comes out.
func (s *save) fill(t *table, rec *record, slots []any, values []assignment) *RowError {
	for _, a := range values {
		v, err := s.org.checkValue(a.field, a.value)
		if err != nil {
			return err
		}
		slots[a.field.slot] = v
	}
	o := t.object
	if s.assign && o.AssignTo != "" && o.owner != nil {
		slots[o.owner.slot] = s.org.user(o.AssignTo).id
	}
	slots[o.modified.slot], slots[o.modifiedBy.slot], slots[o.stamp.slot] = s.now, s.by, s.now
	if err := checkRequired(o, slots); err != nil {
		return err
	}
	if err := t.checkUnique(rec, slots); err != nil {
		return err
	}
	if s.admin {
		return nil
	}
	var before []any
	if rec != nil {
		before = rec.slots
	}
	return checkRules(o, before, slots)
}
