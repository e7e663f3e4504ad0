package fakeorg

import (
	"errors"
	"fmt"
	"strings"
)

// user is a User with an id and lookups.
type user struct {
	User
	id       string
	editable map[string]bool // lower-case API names; nil for every field
	hidden   map[string]bool
}

func (u *user) edits(f *Field) bool {
	return u.editable == nil || u.editable[f.folded]
}

func (u *user) hides(f *Field) bool { return u.hidden[f.folded] }

// adminName is the username of the administrator that every org has: Insert and Update act as this user.
const adminName = "admin@fakeorg.example"

func (o *Org) user(username string) *user { return o.users[strings.ToLower(username)] }

func (o *Org) addUsers(users []User) error {
	for _, u := range append([]User{{Username: adminName, Name: "Org Admin"}}, users...) {
		if u.Username == "" || o.user(u.Username) != nil {
			return fmt.Errorf("user %q: the username is missing or there twice", u.Username)
		}
		if u.Name == "" {
			u.Name = u.Username
		}
		users := o.tables["User"]
		made := users.insert(users.object.slots(map[string]any{
			"Username": u.Username, "Name": u.Name, "Email": u.Email, "IsActive": !u.Inactive,
			"CreatedDate": o.clock(), "LastModifiedDate": o.clock(), "SystemModstamp": o.clock(),
		}))
		known := &user{User: u, id: made.id, hidden: nameSet(u.Hidden)}
		if u.Editable != nil {
			known.editable = nameSet(u.Editable)
		}
		o.users[strings.ToLower(u.Username)] = known
	}
	o.admin = o.user(adminName)
	orgs := o.tables["Organization"]
	orgs.insertAs(o.id, orgs.object.slots(map[string]any{
		"Name": "Fake Org", "OrganizationType": "Developer Edition", "InstanceName": "FAKE0", "IsSandbox": false,
		"CreatedDate": o.clock(), "LastModifiedDate": o.clock(), "SystemModstamp": o.clock(),
	}))
	return nil
}

func (o *Org) addApps(apps []App) error {
	for _, a := range apps {
		if _, twice := o.apps[a.ClientID]; twice || a.ClientID == "" {
			return errors.New("an app's client id is missing or there twice")
		}
		if a.RunAs != "" && o.user(a.RunAs) == nil {
			return fmt.Errorf("app %q runs as %q, who is no user", a.ClientID, a.RunAs)
		}
		o.apps[a.ClientID] = a
	}
	return nil
}

func nameSet(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, n := range names {
		set[strings.ToLower(n)] = true
	}
	return set
}
