package fakeorg

import "fmt"

// The Tooling API's objects show the validation rules that Config gave the org's objects.
func toolingObjects() []Object {
	text := func(name string) Field { return Field{Name: name, Type: "string", Nillable: true} }
	return []Object{
		{Name: "EntityDefinition", KeyPrefix: "4ie", ReadOnly: true, Fields: []Field{
			text("DurableId"), text("QualifiedApiName"), text("DeveloperName"), text("Label"), text("KeyPrefix"),
		}},
		{Name: "ValidationRule", KeyPrefix: "03d", ReadOnly: true, Fields: []Field{
			text("ValidationName"), {Name: "Active", Type: "boolean"}, text("ErrorDisplayField"), text("ErrorMessage"),
			{Name: "EntityDefinitionId", Type: "string", ReferenceTo: "EntityDefinition", Relationship: "EntityDefinition"},
		}},
	}
}

// addTooling fills the Tooling API's tables.
func (o *Org) addTooling() error {
	o.tooling = &schema{byName: map[string]*object{}}
	for _, c := range toolingObjects() {
		if o.tables[c.Name] != nil {
			return fmt.Errorf("object %q is the Tooling API's", c.Name)
		}
		if err := o.tooling.add(c); err != nil {
			return err
		}
		o.tables[c.Name] = newTable(o.tooling.object(c.Name))
	}
	for i, obj := range o.schema.objects {
		o.addEntity(obj, i)
	}
	return nil
}

// addEntity shows the n-th object and its rules. A standard object's id is its name.
func (o *Org) addEntity(obj *object, n int) {
	id := obj.Name
	if (&Field{Name: obj.Name}).custom() {
		id = newID("01I", n)
	}
	entities, rules := o.tables["EntityDefinition"], o.tables["ValidationRule"]
	stamps := func(values map[string]any) map[string]any {
		values["CreatedDate"], values["LastModifiedDate"], values["SystemModstamp"] = o.clock(), o.clock(), o.clock()
		return values
	}
	entities.insertAs(id, entities.object.slots(stamps(map[string]any{
		"DurableId": id, "QualifiedApiName": obj.Name, "DeveloperName": obj.Name, "Label": obj.Label, "KeyPrefix": obj.KeyPrefix,
	})))
	for _, r := range obj.Rules {
		values := map[string]any{
			"ValidationName": r.Name, "Active": !r.Inactive, "ErrorMessage": r.Message, "EntityDefinitionId": id,
		}
		if r.Field != "" {
			values["ErrorDisplayField"] = r.Field
		}
		rules.insert(rules.object.slots(stamps(values)))
	}
}

// toolingQuery is GET /tooling/query. To a user who may not view setup, its objects do not exist: an org answers such a
// user's query with INVALID_TYPE.
func (c *call) toolingQuery() *answer {
	c.root = "/tooling"
	if !c.user.ViewSetup {
		return c.search(&schema{})
	}
	return c.search(c.org.tooling)
}
