package fakeorg

import (
	"fmt"
	"net/http"
)

// locate finds a record by an id that a row gave.
func (c *call) locate(o *object, id string) (*record, *RowError) {
	full, err := normalizeID(id)
	if err != nil || full[:3] != o.KeyPrefix {
		return nil, rowError("MALFORMED_ID", []string{"Id"}, "%s ID: id value of incorrect type: %s", o.Label, id)
	}
	if err := c.failingRow(full); err != nil {
		return nil, err
	}
	rec := c.org.tables[o.Name].byID[full]
	switch {
	case rec == nil:
		return nil, rowError("INVALID_CROSS_REFERENCE_KEY", nil, "invalid cross reference id")
	case rec.deleted:
		return nil, rowError("ENTITY_IS_DELETED", nil, "entity is deleted")
	}
	return rec, nil
}

// keyField returns the external id that the path names.
func (c *call) keyField(o *object) (*Field, *answer) {
	name := c.r.PathValue("field")
	f := o.visible(c.user, name)
	if f == nil || !f.ExternalID {
		return nil, refuse(http.StatusNotFound, "NOT_FOUND",
			"Provided external ID field does not exist or is not accessible: %s", name)
	}
	return f, nil
}

// addressed returns the record that the path leads to, by id or by external id.
func (c *call) addressed(o *object) (*record, *answer) {
	if c.r.PathValue("field") == "" {
		id := c.r.PathValue("id")
		if full, err := normalizeID(id); err != nil || full[:3] != o.KeyPrefix {
			return nil, refuse(http.StatusNotFound, "NOT_FOUND",
				"Provided external ID field does not exist or is not accessible: %s", id)
		}
		rec, err := c.locate(o, id)
		if err != nil && err.Code == "INVALID_CROSS_REFERENCE_KEY" {
			return nil, notFound()
		}
		if err != nil {
			return nil, c.refuseRow(err)
		}
		return rec, nil
	}
	key, refused := c.keyField(o)
	if refused != nil {
		return nil, refused
	}
	value, err := convert(key, c.r.PathValue("value"))
	if err != nil {
		return nil, notFound()
	}
	matches := c.org.tables[o.Name].find(key, value)
	switch len(matches) {
	case 0:
		return nil, notFound()
	case 1:
		return matches[0], nil
	default:
		return nil, c.choices(o, matches)
	}
}

// upsertRow updates the record that has the row's external id, or makes one. It returns the record's id.
func (c *call) upsertRow(s *save, r *row, key *Field) (id string, created bool, failed *RowError) {
	value := r.value(key)
	if r.id != "" {
		return "", false, rowError("INVALID_FIELD", nil,
			"cannot specify both an external ID reference %s and a salesforce id, %s", key.Name, r.id)
	}
	if value == nil {
		return "", false, rowError("MISSING_ARGUMENT", []string{key.Name}, "%s not specified", key.Name)
	}
	if err := c.failingRow(fmt.Sprint(value)); err != nil {
		return "", false, err
	}
	switch matches := c.org.tables[r.object.Name].find(key, value); len(matches) {
	case 0:
		made, err := s.insert(r)
		if err != nil {
			return "", false, err
		}
		return made.id, true, nil
	case 1:
		rec := matches[0]
		if err := c.failingRow(rec.id); err != nil {
			return "", false, err
		}
		// The key led here; it is not written, and so needs no permission to edit it.
		return rec.id, false, s.update(rec, r.without(key))
	default:
		return "", false, rowError("DUPLICATE_EXTERNAL_ID", []string{key.Name},
			"%s: more than one record found for external id field: %s", key.Name, render(key, value))
	}
}

// failingRow returns the error that a fault has for the row of a record's id or external id.
func (c *call) failingRow(key string) *RowError {
	if err, found := c.failing[key]; found {
		return &err
	}
	return nil
}
