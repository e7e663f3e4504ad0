package fakeorg

import "slices"

// queryColumn describes one column of a query, or a relationship with the columns that the query reaches through it.
type queryColumn struct {
	Name       string         `json:"columnName"`
	Display    string         `json:"displayName"`
	ApexType   string         `json:"apexType"`
	Custom     bool           `json:"custom"`
	Insertable bool           `json:"insertable"`
	Updatable  bool           `json:"updatable"`
	Boolean    bool           `json:"booleanType"`
	Number     bool           `json:"numberType"`
	Text       bool           `json:"textType"`
	Aggregate  bool           `json:"aggregate"`
	ForeignKey *string        `json:"foreignKeyName"`
	Joined     []*queryColumn `json:"joinColumns"`
}

// columns answers GET /query with columns=true, which the Salesforce CLI asks for to lay out a result: the columns in the
// query's order, and none of its records. A COUNT() has no columns.
func (c *call) columns(p *plan) *answer {
	list, idSelected := []*queryColumn{}, false
	for _, path := range p.fields {
		level := &list
		for i, ref := range path.references {
			level = &join(level, ref, path.objects[i]).Joined
		}
		*level = append(*level, c.columnOf(path.field))
		idSelected = idSelected || path.String() == "Id"
	}
	return ok(map[string]any{
		"columnMetadata": list, "entityName": p.object.Name, "groupBy": false, "idSelected": idSelected,
		"keyPrefix": p.object.KeyPrefix,
	})
}

// join returns the relationship's column in a level, which it adds if it is not there.
func join(level *[]*queryColumn, ref *Field, to *object) *queryColumn {
	at := slices.IndexFunc(*level, func(c *queryColumn) bool { return c.ForeignKey != nil && c.Name == ref.Relationship })
	if at >= 0 {
		return (*level)[at]
	}
	made := &queryColumn{Name: ref.Relationship, Display: ref.Relationship, ApexType: to.Name, ForeignKey: &ref.Name}
	*level = append(*level, made)
	return made
}

func (c *call) columnOf(f *Field) *queryColumn {
	writes := c.user.edits(f)
	return &queryColumn{
		Name: f.Name, Display: f.Name, ApexType: apexType(f), Custom: f.custom(), Insertable: f.Createable && writes,
		Updatable: f.Updateable && writes, Boolean: f.Type == "boolean", Number: f.number(), Text: apexType(f) == "String",
		Joined: []*queryColumn{},
	}
}

func apexType(f *Field) string {
	switch f.Type {
	case "id", "reference":
		return "Id"
	case "boolean":
		return "Boolean"
	case "int":
		return "Integer"
	case "double", "currency", "percent":
		return "Double"
	case "date":
		return "Date"
	case "datetime":
		return "Datetime"
	default:
		return "String"
	}
}
