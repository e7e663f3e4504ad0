package fakeorg

import (
	"errors"
	"fmt"
	"strings"
)

// schema holds the org's objects, in order and by name without regard to case.
type schema struct {
	objects []*object
	byName  map[string]*object
}

// object is an Object with what every object has, and its lookups.
type object struct {
	Object
	fields []*Field
	byName map[string]*Field // API names, as they are and in lower case
	byRel  map[string]*Field // lower-case relationship names

	// Fields that every save touches; nil where the object has none.
	owner, created, createdBy, modified, modifiedBy, stamp, converted *Field
}

func newSchema(configured []Object) (*schema, error) {
	if len(configured) == 0 {
		configured = []Object{LeadObject()}
	}
	s := &schema{byName: map[string]*object{}}
	for _, c := range append([]Object{userObject(), organizationObject()}, configured...) {
		if err := s.add(c); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *schema) add(c Object) error {
	o, err := newObject(c)
	if err != nil {
		return fmt.Errorf("object %q: %w", c.Name, err)
	}
	if s.object(o.Name) != nil {
		return fmt.Errorf("object %q is there twice", o.Name)
	}
	s.objects = append(s.objects, o)
	s.byName[strings.ToLower(o.Name)] = o
	return nil
}

func (s *schema) object(name string) *object { return s.byName[strings.ToLower(name)] }

func (s *schema) byPrefix(prefix string) *object {
	for _, o := range s.objects {
		if o.KeyPrefix == prefix {
			return o
		}
	}
	return nil
}

func newObject(c Object) (*object, error) {
	if c.Name == "" || len(c.KeyPrefix) != 3 {
		return nil, errors.New("a name and a key prefix of three characters are needed")
	}
	if c.Label == "" {
		c.Label = c.Name
	}
	if c.Plural == "" {
		c.Plural = c.Label + "s"
	}
	o := &object{Object: c, byName: map[string]*Field{}, byRel: map[string]*Field{}}
	for _, f := range append(systemFields(c.Owned), c.Fields...) {
		if err := o.add(f); err != nil {
			return nil, fmt.Errorf("field %q: %w", f.Name, err)
		}
	}
	o.owner, o.converted, o.stamp = o.field("OwnerId"), o.field("IsConverted"), o.field("SystemModstamp")
	o.created, o.createdBy = o.field("CreatedDate"), o.field("CreatedById")
	o.modified, o.modifiedBy = o.field("LastModifiedDate"), o.field("LastModifiedById")
	for _, f := range o.fields {
		for _, j := range f.Joins {
			if o.field(j) == nil {
				return nil, fmt.Errorf("field %q joins %q, which does not exist", f.Name, j)
			}
		}
	}
	return o, nil
}

func (o *object) add(f Field) error {
	if f.Label == "" {
		f.Label = f.Name
	}
	switch f.Type {
	case "string", "textarea", "email", "phone", "url", "picklist":
		if f.Length == 0 {
			f.Length = 255
		}
	case "reference", "id":
		f.Length = 18
	case "double", "currency", "percent":
		if f.Precision == 0 {
			f.Precision = 18
		}
	case "boolean":
		if f.Default == nil {
			f.Default = false
		}
	case "int", "date", "datetime":
	default:
		return fmt.Errorf("type %q is not known", f.Type)
	}
	name := strings.ToLower(f.Name)
	if name == "" || o.byName[name] != nil {
		return errors.New("the name is missing or there twice")
	}
	f.slot, f.folded = len(o.fields), name
	o.fields = append(o.fields, &f)
	o.byName[name], o.byName[f.Name] = &f, &f
	if f.Relationship != "" {
		o.byRel[strings.ToLower(f.Relationship)] = &f
	}
	return nil
}

// field returns the field with an API name, or nil.
func (o *object) field(name string) *Field {
	if f := o.byName[name]; f != nil {
		return f
	}
	return o.byName[strings.ToLower(name)]
}

// visible returns the field with an API name if it exists as far as the user can tell.
func (o *object) visible(u *user, name string) *Field {
	f := o.field(name)
	if f == nil || u.hides(f) {
		return nil
	}
	return f
}

// nameField returns the field that names a record for people, or nil.
func (o *object) nameField() *Field { return o.field("Name") }

func (f *Field) number() bool {
	return f.Type == "double" || f.Type == "currency" || f.Type == "percent" || f.Type == "int"
}

func (f *Field) custom() bool { return strings.HasSuffix(f.Name, "__c") }

// indexed tells whether records are looked up by the field.
func (f *Field) indexed() bool { return f.ExternalID || f.Unique }

func systemFields(owned bool) []Field {
	user := func(name, label, relationship string) Field {
		return Field{Name: name, Label: label, Type: "reference", ReferenceTo: "User", Relationship: relationship}
	}
	owner := user("OwnerId", "Owner ID", "Owner")
	owner.Createable, owner.Updateable = true, true
	fields := []Field{{Name: "Id", Label: "Record ID", Type: "id"}}
	if owned {
		fields = append(fields, owner)
	}
	return append(fields,
		Field{Name: "IsDeleted", Label: "Deleted", Type: "boolean"},
		Field{Name: "CreatedDate", Label: "Created Date", Type: "datetime"},
		user("CreatedById", "Created By ID", "CreatedBy"),
		Field{Name: "LastModifiedDate", Label: "Last Modified Date", Type: "datetime"},
		user("LastModifiedById", "Last Modified By ID", "LastModifiedBy"),
		Field{Name: "SystemModstamp", Label: "System Modstamp", Type: "datetime"},
	)
}

func userObject() Object {
	return Object{
		Name: "User", KeyPrefix: "005", ReadOnly: true,
		Fields: []Field{
			{Name: "Username", Type: "string", Length: 80, Unique: true},
			{Name: "Name", Label: "Full Name", Type: "string", Length: 121},
			{Name: "Email", Type: "email", Length: 128, Nillable: true},
			{Name: "IsActive", Label: "Active", Type: "boolean"},
		},
	}
}

func organizationObject() Object {
	return Object{
		Name: "Organization", KeyPrefix: "00D", ReadOnly: true,
		Fields: []Field{
			{Name: "Name", Type: "string", Length: 80},
			{Name: "OrganizationType", Label: "Edition", Type: "picklist", Picklist: []string{"Developer Edition"}},
			{Name: "InstanceName", Label: "Instance Name", Type: "string", Length: 5, Nillable: true},
			{Name: "IsSandbox", Label: "Is Sandbox", Type: "boolean"},
			{Name: "NamespacePrefix", Label: "Namespace Prefix", Type: "string", Length: 15, Nillable: true},
			{Name: "TrialExpirationDate", Label: "Trial Expiration Date", Type: "datetime", Nillable: true},
		},
	}
}
