package fakeorg_test

import (
	"net/url"
	"reflect"
	"strings"
	"testing"

	"scored/sinks/salesforce/fakeorg"
)

// Whether a rule guards a field can be asked by whoever may view setup; for anybody else the object isn't there.
func TestToolingQuery(t *testing.T) {
	c := config()
	lead := fakeorg.LeadObject()
	off := fakeorg.Rule{Name: "Never", Message: "No.", Inactive: true, Broken: func(_, _ fakeorg.Values) bool { return true }}
	lead.Rules = []fakeorg.Rule{fakeorg.NeverDecreases("Lead_Score_Version__c"), off}
	c.Objects = []fakeorg.Object{lead, {Name: "Visit__c", KeyPrefix: "a00", Rules: []fakeorg.Rule{off}}}
	c.Users[1].ViewSetup = true
	s := start(t, c)
	query := func(token, soql string) reply {
		return s.do(token, "GET", "/tooling/query?q="+url.QueryEscape(soql), "")
	}
	const rules = "SELECT Id, ValidationName, Active, ErrorDisplayField, ErrorMessage, EntityDefinitionId, " +
		"EntityDefinition.QualifiedApiName FROM ValidationRule WHERE EntityDefinition.QualifiedApiName = 'Lead' ORDER BY Active DESC"
	got := query(s.loginAdmin(), rules)
	if got.status != 200 {
		t.Fatalf("%d %s", got.status, got.text)
	}
	list := got.json.(map[string]any)["records"].([]any)
	if len(list) != 2 {
		t.Fatalf("got %s", got.text)
	}
	rule := list[0].(map[string]any)
	id := rule["Id"].(string)
	want := map[string]any{
		"attributes": map[string]any{"type": "ValidationRule", "url": "/services/data/v66.0/tooling/sobjects/ValidationRule/" + id},
		"Id":         id, "ValidationName": "Lead_Score_Version_Guard", "Active": true,
		"ErrorDisplayField": "Lead_Score_Version__c", "ErrorMessage": "A newer score is already stored.", "EntityDefinitionId": "Lead",
		"EntityDefinition": map[string]any{
			"attributes":       map[string]any{"type": "EntityDefinition", "url": "/services/data/v66.0/tooling/sobjects/EntityDefinition/Lead"},
			"QualifiedApiName": "Lead",
		},
	}
	if !strings.HasPrefix(id, "03d") || !reflect.DeepEqual(rule, want) {
		t.Errorf("got %v, want %v", rule, want)
	}
	if other := list[1].(map[string]any); other["Active"] != false || other["ErrorDisplayField"] != nil {
		t.Errorf("got %v", other)
	}
	byID := query(s.loginAdmin(), "SELECT Id FROM ValidationRule WHERE EntityDefinitionId = 'Lead' AND Active = true")
	if byID.json.(map[string]any)["totalSize"] != 1.0 {
		t.Errorf("got %s", byID.text)
	}
	for name, c := range map[string]struct{ token, soql string }{
		"without the permission": {s.login(), rules},
		"an object of the data":  {s.loginAdmin(), "SELECT Id FROM Lead"},
	} {
		got := query(c.token, c.soql)
		if got.status != 400 || got.code() != "INVALID_TYPE" || !strings.Contains(got.text, "is not supported") {
			t.Errorf("%s: %d %s", name, got.status, got.text)
		}
	}
	if got := s.do(s.loginAdmin(), "GET", "/query?q="+url.QueryEscape(rules), ""); got.code() != "INVALID_TYPE" {
		t.Errorf("the data API knows the rules: %s", got.text)
	}
	written := s.do(s.loginAdmin(), "PATCH", "/composite/sobjects", records(`"id":"`+s.lead("L000001")+`","City":"Berlin"`))
	if !strings.Contains(written.text, `"success":true`) {
		t.Errorf("an inactive rule was asked: %s", written.text)
	}
}
