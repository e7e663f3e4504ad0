package salesforce_test

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"scored/configs"
	"scored/sinks/salesforce"
	"scored/sinks/salesforce/fakeorg"
)

// target is the only target of the reference config: what the package is made for.
func target(t *testing.T) configs.Target {
	t.Helper()
	c, err := configs.Load("../scored.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return c.Jobs[0].Targets[0]
}

// written lists the fields that the reference config writes, and the one that it finds leads by.
func written(t *testing.T) []string {
	t.Helper()
	names := []string{target(t).ExternalID}
	for _, f := range target(t).Fields {
		names = append(names, f.Field)
	}
	slices.Sort(names)
	return names
}

// mapped is the field that the reference config gives the value.
func mapped(t *testing.T, value string) string {
	t.Helper()
	for _, f := range target(t).Fields {
		if f.Value == value {
			return f.Field
		}
	}
	t.Fatalf("no field has the value %s", value)
	return ""
}

func number(t *testing.T, n *node, name string) int {
	t.Helper()
	if n.get(name) == "" {
		return 0
	}
	value, err := strconv.Atoi(n.get(name))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// deployed is the field as an org has it after the deployment.
func deployed(t *testing.T, c component) fakeorg.Field {
	t.Helper()
	types := map[string]string{"Text": "string", "Number": "double", "DateTime": "datetime"}
	return fakeorg.Field{Name: c.name, Label: c.get("label"), Type: types[c.get("type")],
		Length: number(t, c.node, "length"), Precision: number(t, c.node, "precision"), Scale: number(t, c.node, "scale"),
		ExternalID: c.get("externalId") == "true", Unique: c.get("unique") == "true", CaseSensitive: c.get("caseSensitive") == "true",
		Nillable: c.get("required") != "true", Createable: true, Updateable: true}
}

// The emulated org of demo and tests has the very fields that the package deploys. It takes keys that differ in case only
// as one, which is the harder case; in the package case counts, as it does in the warehouse.
func TestTheFieldsAreThoseOfTheConfigAndOfTheEmulatedLead(t *testing.T) {
	fields := components(t)["CustomField"]
	if got, want := slices.Sorted(maps.Keys(fields)), written(t); !slices.Equal(got, want) {
		t.Fatalf("the package has the fields %v, and the config writes %v", got, want)
	}
	lead := fakeorg.LeadObject()
	for name, c := range fields {
		at := slices.IndexFunc(lead.Fields, func(f fakeorg.Field) bool { return f.Name == name })
		if at < 0 {
			t.Errorf("the emulated Lead has no %s", name)
			continue
		}
		got, want := deployed(t, c), lead.Fields[at]
		if got.CaseSensitive != (name == target(t).ExternalID) {
			t.Errorf("%s: caseSensitive is %t", name, got.CaseSensitive)
		}
		got.CaseSensitive = want.CaseSensitive
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the package has %+v, the emulated Lead %+v", name, got, want)
		}
		for _, words := range []string{"description", "inlineHelpText"} {
			if c.get(words) == "" {
				t.Errorf("%s has no %s", name, words)
			}
		}
		if c.get("trackHistory") != "false" {
			t.Errorf("%s: its history is tracked, at every change of a score", name)
		}
	}
}

// permissions are what a permission set grants.
type permissions struct {
	read, edit []string // fields
	object     map[string]bool
	user       []string
}

func permissionsOf(t *testing.T, name string) permissions {
	t.Helper()
	c, ok := components(t)["PermissionSet"][name]
	if !ok {
		t.Fatalf("there is no permission set %s", name)
	}
	p := permissions{object: map[string]bool{}}
	for _, f := range c.all("fieldPermissions") {
		field, ok := strings.CutPrefix(f.get("field"), "Lead.")
		if !ok {
			t.Errorf("%s: %s is no field of Lead", name, f.get("field"))
		}
		if f.get("readable") == "true" {
			p.read = append(p.read, field)
		}
		if f.get("editable") == "true" {
			p.edit = append(p.edit, field)
		}
	}
	for _, o := range c.all("objectPermissions") {
		for _, grant := range o.children {
			if grant.text == "true" {
				p.object[o.get("object")+" "+grant.name.Local] = true
			}
		}
	}
	for _, u := range c.all("userPermissions") {
		if u.get("enabled") == "true" {
			p.user = append(p.user, u.get("name"))
		}
	}
	return p
}

func TestRepsReadTheScoreFieldsAndNothingElse(t *testing.T) {
	p := permissionsOf(t, "Lead_Scores_Read")
	if !slices.Equal(p.read, written(t)) || len(p.edit) > 0 || len(p.object) > 0 || len(p.user) > 0 {
		t.Errorf("got %+v", p)
	}
}

// The key is editable because Salesforce refuses an upsert by a field that the user can't write.
func TestTheIntegrationUserEditsTheScoreFieldsAndNothingElse(t *testing.T) {
	p := permissionsOf(t, "Lead_Scores_Integration")
	if !slices.Equal(p.read, written(t)) || !slices.Equal(p.edit, written(t)) {
		t.Errorf("it reads %v and edits %v, and the config writes %v", p.read, p.edit, written(t))
	}
	if want := map[string]bool{"Lead allowRead": true, "Lead allowEdit": true}; !maps.Equal(p.object, want) {
		t.Errorf("it has %v on objects, want %v", p.object, want)
	}
	if want := []string{"ApiEnabled", "ViewRoles", "ViewSetup"}; !slices.Equal(p.user, want) {
		t.Errorf("it has %v, want %v", p.user, want)
	}
}

func TestTheListViewShowsMyLeadsWithTheirScores(t *testing.T) {
	view := components(t)["ListView"]["My_Leads_By_Score"]
	if view.node == nil || view.get("filterScope") != "Mine" {
		t.Fatalf("got %+v", view)
	}
	var shown []string
	for _, column := range view.all("columns") {
		shown = append(shown, column.text)
		if strings.HasSuffix(column.text, "__c") && !slices.Contains(written(t), column.text) {
			t.Errorf("the column %s is no field of the package", column.text)
		}
	}
	for _, f := range target(t).Fields {
		if slices.Contains([]string{"score", "grade", "reasons", "scored_at"}, f.Value) && !slices.Contains(shown, f.Field) {
			t.Errorf("%s is not shown", f.Field)
		}
	}
}

func TestRemovingTakesEveryComponent(t *testing.T) {
	want := map[string][]string{}
	for typ, ofType := range components(t) {
		for _, c := range ofType {
			want[typ] = append(want[typ], c.member())
		}
		slices.Sort(want[typ])
	}
	got := map[string][]string{}
	for _, path := range []string{"remove/before.xml", "remove/fields.xml"} {
		for _, types := range manifest(t, path).all("types") {
			typ := types.get("name")
			if (typ == "CustomField") != (path == "remove/fields.xml") {
				t.Errorf("%s removes a %s: fields go last, as an active rule that reads one keeps it", path, typ)
			}
			for _, m := range types.all("members") {
				got[typ] = append(got[typ], m.text)
			}
			slices.Sort(got[typ])
		}
	}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("it removes %v, and the package has %v", got, want)
	}
	if types := manifest(t, "remove/package.xml").all("types"); len(types) > 0 {
		t.Error("remove/package.xml deploys something")
	}
}

func TestTheAPIVersionIsTheClients(t *testing.T) {
	text, err := os.ReadFile("sfdx-project.json")
	if err != nil {
		t.Fatal(err)
	}
	var project struct {
		SourceAPIVersion   string `json:"sourceApiVersion"`
		PackageDirectories []struct {
			Path string `json:"path"`
		} `json:"packageDirectories"`
	}
	if err := json.Unmarshal(text, &project); err != nil {
		t.Fatal(err)
	}
	if project.SourceAPIVersion != salesforce.DefaultAPIVersion {
		t.Errorf("sfdx-project.json has %s, the client %s", project.SourceAPIVersion, salesforce.DefaultAPIVersion)
	}
	if len(project.PackageDirectories) != 1 || project.PackageDirectories[0].Path != "force-app" {
		t.Errorf("got %+v", project.PackageDirectories)
	}
	for _, path := range manifests {
		if got := manifest(t, path).get("version"); got != salesforce.DefaultAPIVersion {
			t.Errorf("%s has %s", path, got)
		}
	}
}

func manifest(t *testing.T, path string) *node {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	root, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return root
}
