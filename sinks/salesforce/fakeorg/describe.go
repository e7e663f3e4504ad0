package fakeorg

// describeGlobal is GET /sobjects.
func (c *call) describeGlobal() *answer {
	var list []map[string]any
	for _, o := range c.org.schema.objects {
		list = append(list, c.summary(o))
	}
	return ok(map[string]any{"encoding": "UTF-8", "maxBatchSize": maxRows, "sobjects": list})
}

// objectInfo is GET /sobjects/{object}.
func (c *call) objectInfo() *answer {
	o, refused := c.object()
	if refused != nil {
		return refused
	}
	return ok(map[string]any{"objectDescribe": c.summary(o), "recentItems": []any{}})
}

// describe is GET /sobjects/{object}/describe. What it says of a field holds for the user who asks.
func (c *call) describe() *answer {
	o, refused := c.object()
	if refused != nil {
		return refused
	}
	out := c.summary(o)
	fields := []map[string]any{}
	for _, f := range o.fields {
		if !c.user.hides(f) {
			fields = append(fields, c.describeField(o, f))
		}
	}
	out["fields"] = fields
	out["childRelationships"] = []any{}
	out["recordTypeInfos"] = []any{}
	return ok(out)
}

func (c *call) summary(o *object) map[string]any {
	base := c.base() + "/sobjects/" + o.Name
	return map[string]any{
		"name": o.Name, "label": o.Label, "labelPlural": o.Plural, "keyPrefix": o.KeyPrefix,
		"custom": (&Field{Name: o.Name}).custom(), "activateable": false, "customSetting": false,
		"createable": !o.ReadOnly, "updateable": !o.ReadOnly, "deletable": !o.ReadOnly, "undeletable": !o.ReadOnly,
		"queryable": true, "retrieveable": true, "searchable": false, "layoutable": true, "triggerable": true,
		"mergeable": false, "replicateable": true, "deprecatedAndHidden": false, "feedEnabled": false,
		"urls": map[string]string{"sobject": base, "describe": base + "/describe", "rowTemplate": base + "/{ID}"},
	}
}

func (c *call) describeField(o *object, f *Field) map[string]any {
	writes := c.user.edits(f) && !o.ReadOnly
	text := !f.number() && f.Type != "boolean" && f.Type != "date" && f.Type != "datetime"
	digits := 0
	if f.Type == "int" {
		digits = 9
	}
	length := 0
	if text {
		length = f.Length
	}
	out := map[string]any{
		"name": f.Name, "label": f.Label, "type": f.Type, "soapType": soapType(f),
		"length": length, "byteLength": 3 * length, "precision": f.Precision, "scale": f.Scale, "digits": digits,
		"custom": f.custom(), "externalId": f.ExternalID, "idLookup": f.indexed() || f.Type == "id", "unique": f.Unique,
		"caseSensitive": f.CaseSensitive, "nillable": f.Nillable, "defaultedOnCreate": f.Default != nil,
		"createable": f.Createable && writes, "updateable": f.Updateable && writes,
		"calculated": false, "autoNumber": false, "nameField": f == o.nameField(),
		"filterable": true, "sortable": true, "groupable": f.Type != "double", "permissionable": f.Nillable,
		"defaultValue": f.Default, "restrictedPicklist": f.Restricted, "picklistValues": picklist(f),
		"referenceTo": []string{}, "relationshipName": nil, "compoundFieldName": nil,
		"inlineHelpText": nil, "calculatedFormula": nil, "deprecatedAndHidden": false, "htmlFormatted": f.Rich,
	}
	if f.Type == "reference" {
		out["referenceTo"], out["relationshipName"] = []string{f.ReferenceTo}, f.Relationship
	}
	return out
}

func picklist(f *Field) []map[string]any {
	values := []map[string]any{}
	for _, v := range f.Picklist {
		values = append(values, map[string]any{"value": v, "label": v, "active": true, "defaultValue": v == f.Default})
	}
	return values
}

func soapType(f *Field) string {
	switch f.Type {
	case "id", "reference":
		return "tns:ID"
	case "int", "boolean", "double", "date":
		return "xsd:" + f.Type
	case "currency", "percent":
		return "xsd:double"
	case "datetime":
		return "xsd:dateTime"
	default:
		return "xsd:string"
	}
}
