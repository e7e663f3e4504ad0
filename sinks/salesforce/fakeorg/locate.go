package fakeorg

import "net/http"

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
