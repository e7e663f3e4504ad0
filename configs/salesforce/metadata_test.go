package salesforce_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

const source = "force-app/main/default"

// manifests are the files that remove the package again.
var manifests = []string{"remove/package.xml", "remove/before.xml", "remove/fields.xml"}

// kinds says which type a file is of, by its folder and the end of its name.
var kinds = []struct{ folder, end, typ string }{
	{"objects/Lead/fields", ".field-meta.xml", "CustomField"},
	{"objects/Lead/listViews", ".listView-meta.xml", "ListView"},
	{"objects/Lead/validationRules", ".validationRule-meta.xml", "ValidationRule"},
	{"permissionsets", ".permissionset-meta.xml", "PermissionSet"},
}

// component is a file of the package.
type component struct {
	path, typ, name string // name is the file's
	*node
}

// member is the component's name in a manifest.
func (c component) member() string {
	if c.typ == "PermissionSet" {
		return c.name
	}
	return "Lead." + c.name
}

// kindOf returns the type and the name of the component in a file, "" for a file that belongs to none.
func kindOf(path string) (typ, name string) {
	for _, k := range kinds {
		name, ok := strings.CutSuffix(filepath.Base(path), k.end)
		if ok && filepath.ToSlash(filepath.Dir(path)) == source+"/"+k.folder {
			return k.typ, name
		}
	}
	return "", ""
}

// components reads the package, by type and name.
func components(t *testing.T) map[string]map[string]component {
	t.Helper()
	found := map[string]map[string]component{}
	err := filepath.WalkDir("force-app", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		typ, name := kindOf(path)
		if typ == "" {
			t.Errorf("%s: no such file belongs here", path)
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		root, err := parse(text)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if found[typ] == nil {
			found[typ] = map[string]component{}
		}
		found[typ][name] = component{path: path, typ: typ, name: name, node: root}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// checkFile lists what is wrong with the text of a file at that path.
func checkFile(types *types, path string, text []byte) (faults []string) {
	typ, name := kindOf(path)
	root, err := parse(text)
	switch {
	case err != nil:
		return []string{"malformed: " + err.Error()}
	case typ == "" || root.name.Local != typ:
		return []string{path + " is no place for a " + root.name.Local}
	}
	faults = types.check(root, typ)
	if full := root.get("fullName"); full != name && !(full == "" && typ == "PermissionSet") {
		faults = append(faults, "the file is called "+name+", and its component "+full)
	}
	for element, most := range longest[typ] {
		if n := utf8.RuneCountInString(root.get(element)); n > most {
			faults = append(faults, element+" has "+strconv.Itoa(n)+" characters, and Salesforce takes "+strconv.Itoa(most))
		}
	}
	return faults
}

// longest is how many characters Salesforce documents for texts, which the types do not say.
var longest = map[string]map[string]int{
	"CustomField":    {"label": 40, "inlineHelpText": 510, "description": 1000},
	"ListView":       {"label": 40},
	"ValidationRule": {"fullName": 40, "errorMessage": 255, "description": 255},
	"PermissionSet":  {"label": 80, "description": 255},
}

// `sf project convert source` takes unknown elements and malformed files, so this is where they are found.
func TestEveryFileFitsItsType(t *testing.T) {
	types := metadataTypes(t)
	files := 0
	for _, ofType := range components(t) {
		for _, c := range ofType {
			text, err := os.ReadFile(c.path)
			if err != nil {
				t.Fatal(err)
			}
			for _, fault := range checkFile(types, c.path, text) {
				t.Errorf("%s: %s", c.path, fault)
			}
			files++
		}
	}
	if files < 12 {
		t.Errorf("only %d files were found", files)
	}
	for _, path := range manifests {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		root, err := parse(text)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, fault := range types.check(root, "Package") {
			t.Errorf("%s: %s", path, fault)
		}
	}
}

func TestWhatDoesNotFitItsTypeIsRefused(t *testing.T) {
	types := metadataTypes(t)
	const (
		field = source + "/objects/Lead/fields/Lead_Score__c.field-meta.xml"
		list  = source + "/objects/Lead/listViews/My_Leads_By_Score.listView-meta.xml"
		rule  = source + "/objects/Lead/validationRules/Lead_Score_Version_Guard.validationRule-meta.xml"
		reps  = source + "/permissionsets/Lead_Scores_Read.permissionset-meta.xml"
	)
	for _, c := range []struct{ name, path, old, mutant, want string }{
		{"an unknown element", field, "<required>", "<mandatory>true</mandatory><required>", "CustomField has no element mandatory"},
		{"a sort order", list, "<filterScope>", "<sort>Lead_Score__c</sort><filterScope>", "ListView has no element sort"},
		{"an unknown element within one", reps, "<readable>", "<visible>true</visible><readable>",
			"PermissionSetFieldPermissions has no element visible"},
		{"a boolean in words", rule, "<active>true<", "<active>yes<", `active: "yes" is not true or false`},
		{"a number in words", field, "<precision>3<", "<precision>three<", `precision: "three" is no number`},
		{"a fraction of a digit", field, "<precision>3<", "<precision>3.5<", `precision: "3.5" is no number`},
		{"a word that the enum does not have", field, "<type>Number<", "<type>Integer<", `type: "Integer" is no FieldType`},
		{"a scope that is none", list, "<filterScope>Mine<", "<filterScope>MyOwn<", `"MyOwn" is no FilterScope`},
		{"elements where text belongs", field, "<scale>0<", "<scale><digits>0</digits><", "scale: has elements"},
		{"text where elements belong", reps, "<fieldPermissions>", "<fieldPermissions>all", "has text between its elements"},
		{"a required element left out", rule, "<active>true</active>", "", "active is missing"},
		{"an element twice", field, "<label>", "<label>Score</label><label>", "label stands 2 times"},
		{"a list in two places", list, "<filterScope>Mine</filterScope>",
			"<filterScope>Mine</filterScope><columns>LEAD.CITY</columns>", "the elements columns do not stand together"},
		{"another name than the file's", field, "<fullName>Lead_Score__c<", "<fullName>Lead_Scores__c<", "the file is called"},
		{"another type than the folder's", field, "CustomField", "ValidationRule", "is no place for a ValidationRule"},
		{"another namespace", field, namespace, "urn:other", "is not in the namespace"},
		{"an attribute", field, "<label>", `<label lang="en">`, "has the attribute lang"},
		{"a tag left open", field, "</label>", "", "malformed"},
		{"an ampersand by itself", field, "Lead Score<", "Lead & Score<", "malformed"},
		{"a second root", field, "</CustomField>", "</CustomField><CustomField/>", "malformed"},
		{"nothing after the head", field, "<CustomField", "<!-- <CustomField", "malformed"},
		{"a message that is too long", rule, "A newer score is", strings.Repeat("A newer score is ", 16), "Salesforce takes 255"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, err := os.ReadFile(c.path)
			if err != nil {
				t.Fatal(err)
			}
			mutant := strings.ReplaceAll(string(text), c.old, c.mutant)
			if mutant == string(text) {
				t.Fatalf("%s does not have %q", c.path, c.old)
			}
			if faults := strings.Join(checkFile(types, c.path, []byte(mutant)), "; "); !strings.Contains(faults, c.want) {
				t.Errorf("got %q, want %q", faults, c.want)
			}
		})
	}
}
